import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Logger } from '@odradek/base';
import { ApiKey, buildBatch, ErrorCode } from '@odradek/protocol';
import { startKafka, Wire, type Kafka, type TestNode } from './index.ts';

/** Creates a topic through that node. @returns the error code */
async function create(node: TestNode, name: string): Promise<number> {
  using wire = await Wire.open(node.address);
  const topic = { name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs: 5_000, validateOnly: false });
  return topics[0]?.errorCode ?? -1;
}

/** The brokers and the topics that a node tells its clients of. */
async function seenBy(node: TestNode): Promise<{ brokers: number[]; topics: string[] }> {
  using wire = await Wire.open(node.address);
  const { brokers, topics } = await wire.call(ApiKey.Metadata, { topics: null });
  return {
    brokers: brokers.map(({ nodeId }) => nodeId).toSorted((a, b) => a - b),
    topics: topics.map(({ name }) => name ?? '').toSorted(),
  };
}

/** The address of a group's coordinator, as the last node tells it once there is one. */
async function coordinatorOf(cluster: Kafka, group: string): Promise<string> {
  let address = '';
  using wire = await Wire.open(cluster.node(3).address);
  await cluster.waitFor('the group has a coordinator', 10_000, async () => {
    const request = { keyType: 0, coordinatorKeys: [group] };
    const [found] = (await wire.call(ApiKey.FindCoordinator, request)).coordinators;
    address = `${found?.host}:${found?.port}`;
    return found?.errorCode === ErrorCode.NONE;
  });
  return address;
}

const others = (cluster: Kafka, node: TestNode): TestNode[] => cluster.nodes.filter((each) => each !== node);

test('cluster: three nodes are one Kafka: what is asked of one is known to all', async () => {
  await using cluster = await startKafka({ nodes: 3 });
  expect(cluster.bootstrap.split(',')).toHaveLength(3);
  expect(cluster.brokers.map(({ id }) => id)).toEqual([1, 2, 3]);
  const active = await cluster.waitForController();
  const [standby] = others(cluster, active);
  if (standby === undefined) throw new Error('there is no other node');
  expect(await create(standby, 'orders')).toBe(ErrorCode.NONE);
  await cluster.waitFor('every node has the topic', 5_000, async () => {
    const seen = await Promise.all(cluster.nodes.map(seenBy));
    return seen.every(({ brokers, topics }) => brokers.length === 3 && topics.includes('orders'));
  });
  expect(await create(active, 'orders')).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
});

test('cluster: the active controller is killed, another takes over; it comes back to what was decided meanwhile', async () => {
  await using cluster = await startKafka({ nodes: 3 });
  const killed = await cluster.waitForController();
  await killed.kill();
  expect(killed.isRunning).toBe(false);
  await expect(Wire.open(killed.address)).rejects.toThrow(/ECONNREFUSED/);
  const active = await cluster.waitForController();
  expect(active).not.toBe(killed);
  expect(await create(active, 'meanwhile')).toBe(ErrorCode.NONE);
  const before = killed.address;
  await killed.start();
  expect(killed.address).toBe(before);
  await cluster.waitFor('it knows the topic and all nodes', 5_000, async () => {
    const { brokers, topics } = await seenBy(killed);
    return brokers.length === 3 && topics.includes('meanwhile');
  });
});

test('cluster: a node that is stopped leaves at once, and no node is needed that is not a majority', async () => {
  await using cluster = await startKafka({ nodes: 3 });
  const stopped = await cluster.waitForController();
  await stopped.stop();
  const active = await cluster.waitForController();
  expect((await seenBy(active)).brokers).toEqual(others(cluster, stopped).map(({ id }) => id));
  expect(await create(active, 'two-are-enough')).toBe(ErrorCode.NONE);
  await cluster.start();
  expect((await seenBy(stopped)).brokers).toEqual([1, 2, 3]);
});

test('cluster: an active controller that is stopped hands over first: another leads before anybody misses it', async () => {
  const lines: string[] = [];
  const note = (_fields: object, message: string): void => void lines.push(message);
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
  await using cluster = await startKafka({ nodes: 3, log });
  const stopped = await cluster.waitForController();
  lines.length = 0;
  await stopped.stop();
  await cluster.waitForController();
  const elected = lines.findIndex((line) => line.includes('was elected active controller'));
  const missed = lines.findIndex((line) => /is not reached|no active controller|session with .* has ended/.test(line));
  expect(elected, lines.join('\n')).toBeGreaterThanOrEqual(0);
  if (missed >= 0) expect(elected, lines.join('\n')).toBeLessThan(missed);
  expect(lines.filter((line) => line.includes('was elected active controller'))).toHaveLength(1);
});

