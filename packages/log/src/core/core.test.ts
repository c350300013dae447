import { Prng } from '@odradek/base';
import { batch } from '@odradek/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testLogConfig } from '../testing/config.ts';
import { NOW_MS, makeBatch, split } from '../testing/harness.ts';
import { Epochs } from './epochs.ts';
import { OffsetIndex, TimeIndex } from './indexes.ts';
import { decodeSnapshot, encodeSnapshot } from './producer-snapshot.ts';
import { BATCHES_KEPT, Producers } from './producers.ts';
import { judgeBatch } from './recovery.ts';
import { segmentsDue } from './retention.ts';
import { mustRoll } from './roll.ts';
import { Tail, TailCache } from './tail.ts';
import { collectAborted, decodeAborted, encodeAborted } from './txn-index.ts';

describe('roll', () => {
  const segment = {
    baseOffset: 0,
    sizeBytes: 500,
    firstTimestampMs: 1_000,
    createdMs: 0,
    jitterMs: 0,
    offsetEntries: 3,
    timeEntries: 3,
  };
  const incoming = { sizeBytes: 100, maxTimestampMs: 1_500, lastOffset: 50 };
  const config = testLogConfig({ segmentBytes: 600, segmentMs: 500, segmentIndexBytes: 80 });

  test('each bound rolls one past it, not at it', () => {
    expect(mustRoll(segment, incoming, 0, config)).toBe(false);
    expect(mustRoll(segment, { ...incoming, sizeBytes: 101 }, 0, config)).toBe(true);
    expect(mustRoll(segment, { ...incoming, maxTimestampMs: 1_501 }, 0, config)).toBe(true);
    expect(mustRoll({ ...segment, jitterMs: 1 }, incoming, 0, config)).toBe(true);
    expect(mustRoll({ ...segment, offsetEntries: 10 }, incoming, 0, config)).toBe(true);
    expect(mustRoll({ ...segment, timeEntries: 5 }, incoming, 0, config)).toBe(true);
    expect(mustRoll(segment, { ...incoming, lastOffset: 0x7fff_ffff }, 0, config)).toBe(false);
    expect(mustRoll(segment, { ...incoming, lastOffset: 0x8000_0000 }, 0, config)).toBe(true);
  });

  test('an empty segment does not roll by size or time; without timestamps the wall clock counts', () => {
    expect(mustRoll({ ...segment, sizeBytes: 0 }, { ...incoming, sizeBytes: 10_000 }, 99_999, config)).toBe(false);
    const timeless = { ...segment, firstTimestampMs: -1 };
    expect(mustRoll(timeless, incoming, 500, config)).toBe(false);
    expect(mustRoll(timeless, incoming, 501, config)).toBe(true);
  });
});

describe('retention', () => {
  const segments = [0, 10, 20].map((baseOffset) => ({
    baseOffset,
    sizeBytes: 100,
    largestTimestampMs: 1_000 + baseOffset,
  }));
  const input = { segments, logStartOffset: 0, logEndOffset: 30, highWatermark: 30, nowMs: 1_000 };
  const due = (config: Parameters<typeof testLogConfig>[0], changes = {}) =>
    segmentsDue({ ...input, ...changes, config: testLogConfig({ retentionMs: -1, ...config }) });

  test('by size: the oldest go while what is left is still enough', () => {
    expect(due({ retentionBytes: 201 })).toBe(0);
    expect(due({ retentionBytes: 200 })).toBe(1);
    expect(due({ retentionBytes: 0 })).toBe(3);
    expect(due({ retentionBytes: -1 })).toBe(0);
  });

  test('by time: strictly older than retention.ms, from the oldest on', () => {
    expect(due({ retentionMs: 100 }, { nowMs: 1_100 })).toBe(0);
    expect(due({ retentionMs: 100 }, { nowMs: 1_111 })).toBe(2);
    expect(due({ retentionMs: 0 }, { nowMs: 99_999 })).toBe(3);
  });

  test('by log start, also when only compacted; never past the high watermark', () => {
    expect(due({ cleanupDelete: false, cleanupCompact: true, retentionBytes: 0 }, { logStartOffset: 15 })).toBe(1);
    expect(due({ cleanupDelete: false }, { logStartOffset: 30 })).toBe(2);
    expect(due({ retentionBytes: 0 }, { highWatermark: 19 })).toBe(1);
  });

  test('an empty active segment stays', () => {
    const empty = [...segments, { baseOffset: 30, sizeBytes: 0, largestTimestampMs: 0 }];
    expect(due({ retentionMs: 0 }, { segments: empty, nowMs: 99_999 })).toBe(3);
  });
});

