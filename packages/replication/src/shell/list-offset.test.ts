import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, now, Rig } from '../testing/rig.ts';

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const PENDING_UPLOAD = -6;

async function list(
  rig: Rig,
  timestampMs: number,
  change: { epoch?: number; isolation?: 'read_committed' | 'log_end'; fromAnyReplica?: boolean } = {},
): Promise<unknown> {
  const outcome = await rig.replicas.listOffset({
    topic: 't',
    partition: 0,
    timestampMs,
    currentLeaderEpoch: change.epoch ?? -1,
    isolation: change.isolation ?? 'read_uncommitted',
    fromAnyReplica: change.fromAnyReplica ?? false,
  });
  return outcome.ok ? outcome.value : outcome.code;
}

/** Three batches of two records at 1000, 1001 · 3000, 3001 · 2000, 2001 ms. */
async function filled(): Promise<Rig> {
  const rig = await Rig.open();
  await rig.createTopic('t', { leaderEpoch: 2, configs: { 'message.timestamp.before.max.ms': '9223372036854775807' } });
  for (const timestampMs of [1_000, 3_000, 2_000]) now(rig.produce('t', { records: batchOf(2, {}, timestampMs) }));
  return rig;
}

test('list offsets: latest, earliest, the largest timestamp and tiers each have their meaning', async () => {
  const rig = await filled();
  expect(await list(rig, LATEST)).toEqual({ offset: 6, timestampMs: -1, leaderEpoch: 2 });
  expect(await list(rig, EARLIEST)).toEqual({ offset: 0, timestampMs: -1, leaderEpoch: 2 });
  expect(await list(rig, EARLIEST_LOCAL)).toEqual({ offset: 0, timestampMs: -1, leaderEpoch: 2 });
  expect(await list(rig, MAX_TIMESTAMP)).toEqual({ offset: 3, timestampMs: 3_001, leaderEpoch: 2 });
  expect(await list(rig, LATEST_TIERED)).toEqual({ offset: -1, timestampMs: -1, leaderEpoch: -1 });
  expect(await list(rig, PENDING_UPLOAD)).toEqual({ offset: -1, timestampMs: -1, leaderEpoch: -1 });
});

test('list offsets: by time, exact to the record', async () => {
  const rig = await filled();
  expect(await list(rig, 1_001)).toEqual({ offset: 1, timestampMs: 1_001, leaderEpoch: 2 });
  expect(await list(rig, 1_002)).toEqual({ offset: 2, timestampMs: 3_000, leaderEpoch: 2 });
  expect(await list(rig, 3_002)).toBeUndefined();
});

test('list offsets: an empty partition has ends of its own epoch, and no record', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { leaderEpoch: 4 });
  expect(await list(rig, LATEST)).toEqual({ offset: 0, timestampMs: -1, leaderEpoch: 4 });
  expect(await list(rig, EARLIEST)).toEqual({ offset: 0, timestampMs: -1, leaderEpoch: 4 });
  expect(await list(rig, MAX_TIMESTAMP)).toBeUndefined();
  expect(await list(rig, 0)).toBeUndefined();
});

test('list offsets: only the leader answers, at the epoch that the client believes in', async () => {
  const rig = await filled();
  expect(await list(rig, LATEST, { epoch: 1 })).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  expect(await list(rig, LATEST, { epoch: 3 })).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  await rig.commit([rig.partitionChange('t', { leader: 2, replicas: [1, 2], isr: [2] })]);
  expect(await list(rig, LATEST)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test('list offsets: nothing above what is committed is told, and read_committed stops at the last stable offset', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  now(rig.produce('t', { batch: { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true } }));
  expect(await list(rig, LATEST)).toMatchObject({ offset: 1 });
  expect(await list(rig, LATEST, { isolation: 'read_committed' })).toMatchObject({ offset: 0 });
  expect(await list(rig, MAX_TIMESTAMP, { isolation: 'read_committed' })).toBeUndefined();
});

test('list offsets: a new leader that does not know what is committed says so instead of moving back', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2] });
  now(rig.produce('t', { acks: 1 }));
  expect(await list(rig, LATEST)).toMatchObject({ offset: 0 });
  await rig.elect('t', 1);
  expect(await list(rig, LATEST)).toBe(ErrorCode.OFFSET_NOT_AVAILABLE);
  expect(await list(rig, MAX_TIMESTAMP)).toBe(ErrorCode.OFFSET_NOT_AVAILABLE);
  expect(await list(rig, EARLIEST)).toMatchObject({ offset: 0 });
});

test('list offsets: a failing disk is a storage error', async () => {
  const rig = await Rig.open({ limits: { tailCacheBytesMax: 1 } });
  await rig.createTopic('t');
  now(rig.produce('t', { count: 3 }));
  rig.files.failWhen((point) => (point === 'read' ? 'EIO' : undefined));
  expect(await list(rig, rig.clock.nowMs() + 1)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
});

test('end of an epoch: the present one ends at the log end, an earlier one where the next begins, an unknown one nowhere', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { leaderEpoch: 1 });
  const end = (leaderEpoch: number, currentLeaderEpoch = -1): unknown => {
    const outcome = rig.replicas.endOffsetForEpoch({ topic: 't', partition: 0, currentLeaderEpoch, leaderEpoch });
    return outcome.ok ? [outcome.value.leaderEpoch, outcome.value.endOffset] : outcome.code;
  };
  expect([end(0), end(1), end(2)]).toEqual([
    [0, 0],
    [1, 0],
    [-1, -1],
  ]);
  now(rig.produce('t', { count: 2 }));
  await rig.elect('t', 1);
  await rig.elect('t', 1);
  expect([end(0), end(1), end(2), end(3), end(4), end(-1)]).toEqual([
    [0, 0],
    [1, 2],
    [1, 2],
    [3, 2],
    [-1, -1],
    [-1, -1],
  ]);
  now(rig.produce('t'));
  expect([end(1), end(2), end(3)]).toEqual([
    [1, 2],
    [1, 2],
    [3, 3],
  ]);
  expect(end(1, 2)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
});

test('list offsets: replicas and debugging tools are told of what is not committed yet, the latter by followers too', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2], leaderEpoch: 2 });
  now(rig.produce('t', { acks: 1 }));
  const end = { offset: 1, timestampMs: -1, leaderEpoch: 2 };
  expect(await list(rig, LATEST)).toEqual({ ...end, offset: 0 });
  expect(await list(rig, LATEST, { isolation: 'log_end' })).toEqual(end);
  await rig.elect('t', 2);
  expect(await list(rig, LATEST, { isolation: 'log_end' })).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  const debugger_ = { isolation: 'log_end', fromAnyReplica: true } as const;
  expect(await list(rig, LATEST, debugger_)).toEqual({ ...end, leaderEpoch: 3 });
});
