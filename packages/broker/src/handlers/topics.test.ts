import { UUID_ZERO } from '@odradek/base';
import { ApiKey, ErrorCode, type ResponseOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startSimNode } from '../testing/node.ts';

const topic = (name: string, rest: object = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...rest,
});
const create = { timeoutMs: 1_000, validateOnly: false };

test('create topics: each is decided by itself, and what was created can be written to at once', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const topics = [
    topic('good', { numPartitions: 2, configs: [{ name: 'cleanup.policy', value: 'compact' }] }),
    topic('a b'),
    topic('toomany', { replicationFactor: 5 }),
    topic('badconfig', { configs: [{ name: 'retention.ms', value: 'soon' }] }),
    topic('twice'),
    topic('twice'),
  ];
  const answer = await client.request(ApiKey.CreateTopics, 7, { topics, ...create });
  const codes = new Map(answer.topics.map(({ name, errorCode }) => [name, errorCode]));
  expect(Object.fromEntries(codes)).toEqual({
    good: ErrorCode.NONE,
    'a b': ErrorCode.INVALID_TOPIC_EXCEPTION,
    toomany: ErrorCode.INVALID_REPLICATION_FACTOR,
    badconfig: ErrorCode.INVALID_CONFIG,
    twice: ErrorCode.INVALID_REQUEST,
  });
  const good = answer.topics.find(({ name }) => name === 'good');
  expect([good?.numPartitions, good?.replicationFactor]).toEqual([2, 1]);
  expect(good?.configs?.find(({ name }) => name === 'cleanup.policy')).toMatchObject({
    value: 'compact',
    configSource: 1,
  });
  for (const partition of [0, 1]) expect(node.broker.replicas.partitionState('good', partition)?.isLeader).toBe(true);
  const again = await client.request(ApiKey.CreateTopics, 2, { topics: [topic('good')], ...create });
  expect(again.topics[0]?.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  await node.close();
});

test('create topics: validateOnly says what would be and makes nothing', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const answer = await client.request(ApiKey.CreateTopics, 5, {
    topics: [topic('t')],
    timeoutMs: 1_000,
    validateOnly: true,
  });
  expect(answer.topics[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(node.broker.image().topics.size).toBe(0);
  await node.close();
});

test('delete topics: by name and by id, each by itself, and the name is free again', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const made = await client.request(ApiKey.CreateTopics, 7, { topics: [topic('a'), topic('b')], ...create });
  const idOfB = made.topics.find(({ name }) => name === 'b')?.topicId ?? '';
  const topics = [
    { name: 'a', topicId: UUID_ZERO },
    { name: null, topicId: idOfB },
    { name: 'nope', topicId: UUID_ZERO },
    { name: null, topicId: 'AQEBAQEBAQEBAQEBAQEBAQ' },
  ];
  const { responses } = await client.request(ApiKey.DeleteTopics, 6, {
    topics,
    timeoutMs: 1_000,
  });
  expect(
    responses.map(({ name, errorCode }) => [name, errorCode]).sort((x, y) => String(x[0]).localeCompare(String(y[0]))),
  ).toEqual([
    ['a', ErrorCode.NONE],
    ['b', ErrorCode.NONE],
    ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    [null, ErrorCode.UNKNOWN_TOPIC_ID],
  ]);
  expect(node.broker.image().topics.size).toBe(0);
  expect(node.broker.replicas.partitionState('a', 0)).toBeUndefined();
  const again = await client.request(ApiKey.CreateTopics, 7, { topics: [topic('a')], ...create });
  expect(again.topics[0]?.errorCode).toBe(ErrorCode.NONE);
  await node.close();
});

