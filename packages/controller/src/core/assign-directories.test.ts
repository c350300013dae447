import { expect, test } from 'vitest';
import { DIRECTORY_UNASSIGNED, NO_LEADER } from '@odradek/metadata';
import { ErrorCode, LeaderRecoveryState, type AssignReplicasToDirsRequest } from '@odradek/protocol';
import { Harness, directoryOf, elrOff } from '../testing/harness.ts';

const [ONE, TWO, THREE] = [directoryOf(11), directoryOf(12), directoryOf(13)];

/** Broker 1 has two directories, broker 2 one. */
function cluster(): Harness {
  const harness = new Harness();
  harness.register(1, { logDirs: [ONE, TWO] });
  harness.beat(1);
  harness.start(2);
  harness.create({
    name: 't',
    replicas: [
      [1, 2],
      [1, 2],
      [2, 1],
    ],
  });
  return harness;
}

function assign(harness: Harness, brokerId: number, directory: string, partitions: readonly number[]) {
  return assignOf(harness, brokerId, {
    id: directory,
    topics: [{ topicId: topicIdOf(harness), partitions: indexes(partitions) }],
  });
}

const topicIdOf = (harness: Harness): string => harness.image.topics.byName('t')?.id ?? '';
const indexes = (partitions: readonly number[]) => partitions.map((partitionIndex) => ({ partitionIndex }));

function assignOf(harness: Harness, brokerId: number, directory: AssignReplicasToDirsRequest['directories'][number]) {
  const brokerEpoch = harness.brokers.get(brokerId)?.epoch ?? -1;
  const request = { brokerId, brokerEpoch, directories: [directory] };
  const reply = harness.admin({ kind: 'assignReplicasToDirs', request });
  return [reply.errorCode, ...(reply.directories[0]?.topics[0]?.partitions.map(({ errorCode }) => errorCode) ?? [])];
}

const fail = (harness: Harness, brokerId: number, ...offlineLogDirs: string[]) =>
  harness.beat(brokerId, { offlineLogDirs });

test('directories: a broker with several says where its replicas lie; the leader and its epoch stay', () => {
  const harness = cluster();
  expect(harness.partition('t').directories).toEqual([DIRECTORY_UNASSIGNED, directoryOf(2)]);
  expect(assign(harness, 1, ONE, [0, 1])).toEqual([0, 0, 0]);
  expect(harness.partition('t')).toMatchObject({ directories: [ONE, directoryOf(2)], leader: 1, leaderEpoch: 0 });
  expect(harness.partition('t', 2).directories).toEqual([directoryOf(2), DIRECTORY_UNASSIGNED]);
});

test("directories: what is unknown or not the broker's own is refused by itself, under Kafka's codes", () => {
  const harness = cluster();
  harness.start(3);
  expect(assign(harness, 1, ONE, [0, 9])).toEqual([0, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
  const unknown = { id: ONE, topics: [{ topicId: 'zzzzzzzzzzzzzzzzzzzzzA', partitions: indexes([0]) }] };
  expect(assignOf(harness, 1, unknown)).toEqual([0, ErrorCode.UNKNOWN_TOPIC_ID]);
  expect(assign(harness, 3, directoryOf(3), [0])).toEqual([0, ErrorCode.NOT_LEADER_OR_FOLLOWER]);
  expect(assign(harness, 9, ONE, [0])).toEqual([ErrorCode.STALE_BROKER_EPOCH]);
});

test('directories: a replica that is said to lie on a directory which is lost does not lead and is not in sync', () => {
  const harness = cluster();
  expect(assign(harness, 1, THREE, [0])).toEqual([0, 0]);
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2], directories: [THREE, directoryOf(2)] });
});

test('directories: when one fails, only what lies there loses the replica, in the batch that says so', () => {
  const harness = cluster();
  assign(harness, 1, ONE, [0]);
  assign(harness, 1, TWO, [1, 2]);
  const batches = harness.batches.length;
  expect(fail(harness, 1, TWO)).toMatchObject({ value: { fenced: false } });
  expect(harness.batches.length).toBe(batches + 1);
  expect(harness.image.cluster.broker(1)?.logDirs).toEqual([ONE]);
  expect(harness.partition('t', 0)).toMatchObject({ leader: 1, isr: [1, 2] });
  expect(harness.partition('t', 1)).toMatchObject({ leader: 2, isr: [2] });
  expect(harness.partition('t', 2)).toMatchObject({ leader: 2, isr: [2] });
});

test('directories: a failure that is known already, and a directory that nobody has, change nothing', () => {
  const harness = cluster();
  fail(harness, 1, TWO);
  const end = harness.image.endOffset;
  fail(harness, 1, TWO, THREE);
  expect(harness.image.endOffset).toBe(end);
});

test('directories: a broker whose last directory fails is fenced', () => {
  const harness = cluster();
  assign(harness, 1, ONE, [0, 1, 2]);
  expect(fail(harness, 1, ONE, TWO)).toMatchObject({ value: { fenced: true } });
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2] });
});

test('directories: a fenced broker is not unfenced by the heartbeat that tells of a failure, but by the next', () => {
  const harness = cluster();
  assign(harness, 1, TWO, [0]);
  harness.beat(2, { wantFence: true });
  harness.beat(1, { wantFence: true });
  expect(harness.partition('t').leader).toBe(NO_LEADER);
  expect(fail(harness, 1, TWO)).toMatchObject({ value: { fenced: true } });
  expect(harness.beat(1)).toMatchObject({ value: { fenced: false } });
  expect(harness.partition('t').leader).toBe(NO_LEADER);
});

test('directories: a replica that is made anew where another directory was lost leads only as the last known, and that is marked', () => {
  const harness = cluster();
  assign(harness, 1, ONE, [0, 1, 2]);
  harness.beat(2, { wantFence: true });
  fail(harness, 1, ONE);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [], elr: [1], lastKnownElr: [1] });
  assign(harness, 1, TWO, [0]);
  expect(harness.partition('t')).toMatchObject({
    leader: 1,
    isr: [1],
    elr: [],
    directories: [TWO, directoryOf(2)],
    leaderRecoveryState: LeaderRecoveryState.RECOVERING,
  });
});

test('directories: a replica that nobody leads and that is in sync leads when its directory is said to be one that is there', () => {
  const harness = new Harness({ image: elrOff() });
  harness.register(1, { logDirs: [ONE, TWO] });
  harness.beat(1);
  harness.create({ name: 't', replicas: [[1]] });
  assign(harness, 1, ONE, [0]);
  fail(harness, 1, ONE);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [1] });
  assign(harness, 1, TWO, [0]);
  expect(harness.partition('t')).toMatchObject({ leader: 1, isr: [1] });
});

test('directories: a life that registers again with one less leads nothing on it any more', () => {
  const harness = cluster();
  assign(harness, 1, ONE, [0]);
  assign(harness, 1, TWO, [1]);
  const { incarnationId = '' } = harness.brokers.get(1) ?? {};
  expect(harness.register(1, { incarnationId, logDirs: [ONE] })).toMatchObject({ ok: true });
  expect(harness.partition('t', 0)).toMatchObject({ leader: 1, isr: [1, 2] });
  expect(harness.partition('t', 1)).toMatchObject({ leader: 2, isr: [2] });
});