describe('indexes', () => {
  test('lookups agree with a plain search, after evictions and reloads alike', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 200 }), fc.nat(), (gaps, seed) => {
        const index = new OffsetIndex(1_000);
        const times = new TimeIndex(1_000);
        const entries: { offset: number; position: number; timestampMs: number }[] = [];
        const luck = new Prng(seed);
        let file = Buffer.alloc(0);
        let last = { offset: 1_000, position: 0, timestampMs: 0 };
        for (const gap of gaps) {
          last = { offset: last.offset + gap, position: last.position + gap * 70, timestampMs: last.timestampMs + gap };
          entries.push(last);
          index.add(last.offset, last.position);
          times.add(last.timestampMs, last.offset);
          if (luck.below(4) === 0) {
            const { bytes, position } = index.rows.unsaved();
            file = Buffer.concat([file.subarray(0, position), bytes]);
            index.rows.markSaved();
            index.rows.evict();
          }
        }
        for (let probe = 0; probe < 20; probe += 1) {
          const offset = 1_000 + luck.below(last.offset - 990);
          if (!index.covers(offset)) index.rows.restore(file);
          const expected = entries.findLast((entry) => entry.offset <= offset)?.position ?? 0;
          expect(index.lookup(offset)).toBe(expected);
          const before = entries.findLast((entry) => entry.timestampMs < offset - 1_000)?.offset ?? 999;
          expect(times.lastOffsetBefore(offset - 1_000)).toBe(before);
        }
      }),
    );
  });

  test('a tail of zeros, as Kafka preallocates and a crash leaves it, is not read', () => {
    const index = new OffsetIndex(5);
    index.add(7, 100);
    index.add(9, 200);
    const again = new OffsetIndex(5);
    again.adopt(Buffer.concat([index.rows.unsaved().bytes, Buffer.alloc(80)]));
    expect([again.rows.count, again.lastOffset, again.lastPosition]).toEqual([2, 9, 200]);
    const times = new TimeIndex(5);
    times.adopt(Buffer.alloc(120));
    expect(times.rows.count).toBe(0);
  });
});

describe('epochs', () => {
  test('an epoch that begins earlier than a known one replaces it', () => {
    const epochs = new Epochs();
    epochs.load([
      { epoch: 1, startOffset: 0 },
      { epoch: 3, startOffset: 10 },
      { epoch: 4, startOffset: 20 },
    ]);
    expect(epochs.assign(4, 25)).toBe(false);
    expect(epochs.assign(5, 10)).toBe(true);
    expect(epochs.entries().map((entry) => entry.epoch)).toEqual([1, 5]);
  });

  test('the ends of epochs, known and unknown', () => {
    const epochs = new Epochs();
    epochs.load([
      { epoch: 2, startOffset: 10 },
      { epoch: 4, startOffset: 20 },
    ]);
    const ends = [-1, 1, 2, 3, 4, 5].map((epoch) => epochs.endOffsetFor(epoch, 30));
    expect(ends).toEqual([
      undefined,
      { leaderEpoch: 1, endOffset: 10 },
      { leaderEpoch: 2, endOffset: 20 },
      { leaderEpoch: 2, endOffset: 20 },
      { leaderEpoch: 4, endOffset: 30 },
      undefined,
    ]);
    expect([9, 10, 19, 20].map((offset) => epochs.epochForOffset(offset))).toEqual([undefined, 2, 2, 4]);
  });

  test('cut at either end', () => {
    const epochs = new Epochs();
    epochs.load([1, 2, 3].map((epoch) => ({ epoch, startOffset: epoch * 10 })));
    expect(epochs.truncateFromStart(20)).toBe(true);
    expect(epochs.truncateFromStart(25)).toBe(true);
    expect(epochs.entries()).toEqual([
      { epoch: 2, startOffset: 25 },
      { epoch: 3, startOffset: 30 },
    ]);
    expect(epochs.truncateFromEnd(31)).toBe(false);
    expect(epochs.truncateFromEnd(30)).toBe(true);
    expect(epochs.latest).toBe(2);
  });
});

