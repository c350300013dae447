import { expect, test } from 'vitest';
import { CompressionType } from '../codes.ts';
import { ErrorCode } from '../errors.ts';
import { buildBatch, codeOfHeaderFault, readBatch, splitBatches } from './build.ts';
import * as batch from './header.ts';

const record = { timestampMs: 1_700_000_000_000, key: Buffer.from('k'), value: Buffer.from('v') };
const later = { ...record, timestampMs: 1_700_000_000_500 };

test('header: every field is read where it was written, at any place in a buffer', () => {
  const built = buildBatch(
    {
      baseOffset: 2 ** 40 + 5,
      partitionLeaderEpoch: 7,
      producerId: 2 ** 33,
      producerEpoch: 3,
      baseSequence: 0x7ffffffe,
      isTransactional: true,
      compression: CompressionType.GZIP,
    },
    [record, later, record],
  );
  const at = 100;
  const buffer = Buffer.concat([Buffer.alloc(at, 0xff), built, Buffer.alloc(9, 0xff)]);
  expect(batch.headerFault(buffer, at)).toBeUndefined();
  expect(batch.baseOffset(buffer, at)).toBe(2 ** 40 + 5);
  expect(batch.lastOffset(buffer, at)).toBe(2 ** 40 + 7);
  expect(batch.sizeInBytes(buffer, at)).toBe(built.length);
  expect(batch.batchLength(buffer, at)).toBe(built.length - 12);
  expect(batch.partitionLeaderEpoch(buffer, at)).toBe(7);
  expect(batch.magic(buffer, at)).toBe(2);
  expect(batch.baseTimestamp(buffer, at)).toBe(record.timestampMs);
  expect(batch.maxTimestamp(buffer, at)).toBe(later.timestampMs);
  expect(batch.producerId(buffer, at)).toBe(2 ** 33);
  expect(batch.producerEpoch(buffer, at)).toBe(3);
  expect(batch.baseSequence(buffer, at)).toBe(0x7ffffffe);
  expect(batch.lastSequence(buffer, at)).toBe(0);
  expect(batch.recordsCount(buffer, at)).toBe(3);
  expect(batch.compressionOf(buffer, at)).toBe(CompressionType.GZIP);
  expect(batch.timestampTypeOf(buffer, at)).toBe(0);
  expect(batch.isTransactional(buffer, at)).toBe(true);
  expect(batch.isControl(buffer, at)).toBe(false);
  expect(batch.hasDeleteHorizon(buffer, at)).toBe(false);
  expect(batch.hasProducer(buffer, at)).toBe(true);
  expect(batch.recordsSection(buffer, at).equals(built.subarray(batch.HEADER_BYTES))).toBe(true);
});

test('append: offset and leader epoch are assigned without touching the checksum', () => {
  const buffer = buildBatch({}, [record]);
  const crc = batch.crc(buffer, 0);
  batch.setBaseOffset(buffer, 0, 4_711);
  batch.setPartitionLeaderEpoch(buffer, 0, 12);
  expect(batch.crc(buffer, 0)).toBe(crc);
  expect(batch.verifyCrc(buffer, 0)).toBe(true);
  expect(readBatch(buffer)).toMatchObject({ ok: true, value: { baseOffset: 4_711, partitionLeaderEpoch: 12 } });
  expect(() => batch.setBaseOffset(buffer, 0, -1)).toThrow(/not negative/);
});

test('append: with LogAppendTime every record reads as the batch, and the checksum is made anew', () => {
  const buffer = buildBatch({}, [record, later]);
  batch.setMaxTimestamp(buffer, 0, 1, 1_800_000_000_000);
  expect(batch.verifyCrc(buffer, 0)).toBe(true);
  const read = readBatch(buffer);
  expect(read.ok && read.value.records.map(({ timestampMs }) => timestampMs)).toEqual([
    1_800_000_000_000, 1_800_000_000_000,
  ]);
  batch.setMaxTimestamp(buffer, 0, 0, later.timestampMs);
  const again = readBatch(buffer);
  expect(again.ok && again.value.records.map(({ timestampMs }) => timestampMs)).toEqual([
    record.timestampMs,
    later.timestampMs,
  ]);
});

