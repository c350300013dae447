import { ok, refuse } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { MetadataImage, record } from '@odradek/metadata';
import type { AdminReply, AdminRequest, MetadataRecord } from '@odradek/metadata';
import { ApiKey, apiByKey, apis, ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { Authorizer } from '../core/authorizer.ts';
import { FRONT_CLUSTER, startFront } from '../testing/front.ts';
import { frontAdvertised, frontHandlers } from './registry.ts';

const { BROKER, BROKER_LOGGER, TOPIC } = ConfigResourceType;

function imageOf(...records: readonly MetadataRecord[]): MetadataImage {
  return MetadataImage.from({ records, endOffset: records.length, epoch: 1 });
}

function controller(controllerId: number, port: number, name = 'CONTROLLER'): MetadataRecord {
  const endPoints = [{ name, host: 'localhost', port, securityProtocol: 0 }];
  const incarnationId = 'AQEBAQEBAQEBAQEBAQEBAQ';
  return record('RegisterControllerRecord', {
    controllerId,
    incarnationId,
    zkMigrationReady: false,
    endPoints,
    features: [],
  });
}

const cluster = { includeClusterAuthorizedOperations: false };
const plain = { includeSynonyms: false, includeDocumentation: false };

const setting = (resourceName: string, name: string, value: string): MetadataRecord =>
  record('ConfigRecord', { resourceType: BROKER, resourceName, name, value });

test('front: ApiVersions tells exactly the APIs that are served, all of them meant for controllers', async () => {
  const at = await startFront();
  const asked = { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.1' };
  const { apiKeys, errorCode } = await at.connect().request(ApiKey.ApiVersions, 4, asked);
  expect(errorCode).toBe(ErrorCode.NONE);
  expect(apiKeys).toEqual(
    frontAdvertised.map(({ key, min, max }) => ({ apiKey: key, minVersion: min, maxVersion: max })),
  );
  for (const { apiKey, minVersion, maxVersion } of apiKeys) {
    const row = apiByKey(apiKey);
    expect(row?.listeners).toContain('controller');
    expect([minVersion, maxVersion]).toEqual([row?.min, row?.maxStable]);
  }
});

test('front: what a client would ask of a broker closes the connection, named in log and metric', async () => {
  const at = await startFront();
  const client = at.connect();
  await expect(client.request(ApiKey.Metadata, 12, { topics: null })).rejects.toThrow('closed');
  expect(at.metrics.value('odradek_misuse_total', { kind: 'unknown-api' })).toBe(1);
  expect(at.lines.map(({ message }) => message)).toContain(
    "Metadata is for brokers, and this is a controller's listener",
  );
});

test('front: every other API that Kafka has for controllers is refused as not served, none is answered wrongly', async () => {
  for (const { key, name, min, listeners } of apis) {
    if (frontHandlers.has(key) || !listeners.includes('controller') || name.startsWith('Sasl')) continue;
    const at = await startFront();
    const client = at.connect();
    const frame = Buffer.alloc(15); // one byte more than a header without tags needs
    frame.writeInt32BE(11, 0);
    frame.writeInt16BE(key, 4);
    frame.writeInt16BE(min, 6);
    frame.writeInt16BE(-1, 12);
    await expect(client.raw(frame), name).rejects.toThrow('closed');
    expect(at.lines.at(-1)?.message).toBe(`${name} (key ${key}) is not served by this controller`);
  }
});

test('front: DescribeCluster names the controllers that have this listener, and the active one among them', async () => {
  const image = imageOf(controller(3, 93), controller(1, 91), controller(2, 92, 'OTHER'));
  const at = await startFront({ image, leader: { nodeId: 3, epoch: 5, endpoint: { host: 'localhost', port: 93 } } });
  const answer = await at.connect().request(ApiKey.DescribeCluster, 2, { ...cluster, endpointType: 2 });
  expect(answer).toMatchObject({
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    endpointType: 2,
    clusterId: FRONT_CLUSTER,
    controllerId: 3,
    brokers: [
      { brokerId: 1, host: 'localhost', port: 91, rack: null, isFenced: false },
      { brokerId: 3, host: 'localhost', port: 93, rack: null, isFenced: false },
    ],
  });
});

test('front: DescribeCluster names voters that have not registered, and those that have as they say of themselves', async () => {
  const endpoints = (port: number) => [{ name: 'CONTROLLER', host: 'localhost', port }];
  const voters = [
    { id: 1, endpoints: endpoints(91) },
    { id: 2, endpoints: endpoints(92) },
  ];
  const at = await startFront({ image: imageOf(controller(2, 82)), voters });
  const { brokers, controllerId } = await at
    .connect()
    .request(ApiKey.DescribeCluster, 2, { ...cluster, endpointType: 2 });
  expect(brokers.map(({ brokerId, port }) => [brokerId, port])).toEqual([
    [1, 91],
    [2, 82],
  ]);
  expect(controllerId).toBe(-1);
});

test('front: DescribeCluster names a leader that has not registered yet, and none whose address is not known', async () => {
  const known = await startFront({ leader: { nodeId: 3, epoch: 5, endpoint: { host: 'there', port: 93 } } });
  const leader = await known.connect().request(ApiKey.DescribeCluster, 1, { ...cluster, endpointType: 2 });
  expect(leader).toMatchObject({ controllerId: 3, brokers: [{ brokerId: 3, host: 'there', port: 93 }] });
  const unknown = await startFront({ leader: { nodeId: 3, epoch: 5, endpoint: undefined } });
  const nobody = await unknown.connect().request(ApiKey.DescribeCluster, 1, { ...cluster, endpointType: 2 });
  expect(nobody).toMatchObject({ errorCode: ErrorCode.NONE, controllerId: -1, brokers: [] });
});

test.each([
  [0, 1, ErrorCode.INVALID_REQUEST],
  [1, 1, ErrorCode.MISMATCHED_ENDPOINT_TYPE],
  [2, 1, ErrorCode.MISMATCHED_ENDPOINT_TYPE],
  [2, 3, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE],
])(
  'front: DescribeCluster version %i for endpoints of type %i is refused with %i',
  async (version, endpointType, code) => {
    const at = await startFront();
    const answer = await at.connect().request(ApiKey.DescribeCluster, version, { ...cluster, endpointType });
    expect(answer).toMatchObject({ errorCode: code, clusterId: '', brokers: [], controllerId: -1 });
  },
);

test('front: DescribeCluster tells what the caller may do with the cluster when that is asked', async () => {
  const at = await startFront();
  const answer = async (includeClusterAuthorizedOperations: boolean) =>
    (await at.connect().request(ApiKey.DescribeCluster, 2, { endpointType: 2, includeClusterAuthorizedOperations }))
      .clusterAuthorizedOperations;
  expect(await answer(false)).toBe(-(2 ** 31));
  expect(await answer(true)).toBe(8096);
});

test('front: a controller that is not active refuses each topic with NOT_CONTROLLER', async () => {
  const at = await startFront();
  const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const answer = await at
    .connect()
    .request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1, validateOnly: false });
  expect(answer.topics).toMatchObject([{ name: 't', errorCode: ErrorCode.NOT_CONTROLLER }]);
});

