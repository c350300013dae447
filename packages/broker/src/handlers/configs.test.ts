import { loggers } from '@odradek/base';
import { ApiKey, ConfigResourceType, ConfigSource, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { KafkaClient } from '../testing/kafka-client.ts';
import { startSimNode } from '../testing/node.ts';

const { TOPIC, BROKER, BROKER_LOGGER, GROUP, CLIENT_METRICS } = ConfigResourceType;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

async function createTopic(client: KafkaClient, name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.request(ApiKey.CreateTopics, 7, { topics: [topic], timeoutMs: 1_000, validateOnly: false });
}

type Change = readonly [name: string, operation: number, value: string | null];

async function change(client: KafkaClient, resourceType: number, resourceName: string, ...changes: Change[]) {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await client.request(ApiKey.IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  return responses[0];
}

async function describe(
  client: KafkaClient,
  resourceType: number,
  resourceName: string,
  configurationKeys: string[] | null,
) {
  const resources = [{ resourceType, resourceName, configurationKeys }];
  const asked = { resources, includeSynonyms: true, includeDocumentation: true };
  const { results } = await client.request(ApiKey.DescribeConfigs, 4, asked);
  return results[0];
}

test('configs: a topic key has its default, is set, appended to, deleted, and says each time where its value comes from', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 't');
  const policy = async () => (await describe(client, TOPIC, 't', ['cleanup.policy']))?.configs[0];
  expect(await policy()).toMatchObject({ value: 'delete', configSource: ConfigSource.DEFAULT_CONFIG });
  expect((await change(client, TOPIC, 't', ['cleanup.policy', APPEND, 'compact']))?.errorCode).toBe(ErrorCode.NONE);
  const appended = await policy();
  expect(appended).toMatchObject({ value: 'delete,compact', configSource: ConfigSource.TOPIC_CONFIG, configType: 7 });
  expect(appended?.synonyms.map(({ name, source }) => [name, source])).toEqual([
    ['cleanup.policy', ConfigSource.TOPIC_CONFIG],
    ['log.cleanup.policy', ConfigSource.DEFAULT_CONFIG],
  ]);
  expect(appended?.documentation?.length).toBeGreaterThan(20);
  expect((await change(client, TOPIC, 't', ['cleanup.policy', DELETE, null]))?.errorCode).toBe(ErrorCode.NONE);
  expect(await policy()).toMatchObject({ value: 'delete', configSource: ConfigSource.DEFAULT_CONFIG });
  await node.close();
});

test('configs: a change of a topic is what its log goes by when the answer comes', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 't');
  await change(client, TOPIC, 't', ['max.message.bytes', SET, '12345']);
  const [partition] = Array.from(node.broker.replicas.partitions());
  expect(partition?.log.config.maxMessageBytes).toBe(12_345);
  await change(client, BROKER, '', ['message.max.bytes', SET, '54321']);
  expect(partition?.log.config.maxMessageBytes).toBe(12_345);
  await change(client, TOPIC, 't', ['max.message.bytes', DELETE, null]);
  expect(partition?.log.config.maxMessageBytes).toBe(54_321);
  await node.close();
});

test('configs: what is set on one broker is stronger than what is set for all, and that than the properties', async () => {
  const node = await startSimNode({ config: { 'log.retention.ms': '1000' } });
  const client = node.connect();
  const retention = async () => (await describe(client, BROKER, '1', ['log.retention.ms']))?.configs[0];
  expect(await retention()).toMatchObject({ value: '1000', configSource: ConfigSource.STATIC_BROKER_CONFIG });
  await change(client, BROKER, '', ['log.retention.ms', SET, '2000']);
  expect(await retention()).toMatchObject({ value: '2000', configSource: ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG });
  await change(client, BROKER, '1', ['log.retention.ms', SET, '3000']);
  expect(await retention()).toMatchObject({ value: '3000', configSource: ConfigSource.DYNAMIC_BROKER_CONFIG });
  const forAll = await describe(client, BROKER, '', null);
  // A new cluster goes by one min.insync.replicas (KIP-966).
  expect(forAll?.configs.map(({ name, value }) => [name, value])).toEqual([
    ['log.retention.ms', '2000'],
    ['min.insync.replicas', '1'],
  ]);
  await node.close();
});

test('configs: no keys and an empty list ask for all keys, unknown keys are left out, and what was not asked for is not told', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 't');
  const all = (await describe(client, TOPIC, 't', null))?.configs.map(({ name }) => name) ?? [];
  expect(all.length).toBeGreaterThan(25);
  expect((await describe(client, TOPIC, 't', []))?.configs.map(({ name }) => name)).toEqual(all);
  expect((await describe(client, TOPIC, 't', ['nokey', 'retention.ms']))?.configs.map(({ name }) => name)).toEqual([
    'retention.ms',
  ]);
  const resources = [{ resourceType: TOPIC, resourceName: 't', configurationKeys: ['retention.ms'] }];
  const plain = await client.request(ApiKey.DescribeConfigs, 3, {
    resources,
    includeSynonyms: false,
    includeDocumentation: false,
  });
  expect(plain.results[0]?.configs[0]).toMatchObject({ synonyms: [], documentation: null });
  await node.close();
});

