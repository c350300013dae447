import { ErrorCode, CompressionType, batch, readBatch } from '@odradek/protocol';
import type { BatchOptions } from '@odradek/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeBatch, makeMarker } from '../testing/harness.ts';
import { AbortedTransactions, BatchFilter, KeyReader } from './compaction.ts';
import type { CompactionRules } from './compaction.ts';
import { SECRET_BYTES, keyDigest } from './key-digest.ts';
import type { Digest } from './key-digest.ts';
import { OffsetMap, SLOT_BYTES } from './offset-map.ts';
import type { AbortedEntry, LastOfProducer } from './producers.ts';

const NOW_MS = 1_000_000;
const RETENTION_MS = 500;
const digest = keyDigest(Buffer.alloc(SECRET_BYTES, 7));
const NO_PRODUCERS: ReadonlyMap<number, LastOfProducer> = new Map();

/** `a=1` writes a key, `a` deletes it; the offset is that of the first record. */
function written(baseOffset: number, records: readonly string[], options: BatchOptions = {}): Buffer {
  const keys = records.map((record) => record.split('=')[0] ?? '');
  const values = records.map((record) => record.split('=')[1] ?? '');
  const tombstones = records.every((record) => !record.includes('='));
  return makeBatch({ baseOffset, keys, values, nullValues: tombstones, timestampMs: 1_000 + baseOffset, ...options });
}

function marker(baseOffset: number, producerId: number, commit: boolean, producerEpoch = 0): Buffer {
  const bytes = makeMarker({ producerId, producerEpoch, commit });
  batch.setBaseOffset(bytes, 0, baseOffset);
  return bytes;
}

type Pass = {
  readonly log: readonly Buffer[];
  readonly fromOffset?: number;
  readonly tableKeys?: number;
  readonly aborted?: readonly AbortedEntry[];
  readonly rules?: Partial<CompactionRules>;
};

/** Both passes over a log of one segment, whose last batch is followed by others. */
function compacted(pass: Pass): { kept: Buffer[]; filter: BatchFilter; endOffset: number } {
  const map = new OffsetMap(SLOT_BYTES * ((pass.tableKeys ?? 50) + 1), 1, digest);
  const aborted = new AbortedTransactions(pass.aborted ?? []);
  const reader = new KeyReader(map, aborted, pass.fromOffset ?? 0, 1_000_000);
  for (const one of pass.log) {
    expect(reader.read(one, 0)).toEqual({ ok: true, value: undefined });
    if (reader.full) break;
  }
  const rules = {
    nowMs: NOW_MS,
    deleteRetentionMs: RETENTION_MS,
    unpackedBytesMax: 1_000_000,
    producers: NO_PRODUCERS,
  };
  const filter = new BatchFilter(map, reader.endOffset, aborted, { ...rules, ...pass.rules });
  const kept: Buffer[] = [];
  for (const one of pass.log) {
    const outcome = filter.filter(one, 0, false);
    if (!outcome.ok) throw new Error(outcome.why);
    if (outcome.value !== undefined) kept.push(Buffer.from(outcome.value));
  }
  return { kept, filter, endOffset: reader.endOffset };
}

/** `offset key=value`, or `offset key` of a tombstone; a batch in brackets. */
function shown(kept: readonly Buffer[]): string[] {
  return kept.map((one) => {
    expect(batch.verifyCrc(one, 0)).toBe(true);
    const read = readBatch(one);
    if (!read.ok) throw new Error(read.why);
    if (read.value.isControl) return `[${batch.baseOffset(one, 0)} marker]`;
    const records = read.value.records.map(
      ({ offset, key, value }) => `${offset} ${String(key)}${value === null ? '' : `=${String(value)}`}`,
    );
    return `[${records.join(', ')}]`;
  });
}