describe('producers', () => {
  const data = (firstSequence: number, producerId = 1) => ({
    producerId,
    epoch: 0,
    firstSequence,
    lastOffsetDelta: 0,
    transactional: false,
  });

  test(`the last ${BATCHES_KEPT} batches are known, an older one is out of order`, () => {
    const producers = new Producers();
    for (let sequence = 0; sequence <= BATCHES_KEPT; sequence += 1) producers.applyData(data(sequence), sequence, 0);
    expect(producers.findDuplicate(data(0))).toBeUndefined();
    expect(producers.check(data(0), true)?.ok).toBe(false);
    for (let sequence = 1; sequence <= BATCHES_KEPT; sequence += 1) {
      expect(producers.findDuplicate(data(sequence))).toMatchObject({ firstOffset: sequence });
    }
  });

  test('a snapshot says what the table says, and damage is noticed', () => {
    const producers = new Producers();
    producers.applyData(data(5, 9), 100, 42);
    producers.applyData({ ...data(0, 2 ** 40), transactional: true }, 101, 43);
    const file = encodeSnapshot(producers.size, producers.entries());
    const again = new Producers();
    again.load(decodeSnapshot(file) ?? []);
    expect(again.active()).toEqual(producers.active());
    expect(again.firstUnstableOffset(0)).toBe(101);
    expect(again.findDuplicate(data(5, 9))).toMatchObject({ firstOffset: 100 });
    for (let at = 0; at < file.length; at += 1) {
      const damaged = Buffer.from(file);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
      expect(decodeSnapshot(damaged), `byte ${at}`).toBeUndefined();
      expect(decodeSnapshot(file.subarray(0, at))).toBeUndefined();
    }
  });

  test('aborted transactions by range', () => {
    const entries = [
      { producerId: 1, firstOffset: 0, lastOffset: 5, lastStableOffset: 2 },
      { producerId: 2, firstOffset: 2, lastOffset: 9, lastStableOffset: 10 },
      { producerId: 3, firstOffset: 12, lastOffset: 14, lastStableOffset: 15 },
    ];
    expect(decodeAborted(encodeAborted(entries), 0)).toEqual(entries);
    expect(decodeAborted(encodeAborted(entries).subarray(0, 100), 0)).toEqual(entries.slice(0, 2));
    const found: { producerId: number }[] = [];
    expect(collectAborted(entries, { fromOffset: 6, upToOffset: 10 }, found as never)).toBe(true);
    expect(found.map((entry) => entry.producerId)).toEqual([2]);
  });
});

describe('recovery', () => {
  const intact = makeBatch({ values: ['abc'], baseOffset: 4 });
  const judge = (window: Buffer, changes = {}) =>
    judgeBatch({ window, at: 0, leftInFile: window.length, nextOffset: 4, offsetLimit: 100, ...changes }).kind;

  test('whole and intact batches pass; every cut length and every flipped bit is found', () => {
    expect(judge(intact)).toBe('batch');
    expect(judge(intact.subarray(0, 50), { leftInFile: intact.length })).toBe('more');
    expect(judge(intact.subarray(0, 70), { leftInFile: intact.length })).toBe('more');
    for (let length = 0; length < intact.length; length += 1) expect(judge(intact.subarray(0, length))).toBe('cut');
    for (let at = 16; at < intact.length; at += 1) {
      const flipped = Buffer.from(intact);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      expect(judge(flipped), `byte ${at}`).toBe('cut');
    }
    expect(judge(Buffer.alloc(200))).toBe('cut');
  });

  test('offsets must go on, and stay below the next segment', () => {
    expect(judge(intact, { nextOffset: 5 })).toBe('cut');
    expect(judge(intact, { nextOffset: 3 })).toBe('batch');
    expect(judge(intact, { offsetLimit: 4 })).toBe('cut');
  });
});