test.for([
  ['a topic that does not exist', TOPIC, 'nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['a name that no topic can have', TOPIC, 'a b', ErrorCode.INVALID_TOPIC_EXCEPTION],
  ['another broker', BROKER, '7', ErrorCode.INVALID_REQUEST],
  ['a broker that is no number', BROKER, 'abc', ErrorCode.INVALID_REQUEST],
  ['the loggers of another broker', BROKER_LOGGER, '2', ErrorCode.INVALID_REQUEST],
  ['the loggers of all brokers', BROKER_LOGGER, '', ErrorCode.INVALID_REQUEST],
  ['a group without a name', GROUP, '', ErrorCode.INVALID_REQUEST],
  ['client metrics without a name', CLIENT_METRICS, '', ErrorCode.INVALID_REQUEST],
  ['a type that does not exist', 7, 'x', ErrorCode.INVALID_REQUEST],
] as const)('configs: describing %s is refused with a sentence', async ([, type, name, code]) => {
  const node = await startSimNode();
  const result = await describe(node.connect(), type, name, null);
  expect(result).toMatchObject({ errorCode: code, resourceType: type, resourceName: name, configs: [] });
  expect(result?.errorMessage?.length).toBeGreaterThan(10);
  await node.close();
});

const RAFT = 'org.apache.kafka.raft';
const REQUESTS = 'kafka.request.logger';

test('configs: loggers are told with the levels that they go by, in the form that Kafka tells them in', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const all = (await describe(client, BROKER_LOGGER, '1', null))?.configs ?? [];
  expect(all.map(({ name }) => name)).toEqual([...Object.keys(loggers), 'root']);
  expect(all.at(-1)).toEqual({
    name: 'root',
    value: 'INFO',
    readOnly: false,
    configSource: ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
    isSensitive: false,
    synonyms: [],
    configType: 0,
    documentation: 'All that has no level of its own.',
  });
  await change(client, BROKER_LOGGER, '1', ['org.apache.kafka', SET, 'ERROR'], [REQUESTS, SET, 'TRACE']);
  const some = await describe(client, BROKER_LOGGER, '1', ['root', 'nope', REQUESTS, RAFT]);
  expect(some?.configs.map(({ name, value }) => [name, value])).toEqual([
    [REQUESTS, 'TRACE'],
    [RAFT, 'ERROR'],
    ['root', 'INFO'],
  ]);
  await node.close();
});

test('configs: a level that is taken away is the one above it again, and root has none above', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const { logLevels } = node;
  await change(client, BROKER_LOGGER, '1', ['kafka', SET, 'WARN'], [REQUESTS, SET, 'DEBUG']);
  expect([logLevels.level(REQUESTS), logLevels.level('kafka.log.LogManager')]).toEqual(['DEBUG', 'WARN']);
  expect((await change(client, BROKER_LOGGER, '1', [REQUESTS, DELETE, null]))?.errorCode).toBe(ErrorCode.NONE);
  expect(logLevels.level(REQUESTS)).toBe('WARN');
  expect(await change(client, BROKER_LOGGER, '1', ['root', DELETE, null])).toMatchObject({
    errorCode: ErrorCode.INVALID_REQUEST,
    errorMessage: 'Removing the log level of the root logger is not allowed',
  });
  await node.close();
});

test.for([
  ['a level in small letters', ErrorCode.INVALID_CONFIG, ['root', SET, 'debug']],
  ['a level that does not exist', ErrorCode.INVALID_CONFIG, ['root', SET, 'LOUD']],
  ['a logger that does not exist', ErrorCode.INVALID_CONFIG, ['nope', SET, 'INFO']],
  ['root in capitals', ErrorCode.INVALID_CONFIG, ['ROOT', SET, 'INFO']],
  ['to take the level of a logger that does not exist', ErrorCode.INVALID_CONFIG, ['nope', DELETE, null]],
  ['no level', ErrorCode.INVALID_REQUEST, ['root', SET, null]],
  ['to append to a level', ErrorCode.INVALID_REQUEST, ['root', APPEND, 'INFO']],
  ['to subtract from a level', ErrorCode.INVALID_REQUEST, ['root', SUBTRACT, 'INFO']],
  ['an operation that does not exist', ErrorCode.INVALID_REQUEST, ['root', 9, 'INFO']],
] as const)('configs: of log levels %s is refused, and nothing of the request is done', async ([, code, wrong]) => {
  const node = await startSimNode();
  const result = await change(node.connect(), BROKER_LOGGER, '1', [RAFT, SET, 'DEBUG'], [...wrong]);
  expect(result?.errorCode).toBe(code);
  expect(result?.errorMessage?.length).toBeGreaterThan(10);
  expect([node.logLevels.level('root'), node.logLevels.level(RAFT)]).toEqual(['INFO', 'INFO']);
  await node.close();
});