describe('batch filter: records', () => {
  test('the last of each key stays at its offset, in a batch that covers the offsets it did', () => {
    const log = [written(0, ['a=1', 'b=1', 'a=2']), written(3, ['c=1']), written(4, ['a=3', 'b=2', 'd=1'])];
    const { kept, filter } = compacted({ log });
    expect(shown(kept)).toEqual(['[3 c=1]', '[4 a=3, 5 b=2, 6 d=1]']);
    expect(kept.map((one) => batch.lastOffset(one, 0))).toEqual([3, 6]);
    expect([filter.recordsRead, filter.recordsKept]).toEqual([7, 4]);
    const inMiddle = compacted({ log: [written(0, ['a=1', 'b=1', 'c=1', 'd=1']), written(4, ['a=2', 'd=2'])] }).kept;
    expect(shown(inMiddle)).toEqual(['[1 b=1, 2 c=1]', '[4 a=2, 5 d=2]']);
    expect([
      batch.baseOffset(inMiddle[0] ?? Buffer.alloc(0), 0),
      batch.lastOffset(inMiddle[0] ?? Buffer.alloc(0), 0),
    ]).toEqual([0, 3]);
  });

  test('a batch of which nothing goes keeps its very bytes', () => {
    const whole = written(0, ['a=1', 'b=1'], { compression: CompressionType.GZIP });
    const { kept } = compacted({ log: [whole, written(2, ['c=1'])] });
    expect(kept[0]?.equals(whole)).toBe(true);
  });

  test.for([
    CompressionType.NONE,
    CompressionType.GZIP,
    CompressionType.SNAPPY,
    CompressionType.LZ4,
    CompressionType.ZSTD,
  ])('codec %i: what stays is in the codec it was in, its times and headers as they were', (compression) => {
    const { kept } = compacted({ log: [written(0, ['a=1', 'b=1', 'c=1'], { compression }), written(3, ['a=2'])] });
    const [first = Buffer.alloc(0)] = kept;
    expect(batch.compressionOf(first, 0)).toBe(compression);
    const read = readBatch(first);
    expect(read.ok && read.value.records.map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [1, 1_001],
      [2, 1_002],
    ]);
    expect(batch.maxTimestamp(first, 0)).toBe(1_002);
  });

  test('LogAppendTime is that of the batch, whatever stays of it', () => {
    const log = [written(0, ['a=1', 'b=1'], { logAppendTimeMs: 7_777 }), written(2, ['a=2'])];
    const [first = Buffer.alloc(0)] = compacted({ log }).kept;
    expect([batch.timestampTypeOf(first, 0), batch.maxTimestamp(first, 0)]).toEqual([1, 7_777]);
  });

  test('records without a key go where the log is cleaned, and stay where it is not', () => {
    const keyless = makeBatch({ baseOffset: 0, values: ['x', 'y'], keys: [null, null] });
    expect(shown(compacted({ log: [keyless, written(2, ['a=1'])] }).kept)).toEqual(['[2 a=1]']);
    const later = makeBatch({ baseOffset: 1, values: ['x'], keys: [null] });
    const beyond = makeBatch({ baseOffset: 3, values: ['y'], keys: [null] });
    const full = compacted({ log: [written(0, ['a=1']), later, written(2, ['b=1']), beyond], tableKeys: 1 });
    expect(full.endOffset).toBe(2);
    expect(full.kept.map((one) => batch.baseOffset(one, 0))).toEqual([0, 2, 3]);
  });

  test('beyond what the table took nothing goes, though it is superseded: of that the table knows nothing', () => {
    const log = [written(0, ['a=1', 'b=1']), written(2, ['a=2', 'c=1', 'a=3', 'c=2'])];
    const { kept, endOffset } = compacted({ log, tableKeys: 2 });
    expect(endOffset).toBe(3);
    expect(shown(kept)).toEqual(['[1 b=1]', '[2 a=2, 3 c=1, 4 a=3, 5 c=2]']);
  });

  test('keys are read from the first dirty offset on, and what is clean gives way to them', () => {
    const { kept } = compacted({ log: [written(0, ['a=1', 'b=1']), written(2, ['b=2'])], fromOffset: 2 });
    expect(shown(kept)).toEqual(['[0 a=1]', '[2 b=2]']);
  });

  test('a damaged batch is refused, not guessed at', () => {
    const sound = written(0, ['a=1', 'b=1'], { compression: CompressionType.GZIP });
    const damaged = Buffer.from(sound);
    damaged.fill(0xff, batch.HEADER_BYTES + 12);
    const map = new OffsetMap(SLOT_BYTES * 8, 1, digest);
    const reader = new KeyReader(map, new AbortedTransactions([]), 0, 1_000_000);
    expect(reader.read(damaged, 0)).toMatchObject({ ok: false });
    const tooLarge = new KeyReader(map, new AbortedTransactions([]), 0, 4);
    expect(tooLarge.read(sound, 0)).toMatchObject({ ok: false });
    const lying = Buffer.from(written(0, ['a=1', 'b=1']));
    lying.writeInt32BE(3, 57);
    const filter = new BatchFilter(map, 10, new AbortedTransactions([]), {
      nowMs: 0,
      deleteRetentionMs: 0,
      unpackedBytesMax: 1_000_000,
      producers: NO_PRODUCERS,
    });
    expect(filter.filter(lying, 0, false)).toMatchObject({ ok: false, code: ErrorCode.INVALID_RECORD });
  });
});