test('front: what the caller may not do with a topic never reaches the controller, the rest does', async () => {
  const authorizer: Authorizer = {
    allows: (_principal, _host, { resource, name }) => resource !== 'topic' || name !== 'secret',
    operations: () => 0,
  };
  const answer = (asked: AdminRequest) => {
    if (asked.kind !== 'createPartitions') return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not asked here');
    const results = asked.request.topics.map(({ name }) => ({ name, errorCode: 0, errorMessage: null }));
    return ok<AdminReply<AdminRequest>>({ throttleTimeMs: 0, results });
  };
  const at = await startFront({ authorizer, answer });
  const topics = ['open', 'secret'].map((name) => ({ name, count: 3, assignments: null }));
  const { results } = await at
    .connect()
    .request(ApiKey.CreatePartitions, 3, { topics, timeoutMs: 1, validateOnly: false });
  expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['open', ErrorCode.NONE],
    ['secret', ErrorCode.TOPIC_AUTHORIZATION_FAILED],
  ]);
  expect(at.asked).toMatchObject([{ request: { request: { topics: [{ name: 'open' }] } } }]);
});

test('front: a controller takes changes for every broker, and sets its own log level only', async () => {
  const answer = (asked: AdminRequest) => {
    if (asked.kind !== 'incrementalAlterConfigs') return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not asked here');
    const taken = asked.request.resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName }));
    const responses = taken.map((resource) => ({ ...resource, errorCode: 0, errorMessage: null }));
    return ok<AdminReply<AdminRequest>>({ throttleTimeMs: 0, responses });
  };
  const at = await startFront({ answer });
  const change = (resourceType: number, resourceName: string, name: string, value: string) => ({
    resourceType,
    resourceName,
    configs: [{ name, configOperation: 0, value }],
  });
  const resources = [
    change(BROKER, '1', 'log.retention.ms', '5'),
    change(BROKER, '', 'log.retention.ms', '6'),
    change(BROKER_LOGGER, '7', 'root', 'DEBUG'),
    change(BROKER_LOGGER, '1', 'root', 'DEBUG'),
  ];
  const { responses } = await at
    .connect()
    .request(ApiKey.IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  const codes = responses.map(({ resourceType, resourceName, errorCode }) => [resourceType, resourceName, errorCode]);
  expect(codes).toEqual([
    [BROKER, '1', ErrorCode.NONE],
    [BROKER, '', ErrorCode.NONE],
    [BROKER_LOGGER, '7', ErrorCode.NONE],
    [BROKER_LOGGER, '1', ErrorCode.INVALID_REQUEST],
  ]);
  expect(at.logLevels.level('root')).toBe('DEBUG');
});

