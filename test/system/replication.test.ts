/**
 * Three nodes under writers that want all of it acknowledged (acks=all, three copies, two of them in sync): nodes are killed, held and stopped
 * one after the other, and nothing that was acknowledged is lost, duplicated or out of order.
 */
import { Producer } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { freePort } from '@odradek/testkit';
import { startCluster, steadyBrokers, type Cluster, type ClusterNode } from '../support/cluster.ts';
import { RawFollower } from '../support/raw-follower.ts';
import { expectNone } from '../support/raw-groups.ts';
import {
  allInSync,
  createReplicated,
  judgeWriters,
  partitionsOf,
  ReplicatedWriter,
  type Verdict,
} from '../support/replicated.ts';
import { eventually, freshName } from '../support/target.ts';
import { Wire } from '../support/wire.ts';

const PARTITIONS = 6;
const minIsrTwo = { 'min.insync.replicas': '2' };

async function threeNodes(config: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 3, config });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  return cluster;
}

async function underWriters(cluster: Cluster): Promise<{ topic: string; writers: ReplicatedWriter[] }> {
  const topic = freshName('kept');
  await createReplicated(cluster, { name: topic, partitions: PARTITIONS }, minIsrTwo);
  const writers = ReplicatedWriter.beginAll(cluster, topic, PARTITIONS);
  await allGoOn(writers);
  return { topic, writers };
}

const allGoOn = (writers: readonly ReplicatedWriter[]): Promise<unknown> =>
  Promise.all(writers.map((writer) => writer.goesOn()));

async function ended(cluster: Cluster, topic: string, writers: readonly ReplicatedWriter[]): Promise<Verdict> {
  await Promise.all(writers.map((writer) => writer.stop()));
  expect(writers.flatMap(({ failures }) => failures)).toEqual([]);
  return judgeWriters(cluster, topic, writers);
}

const nothingWrong = { lost: [], duplicated: [], outOfOrder: [] };

test('kill -9 of each node in turn: every partition goes on, the killed one catches up, nothing acknowledged is lost', async () => {
  await using cluster = await threeNodes();
  const { topic, writers } = await underWriters(cluster);
  for (const node of cluster.nodes) {
    await node.kill();
    await allGoOn(writers);
    await node.start();
    await node.ready();
    await allInSync(cluster, topic);
    await allGoOn(writers);
  }
  expect(await ended(cluster, topic, writers)).toMatchObject(nothingWrong);
});

test('SIGSTOP of a leader: its partitions go on without it, and it comes back as a follower that has lost nothing', async () => {
  await using cluster = await threeNodes();
  const { topic, writers } = await underWriters(cluster);
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error('there are nodes');
  first.pause();
  await allGoOn(writers);
  first.resume();
  await first.ready();
  await allInSync(cluster, topic);
  await allGoOn(writers);
  expect(await ended(cluster, topic, writers)).toMatchObject(nothingWrong);
});

test('a node that comes back with an empty disk gets every record again, whichever node it is', async () => {
  await using cluster = await threeNodes();
  const { topic, writers } = await underWriters(cluster);
  for (const node of cluster.nodes) {
    await node.kill();
    node.wipe();
    await node.start();
    await node.ready();
    await allInSync(cluster, topic);
    await allGoOn(writers);
  }
  expect(await ended(cluster, topic, writers)).toMatchObject(nothingWrong);
});