describe('batch filter: tombstones', () => {
  const log = [written(0, ['a=1']), written(1, ['a', 'b']), written(3, ['c=1'])];

  test('found for the first time they stay, and their batch gets the time at which they go; their own times stay', () => {
    const { kept } = compacted({ log });
    const [tombstones = Buffer.alloc(0)] = kept;
    expect(shown(kept)).toEqual(['[1 a, 2 b]', '[3 c=1]']);
    expect(batch.hasDeleteHorizon(tombstones, 0)).toBe(true);
    expect(batch.baseTimestamp(tombstones, 0)).toBe(NOW_MS + RETENTION_MS);
    const read = readBatch(tombstones);
    expect(read.ok && read.value.records.map(({ timestampMs }) => timestampMs)).toEqual([1_001, 1_002]);
    expect(batch.maxTimestamp(tombstones, 0)).toBe(1_002);
  });

  test('found again they keep that time, stay until it, and go at it', () => {
    const [tombstones = Buffer.alloc(0)] = compacted({ log }).kept;
    const again = (nowMs: number): Buffer[] =>
      compacted({ log: [tombstones, written(3, ['c=1'])], fromOffset: 3, rules: { nowMs } }).kept;
    expect(again(NOW_MS + RETENTION_MS - 1)[0]?.equals(tombstones)).toBe(true);
    expect(shown(again(NOW_MS + RETENTION_MS))).toEqual(['[3 c=1]']);
  });

  test('with their time they are superseded all the same', () => {
    const [tombstones = Buffer.alloc(0)] = compacted({ log }).kept;
    const { kept } = compacted({ log: [tombstones, written(3, ['a=2'])] });
    expect(shown(kept)).toEqual(['[2 b]', '[3 a=2]']);
    const [rest = Buffer.alloc(0)] = kept;
    expect([batch.hasDeleteHorizon(rest, 0), batch.baseTimestamp(rest, 0)]).toEqual([true, NOW_MS + RETENTION_MS]);
  });

  test('values that share a batch with tombstones whose time is over stay', () => {
    const mixed = makeBatch({ baseOffset: 0, keys: ['a', 'b'], values: ['1', '2'], deleteHorizonMs: NOW_MS });
    expect(shown(compacted({ log: [mixed, written(2, ['c=1'])] }).kept)).toEqual(['[0 a=1, 1 b=2]', '[2 c=1]']);
  });

  test('a batch that the table covers in part gets its time with the pass that covers the rest', () => {
    const { kept, endOffset } = compacted({ log: [written(0, ['a', 'b', 'c'])], tableKeys: 2 });
    expect(endOffset).toBe(2);
    expect(kept.map((one) => batch.hasDeleteHorizon(one, 0))).toEqual([false]);
  });

  test('any delete.retention.ms can be told: its time is kept within what timestamps can say', () => {
    const { kept } = compacted({ log, rules: { deleteRetentionMs: Number.MAX_SAFE_INTEGER } });
    const [tombstones = Buffer.alloc(0)] = kept;
    expect(batch.baseTimestamp(tombstones, 0)).toBe(2 ** 51);
    const read = readBatch(tombstones);
    expect(read.ok && read.value.records.map(({ timestampMs }) => timestampMs)).toEqual([1_001, 1_002]);
  });
});

