import { expect, test } from 'vitest';
import { testLogConfig } from '../testing/config.ts';
import type { LogConfig } from '../types.ts';
import { cleanableOf, groupSegments, isDue, moreUrgent } from './cleanable.ts';
import type { Cleanable, CleanableInput } from './cleanable.ts';

const NOW_MS = 100_000;
const segments = [0, 10, 20, 30].map((baseOffset) => ({
  baseOffset,
  sizeBytes: 100,
  largestTimestampMs: 1_000 * baseOffset + 500,
  firstTimestampMs: 1_000 * baseOffset,
}));

function look(changes: Partial<Omit<CleanableInput, 'config'>> = {}, config: Partial<LogConfig> = {}): Cleanable {
  const compacted = testLogConfig({ cleanupCompact: true, ...config });
  const input = { segments, cleanedTo: 0, logStartOffset: 0, lastStableOffset: 35, nowMs: NOW_MS };
  return cleanableOf({ ...input, ...changes, config: compacted });
}

test('cleanable: every segment but the active one, as far as all is decided', () => {
  expect(look()).toMatchObject({ firstDirtyOffset: 0, endOffset: 30, cleanBytes: 0, dirtyBytes: 300, dirtyRatio: 1 });
  expect(look({ lastStableOffset: 30 }).endOffset).toBe(30);
  expect(look({ lastStableOffset: 29 }).endOffset).toBe(20);
  expect(look({ lastStableOffset: 9 })).toMatchObject({ endOffset: 0, dirtyBytes: 0, dirtyRatio: 0 });
  expect(look({ segments: segments.slice(0, 1) })).toMatchObject({ dirtyBytes: 0, dirtyRatio: 0 });
});

test('cleanable: what was cleaned before counts as clean, a segment that was cleaned in part as dirty', () => {
  expect(look({ cleanedTo: 20 })).toMatchObject({ firstDirtyOffset: 20, cleanBytes: 200, dirtyBytes: 100 });
  expect(look({ cleanedTo: 15 })).toMatchObject({ firstDirtyOffset: 15, cleanBytes: 100, dirtyBytes: 200 });
  expect(look({ cleanedTo: 30 })).toMatchObject({ cleanBytes: 300, dirtyBytes: 0, dirtyRatio: 0 });
  expect(look({ cleanedTo: 5, logStartOffset: 12 }).firstDirtyOffset).toBe(12);
  expect(look({ cleanedTo: 1_000 }).firstDirtyOffset).toBe(30);
});

test('cleanable: the ratio must be above min.cleanable.dirty.ratio, not at it', () => {
  const half = look({ cleanedTo: 10, segments: segments.slice(0, 3) });
  expect(half.dirtyRatio).toBe(0.5);
  expect(isDue(half, testLogConfig({ cleanupCompact: true, minCleanableDirtyRatio: 0.5 }))).toBe(false);
  expect(isDue(half, testLogConfig({ cleanupCompact: true, minCleanableDirtyRatio: 0.49 }))).toBe(true);
  expect(isDue(half, testLogConfig({ cleanupCompact: false, minCleanableDirtyRatio: 0 }))).toBe(false);
  const clean = look({ cleanedTo: 30 });
  expect(isDue(clean, testLogConfig({ cleanupCompact: true, minCleanableDirtyRatio: 0 }))).toBe(false);
});

test('cleanable: a segment with a record younger than min.compaction.lag.ms is left alone, and all after it', () => {
  expect(look({}, { minCompactionLagMs: NOW_MS - 20_500 }).endOffset).toBe(30);
  expect(look({}, { minCompactionLagMs: NOW_MS - 20_499 }).endOffset).toBe(20);
  // What is clean already was old enough then.
  expect(look({ cleanedTo: 30 }, { minCompactionLagMs: NOW_MS }).endOffset).toBe(30);
});

test('cleanable: past max.compaction.lag.ms of its oldest dirty record a log is due however clean it is, and before others', () => {
  const lag = { maxCompactionLagMs: 70_000, minCleanableDirtyRatio: 1 };
  const overdue = look({ cleanedTo: 20 }, lag);
  expect(overdue.overdueMs).toBe(10_000);
  expect(isDue(overdue, testLogConfig({ cleanupCompact: true, ...lag }))).toBe(true);
  expect(look({ cleanedTo: 20 }, { maxCompactionLagMs: 80_000 }).overdueMs).toBe(0);
  expect(look({ cleanedTo: 30 }, { maxCompactionLagMs: 1 }).overdueMs).toBe(0);
  const dirtier = look();
  expect([dirtier, overdue].toSorted(moreUrgent)).toEqual([overdue, dirtier]);
  expect([half(0.2), half(0.9)].toSorted(moreUrgent)).toEqual([half(0.9), half(0.2)]);
});

function half(dirtyRatio: number): Cleanable {
  return { ...look(), dirtyRatio };
}

test('groups: neighbours that fit together become one segment, in order, by bytes, index rows and offsets', () => {
  const of = (baseOffset: number, sizeBytes: number, nextBaseOffset: number, offsetRows = 1) => ({
    baseOffset,
    sizeBytes,
    nextBaseOffset,
    offsetRows,
  });
  const bases = (groups: readonly (readonly { baseOffset: number }[])[]): number[][] =>
    groups.map((group) => group.map(({ baseOffset }) => baseOffset));
  const roomy = { segmentBytes: 250, segmentIndexBytes: 1_000 };
  const three = [of(0, 100, 10), of(10, 150, 20), of(20, 1, 30)];
  expect(bases(groupSegments(three, roomy))).toEqual([[0, 10], [20]]);
  expect(bases(groupSegments(three, { ...roomy, segmentBytes: 1 }))).toEqual([[0], [10], [20]]);
  expect(bases(groupSegments(three, { ...roomy, segmentIndexBytes: 16 }))).toEqual([[0, 10], [20]]);
  expect(bases(groupSegments(three, { ...roomy, segmentIndexBytes: 15 }))).toEqual([[0], [10], [20]]);
  const far = (nextBaseOffset: number) => [of(0, 1, 10), of(10, 1, nextBaseOffset)];
  expect(bases(groupSegments(far(2 ** 31), roomy))).toEqual([[0, 10]]);
  expect(bases(groupSegments(far(2 ** 31 + 1), roomy))).toEqual([[0], [10]]);
  expect(groupSegments([], roomy)).toEqual([]);
});