test.for([
  ['a flipped bit', (b: Buffer) => b.writeUInt8((b[69] ?? 0) ^ 1, 69), 'crc', ErrorCode.CORRUPT_MESSAGE],
  ['an unknown magic', (b: Buffer) => b.writeInt8(3, 16), 'magic', ErrorCode.CORRUPT_MESSAGE],
  ['message format 0', (b: Buffer) => b.writeInt8(0, 16), 'magic', ErrorCode.INVALID_RECORD],
  ['message format 1', (b: Buffer) => b.writeInt8(1, 16), 'magic', ErrorCode.INVALID_RECORD],
  ['a negative length', (b: Buffer) => b.writeInt32BE(-1, 8), 'corrupt', ErrorCode.CORRUPT_MESSAGE],
  ['a length below the header', (b: Buffer) => b.writeInt32BE(48, 8), 'corrupt', ErrorCode.CORRUPT_MESSAGE],
  ['a length beyond the bytes', (b: Buffer) => b.writeInt32BE(b.length - 11, 8), 'cutOff', ErrorCode.CORRUPT_MESSAGE],
  ['a base offset beyond 2^53', (b: Buffer) => b.writeBigInt64BE(2n ** 53n, 0), 'corrupt', ErrorCode.CORRUPT_MESSAGE],
  ['a negative base offset', (b: Buffer) => b.writeBigInt64BE(-1n, 0), 'corrupt', ErrorCode.CORRUPT_MESSAGE],
] as const)('header: %s is found', ([, change, kind, code]) => {
  const buffer = buildBatch({}, [record]);
  change(buffer);
  const fault = batch.headerFault(buffer, 0);
  expect(fault?.kind).toBe(kind);
  expect(readBatch(buffer)).toMatchObject({ ok: false, code });
  expect(fault === undefined ? undefined : codeOfHeaderFault(buffer, 0, fault)).toBe(code);
});

test.for([
  ['a negative count of records', (b: Buffer) => b.writeInt32BE(-1, 57)],
  ['a negative last offset delta', (b: Buffer) => b.writeInt32BE(-1, 23)],
  ['a timestamp beyond 2^53', (b: Buffer) => b.writeBigInt64BE(2n ** 60n, 27)],
  ['a producer id beyond 2^53', (b: Buffer) => b.writeBigInt64BE(2n ** 60n, 43)],
] as const)('header: %s is found although the checksum matches', ([, change]) => {
  const buffer = buildBatch({}, [record]);
  change(buffer);
  batch.setCrc(buffer, 0);
  expect(batch.headerFault(buffer, 0)?.kind).toBe('corrupt');
});

test('header: whatever is cut off is found, at every length', () => {
  const buffer = buildBatch({}, [record, later]);
  for (let length = 0; length < buffer.length; length += 1) {
    expect(batch.headerFault(buffer.subarray(0, length), 0)?.kind).toBe('cutOff');
  }
});

test('split: whole batches one after another, then a tail that is cut off', () => {
  const first = buildBatch({ baseOffset: 1 }, [record]);
  const second = buildBatch({ baseOffset: 2 }, [record, later]);
  const buffer = Buffer.concat([first, second, first.subarray(0, 30)]);
  expect(splitBatches(buffer)).toEqual({
    ok: true,
    value: {
      batches: [
        { at: 0, sizeInBytes: first.length },
        { at: first.length, sizeInBytes: second.length },
      ],
      tailBytes: 30,
    },
  });
  expect(splitBatches(Buffer.alloc(0))).toEqual({ ok: true, value: { batches: [], tailBytes: 0 } });
});

test('split: a length that would not move on is refused instead of looping', () => {
  const buffer = buildBatch({}, [record]);
  buffer.writeInt32BE(-12, 8);
  expect(splitBatches(buffer)).toMatchObject({ ok: false, code: ErrorCode.CORRUPT_MESSAGE });
});
