import type { EpochEnd } from '@odradek/log';
import { batch, buildBatch, ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutAtDivergence, cutToRange, judgeBatches, progressOf } from './follower.ts';
import type { FollowerFacts } from './follower.ts';

const facts: FollowerFacts = { logStart: 10, logEnd: 100, highWatermark: 80, latestEpoch: 5 };
const sent = { fetchOffset: 100, leaderEpoch: 7, logStartOffset: 0 };

/** Batches of `count` records each, as a leader has them. */
function batches(...of: readonly (readonly [baseOffset: number, count: number, epoch: number])[]): Buffer {
  return Buffer.concat(
    of.map(([baseOffset, count, epoch]) => {
      const records = Array.from({ length: count }, () => ({ timestampMs: 1, value: Buffer.from('v') }));
      const made = buildBatch({}, records);
      batch.setBaseOffset(made, 0, baseOffset);
      batch.setPartitionLeaderEpoch(made, 0, epoch);
      return made;
    }),
  );
}

test('follower: batches that continue its log are appended, with the gaps that compaction left in them', () => {
  expect(judgeBatches(batches([100, 3, 5], [103, 1, 7]), sent, facts)).toEqual({ ok: true, value: { kind: 'append' } });
  expect(judgeBatches(batches([120, 3, 5], [150, 1, 6]), sent, facts)).toMatchObject({ value: { kind: 'append' } });
});

test('follower: the last batch may be cut short, the log takes the whole ones', () => {
  const whole = batches([100, 3, 5], [103, 3, 5]);
  expect(judgeBatches(whole.subarray(0, whole.length - 5), sent, facts)).toMatchObject({ value: { kind: 'append' } });
});

test.for<[string, Buffer, Partial<typeof sent>, number]>([
  ['sent for another end than its own', batches([90, 3, 5]), { fetchOffset: 90 }, ErrorCode.OFFSET_OUT_OF_RANGE],
  ['sent beyond its end', batches([110, 3, 5]), { fetchOffset: 110 }, ErrorCode.OFFSET_OUT_OF_RANGE],
  ['that begin below its end', batches([99, 3, 5]), {}, ErrorCode.OFFSET_OUT_OF_RANGE],
  ['of an older epoch than its last record', batches([100, 3, 4]), {}, ErrorCode.INVALID_RECORD],
  ['whose epochs go back', batches([100, 1, 6], [101, 1, 5]), {}, ErrorCode.INVALID_RECORD],
  ['of a newer epoch than its leader', batches([100, 3, 8]), {}, ErrorCode.INVALID_RECORD],
  ['without an epoch', batches([100, 3, -1]), {}, ErrorCode.INVALID_RECORD],
  ['that are none', Buffer.alloc(0), {}, ErrorCode.INVALID_RECORD],
  ['that are zeros', Buffer.alloc(200), {}, ErrorCode.CORRUPT_MESSAGE],
])('follower: batches %s are refused', ([, records, how, code]) => {
  expect(judgeBatches(records, { ...sent, ...how }, facts)).toMatchObject({ ok: false, code });
});

test('follower: with an empty log that starts within a batch, it begins anew with the whole of it', () => {
  const empty = { logStart: 100, logEnd: 100, highWatermark: 100, latestEpoch: undefined };
  expect(judgeBatches(batches([98, 5, 5]), sent, empty)).toEqual({ ok: true, value: { kind: 'restart', at: 98 } });
  expect(judgeBatches(batches([90, 5, 5]), sent, empty)).toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
});

test('follower: what its leader has deleted is no hindrance to a batch that begins within it', () => {
  const deleted = { ...sent, logStartOffset: 100 };
  expect(judgeBatches(batches([98, 5, 5]), deleted, facts)).toEqual({ ok: true, value: { kind: 'restart', at: 98 } });
  expect(judgeBatches(batches([98, 5, 5]), { ...sent, logStartOffset: 99 }, facts)).toMatchObject({
    code: ErrorCode.OFFSET_OUT_OF_RANGE,
  });
});