test('front: DescribeConfigs tells the values that this controller goes by, with what the cluster has set', async () => {
  const image = imageOf(setting('', 'log.retention.ms', '5000'), setting('7', 'num.partitions', '9'));
  const at = await startFront({ image, config: { 'log.dirs': '/data' } });
  const describe = async (name: string, keys: string[]) => {
    const resources = [{ resourceType: BROKER, resourceName: name, configurationKeys: keys }];
    const { results } = await at.connect().request(ApiKey.DescribeConfigs, 4, { resources, ...plain });
    return results[0];
  };
  const own = await describe('7', ['log.retention.ms', 'log.dirs']);
  expect(own?.configs.map(({ name, value }) => [name, value])).toEqual([
    ['log.retention.ms', '5000'],
    ['log.dirs', '/data'],
  ]);
  expect((await describe('1', []))?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  image.applyBatch({ records: [setting('', 'log.retention.ms', '6000')], endOffset: 3, epoch: 1 });
  expect((await describe('7', ['log.retention.ms']))?.configs[0]?.value).toBe('6000');
  const topic = { resourceType: TOPIC, resourceName: 'nope', configurationKeys: null };
  const { results } = await at.connect().request(ApiKey.DescribeConfigs, 4, { resources: [topic], ...plain });
  expect(results[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('front: what has connected before it serves is answered once it does', async () => {
  const at = await startFront({ serves: false });
  const answered: unknown[] = [];
  const answer = at.connect().request(ApiKey.ApiVersions, 0, {});
  answer.then(
    () => answered.push('answer'),
    (error: unknown) => answered.push(error),
  );
  await drain();
  expect(answered).toEqual([]);
  at.serve();
  expect((await answer).errorCode).toBe(ErrorCode.NONE);
});

test('front: its end answers what is under way, and closes every connection', async () => {
  const { promise: decided, resolve: decide } = Promise.withResolvers<void>();
  const at = await startFront({
    answer: () => decided.then(() => refuse(ErrorCode.BROKER_ID_NOT_REGISTERED, 'there is no broker 4')),
  });
  const client = at.connect();
  const answer = client.request(ApiKey.UnregisterBroker, 0, { brokerId: 4 });
  await drain();
  expect(at.asked).toHaveLength(1);
  const closing = at.front.close(1_000);
  decide();
  expect((await answer).errorCode).toBe(ErrorCode.BROKER_ID_NOT_REGISTERED);
  await closing;
  await drain();
  expect([client.closed, at.front.connectionCount(), at.bugs]).toEqual([true, 0, []]);
});
