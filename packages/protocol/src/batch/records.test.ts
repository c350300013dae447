import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CompressionType } from '../codes.ts';
import { ErrorCode } from '../errors.ts';
import { buildBatch, encodeRecords, readBatch } from './build.ts';
import type { RawRecord } from './build.ts';
import { forEachRecord, RecordCursor, validateRecords } from './records.ts';

const buffer = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyRecord: fc.Arbitrary<RawRecord> = fc.record({
  offsetDelta: fc.nat(),
  timestampDelta: fc.maxSafeInteger(),
  key: fc.option(buffer),
  value: fc.option(buffer),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: fc.option(buffer) }), { maxLength: 4 }),
});

test('records: whatever is encoded is walked and read back', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 20 }), (records) => {
      const section = encodeRecords(records);
      const read: RawRecord[] = [];
      const walked = forEachRecord(section, records.length, (cursor) => {
        read.push({
          offsetDelta: cursor.offsetDelta,
          timestampDelta: cursor.timestampDelta,
          key: cursor.key(),
          value: cursor.value(),
          headers: cursor.headers(),
        });
      });
      expect(walked.ok ? '' : walked.why).toBe('');
      expect(read).toEqual(records);
      expect(validateRecords(section, records.length).ok).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('records: one byte or one record more or less is refused', () => {
  const records: RawRecord[] = [0, 1, 2].map((offsetDelta) => ({
    offsetDelta,
    timestampDelta: 0,
    key: null,
    value: Buffer.from('value'),
  }));
  const section = encodeRecords(records);
  for (let length = 0; length < section.length; length += 1) {
    expect(validateRecords(section.subarray(0, length), 3)).toMatchObject({
      ok: false,
      code: ErrorCode.INVALID_RECORD,
    });
  }
  expect(validateRecords(Buffer.concat([section, Buffer.alloc(1)]), 3).ok).toBe(false);
  expect(validateRecords(section, 2).ok).toBe(false);
  expect(validateRecords(section, 4).ok).toBe(false);
  expect(validateRecords(section, -1).ok).toBe(false);
});

test.for([
  ['a length of -1', '01'],
  ['a length that goes on after the end', '7e 00'],
  ['a length that never ends', 'ffffffffffffffffff'],
  ['a key of -2 bytes', '10 00 00 00 03 00 00 00 00'],
  ['a key that goes on after the record', '10 00 00 00 7e 61 01 00 00'],
  ['a value that goes on after the record', '10 00 00 00 01 7e 61 00 00'],
  ['a negative count of headers', '0e 00 00 00 01 01 01 00'],
  ['more headers than bytes', '0e 00 00 00 01 01 7e 00'],
  ['a header without a key', '10 00 00 00 01 01 02 01 01'],
  ['bytes after its last header', '10 00 00 00 01 01 00 00 00'],
  ['a timestamp beyond 2^53', '20 00 ffffffffffffffffff01 00 01 01 00'],
])('records: a record with %s is refused', ([, text]) => {
  const section = Buffer.from((text ?? '').replaceAll(' ', ''), 'hex');
  expect(validateRecords(section, 1)).toMatchObject({ ok: false, code: ErrorCode.INVALID_RECORD });
});

test('records: the walk stops at a fault and does not go on', () => {
  const sound = encodeRecords([{ offsetDelta: 0, timestampDelta: 0, key: null, value: null }]);
  const cursor = new RecordCursor(Buffer.concat([sound, Buffer.alloc(20, 0xff)]), 2);
  expect(cursor.next()).toBe(true);
  expect(cursor.next()).toBe(false);
  expect(cursor.fault).toMatch(/record 1/);
  expect(cursor.next()).toBe(false);
});

test('validate: tells what an append asks for', () => {
  const at = (offsetDelta: number, timestampDelta: number, key: Buffer | null): RawRecord => ({
    offsetDelta,
    timestampDelta,
    key,
    value: null,
  });
  const key = Buffer.from('k');
  const records = [at(0, 5, key), at(1, -3, key), at(2, 9, null), at(3, 9, null)];
  expect(validateRecords(encodeRecords(records), 4)).toEqual({
    ok: true,
    value: {
      count: 4,
      sequential: true,
      lastOffsetDelta: 3,
      minTimestampDelta: -3,
      minTimestampIndex: 1,
      maxTimestampDelta: 9,
      maxTimestampIndex: 2,
      maxTimestampOffsetDelta: 2,
      firstNullKeyIndex: 2,
    },
  });
  const gaps = validateRecords(encodeRecords([at(0, 0, key), at(2, 0, key)]), 2);
  expect(gaps).toMatchObject({ ok: true, value: { sequential: false, lastOffsetDelta: 2, firstNullKeyIndex: -1 } });
  expect(validateRecords(Buffer.alloc(0), 0)).toMatchObject({ ok: true, value: { count: 0, lastOffsetDelta: -1 } });
});

test('batches: whatever is built is read back, with every codec', () => {
  const newRecord = fc.record({
    timestampMs: fc.nat({ max: 2 ** 41 }),
    key: fc.option(buffer),
    value: fc.option(buffer),
    headers: fc.array(fc.record({ key: fc.string(), value: fc.option(buffer) }), { maxLength: 3 }),
  });
  const codec = fc.constantFrom(...Object.values(CompressionType));
  fc.assert(
    fc.property(fc.array(newRecord, { minLength: 1, maxLength: 10 }), codec, (records, compression) => {
      const read = readBatch(buildBatch({ baseOffset: 100, compression }, records));
      if (!read.ok) throw new Error(read.why);
      expect(read.value).toMatchObject({ compression, baseOffset: 100, lastOffset: 99 + records.length });
      expect(
        read.value.records.map(({ timestampMs, key, value, headers }) => ({ timestampMs, key, value, headers })),
      ).toEqual(records);
      expect(read.value.records.map(({ offset }) => offset)).toEqual(records.map((_, i) => 100 + i));
    }),
    { numRuns: 1_000 },
  );
});

test('batches: what compaction left behind keeps its range of offsets, sequences and its largest timestamp', () => {
  const empty = buildBatch(
    {
      baseOffset: 100,
      lastOffsetDelta: 4,
      producerId: 4_711,
      producerEpoch: 3,
      baseSequence: 17,
      maxTimestampMs: 1_700_000_000_000,
    },
    [],
  );
  expect(readBatch(empty)).toMatchObject({
    ok: true,
    value: {
      baseOffset: 100,
      lastOffset: 104,
      lastSequence: 21,
      maxTimestamp: 1_700_000_000_000,
      baseTimestamp: -1,
      records: [],
    },
  });
  const gone = { timestampMs: 1_700_000_000_000, key: Buffer.from('k') };
  expect(readBatch(buildBatch({ deleteHorizonMs: 1_700_086_400_000 }, [gone]))).toMatchObject({
    ok: true,
    value: { deleteHorizonMs: 1_700_086_400_000, records: [{ timestampMs: gone.timestampMs }] },
  });
});
