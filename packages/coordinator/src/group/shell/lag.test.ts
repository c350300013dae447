import { UUID_ZERO } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import type { GroupLag, PartitionLag } from '../core/kinds.ts';
import { LagMeter } from './lag.ts';
import type { ConsumedLogs, EndAsk, EndTold } from './lag.ts';

const MEASURED_AT_MS = 10_000;
const known = (highWatermark: number, more: object = {}): EndTold => ({
  kind: 'known',
  logStartOffset: 0,
  highWatermark,
  lastStableOffset: -1,
  ...more,
});

/** A row as the shard gives it: measured here, or to be asked for at broker 2. */
function row(partition: number, committedOffset: number, more: Partial<PartitionLag> = {}): PartitionLag {
  return {
    topic: 'orders',
    topicId: UUID_ZERO,
    partition,
    committedOffset,
    committedLeaderEpoch: -1,
    committedAtMs: 1,
    logStartOffset: -1,
    highWatermark: -1,
    lastStableOffset: -1,
    lagRecords: -1,
    stableLagRecords: -1,
    nextOffset: -1,
    owner: null,
    note: null,
    leaderElsewhere: 2,
    ...more,
  };
}

/** The logs of this node, and what the leaders elsewhere tell in turn. */
function meterWith(...told: (readonly EndTold[])[]) {
  const asked: (readonly EndAsk[])[] = [];
  const logs: Pick<ConsumedLogs, 'timestampAt' | 'endsElsewhere'> = {
    timestampAt: () => Promise.resolve({ ok: true, value: 4_000 }),
    endsElsewhere: (asks) => {
      asked.push(asks);
      return Promise.resolve(told.shift() ?? []);
    },
  };
  const meter = new LagMeter({ clock: new SimClock(), logs, limits: { lagTimestampsKeptMax: 8 } });
  const age = (rows: readonly PartitionLag[], stable = false) => meter.age(lagOf(rows), stable);
  return { age, asked };
}

function lagOf(partitions: readonly PartitionLag[]): GroupLag {
  return { groupId: 'g', state: 'Stable', type: 'consumer', measuredAtMs: MEASURED_AT_MS, partitions };
}

test('lag elsewhere: leaders are asked for their partitions alone, and each row gets its own answer', async () => {
  const { age, asked } = meterWith([known(9, { timeMs: 7_000 }), { kind: 'unknown', why: 'broker 2 is silent' }]);
  const here = row(1, 3, { leaderElsewhere: -1, highWatermark: 5, lagRecords: 2, nextOffset: 3 });
  const lag = await age([row(0, 3), here, row(2, 3)], true);
  expect(asked).toEqual([
    [
      { leader: 2, topic: 'orders', partition: 0, stable: true, timeFrom: 3 },
      { leader: 2, topic: 'orders', partition: 2, stable: true, timeFrom: 3 },
    ],
  ]);
  expect(lag).toMatchObject({ lagRecordsSum: 8, lagMsMax: 6_000, unknownCount: 1 });
  expect(lag.partitions).toMatchObject([
    { partition: 0, highWatermark: 9, lagRecords: 6, lagMs: 3_000, behindSinceMs: 7_000 },
    { partition: 1, highWatermark: 5, lagRecords: 2, lagMs: 6_000, behindSinceMs: 4_000 },
    { partition: 2, highWatermark: -1, lagRecords: -1, lagMs: -1, note: 'broker 2 is silent' },
  ]);
});

test('lag elsewhere: the time of a record is asked for once', async () => {
  const { age, asked } = meterWith([known(9, { timeMs: 7_000 })], [known(11)]);
  await age([row(0, 3)]);
  const again = await age([row(0, 3)]);
  expect(asked.map(([ask]) => ask?.timeFrom)).toEqual([3, undefined]);
  expect(again.partitions).toMatchObject([{ lagRecords: 8, lagMs: 3_000 }]);
});

test('lag elsewhere: the time of a record that was deleted since counts no more', async () => {
  const begun = { logStartOffset: 5 };
  const { age, asked } = meterWith(
    [known(9, { timeMs: 7_000 })],
    [known(9, begun)],
    [known(9, { ...begun, timeMs: 8_000 })],
  );
  await age([row(0, 3)]);
  const moved = await age([row(0, 3)]);
  expect(moved.partitions).toMatchObject([{ lagRecords: 4, nextOffset: 5, lagMs: -1 }]);
  const then = await age([row(0, 3)]);
  expect(asked.map(([ask]) => ask?.timeFrom)).toEqual([3, undefined, 3]);
  expect(then.partitions).toMatchObject([{ lagRecords: 4, nextOffset: 5, lagMs: 2_000 }]);
});

test('lag elsewhere: who has nothing committed or nothing to read has no age', async () => {
  const { age, asked } = meterWith([known(9), known(4)]);
  const lag = await age([row(0, -1), row(1, 4)]);
  expect(asked[0]?.map(({ timeFrom }) => timeFrom)).toEqual([undefined, 4]);
  expect(lag.partitions).toMatchObject([
    { highWatermark: 9, lagRecords: -1, lagMs: -1, note: expect.stringContaining('nothing is committed') as string },
    { highWatermark: 4, lagRecords: 0, lagMs: 0, note: null },
  ]);
});

test('lag elsewhere: why the age is not known is told', async () => {
  const { age } = meterWith([known(9, { timeProblem: 'the disk is gone' })]);
  const lag = await age([row(0, 3)]);
  expect(lag.partitions).toMatchObject([
    { lagRecords: 6, lagMs: -1, note: 'how old the lag is, is not known: the disk is gone' },
  ]);
});
