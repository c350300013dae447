import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Logger } from '@odradek/base';
import { ApiKey, buildBatch, ErrorCode } from '@odradek/protocol';
import { startKafka, Wire, type Kafka, type TestNode } from './index.ts';

const WITHIN_MS = 30_000;

/** Creates a topic through that node. @returns the error code */
async function create(node: TestNode, name: string): Promise<number> {
  using wire = await Wire.open(node.address);
  const topic = { name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs: 20_000, validateOnly: false });
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

/** The address of a group's coordinator, as a node tells it once it knows one. */
async function coordinatorOf(cluster: Kafka, group: string, asked = cluster.node(3)): Promise<string> {
  let address = '';
  using wire = await Wire.open(asked.address);
  await cluster.waitFor('the group has a coordinator', WITHIN_MS, async () => {
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
  await cluster.waitFor('every node has the topic', WITHIN_MS, async () => {
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
  await cluster.waitFor('it knows the topic and all nodes', WITHIN_MS, async () => {
    const { brokers, topics } = await seenBy(killed);
    return brokers.length === 3 && topics.includes('meanwhile');
  });
});

test('cluster: a node that is stopped leaves at once, and no node is needed that is not a majority', async () => {
  // No session ends by itself meanwhile.
  await using cluster = await startKafka({ nodes: 3, config: { 'broker.session.timeout.ms': 600_000 } });
  const stopped = await cluster.waitForController();
  await stopped.stop();
  const active = await cluster.waitForController();
  await cluster.waitFor('the others know that it is gone', WITHIN_MS, async () => {
    const left = others(cluster, stopped);
    const seen = await Promise.all(left.map(seenBy));
    return seen.every(({ brokers }) => brokers.join() === left.map(({ id }) => id).join());
  });
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
  await cluster.waitFor('the offset is committed', WITHIN_MS, async () => {
    const { topics } = await wire.call(ApiKey.OffsetCommit, commit, 8);
    return topics[0]?.partitions[0]?.errorCode === ErrorCode.NONE;
  });
  for (const node of cluster.nodes) expect(await coordinatorOf(cluster, 'billing', node)).toBe(coordinator);
  const groups = [{ groupId: 'billing', topics: [{ name: 'orders', partitionIndexes: [0] }] }];
  const fetched = await wire.call(ApiKey.OffsetFetch, { groups }, 9);
  expect(fetched.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(7);
});

/** Writes records with acks=all through whoever leads, each until it is acknowledged, and once however often that takes. */
class Writer {
  readonly #cluster: Kafka;
  readonly #topic: string;
  readonly #producerId: number;
  #sequence = 0;

  private constructor(cluster: Kafka, topic: string, producerId: number) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#producerId = producerId;
  }

  static async begin(cluster: Kafka, topic: string): Promise<Writer> {
    using wire = await Wire.open(cluster.node(1).address);
    const asked = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    let producerId = -1;
    await cluster.waitFor('a producer id is given', WITHIN_MS, async () => {
      const answer = await wire.call(ApiKey.InitProducerId, asked);
      ({ producerId } = answer);
      return answer.errorCode === ErrorCode.NONE;
    });
    return new Writer(cluster, topic, producerId);
  }

  /** @returns the record's offset */
  async write(value: string): Promise<number> {
    const head = { producerId: this.#producerId, producerEpoch: 0, baseSequence: this.#sequence };
    this.#sequence += 1;
    const records = buildBatch(head, [{ timestampMs: 0, value: Buffer.from(value) }]);
    return written(this.#cluster, this.#topic, records);
  }
}

async function written(cluster: Kafka, topic: string, records: Buffer): Promise<number> {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  let offset = -1;
  await cluster.waitFor('the record is acknowledged', WITHIN_MS, async () => {
    const leader = await leaderOf(cluster, topic);
    if (leader === undefined) return false;
    using wire = await Wire.open(leader.address);
    const { responses } = await wire.call(ApiKey.Produce, { acks: -1, timeoutMs: 5_000, topicData }, 12);
    const answer = responses[0]?.partitionResponses[0];
    offset = answer?.baseOffset ?? -1;
    return answer?.errorCode === ErrorCode.NONE;
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
  const writer = await Writer.begin(cluster, 'orders');
  for (let round = 0; round < 3; round += 1) {
    expect(await writer.write(`order ${round}`)).toBe(round);
    const leader = await leaderOf(cluster, 'orders');
    await leader?.kill();
    await cluster.waitFor('another leads', WITHIN_MS, async () => (await leaderOf(cluster, 'orders')) !== undefined);
    await cluster.waitForOffset('orders', 0, round + 1);
    await leader?.start();
    await cluster.waitFor('all copies are in sync', WITHIN_MS, async () => {
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
