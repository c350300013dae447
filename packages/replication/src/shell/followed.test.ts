import type { Logger } from '@odradek/base';
import { batch, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { FollowedPartition, ReplicaFetchers } from '../replica-types.ts';
import { batchOf, now, Rig } from '../testing/rig.ts';
import type { RigOptions } from '../testing/rig.ts';

class Fetchers implements ReplicaFetchers {
  readonly told: string[] = [];
  follow(partition: FollowedPartition): void {
    this.told.push(`follow ${partition.topic} of ${partition.leader} at ${partition.leaderEpoch}`);
  }
  unfollow(partition: FollowedPartition): void {
    this.told.push(`unfollow ${partition.topic}`);
  }
}

/** Broker 1 follows broker 2, which leads `t` at epoch 5. */
async function following(options: RigOptions = {}): Promise<{ rig: Rig; fetchers: Fetchers }> {
  const fetchers = new Fetchers();
  const rig = await Rig.open({ fetchers, ...options });
  await rig.createTopic('t', { replicas: [1, 2], leader: 2, leaderEpoch: 5 });
  return { rig, fetchers };
}

/** One batch of `count` records as a leader has it. */
function sent(baseOffset: number, count = 1, epoch = 5): Buffer {
  const records = batchOf(count);
  batch.setBaseOffset(records, 0, baseOffset);
  batch.setPartitionLeaderEpoch(records, 0, epoch);
  return records;
}

type Told = { readonly highWatermark?: number; readonly logStartOffset?: number };

function replicate(rig: Rig, records: Buffer, fetchOffset: number, told: Told = {}): unknown {
  const outcome = rig.partition('t').replicate(records, { highWatermark: 0, logStartOffset: 0, ...told, fetchOffset });
  return outcome.ok ? outcome.value : outcome.code;
}

const at = (rig: Rig): unknown => {
  const { logStartOffset, logEndOffset, highWatermark } = rig.partition('t');
  return [logStartOffset, highWatermark, logEndOffset];
};

function listening(): { readonly lines: string[]; readonly log: Logger } {
  const lines: string[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn: (_fields, message) => void lines.push(message),
    error: (_fields, message) => void lines.push(message),
    child: () => log,
  };
  return { lines, log };
}

test('a follower takes what its leader sends, and what is committed of it as far as it has it', async () => {
  const { rig } = await following();
  expect(rig.partition('t').position()).toEqual({ fetchOffset: 0, lastFetchedEpoch: -1, logStartOffset: 0 });
  expect(replicate(rig, sent(0, 3), 0, { highWatermark: 100 })).toBe(3);
  expect(replicate(rig, sent(3, 2), 3, { highWatermark: 4 })).toBe(5);
  expect(at(rig)).toEqual([0, 4, 5]);
  expect(rig.partition('t').position()).toEqual({ fetchOffset: 5, lastFetchedEpoch: 5, logStartOffset: 0 });
  rig.partition('t').progress({ highWatermark: 5, logStartOffset: 2 });
  expect(at(rig)).toEqual([2, 5, 5]);
  rig.partition('t').progress({ highWatermark: 1, logStartOffset: 0 });
  expect(at(rig)).toEqual([2, 5, 5]);
});

test('a follower refuses a gap, an overlap, an older epoch and a damaged batch, and keeps what it has', async () => {
  const { rig } = await following();
  replicate(rig, sent(0, 3), 0);
  const damaged = sent(3);
  damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
  expect(replicate(rig, sent(5), 5)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  expect(replicate(rig, sent(0, 3), 0)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  expect(replicate(rig, sent(2), 3)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  expect(replicate(rig, sent(3, 1, 4), 3)).toBe(ErrorCode.INVALID_RECORD);
  expect(replicate(rig, sent(3, 1, 6), 3)).toBe(ErrorCode.INVALID_RECORD);
  expect(replicate(rig, damaged, 3)).toBe(ErrorCode.CORRUPT_MESSAGE);
  expect(at(rig)).toEqual([0, 0, 3]);
});

test('a follower is cut where its history parts from its leader, and says so when that was committed', async () => {
  const { lines, log } = listening();
  const { rig } = await following({ log });
  replicate(rig, Buffer.concat([sent(0, 3, 3), sent(3, 2, 4), sent(5, 2, 5)]), 0, { highWatermark: 3 });
  expect(rig.partition('t').diverging(4, 4)).toEqual({ ok: true, value: undefined });
  // A batch is cut as a whole.
  expect(at(rig)).toEqual([0, 3, 3]);
  expect(rig.partition('t').position()).toMatchObject({ fetchOffset: 3, lastFetchedEpoch: 3 });
  expect(lines).toEqual([]);
  expect(rig.partition('t').diverging(0, 0)).toEqual({ ok: true, value: undefined });
  expect(at(rig)).toEqual([0, 0, 0]);
  expect(lines).toHaveLength(1);
  expect(rig.metrics.value('odradek_committed_lost_total', {})).toBe(1);
});

test('a follower whose leader says that they part where nothing is left to cut refuses, and keeps what it has', async () => {
  const { rig } = await following();
  replicate(rig, sent(0, 3), 0);
  expect(rig.partition('t').diverging(5, 3)).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
  expect(rig.partition('t').outOfRange(5, 3)).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
  expect(at(rig)).toEqual([0, 0, 3]);
});

test('a follower below its leader begins anew at the start of the leader, one above is cut to its end', async () => {
  const { rig } = await following();
  replicate(rig, Buffer.concat([sent(0, 3), sent(3, 3)]), 0, { highWatermark: 3 });
  rig.partition('t').outOfRange(0, 3);
  expect(at(rig)).toEqual([0, 3, 3]);
  rig.partition('t').outOfRange(50, 80);
  expect(at(rig)).toEqual([50, 50, 50]);
  expect(rig.partition('t').position()).toEqual({ fetchOffset: 50, lastFetchedEpoch: -1, logStartOffset: 50 });
  // The leader's start lies within a batch, which comes whole.
  expect(replicate(rig, sent(48, 5), 50, { highWatermark: 53, logStartOffset: 50 })).toBe(53);
  expect(at(rig)).toEqual([50, 53, 53]);
});

test('a follower gives consumers what is committed, and wakes those who wait when it hears of more (KIP-392)', async () => {
  const { rig } = await following();
  replicate(rig, sent(0, 3), 0);
  const asked = { fromAnyReplica: true, maxWaitMs: 10_000 };
  const waiting = rig.fetch([{ topic: 't' }], asked);
  rig.partition('t').progress({ highWatermark: 3, logStartOffset: 0 });
  expect(await waiting).toMatchObject([{ code: 0, highWatermark: 3 }]);
  // Above what is committed, and within the log: nothing yet. Beyond the log: the consumer asks the leader.
  const codeAt = (fetchOffset: number): unknown =>
    now(rig.fetch([{ topic: 't', fetchOffset }], { ...asked, maxWaitMs: 0 }))[0];
  replicate(rig, sent(3, 2), 3);
  expect(codeAt(4)).toMatchObject({ code: 0, sizeBytes: 0 });
  expect(codeAt(6)).toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
});

test('a follower that has come back gives nothing before its leader has agreed with what it holds', async () => {
  const before = await following();
  replicate(before.rig, sent(0, 3), 0, { highWatermark: 3 });
  before.rig.replicas.close();
  await before.rig.logs.close();
  const { files, clock, image } = before.rig;
  const rig = await Rig.open({ files, clock, image, highWatermarks: new Map([['t-0', 3]]) });
  const asked = { fromAnyReplica: true };
  expect(now(rig.fetch([{ topic: 't' }], asked))).toMatchObject([{ code: ErrorCode.OFFSET_NOT_AVAILABLE }]);
  expect(rig.replicas.committedEnd('t', 0)).toBeUndefined();
  rig.partition('t').progress({ highWatermark: 3, logStartOffset: 0 });
  expect(await rig.fetch([{ topic: 't' }], asked)).toMatchObject([{ code: 0, highWatermark: 3 }]);
  expect(rig.replicas.committedEnd('t', 0)).toBe(3);
});

test('a follower whose disk fails stops following, and does not fall over', async () => {
  const { rig } = await following();
  replicate(rig, sent(0, 3), 0);
  rig.files.failWhen((point) => (point === 'write' ? 'EIO' : undefined));
  expect(replicate(rig, sent(3), 3)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  rig.partition('t').progress({ highWatermark: 3, logStartOffset: 0 });
  expect(at(rig)).toEqual([0, 3, 3]);
  expect(rig.metrics.value('odradek_partitions', { state: 'offline' })).toBe(1);
});

test('hosting: fetchers follow as metadata says, once for an epoch, and let go of what is led, leaderless or gone', async () => {
  const { rig, fetchers } = await following();
  await rig.commit([rig.partitionChange('t', { isr: [2] })]);
  expect(fetchers.told.splice(0)).toEqual(['follow t of 2 at 5']);
  await rig.commit([rig.partitionChange('t', { isr: [1, 2] })]);
  await rig.elect('t', 2);
  await rig.elect('t', 1);
  expect(fetchers.told.splice(0)).toEqual(['follow t of 2 at 6', 'unfollow t']);
  expect(replicate(rig, sent(0), 0)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  await rig.elect('t', 2);
  await rig.elect('t', -1);
  expect(fetchers.told.splice(0)).toEqual(['follow t of 2 at 8', 'unfollow t']);
  await rig.elect('t', 2);
  await rig.commit([rig.partitionChange('t', { replicas: [2], isr: [2] })]);
  expect(fetchers.told.splice(0)).toEqual(['follow t of 2 at 10', 'unfollow t']);
  await rig.commit([rig.partitionChange('t', { replicas: [2, 1] })]);
  expect(fetchers.told.splice(0)).toEqual(['follow t of 2 at 10']);
  await rig.deleteTopic('t');
  expect(fetchers.told).toEqual(['unfollow t']);
});

test('hosting: retention of a follower leaves what it does not know to be committed', async () => {
  const { rig } = await following();
  await rig.configure('t', 'retention.ms', '1');
  await rig.configure('t', 'segment.bytes', '1048576');
  replicate(rig, Buffer.concat([sent(0, 3), sent(3, 3)]), 0, { highWatermark: 3 });
  const { log, highWatermark } = rig.partition('t');
  await rig.clock.advance(10);
  expect(log.deleteOldSegments(rig.clock.nowMs() + 1e12, highWatermark)).toBe(0);
  rig.partition('t').progress({ highWatermark: 6, logStartOffset: 0 });
  expect(log.deleteOldSegments(rig.clock.nowMs() + 1e12, rig.partition('t').highWatermark)).toBe(1);
});