test('configs: one logger twice is refused, and what is only validated is not done', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const twice = await change(client, BROKER_LOGGER, '1', ['root', SET, 'WARN'], ['root', SET, 'DEBUG']);
  expect(twice).toMatchObject({
    errorCode: ErrorCode.INVALID_REQUEST,
    errorMessage: 'Error due to duplicate config keys',
  });
  const configs = [{ name: 'root', configOperation: SET, value: 'WARN' }];
  const resources = [{ resourceType: BROKER_LOGGER, resourceName: '1', configs }];
  const { responses } = await client.request(ApiKey.IncrementalAlterConfigs, 1, { resources, validateOnly: true });
  expect(responses[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(node.logLevels.level('root')).toBe('INFO');
  await node.close();
});

test('configs: the old AlterConfigs says all that a resource shall hold, and leaves log levels alone', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 't');
  await change(client, TOPIC, 't', ['retention.ms', SET, '5'], ['segment.bytes', SET, '1048576']);
  const resources = [
    { resourceType: TOPIC, resourceName: 't', configs: [{ name: 'retention.ms', value: '7' }] },
    { resourceType: BROKER_LOGGER, resourceName: '1', configs: [{ name: 'root', value: 'WARN' }] },
  ];
  const { responses } = await client.request(ApiKey.AlterConfigs, 2, { resources, validateOnly: false });
  expect(responses.map(({ resourceType, errorCode }) => [resourceType, errorCode])).toEqual([
    [TOPIC, ErrorCode.NONE],
    [BROKER_LOGGER, ErrorCode.INVALID_REQUEST],
  ]);
  const described = await describe(client, TOPIC, 't', ['retention.ms', 'segment.bytes']);
  expect(described?.configs.map(({ name, configSource }) => [name, configSource])).toEqual([
    ['retention.ms', ConfigSource.TOPIC_CONFIG],
    ['segment.bytes', ConfigSource.DEFAULT_CONFIG],
  ]);
  expect(node.logLevels.level('root')).toBe('INFO');
  await node.close();
});

test('configs: a resource that appears twice is refused both times, and the others are changed', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 't');
  const resource = (resourceType: number, resourceName: string, name: string, value: string) => ({
    resourceType,
    resourceName,
    configs: [{ name, configOperation: SET, value }],
  });
  const resources = [
    resource(TOPIC, 't', 'retention.ms', '5'),
    resource(BROKER_LOGGER, '1', 'root', 'DEBUG'),
    resource(BROKER_LOGGER, '1', 'root', 'ERROR'),
  ];
  const { responses } = await client.request(ApiKey.IncrementalAlterConfigs, 0, { resources, validateOnly: false });
  expect(responses.map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.NONE,
    ErrorCode.INVALID_REQUEST,
    ErrorCode.INVALID_REQUEST,
  ]);
  expect(node.logLevels.level('root')).toBe('INFO');
  await node.close();
});

test('configs: groups and client metrics keep what is set, tell their defaults, and are listed', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 't');
  expect((await change(client, GROUP, 'g', ['consumer.session.timeout.ms', SET, '50000']))?.errorCode).toBe(
    ErrorCode.NONE,
  );
  expect((await change(client, CLIENT_METRICS, 'm', ['interval.ms', SET, '60000']))?.errorCode).toBe(ErrorCode.NONE);
  expect((await describe(client, GROUP, 'g', ['consumer.session.timeout.ms']))?.configs[0]).toMatchObject({
    value: '50000',
    configSource: ConfigSource.GROUP_CONFIG,
  });
  expect((await describe(client, CLIENT_METRICS, 'm', null))?.configs.map(({ name, value }) => [name, value])).toEqual([
    ['interval.ms', '60000'],
    ['match', ''],
    ['metrics', ''],
  ]);
  const list = async (version: number, resourceTypes: number[]) =>
    (
      await client.request(ApiKey.ListConfigResources, version, version === 0 ? {} : { resourceTypes })
    ).configResources.map(({ resourceType, resourceName }) => `${resourceType}:${resourceName}`);
  expect(await list(1, [])).toEqual(['8:1', '4:1', '2:t', '32:g', '16:m']);
  expect(await list(1, [GROUP, GROUP])).toEqual(['32:g']);
  expect(await list(0, [])).toEqual(['16:m']);
  expect((await client.request(ApiKey.ListConfigResources, 1, { resourceTypes: [3] })).errorCode).toBe(
    ErrorCode.UNSUPPORTED_VERSION,
  );
  await node.close();
});

test('configs: max.connections.per.ip holds from the moment it is set', async () => {
  const node = await startSimNode();
  const client = node.connect();
  expect((await change(client, BROKER, '', ['max.connections.per.ip', SET, '1']))?.errorCode).toBe(ErrorCode.NONE);
  await expect(node.connect().request(ApiKey.ApiVersions, 0, {})).rejects.toThrow('closed');
  await change(client, BROKER, '', ['max.connections.per.ip', DELETE, null]);
  expect((await node.connect().request(ApiKey.ApiVersions, 0, {})).errorCode).toBe(ErrorCode.NONE);
  await node.close();
});
