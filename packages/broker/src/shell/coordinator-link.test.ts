import { MemoryStore } from '@odradek/controller';
import { record } from '@odradek/metadata';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/node.ts';

const told = (lines: readonly { readonly message: string }[]): string[] =>
  lines.map(({ message }) => message).filter((message) => message.includes('group.protocol=consumer'));

test('coordinator link: a cluster from before the consumer protocol says how to get it, and serves it once it is raised', async () => {
  const store = new MemoryStore();
  const metadataVersion = record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 30 });
  await store.begin([metadataVersion]);
  const node = await startSimNode({ store });
  const client = node.connect();
  expect(told(node.lines)).toEqual([
    'the consumer group protocol (group.protocol=consumer) is refused: the cluster is at group.version 0, and the consumer protocol needs 1: ' +
      'kafka-features --bootstrap-server … upgrade --feature group.version=1',
  ]);
  const heartbeat = { groupId: 'g', memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 1_000 };
  const refused = await client.request(ApiKey.ConsumerGroupHeartbeat, 1, heartbeat);
  expect(refused.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  const featureUpdates = [{ feature: 'group.version', maxVersionLevel: 1 }];
  expect((await client.request(ApiKey.UpdateFeatures, 2, { featureUpdates })).errorCode).toBe(ErrorCode.NONE);
  expect(told(node.lines).slice(1)).toEqual(['the consumer group protocol (group.protocol=consumer) is served']);
  const software = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
  const { finalizedFeatures } = await client.request(ApiKey.ApiVersions, 4, software);
  expect(finalizedFeatures).toContainEqual({ name: 'group.version', maxVersionLevel: 1, minVersionLevel: 1 });
  await node.close();
});

test('coordinator link: a new cluster serves the consumer protocol and says nothing of it', async () => {
  const node = await startSimNode();
  expect(told(node.lines)).toEqual([]);
  await node.close();
});
