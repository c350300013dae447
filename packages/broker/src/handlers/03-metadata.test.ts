import { UUID_ZERO } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { ApiKey, AUTHORIZED_OPERATIONS_OMITTED, ErrorCode, type RequestInput } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { KafkaClient } from '../testing/kafka-client.ts';
import { CLUSTER_ID, startSimNode } from '../testing/node.ts';

const ALL_TOPIC_OPERATIONS = 3_576;
const ALL_CLUSTER_OPERATIONS = 8_096;

async function createTopic(client: KafkaClient, name: string, numPartitions = 1): Promise<string> {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.request(ApiKey.CreateTopics, 7, {
    topics: [topic],
    timeoutMs: 1_000,
    validateOnly: false,
  });
  expect(topics[0]?.errorCode).toBe(ErrorCode.NONE);
  return topics[0]?.topicId ?? '';
}

const named = (...names: string[]): RequestInput<3> => ({ topics: names.map((name) => ({ name })) });

test('metadata: a topic tells its id, partitions, leader, epoch, replicas and ISR; the broker its address and the cluster its id', async () => {
  const node = await startSimNode({ config: { 'broker.rack': 'r1' } });
  const client = node.connect();
  const topicId = await createTopic(client, 'orders', 2);
  const answer = await client.request(ApiKey.Metadata, 13, { ...named('orders'), allowAutoTopicCreation: false });
  expect(answer.brokers).toEqual([{ nodeId: 1, host: 'localhost', port: node.port, rack: 'r1' }]);
  expect([answer.clusterId, answer.controllerId, answer.errorCode]).toEqual([CLUSTER_ID, 1, ErrorCode.NONE]);
  const partition = {
    errorCode: 0,
    leaderId: 1,
    leaderEpoch: 0,
    replicaNodes: [1],
    isrNodes: [1],
    offlineReplicas: [],
  };
  expect(answer.topics).toEqual([
    {
      errorCode: ErrorCode.NONE,
      name: 'orders',
      topicId,
      isInternal: false,
      partitions: [
        { ...partition, partitionIndex: 0 },
        { ...partition, partitionIndex: 1 },
      ],
      topicAuthorizedOperations: AUTHORIZED_OPERATIONS_OMITTED,
    },
  ]);
  await node.close();
});

test('metadata: nobody leads for now what a node leads whose controller has fallen silent, so that clients go on asking', async () => {
  let silent: number | undefined;
  const node = await startSimNode({ silentNode: () => silent });
  const client = node.connect();
  await createTopic(client, 'orders');
  const told = async (): Promise<unknown> => {
    const { brokers, topics } = await client.request(ApiKey.Metadata, 12, named('orders'));
    const [partition] = topics[0]?.partitions ?? [];
    return [brokers.length, partition?.leaderId, partition?.errorCode];
  };
  silent = 2;
  expect(await told()).toEqual([1, 1, ErrorCode.NONE]);
  silent = 1;
  expect(await told()).toEqual([1, -1, ErrorCode.LEADER_NOT_AVAILABLE]);
  silent = undefined;
  expect(await told()).toEqual([1, 1, ErrorCode.NONE]);
  await node.close();
});

test('metadata: null asks for all topics, an empty list for none; in version 0 the empty list asks for all', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 'a');
  await createTopic(client, 'b');
  const names = async (version: number, topics: RequestInput<3>['topics']): Promise<(string | null)[]> =>
    (await client.request(ApiKey.Metadata, version, { topics })).topics.map(({ name }) => name);
  expect(await names(0, [])).toEqual(['a', 'b']);
  for (const version of [1, 4, 8, 12, 13]) {
    expect(await names(version, null)).toEqual(['a', 'b']);
    expect(await names(version, [])).toEqual([]);
  }
  await node.close();
});