test('delete topics: with delete.topic.enable=false it is refused, in words that the version knows', async () => {
  const node = await startSimNode({ config: { 'delete.topic.enable': 'false' } });
  const client = node.connect();
  await client.request(ApiKey.CreateTopics, 7, { topics: [topic('a')], ...create });
  const code = async (version: number): Promise<number | undefined> =>
    (await client.request(ApiKey.DeleteTopics, version, { topicNames: ['a'], timeoutMs: 1_000 })).responses[0]
      ?.errorCode;
  expect([await code(1), await code(3), await code(5)]).toEqual([
    ErrorCode.INVALID_REQUEST,
    ErrorCode.TOPIC_DELETION_DISABLED,
    ErrorCode.TOPIC_DELETION_DISABLED,
  ]);
  expect(node.broker.image().topics.size).toBe(1);
  await node.close();
});

test('create partitions: a topic grows, never shrinks, and each topic is answered by itself', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await client.request(ApiKey.CreateTopics, 7, { topics: [topic('a', { numPartitions: 2 }), topic('b')], ...create });
  const topics = [
    { name: 'a', count: 4, assignments: null },
    { name: 'b', count: 1, assignments: null },
    { name: 'nope', count: 2, assignments: null },
  ];
  const { results } = await client.request(ApiKey.CreatePartitions, 3, {
    topics,
    timeoutMs: 1_000,
    validateOnly: false,
  });
  expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['a', ErrorCode.NONE],
    ['b', ErrorCode.INVALID_PARTITIONS],
    ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ]);
  expect(node.broker.replicas.partitionState('a', 3)?.isLeader).toBe(true);
  const shrink = await client.request(ApiKey.CreatePartitions, 0, {
    topics: [{ name: 'a', count: 2, assignments: null }],
    timeoutMs: 1_000,
    validateOnly: false,
  });
  expect(shrink.results[0]?.errorCode).toBe(ErrorCode.INVALID_PARTITIONS);
  await node.close();
});

test('describe topic partitions: topics come by name in pages, the cursor leads on, and every partition comes once', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await client.request(ApiKey.CreateTopics, 7, {
    topics: [topic('b', { numPartitions: 5 }), topic('a', { numPartitions: 2 }), topic('c')],
    ...create,
  });
  const seen: string[] = [];
  let cursor: ResponseOf<75>['nextCursor'] = null;
  for (let pages = 0; pages < 10; pages += 1) {
    const asked = { topics: [], responsePartitionLimit: 3, cursor };
    const answer: ResponseOf<75> = await client.request(ApiKey.DescribeTopicPartitions, 0, asked);
    for (const { name, partitions } of answer.topics)
      for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`);
    cursor = answer.nextCursor;
    if (cursor === null) break;
  }
  expect(seen).toEqual(['a-0', 'a-1', 'b-0', 'b-1', 'b-2', 'b-3', 'b-4', 'c-0']);
  await node.close();
});

test('describe topic partitions: missing topics are told, a cursor outside the list or below zero is an invalid request', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const ask = (names: string[], cursor: { topicName: string; partitionIndex: number } | null) =>
    client.request(ApiKey.DescribeTopicPartitions, 0, { topics: names.map((name) => ({ name })), cursor });
  const missing = await ask(['nope', 'a b'], null);
  expect(missing.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['a b', ErrorCode.INVALID_TOPIC_EXCEPTION],
    ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ]);
  for (const cursor of [
    { topicName: 'a', partitionIndex: 0 },
    { topicName: 'nope', partitionIndex: -1 },
  ]) {
    expect((await ask(['nope'], cursor)).topics[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  }
  await node.close();
});

test('describe cluster: the brokers of a broker listener; what is asked of controllers is refused', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const answer = await client.request(ApiKey.DescribeCluster, 2, {
    includeClusterAuthorizedOperations: true,
    includeFencedBrokers: true,
  });
  expect(answer).toMatchObject({ errorCode: 0, endpointType: 1, controllerId: 1, clusterAuthorizedOperations: 8_096 });
  expect(answer.brokers).toEqual([{ brokerId: 1, host: 'localhost', port: node.port, rack: null, isFenced: false }]);
  const wrong = async (endpointType: number) =>
    (await client.request(ApiKey.DescribeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType }))
      .errorCode;
  expect([await wrong(2), await wrong(9)]).toEqual([
    ErrorCode.MISMATCHED_ENDPOINT_TYPE,
    ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
  ]);
  await node.close();
});