test('with a listener for brokers alone they copy over that one, and nobody follows at the port of clients', async () => {
  await using cluster = await startCluster({ nodes: 3, config: steadyBrokers, isStopped: true });
  const start = async (node: ClusterNode): Promise<void> => {
    const [port = '', controllerPort = ''] = [node.address, node.controllerAddress].map((at) => at.split(':')[1] ?? '');
    const own = `PLAINTEXT://127.0.0.1:${port},INNER://127.0.0.1:${await freePort()}`;
    await node.start({
      listeners: `${own},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': own,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'INNER',
    });
    await node.ready();
  };
  await Promise.all(cluster.nodes.map(start));
  const { topic, writers } = await underWriters(cluster);
  await allInSync(cluster, topic);
  expect(await RawFollower.dial(cluster.node(1), { nodeId: 2 })).toMatch(/cannot be reached/);
  expect(await ended(cluster, topic, writers)).toMatchObject(nothingWrong);
});

test('all nodes stop in order and start again, then all are killed at once: what was acknowledged is there each time', async () => {
  await using cluster = await threeNodes();
  const { topic, writers } = await underWriters(cluster);
  await Promise.all(writers.map((writer) => writer.stop()));
  const stops = await Promise.all(cluster.nodes.map((node) => node.stop()));
  expect(stops.map(({ code }) => code)).toEqual([0, 0, 0]);
  await cluster.start();
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  expect(await judgeWriters(cluster, topic, writers)).toMatchObject(nothingWrong);
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await cluster.start();
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  expect(await judgeWriters(cluster, topic, writers)).toMatchObject(nothingWrong);
});

test('a rolling restart: a client with its default retries sees no error, and each stop takes less than two seconds', async () => {
  await using cluster = await threeNodes();
  const { topic, writers } = await underWriters(cluster);
  await createReplicated(cluster, { name: `${topic}-rolled`, partitions: PARTITIONS }, minIsrTwo);
  const producer = new Producer({ clientId: 'rolling', bootstrapBrokers: cluster.bootstrap.split(',') });
  let sent = 0;
  let rolling = true;
  const sending = (async (): Promise<void> => {
    for (; rolling; sent += 1) {
      const partition = sent % PARTITIONS;
      // Its own records are none of the writers': another topic would do, this one has leaders on every node.
      await producer.send({ messages: [{ topic: `${topic}-rolled`, partition, value: Buffer.from(String(sent)) }] });
    }
  })();
  const tookMs: number[] = [];
  for (const node of cluster.nodes) {
    const stopped = await node.stop();
    expect(stopped.code).toBe(0);
    tookMs.push(stopped.tookMs);
    await node.start();
    await node.ready();
    await allInSync(cluster, topic);
  }
  rolling = false;
  await sending;
  await producer.close();
  expect(sent).toBeGreaterThan(0);
  expect(await ended(cluster, topic, writers)).toMatchObject(nothingWrong);
  for (const ms of tookMs) expect(ms).toBeLessThan(2_000);
});

/** Who coordinates a group, as any node that runs tells it once there is one. */
async function coordinator(cluster: Cluster, groupId: string): Promise<ClusterNode> {
  let nodeId = -1;
  await eventually(`${groupId} has a coordinator`, async () => {
    nodeId = await coordinatorOf(cluster, groupId);
    return nodeId > 0;
  });
  return cluster.node(nodeId);
}

/** -1: there is none now. */
async function coordinatorOf(cluster: Cluster, groupId: string): Promise<number> {
  const node = cluster.brokers.find(({ isAwake }) => isAwake);
  using wire = await Wire.open(node?.address ?? '');
  const { coordinators } = await wire.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [groupId] });
  const [found] = coordinators;
  return found === undefined || found.errorCode !== ErrorCode.NONE ? -1 : found.nodeId;
}

/** @returns -1 when it cannot be told now */
async function committed(cluster: Cluster, group: string, topic: string): Promise<number> {
  const nodeId = await coordinatorOf(cluster, group);
  const node = cluster.nodes.find(({ id }) => id === nodeId);
  if (node === undefined || !node.isAwake) return -1;
  using wire = await Wire.open(node.address);
  const groups = [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }];
  const answer = await wire.call(ApiKey.OffsetFetch, { groups }, 8);
  const found = answer.groups[0]?.topics[0]?.partitions[0];
  return found === undefined || found.errorCode !== ErrorCode.NONE ? -1 : found.committedOffset;
}

/** What its coordinator tells, whoever that is: as clients do, asked again while it is none, or reads its log. */
async function committedOnce(cluster: Cluster, group: string, topic: string): Promise<number> {
  let offset = -1;
  await eventually(`the offset of ${group} is told`, async () => {
    offset = await committed(cluster, group, topic).catch(() => -1);
    return offset >= 0;
  });
  return offset;
}

test('a group keeps its offsets and goes on when its coordinator dies, again and again', async () => {
  await using cluster = await threeNodes(minIsrTwo);
  const topic = freshName('read');
  const group = freshName('readers');
  await createReplicated(cluster, { name: topic, partitions: 1 }, minIsrTwo);
  const writers = ReplicatedWriter.beginAll(cluster, topic, 1, 20);
  const { Kafka, logLevel } = kafkajs;
  const kafka = new Kafka({ clientId: 'r', brokers: cluster.bootstrap.split(','), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100, sessionTimeout: 10_000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommitInterval: 100, eachMessage: () => Promise.resolve() });
  let last = -1;
  const goesOn = async (): Promise<void> => {
    await eventually(`${group} commits more than ${last}`, async () => {
      const now = await committed(cluster, group, topic).catch(() => -1);
      // What was committed once never goes back, whoever coordinates.
      if (now >= 0) expect(now).toBeGreaterThanOrEqual(last);
      if (now <= last + 5) return false;
      last = now;
      return true;
    });
  };
  await goesOn();
  await allInSync(cluster, '__consumer_offsets');
  for (let round = 0; round < 3; round += 1) {
    const victim = await coordinator(cluster, group);
    await victim.kill();
    await goesOn();
    await victim.start();
    await victim.ready();
    await allInSync(cluster, '__consumer_offsets');
    await allInSync(cluster, topic);
  }
  await consumer.disconnect();
  await Promise.all(writers.map((writer) => writer.stop()));
});

test('groups that began while one broker was up get their copies when others join, and outlive the first one', async () => {
  await using cluster = await startCluster({ controllers: 1, brokers: 3, config: steadyBrokers, isStopped: true });
  const [controller, first, ...others] = cluster.nodes;
  if (controller === undefined || first === undefined) throw new Error('there are nodes');
  await Promise.all([controller.start(), first.start()]);
  await first.ready();
  const topic = freshName('early');
  const group = freshName('early-group');
  await createReplicated(cluster, { name: topic, partitions: 1, copies: 1 });
  await eventually('the group has a coordinator', async () => (await coordinatorOf(cluster, group)) === first.id);
  await commitAt(first.address, { group, topic, offset: 42 });
  const before = await partitionsOf(first, '__consumer_offsets');
  expect(before.map(({ replicas }) => replicas)).toEqual(before.map(() => [first.id]));
  await Promise.all(others.map((node) => node.start()));
  await Promise.all(others.map((node) => node.ready()));
  await eventually('every partition of __consumer_offsets has three copies in sync', async () => {
    const seen = await partitionsOf(first, '__consumer_offsets');
    return seen.length > 0 && seen.every(({ replicas, isr }) => replicas.length === 3 && isr.length === 3);
  });
  await first.kill();
  expect(await committedOnce(cluster, group, topic)).toBe(42);
  const next = await coordinator(cluster, group);
  await commitAt(next.address, { group, topic, offset: 43 });
  expect(await committedOnce(cluster, group, topic)).toBe(43);
});

test('a commit that too few replicas would have is refused as COORDINATOR_NOT_AVAILABLE, and taken once they are back', async () => {
  await using cluster = await startCluster({ controllers: 1, brokers: 3, config: { ...minIsrTwo, ...steadyBrokers } });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const [topic, group] = [freshName('held'), freshName('held-group')];
  await createReplicated(cluster, { name: topic, partitions: 1 }, minIsrTwo);
  const holder = await coordinator(cluster, group);
  await commitAt(holder.address, { group, topic, offset: 7 });
  const others = cluster.brokers.filter((node) => node !== holder);
  await Promise.all(others.map((node) => node.kill()));
  using wire = await Wire.open(holder.address);
  const codes = new Set<string>();
  await eventually('too few replicas are in sync, and whoever commits is told to try again', async () => {
    const answer = await wire.call(ApiKey.OffsetCommit, commitOf({ group, topic, offset: 8 }), 8);
    codes.add(errorName(answer.topics[0]?.partitions[0]?.errorCode ?? 0));
    return codes.has('COORDINATOR_NOT_AVAILABLE');
  });
  for (const code of codes) expect(heldCodes).toContain(code);
  await Promise.all(others.map((node) => node.start()));
  await Promise.all(others.map((node) => node.ready()));
  await commitAt(holder.address, { group, topic, offset: 9 });
  expect(await committedOnce(cluster, group, topic)).toBe(9);
});

/** What a commit is told that cannot be kept now. */
const heldCodes = ['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'];
/** What clients try again by themselves; a broker that has just been made coordinator hears of it later than others. */
const passingCodes = [...heldCodes, 'NOT_COORDINATOR'];

type Committing = { readonly group: string; readonly topic: string; readonly offset: number };

/** As a client that is no member of the group. */
async function commitAt(address: string, committing: Committing): Promise<void> {
  using wire = await Wire.open(address);
  await eventually(`the coordinator takes offset ${committing.offset}`, async () => {
    const { topics } = await wire.call(ApiKey.OffsetCommit, commitOf(committing), 8);
    const code = topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (passingCodes.includes(errorName(code))) return false;
    expectNone(`commit of ${errorName(code)}`, code);
    return true;
  });
}

function commitOf({ group, topic, offset }: Committing) {
  const partitions = [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' }];
  const simple = { groupId: group, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null };
  return { ...simple, topics: [{ name: topic, partitions }] };
}