test('metadata: a missing topic gets the copies of this broker, and is not made with fewer when there are not so many brokers', async () => {
  const node = await startSimNode({ config: { 'default.replication.factor': '2' } });
  const client = node.connect();
  const { topics } = await client.request(ApiKey.Metadata, 9, { ...named('fresh'), allowAutoTopicCreation: true });
  expect(topics[0]?.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  expect(node.lines.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/topic fresh was not auto-created: .*replication factor of 2 cannot be reached/),
  );
  await node.close();
});

test('metadata: a missing topic is created when both sides allow it, and the answer waits for its leader', async () => {
  const node = await startSimNode({ config: { 'num.partitions': '3' } });
  const client = node.connect();
  const { topics } = await client.request(ApiKey.Metadata, 9, { ...named('fresh'), allowAutoTopicCreation: true });
  expect(topics[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(topics[0]?.partitions.map(({ leaderId, errorCode }) => [leaderId, errorCode])).toEqual([
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
  expect(node.lines.map(({ message }) => message)).toContain('auto-created topic fresh');
  await node.close();
});

test('metadata: many clients that ask for the same missing topic at once all get its leader, and it is created once', async () => {
  const node = await startSimNode();
  const asked = Array.from({ length: 8 }, () =>
    node.connect().request(ApiKey.Metadata, 12, { ...named('fresh'), allowAutoTopicCreation: true }),
  );
  for (const { topics } of await Promise.all(asked)) {
    expect([topics[0]?.errorCode, topics[0]?.partitions[0]?.leaderId]).toEqual([ErrorCode.NONE, 1]);
  }
  expect(node.lines.filter(({ message }) => message === 'auto-created topic fresh').length).toBe(1);
  await node.close();
});

test.for([
  ['the client does not want it', {}, false],
  ['auto.create.topics.enable is false', { 'auto.create.topics.enable': 'false' }, true],
] as const)('metadata: a missing topic is not created when %s', async ([, config, allowAutoTopicCreation]) => {
  const node = await startSimNode({ config });
  const { topics } = await node
    .connect()
    .request(ApiKey.Metadata, 12, { ...named('nope', 'nope'), allowAutoTopicCreation });
  expect(topics).toMatchObject([
    { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name: 'nope', topicId: UUID_ZERO, partitions: [] },
  ]);
  expect(node.broker.image().topics.size).toBe(0);
  await node.close();
});

test('metadata: what cannot be a topic name is told so, for each name, and the others are created', async () => {
  const node = await startSimNode();
  const names = ['a b', '', '..', 'x'.repeat(250), 'fine'];
  const { topics } = await node
    .connect()
    .request(ApiKey.Metadata, 4, { ...named(...names), allowAutoTopicCreation: true });
  const { INVALID_TOPIC_EXCEPTION: invalid, NONE } = ErrorCode;
  expect(topics.map(({ errorCode }) => errorCode)).toEqual([invalid, invalid, invalid, invalid, NONE]);
  await node.close();
});

test('metadata: topics are found by id; an unknown id is told by id; names beside ids are not looked at', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const topicId = await createTopic(client, 'orders');
  const unknown = 'AQEBAQEBAQEBAQEBAQEBAQ';
  const topics = [{ topicId, name: null }, { topicId: unknown, name: null }, { name: 'other' }];
  const answer = await client.request(ApiKey.Metadata, 12, { topics, allowAutoTopicCreation: true });
  expect(answer.topics.map(({ name, topicId: id, errorCode }) => [name, id, errorCode])).toEqual([
    ['orders', topicId, ErrorCode.NONE],
    [null, unknown, ErrorCode.UNKNOWN_TOPIC_ID],
  ]);
  expect(node.broker.image().topics.byName('other')).toBeUndefined();
  await node.close();
});

test('metadata: a topic with neither name nor id, and an id before version 12, are invalid requests', async () => {
  const node = await startSimNode();
  const client = node.connect();
  const id = 'AQEBAQEBAQEBAQEBAQEBAQ';
  for (const [version, topic, name] of [
    [10, { name: null }, ''],
    [11, { topicId: id, name: 'a' }, 'a'],
    [12, { name: null }, null],
  ] as const) {
    const answer = await client.request(ApiKey.Metadata, version, { topics: [topic] });
    expect(answer.topics.map((each) => [each.errorCode, each.name])).toEqual([[ErrorCode.INVALID_REQUEST, name]]);
  }
  expect((await client.request(ApiKey.Metadata, 13, { topics: [{ name: null }] })).errorCode).toBe(
    ErrorCode.INVALID_REQUEST,
  );
  await node.close();
});

test('metadata: authorized operations are told when they are asked for', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 'orders');
  const asked = { ...named('orders'), includeTopicAuthorizedOperations: true };
  const older = await client.request(ApiKey.Metadata, 9, { ...asked, includeClusterAuthorizedOperations: true });
  expect([older.clusterAuthorizedOperations, older.topics[0]?.topicAuthorizedOperations]).toEqual([
    ALL_CLUSTER_OPERATIONS,
    ALL_TOPIC_OPERATIONS,
  ]);
  const newer = await client.request(ApiKey.Metadata, 13, asked);
  expect(newer.topics[0]?.topicAuthorizedOperations).toBe(ALL_TOPIC_OPERATIONS);
  await node.close();
});

test('metadata: asking for an internal topic makes it as its coordinator needs it, and none whose coordinator is not built', async () => {
  const node = await startSimNode();
  const asked = { ...named('__consumer_offsets', '__transaction_state'), allowAutoTopicCreation: true };
  const { topics } = await node.connect().request(ApiKey.Metadata, 12, asked);
  expect(topics.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.length])).toEqual([
    ['__consumer_offsets', ErrorCode.NONE, 3],
    ['__transaction_state', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0],
  ]);
  await node.close();
});