test('cluster: a group is served by its coordinator, whichever node is asked for it first', async () => {
  await using cluster = await startKafka({ nodes: 3 });
  await cluster.createTopic('orders');
  const coordinator = await coordinatorOf(cluster, 'billing');
  using wire = await Wire.open(coordinator);
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }];
  const simple = { groupId: 'billing', memberId: '', generationIdOrMemberEpoch: -1 };
  const commit = { ...simple, topics: [{ name: 'orders', partitions }] };
  await cluster.waitFor('the offset is committed', 10_000, async () => {
    const { topics } = await wire.call(ApiKey.OffsetCommit, commit, 8);
    return topics[0]?.partitions[0]?.errorCode === ErrorCode.NONE;
  });
  for (const node of cluster.nodes) {
    using other = await Wire.open(node.address);
    const { coordinators } = await other.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: ['billing'] });
    expect(`${coordinators[0]?.host}:${coordinators[0]?.port}`).toBe(coordinator);
  }
  const groups = [{ groupId: 'billing', topics: [{ name: 'orders', partitionIndexes: [0] }] }];
  const fetched = await wire.call(ApiKey.OffsetFetch, { groups }, 9);
  expect(fetched.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(7);
});

/** Writes one record with acks=all through whoever leads, until it is acknowledged. @returns its offset */
async function write(cluster: Kafka, topic: string, value: string): Promise<number> {
  const records = buildBatch({}, [{ timestampMs: 0, value: Buffer.from(value) }]);
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  let offset = -1;
  await cluster.waitFor(`'${value}' is acknowledged`, 10_000, async () => {
    const leader = await leaderOf(cluster, topic);
    if (leader === undefined) return false;
    using wire = await Wire.open(leader.address);
    const { responses } = await wire.call(ApiKey.Produce, { acks: -1, timeoutMs: 1_000, topicData }, 12);
    const written = responses[0]?.partitionResponses[0];
    offset = written?.baseOffset ?? -1;
    return written?.errorCode === ErrorCode.NONE;
  });
  return offset;
}

/** As the nodes that run tell it; undefined when it does not run. */
async function leaderOf(cluster: Kafka, topic: string): Promise<TestNode | undefined> {
  using wire = await Wire.open(cluster.nodes.find(({ isRunning }) => isRunning)?.address ?? '');
  const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: topic }], allowAutoTopicCreation: false });
  const leaderId = topics[0]?.partitions[0]?.leaderId;
  return cluster.nodes.find(({ id, isRunning }) => isRunning && id === leaderId);
}

test('cluster: what was acknowledged by all copies is there when the leader is killed, and each next one', async () => {
  await using cluster = await startKafka({ nodes: 3 });
  await cluster.createTopic('orders', { replicationFactor: 3, config: { 'min.insync.replicas': 2 } });
  for (let round = 0; round < 3; round += 1) {
    expect(await write(cluster, 'orders', `order ${round}`)).toBe(round);
    const leader = await leaderOf(cluster, 'orders');
    await leader?.kill();
    await cluster.waitFor('another leads', 10_000, async () => (await leaderOf(cluster, 'orders')) !== undefined);
    await cluster.waitForOffset('orders', 0, round + 1);
    await leader?.start();
    await cluster.waitFor('all copies are in sync', 10_000, async () => {
      using wire = await Wire.open(cluster.node(1).address);
      const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: 'orders' }] });
      return topics[0]?.partitions[0]?.isrNodes.length === 3;
    });
  }
});

test('cluster: on disk each node has a directory of its own, and a cluster that is started again is the same', async () => {
  await using first = await startKafka({ nodes: 3, storage: 'directory' });
  const { clusterId, directory } = first;
  expect(await create(first.node(1), 'kept')).toBe(ErrorCode.NONE);
  for (const { id } of first.nodes) expect(existsSync(`${directory}/node-${id}/meta.properties`)).toBe(true);
  await Promise.all(first.nodes.map((node) => node.stop()));
  await first.start();
  expect(first.clusterId).toBe(clusterId);
  expect((await seenBy(first.node(2))).topics).toContain('kept');
});