describe('tail', () => {
  test('gives the same batches as a list, under appends, truncations and eviction', () => {
    const operation = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('append' as const),
          size: fc.integer({ min: 0, max: 40_000 }),
          log: fc.nat(2),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), size: fc.nat(5), log: fc.nat(2) }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(), (operations, seed) => {
        const cache = new TailCache(100_000);
        const luck = new Prng(seed);
        const logs = [0, 1, 2].map(() => ({ tail: new Tail(cache), batches: [] as Buffer[] }));
        const endOf = (batches: readonly Buffer[]): number => {
          const last = batches.at(-1);
          return last === undefined ? 0 : batch.lastOffset(last, 0) + 1;
        };
        for (const { kind, size, log } of operations) {
          const target = logs[log];
          if (target === undefined) continue;
          if (kind === 'append') {
            const values = Array.from({ length: 1 + luck.below(3) }, () => 'x'.repeat(size));
            const one = makeBatch({ values, baseOffset: endOf(target.batches) });
            target.tail.append(one, batch.baseOffset(one, 0), batch.lastOffset(one, 0));
            target.batches.push(one);
          } else {
            target.batches.length = Math.max(0, target.batches.length - size);
            target.tail.truncateTo(endOf(target.batches));
          }
          expect(cache.chargedBytes).toBeLessThanOrEqual(cache.budgetBytes);
        }
        for (const { tail, batches } of logs) checkTail(tail, batches, endOf(batches), luck);
      }),
      { numRuns: 60 },
    );
  });

  function checkTail(tail: Tail, batches: readonly Buffer[], end: number, luck: Prng): void {
    for (let probe = 0; probe < 12 && end > 0; probe += 1) {
      const from = luck.below(end);
      const upTo = from + 1 + luck.below(end - from);
      const maxBytes = luck.below(120_000);
      const read = tail.read(from, upTo, maxBytes, true);
      expect(read === undefined).toBe(from < tail.startOffset);
      if (read === undefined) continue;
      const expected: Buffer[] = [];
      let sizeBytes = 0;
      for (const one of batches.filter((candidate) => batch.lastOffset(candidate, 0) >= from)) {
        if (batch.lastOffset(one, 0) >= upTo || (expected.length > 0 && sizeBytes + one.length > maxBytes)) break;
        expected.push(one);
        sizeBytes += one.length;
      }
      const got = split(Buffer.concat(read.chunks));
      expect(got.map((one) => batch.baseOffset(one, 0))).toEqual(expected.map((one) => batch.baseOffset(one, 0)));
      expect(Buffer.concat(got).equals(Buffer.concat(expected))).toBe(true);
    }
  }

  test('a small batch does not pin the large memory that it came in; a large one is kept as it is', () => {
    const cache = new TailCache(10_000_000);
    const tail = new Tail(cache);
    const huge = Buffer.alloc(1_000_000);
    const small = makeBatch({ values: ['a'], timestampMs: NOW_MS });
    small.copy(huge);
    tail.append(huge.subarray(0, small.length), 0, 0);
    const large = Buffer.from(makeBatch({ values: ['x'.repeat(50_000)], baseOffset: 1 }));
    tail.append(large, 1, 1);
    const read = tail.read(0, 2, 1_000_000, true);
    expect(read?.chunks.map((chunk) => chunk.buffer.byteLength < 200_000)).toEqual([true, true]);
    expect(read?.chunks[1]?.buffer).toBe(large.buffer);
  });
});