test('metadata: the topic of groups is internal', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await client.request(ApiKey.FindCoordinator, 2, { key: 'g', keyType: 0 });
  const { topics } = await client.request(ApiKey.Metadata, 12, { topics: null });
  expect(topics.map(({ name, isInternal }) => [name, isInternal])).toEqual([['__consumer_offsets', true]]);
  await node.close();
});

test('metadata: each listener tells its own address, and one that names no host the address that the client came in by', async () => {
  const node = await startSimNode({
    config: {
      listeners: 'INSIDE://:0,OUTSIDE://:0',
      'advertised.listeners': 'INSIDE://:0,OUTSIDE://broker.example.org:19092',
      'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
      'inter.broker.listener.name': 'INSIDE',
    },
  });
  const [inside, outside] = node.broker.listeners;
  const brokersBy = async (port: number, host: string): Promise<unknown[]> => {
    const answer = await node.connectTo({ port, host }).request(ApiKey.Metadata, 12, { topics: [] });
    return answer.brokers.map((broker) => `${broker.host}:${broker.port}`);
  };
  expect(await brokersBy(inside?.port ?? 0, '172.17.0.2')).toEqual([`172.17.0.2:${inside?.port}`]);
  expect(await brokersBy(inside?.port ?? 0, '127.0.0.1')).toEqual([`127.0.0.1:${inside?.port}`]);
  expect(await brokersBy(inside?.port ?? 0, '::1')).toEqual([`localhost:${inside?.port}`]);
  expect(await brokersBy(outside?.port ?? 0, '172.17.0.2')).toEqual(['broker.example.org:19092']);
  expect(node.broker.advertised.map(({ name, host }) => [name, host])).toEqual([
    ['INSIDE', 'localhost'],
    ['OUTSIDE', 'broker.example.org'],
  ]);
  await node.close();
});

test('metadata: a deleted topic is gone for the next request', async () => {
  const node = await startSimNode();
  const client = node.connect();
  await createTopic(client, 'orders');
  await client.request(ApiKey.DeleteTopics, 3, { topicNames: ['orders'], timeoutMs: 1_000 });
  const { topics } = await client.request(ApiKey.Metadata, 8, { ...named('orders'), allowAutoTopicCreation: false });
  expect(topics[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  await drain();
  await node.close();
});