test('follower: where histories part it is cut to the lesser end of the last epoch that both know', () => {
  const theirs = { leaderEpoch: 4, endOffset: 60 };
  expect(cutAtDivergence(theirs, { leaderEpoch: 4, endOffset: 90 }, { ...facts, highWatermark: 50 })).toEqual({
    ok: true,
    value: { kind: 'truncate', to: 60, losesCommitted: false },
  });
  expect(cutAtDivergence({ leaderEpoch: 4, endOffset: 95 }, { leaderEpoch: 4, endOffset: 90 }, facts)).toMatchObject({
    value: { to: 90 },
  });
  expect(cutAtDivergence({ leaderEpoch: 4, endOffset: 85 }, { leaderEpoch: 3, endOffset: 40 }, facts)).toEqual({
    ok: true,
    value: { kind: 'truncate', to: 40, losesCommitted: true },
  });
  expect(cutAtDivergence({ leaderEpoch: 1, endOffset: 20 }, undefined, facts)).toMatchObject({ value: { to: 20 } });
});

test('follower: a divergence that would cut nothing is refused, so that it is not asked for forever', () => {
  for (const endOffset of [100, 200, -1]) {
    const cut = cutAtDivergence({ leaderEpoch: 5, endOffset }, { leaderEpoch: 5, endOffset: 100 }, facts);
    expect(cut).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
  }
});

test('follower: below its leader it begins anew, above it is cut, between it asks again', () => {
  expect(cutToRange(150, 200, facts)).toEqual({ kind: 'restart', at: 150, losesCommitted: false });
  expect(cutToRange(0, 70, facts)).toEqual({ kind: 'truncate', to: 70, losesCommitted: true });
  expect(cutToRange(0, 90, facts)).toEqual({ kind: 'truncate', to: 90, losesCommitted: false });
  expect(cutToRange(50, 200, facts)).toEqual({ kind: 'none' });
  expect(cutToRange(100, 100, facts)).toEqual({ kind: 'none' });
});

test('follower: what its leader tells moves it forward only, and not beyond its own log', () => {
  expect(progressOf({ highWatermark: 90, logStartOffset: 20 }, facts)).toEqual({ highWatermark: 90, logStart: 20 });
  expect(progressOf({ highWatermark: 70, logStartOffset: 0 }, facts)).toEqual({ highWatermark: 80, logStart: 10 });
  expect(progressOf({ highWatermark: 500, logStartOffset: 400 }, facts)).toEqual({ highWatermark: 100, logStart: 100 });
});

/** A log as the epochs of its records. */
const history = fc
  .array(fc.record({ gap: fc.integer({ min: 1, max: 3 }), count: fc.integer({ min: 1, max: 5 }) }), { maxLength: 6 })
  .map((runs) => {
    const epochs: number[] = [];
    let epoch = 0;
    for (const { gap, count } of runs) {
      epoch += gap;
      for (let at = 0; at < count; at += 1) epochs.push(epoch);
    }
    return epochs;
  });

/** As KIP-320 says, of a log whose leader has begun `current` without a record of it. */
function endOf(log: readonly number[], epoch: number): EpochEnd | undefined {
  if (log.length === 0) return undefined;
  const next = log.findIndex((each) => each > epoch);
  const endOffset = next < 0 ? log.length : next;
  return { leaderEpoch: log[endOffset - 1] ?? epoch, endOffset };
}

test('follower: from wherever histories part, it comes to where they agree, without cutting what both have', () => {
  fc.assert(
    fc.property(history, history, history, (common, leaderOnly, followerOnly) => {
      const last = common.at(-1) ?? 0;
      // Nobody writes in one epoch but its leader: what only the one has is of epochs that the other does not have.
      const leader = [...common, ...leaderOnly.map((epoch) => last + 2 * epoch)];
      let follower = [...common, ...followerOnly.map((epoch) => last + 2 * epoch - 1)];
      for (let round = 0; ; round += 1) {
        expect(round).toBeLessThan(20);
        const lastFetchedEpoch = follower.at(-1) ?? -1;
        if (lastFetchedEpoch < 0) break;
        const end = endOf(leader, lastFetchedEpoch) ?? { leaderEpoch: lastFetchedEpoch, endOffset: leader.length };
        if (end.leaderEpoch === lastFetchedEpoch && end.endOffset >= follower.length) break;
        const known = { logStart: 0, logEnd: follower.length, highWatermark: 0, latestEpoch: lastFetchedEpoch };
        const cut = cutAtDivergence(end, endOf(follower, end.leaderEpoch), known);
        if (!cut.ok || cut.value.kind !== 'truncate') throw new Error(JSON.stringify(cut));
        follower = follower.slice(0, cut.value.to);
      }
      expect(follower).toEqual(common);
    }),
  );
});