describe('batch filter: transactions', () => {
  const of = (producerId: number, baseSequence = 0): BatchOptions => ({
    producerId,
    producerEpoch: 0,
    baseSequence,
    isTransactional: true,
  });
  const entry = { producerId: 5, firstOffset: 0, lastOffset: 2, lastStableOffset: 3 };

  test('records of an aborted transaction go, and supersede nothing; its marker stays in the pass that took them', () => {
    const log = [written(0, ['a=1', 'b=1'], of(5)), marker(2, 5, false), written(3, ['b=2'])];
    const { kept, filter } = compacted({ log, aborted: [entry] });
    expect(shown(kept)).toEqual(['[2 marker]', '[3 b=2]']);
    expect(kept.some((one) => batch.isControl(one, 0) && batch.hasDeleteHorizon(one, 0))).toBe(false);
    expect(filter.wasSeen(entry)).toBe(true);
    const older = [written(0, ['a=0']), written(1, ['a=1'], of(5)), marker(2, 5, false), written(3, ['c=1'])];
    const aborted = [{ ...entry, firstOffset: 1 }];
    expect(shown(compacted({ log: older, aborted }).kept)).toEqual(['[0 a=0]', '[2 marker]', '[3 c=1]']);
  });

  test('the next pass finds the marker idle and gives it its time; at that time it goes', () => {
    const idle = [marker(2, 5, false), written(3, ['b=2'])];
    const first = compacted({ log: idle, aborted: [entry] });
    const [timed = Buffer.alloc(0)] = first.kept;
    expect(batch.baseTimestamp(timed, 0)).toBe(NOW_MS + RETENTION_MS);
    expect(first.filter.wasSeen(entry)).toBe(false);
    const again = (nowMs: number): string[] =>
      shown(compacted({ log: [timed, written(3, ['b=2'])], rules: { nowMs } }).kept);
    expect(again(NOW_MS + RETENTION_MS - 1)).toEqual(['[2 marker]', '[3 b=2]']);
    expect(again(NOW_MS + RETENTION_MS)).toEqual(['[3 b=2]']);
  });

  test('a commit marker stays while any batch of its transaction does, whatever time it has', () => {
    const timed = marker(2, 5, true);
    const [withTime = Buffer.alloc(0)] = compacted({ log: [timed] }).kept;
    expect(batch.hasDeleteHorizon(withTime, 0)).toBe(true);
    const log = [written(0, ['a=1', 'b=1'], of(5)), withTime, written(3, ['c=1'])];
    expect(shown(compacted({ log, rules: { nowMs: NOW_MS * 2 } }).kept)).toEqual([
      '[0 a=1, 1 b=1]',
      '[2 marker]',
      '[3 c=1]',
    ]);
  });

  test('transactions of one producer after another, and of two at once, are told apart', () => {
    const log = [
      written(0, ['a=1'], of(5)),
      written(1, ['b=1'], of(6)),
      marker(2, 5, false),
      written(3, ['a=2'], of(5, 1)),
      marker(4, 6, true),
      marker(5, 5, true),
      written(6, ['z=1']),
    ];
    const aborted = [{ producerId: 5, firstOffset: 0, lastOffset: 2, lastStableOffset: 1 }];
    expect(shown(compacted({ log, aborted }).kept)).toEqual([
      '[1 b=1]',
      '[2 marker]',
      '[3 a=2]',
      '[4 marker]',
      '[5 marker]',
      '[6 z=1]',
    ]);
  });

  test('a control batch that is no marker of a transaction is not ours to drop', () => {
    const other = makeBatch({ baseOffset: 0, values: ['x'], keys: ['k'], isControl: true, deleteHorizonMs: 1 });
    expect(compacted({ log: [other, written(1, ['a=1'])] }).kept[0]?.equals(other)).toBe(true);
  });
});

