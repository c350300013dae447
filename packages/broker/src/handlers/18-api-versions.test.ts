import { drain } from '@odradek/base/testing';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/node.ts';

test('api versions: only features that are built are told, finalized with the offset of the metadata they were read at', async () => {
  const node = await startSimNode();
  const software = { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.11.0-RC1' };
  for (const version of [3, 4]) {
    const answer = await node.connect().request(ApiKey.ApiVersions, version, software);
    // A range that begins at 0 cannot be read before version 4 (KIP-1022).
    const fromZero = ['eligible.leader.replicas.version', 'group.version', 'kraft.version'];
    const others = version >= 4 ? fromZero.map((name) => ({ name, minVersion: 0, maxVersion: 1 })) : [];
    expect(answer.supportedFeatures).toEqual([...others, { name: 'metadata.version', minVersion: 7, maxVersion: 30 }]);
    expect(answer.finalizedFeatures).toEqual([
      { name: 'metadata.version', maxVersionLevel: 30, minVersionLevel: 30 },
      { name: 'eligible.leader.replicas.version', maxVersionLevel: 1, minVersionLevel: 1 },
      { name: 'group.version', maxVersionLevel: 1, minVersionLevel: 1 },
      { name: 'kraft.version', maxVersionLevel: 1, minVersionLevel: 1 },
    ]);
    expect(answer.finalizedFeaturesEpoch).toBe(node.broker.image().endOffset - 1);
  }
  await node.close();
});

test('api versions: APIs of our own are told to our own clients alone, from the version on in which a client names itself', async () => {
  const node = await startSimNode();
  const told = async (version: number, clientSoftwareName: string): Promise<number[]> => {
    const software = version >= 3 ? { clientSoftwareName, clientSoftwareVersion: '1' } : {};
    const { apiKeys } = await node.connect().request(ApiKey.ApiVersions, version, software);
    return apiKeys.map(({ apiKey }) => apiKey).filter((key) => key > 1_000);
  };
  expect(await told(4, 'odradek-cli')).toEqual([ApiKey.DescribeGroupLag, ApiKey.ExplainGroups, ApiKey.DescribeNode]);
  expect(await told(3, 'odradek')).toEqual([ApiKey.DescribeGroupLag, ApiKey.ExplainGroups, ApiKey.DescribeNode]);
  expect(await told(4, 'kafkajs')).toEqual([]);
  expect(await told(4, 'my-odradek')).toEqual([]);
  expect(await told(0, '')).toEqual([]);
  await node.close();
});

test.for([
  ['', '1'],
  ['kafkajs', ''],
  ['two words', '1'],
  ['-dash', '1'],
  ['kafkajs', '2.2.4\n'],
] as const)(
  'api versions: a client that calls itself "%s" "%s" is refused from version 3 on',
  async ([name, version]) => {
    const node = await startSimNode();
    const software = { clientSoftwareName: name, clientSoftwareVersion: version };
    const answer = await node.connect().request(ApiKey.ApiVersions, 3, software);
    expect([answer.errorCode, answer.apiKeys]).toEqual([ErrorCode.INVALID_REQUEST, []]);
    expect((await node.connect().request(ApiKey.ApiVersions, 2, {})).errorCode).toBe(ErrorCode.NONE);
    await node.close();
  },
);

test('api versions: what a client calls itself is told of its connection, as long as that is open', async () => {
  const node = await startSimNode();
  const [named, silent] = [node.connect(), node.connect()];
  const software = { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.11.0' };
  await named.request(ApiKey.ApiVersions, 4, software);
  await silent.request(ApiKey.ApiVersions, 2, {});
  const told = () =>
    node.metrics
      .family('odradek_connections_by_software')
      .samples.map(({ labels, value }) => [labels['software'], labels['software_version'], value]);
  expect(told()).toEqual([
    ['librdkafka', '2.11.0', 1],
    ['unknown', 'unknown', 1],
  ]);
  named.close();
  await drain();
  expect(told()).toEqual([['unknown', 'unknown', 1]]);
  await node.close();
});