describe('batch filter: producers and segments', () => {
  const options = { producerId: 9, producerEpoch: 3, baseSequence: 40, partitionLeaderEpoch: 2 };

  test('the last batch of a known producer stays without its records: sequence, epoch and offsets as they were', () => {
    const producers = new Map([[9, { lastDataOffset: 2, epoch: 3 }]]);
    const log = [written(0, ['a=1', 'b=1', 'c=1'], options), written(3, ['a=2', 'b=2', 'c=2'])];
    const { kept } = compacted({ log, rules: { producers } });
    const [empty = Buffer.alloc(0)] = kept;
    expect(shown(kept)).toEqual(['[]', '[3 a=2, 4 b=2, 5 c=2]']);
    expect([batch.producerId(empty, 0), batch.producerEpoch(empty, 0), batch.lastSequence(empty, 0)]).toEqual([
      9, 3, 42,
    ]);
    expect([batch.baseOffset(empty, 0), batch.lastOffset(empty, 0), batch.partitionLeaderEpoch(empty, 0)]).toEqual([
      0, 2, 2,
    ]);
    expect(empty.length).toBe(batch.HEADER_BYTES);
    // Found again it is left as it is, until the producer is forgotten.
    const again = [empty, written(3, ['a=2', 'b=2', 'c=2'])];
    expect(compacted({ log: again, rules: { producers } }).kept[0]?.equals(empty)).toBe(true);
    expect(shown(compacted({ log: again }).kept)).toEqual(['[3 a=2, 4 b=2, 5 c=2]']);
  });

  test('earlier batches of the producer go', () => {
    const producers = new Map([[9, { lastDataOffset: 1, epoch: 3 }]]);
    const log = [
      written(0, ['a=1'], options),
      written(1, ['a=2'], { ...options, baseSequence: 41 }),
      written(2, ['a=3']),
    ];
    expect(shown(compacted({ log, rules: { producers } }).kept)).toEqual(['[]', '[2 a=3]']);
  });

  test('a marker that alone tells of the producer epoch stays whole, however old', () => {
    const producers = new Map([[9, { lastDataOffset: -1, epoch: 4 }]]);
    const log = [marker(0, 9, false, 3), marker(1, 9, false, 4), written(2, ['a=1'])];
    const first = compacted({ log, rules: { producers } }).kept;
    const { kept } = compacted({ log: first, rules: { producers, nowMs: NOW_MS * 2 } });
    expect(shown(kept)).toEqual(['[1 marker]', '[2 a=1]']);
  });

  test('the last batch of a segment stays, if need be empty, so that the segment ends where it did', () => {
    const map = new OffsetMap(SLOT_BYTES * 8, 1, digest);
    const one = written(0, ['a=1', 'a=2']);
    const reader = new KeyReader(map, new AbortedTransactions([]), 0, 1_000_000);
    reader.read(one, 0);
    reader.read(written(2, ['a=3']), 0);
    const rules = { nowMs: 0, deleteRetentionMs: 0, unpackedBytesMax: 1_000, producers: NO_PRODUCERS };
    const outcome = new BatchFilter(map, 3, new AbortedTransactions([]), rules).filter(one, 0, true);
    expect(outcome.ok && outcome.value !== undefined && batch.lastOffset(outcome.value, 0)).toBe(1);
    expect(outcome.ok && outcome.value !== undefined && batch.recordsCount(outcome.value, 0)).toBe(0);
  });
});

test('batch filter: a second pass over its own output, with nothing new, changes nothing', () => {
  const record = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.boolean());
  const drawn = fc.array(fc.tuple(fc.array(record, { minLength: 1, maxLength: 4 }), fc.constantFrom(0, 1, 2, 3, 4)), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(drawn, (batches) => {
      let offset = 0;
      const log = batches.map(([records, compression]) => {
        const at = offset;
        offset += records.length;
        return makeBatch({
          baseOffset: at,
          keys: records.map(([key]) => key),
          values: records.map((_, index) => `${at + index}`),
          nullValues: records[0]?.[1] === true,
          timestampMs: at,
          compression: compression as CompressionType,
        });
      });
      const once = compacted({ log }).kept;
      expect(compacted({ log: once }).kept.map((one) => one.toString('hex'))).toEqual(
        once.map((one) => one.toString('hex')),
      );
    }),
    { numRuns: 200 },
  );
});

describe('table of keys', () => {
  test('tells the last offset of each key, up to its bound, beyond 2^32 too', () => {
    const map = new OffsetMap(SLOT_BYTES * 101, 1, digest);
    expect(map.keysMax).toBe(100);
    for (let key = 0; key < 100; key += 1) expect(map.put(Buffer.from(`k${key}`), key)).toBe(true);
    expect(map.put(Buffer.from('one more'), 100)).toBe(false);
    expect(map.get(Buffer.from('one more'))).toBe(-1);
    expect(map.put(Buffer.from('k7'), 2 ** 40 + 3)).toBe(true);
    expect(map.get(Buffer.from('k7'))).toBe(2 ** 40 + 3);
    expect(map.get(Buffer.from('k8'))).toBe(8);
    expect(map.count).toBe(100);
  });

  test('keys whose digests begin alike are told apart, and a full table is still searched to an end', () => {
    const alike: Digest = (key, into) => into.set([0, key[0] ?? 0, 0, 0]);
    const map = new OffsetMap(SLOT_BYTES * 5, 1, alike);
    for (let key = 0; key < 4; key += 1) expect(map.put(Buffer.from([key]), key)).toBe(true);
    for (let key = 0; key < 4; key += 1) expect(map.get(Buffer.from([key]))).toBe(key);
    expect(map.get(Buffer.from([9]))).toBe(-1);
  });

  test('takes no more memory than it was given, and always at least one key', () => {
    expect(new OffsetMap(0, 0.9, digest).keysMax).toBe(1);
    expect(new OffsetMap(SLOT_BYTES * 1_000, 0.5, digest).keysMax).toBe(500);
  });
});
