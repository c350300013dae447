import { CompressionType, ErrorCode, batch, readBatch } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { testLogConfig } from '../testing/config.ts';
import { NOW_MS, makeBatch, makeMarker } from '../testing/harness.ts';
import type { AppendOrigin, LogConfig } from '../types.ts';
import { AppendPlan, planAppend, sealPlan } from './append.ts';

function plan(records: Buffer, config: Partial<LogConfig> = {}, origin: AppendOrigin = 'client', logEndOffset = 10) {
  const made = new AppendPlan();
  const request = { records, origin, leaderEpoch: 6, nowMs: NOW_MS };
  const rules = { config: testLogConfig(config), logEndOffset, unpackedBytesMax: 64 * 1024 };
  const refusal = planAppend(request, rules, made);
  if (refusal === undefined) sealPlan(request, made);
  return { plan: made, refusal };
}

function change(records: Buffer, act: (copy: Buffer) => void, seal = true): Buffer {
  const copy = Buffer.from(records);
  act(copy);
  if (seal) batch.setCrc(copy, 0);
  return copy;
}

const good = makeBatch({ values: ['a', 'b'] });
const attributes = (bits: number) => (copy: Buffer) => copy.writeInt16BE(copy.readInt16BE(21) | bits, 21);

describe('append: a client is refused', () => {
  const cases: [string, Buffer, number, Partial<LogConfig>?][] = [
    ['nothing at all', Buffer.alloc(0), ErrorCode.INVALID_RECORD],
    ['a batch that is cut short', good.subarray(0, good.length - 1), ErrorCode.INVALID_RECORD],
    ['two batches', Buffer.concat([good, good]), ErrorCode.INVALID_RECORD],
    ['a wrong CRC', change(good, (copy) => copy.writeUInt32BE(7, 17), false), ErrorCode.CORRUPT_MESSAGE],
    [
      'a flipped bit in a value',
      change(good, (copy) => copy.writeInt8(1, copy.length - 2), false),
      ErrorCode.CORRUPT_MESSAGE,
    ],
    ['magic 1, the old message set', change(good, (copy) => copy.writeInt8(1, 16), false), ErrorCode.INVALID_RECORD],
    ['magic 3, which is not known', change(good, (copy) => copy.writeInt8(3, 16), false), ErrorCode.CORRUPT_MESSAGE],
    ['a negative length', change(good, (copy) => copy.writeInt32BE(-5, 8), false), ErrorCode.CORRUPT_MESSAGE],
    ['a length below the header', change(good, (copy) => copy.writeInt32BE(40, 8), false), ErrorCode.CORRUPT_MESSAGE],
    ['more than max.message.bytes', good, ErrorCode.MESSAGE_TOO_LARGE, { maxMessageBytes: good.length - 1 }],
    ['a base offset', makeBatch({ values: ['a'], baseOffset: 3 }), ErrorCode.INVALID_RECORD],
    ['a count of 0', change(good, (copy) => copy.writeInt32BE(0, 57)), ErrorCode.INVALID_RECORD],
    ['a negative count', change(good, (copy) => copy.writeInt32BE(-1, 57)), ErrorCode.INVALID_RECORD],
    [
      'more records declared than are there',
      change(good, (copy) => (copy.writeInt32BE(3, 57), copy.writeInt32BE(2, 23))),
      ErrorCode.INVALID_RECORD,
    ],
    [
      'fewer records declared than are there',
      change(good, (copy) => (copy.writeInt32BE(1, 57), copy.writeInt32BE(0, 23))),
      ErrorCode.INVALID_RECORD,
    ],
    [
      'a last offset delta that is not count - 1',
      change(good, (copy) => copy.writeInt32BE(5, 23)),
      ErrorCode.INVALID_RECORD,
    ],
    ['a control batch', change(good, attributes(batch.ATTRIBUTE_CONTROL)), ErrorCode.INVALID_RECORD],
    [
      'a producer id without a sequence',
      makeBatch({ values: ['a'], producerId: 3, producerEpoch: 0 }),
      ErrorCode.INVALID_RECORD,
    ],
    ['a codec that does not exist', change(good, attributes(7)), ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
    ['a payload that its codec cannot read', change(good, attributes(CompressionType.GZIP)), ErrorCode.INVALID_RECORD],
    ['the log-append-time bit', change(good, attributes(batch.ATTRIBUTE_LOG_APPEND_TIME)), ErrorCode.INVALID_TIMESTAMP],
    [
      'a producer id beyond 2^53',
      change(good, (copy) => copy.writeBigInt64BE(2n ** 60n, 43)),
      ErrorCode.INVALID_RECORD,
    ],
    [
      'more than the bound once unpacked',
      makeBatch({ values: ['x'.repeat(100_000)], compression: CompressionType.ZSTD }),
      ErrorCode.MESSAGE_TOO_LARGE,
    ],
  ];
  test.for(cases)('%s', ([_name, records, code, config]) => {
    const { refusal } = plan(records, config);
    expect(refusal).toMatchObject({ ok: false, code });
    expect(refusal?.why).not.toBe('');
  });

  test('offset deltas that do not count up from 0', () => {
    const records = change(makeBatch({ values: ['a', 'b'] }), (copy) => {
      const second = copy.indexOf(Buffer.from([0, 2, 2, 1, 2, 0x62])); // attributes, timestamp 1, offset 1, no key, one byte 'b'
      copy.writeInt8(4, second + 2);
    });
    expect(plan(records).refusal?.why).toMatch('offset delta 2, want 1');
  });

  test('keyless records of a compacted topic, each named (KIP-467)', () => {
    const records = makeBatch({ values: ['a', 'b', 'c'], keys: ['k', null, null] });
    const { refusal } = plan(records, { cleanupCompact: true });
    expect(refusal).toMatchObject({ code: ErrorCode.INVALID_RECORD });
    expect(refusal?.recordErrors?.map((error) => error.batchIndex)).toEqual([1, 2]);
    expect(plan(makeBatch({ values: ['a'], keys: ['k'] }), { cleanupCompact: true }).refusal).toBeUndefined();
  });

  test('timestamps before and after the limits, each named; the limits themselves pass', () => {
    const config = { messageTimestampBeforeMaxMs: 100, messageTimestampAfterMaxMs: 50 };
    const at = (timestampMs: number) => plan(makeBatch({ values: ['a'], timestampMs }), config).refusal;
    expect(at(NOW_MS - 100)).toBeUndefined();
    expect(at(NOW_MS + 50)).toBeUndefined();
    expect(at(-1)).toBeUndefined();
    expect(at(NOW_MS - 101)).toMatchObject({ code: ErrorCode.INVALID_TIMESTAMP, recordErrors: [{ batchIndex: 0 }] });
    expect(at(NOW_MS + 51)).toMatchObject({ code: ErrorCode.INVALID_TIMESTAMP, recordErrors: [{ batchIndex: 0 }] });
    const second = plan(makeBatch({ values: ['a', 'b'], timestampMs: NOW_MS + 50 }), config).refusal;
    expect(second?.recordErrors?.map((error) => error.batchIndex)).toEqual([1]);
  });
});

describe('append: headers are rewritten in place', () => {
  test('offsets and the leader epoch, without touching what the CRC covers', () => {
    const { plan: made } = plan(Buffer.from(good));
    expect([made.firstOffset, made.lastOffset]).toEqual([10, 11]);
    expect([batch.baseOffset(made.records, 0), batch.partitionLeaderEpoch(made.records, 0)]).toEqual([10, 6]);
    expect(made.records.subarray(17)).toEqual(good.subarray(17));
  });

  test('LogAppendTime: bit, largest timestamp and CRC; records keep their bytes; producers may be off by years', () => {
    const records = makeBatch({ values: ['a', 'b'], timestampMs: 5 });
    const { plan: made } = plan(Buffer.from(records), {
      messageTimestampType: 'LogAppendTime',
      messageTimestampBeforeMaxMs: 1,
    });
    expect([made.logAppendTimeMs, made.maxTimestampMs]).toEqual([NOW_MS, NOW_MS]);
    expect(batch.verifyCrc(made.records, 0)).toBe(true);
    const read = readBatch(made.records);
    expect(read.ok && read.value.records.map((record) => record.timestampMs)).toEqual([NOW_MS, NOW_MS]);
    expect(made.records.subarray(61)).toEqual(records.subarray(61));
  });

  test('a largest timestamp that is not that of the records is put right', () => {
    const records = change(good, (copy) => copy.writeBigInt64BE(1n, 35));
    const { plan: made } = plan(records);
    expect(batch.maxTimestamp(made.records, 0)).toBe(NOW_MS + 1);
    expect(batch.verifyCrc(made.records, 0)).toBe(true);
  });

  test('bytes of a second batch that is not whole are left out', () => {
    const { plan: made } = plan(Buffer.concat([good, good.subarray(0, 30)]));
    expect(made.records.length).toBe(good.length);
  });
});

describe('append: compression.type', () => {
  const types = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
  test.for(types.flatMap((from, code) => types.map((to) => [from, code, to] as const)))(
    '%s (%i) becomes %s and keeps every record',
    ([_from, code, to]) => {
      const compression = code as CompressionType;
      const wish = {
        values: ['a'.repeat(200), 'b'],
        keys: ['k', null],
        producerId: 4,
        producerEpoch: 1,
        baseSequence: 9,
      };
      const { plan: made } = plan(makeBatch({ ...wish, compression }), { compressionType: to });
      const read = readBatch(made.records);
      expect(read.ok && read.value.compression).toBe(types.indexOf(to));
      expect(read.ok && read.value.records.map((record) => record.value?.toString())).toEqual(wish.values);
      expect(read.ok && [read.value.producerId, read.value.baseSequence, read.value.baseOffset]).toEqual([4, 9, 10]);
    },
  );

  test('producer keeps what came', () => {
    const records = makeBatch({ values: ['a'.repeat(100)], compression: CompressionType.LZ4 });
    expect(plan(Buffer.from(records)).plan.records.subarray(17)).toEqual(records.subarray(17));
  });

  test('a batch that grows beyond max.message.bytes is refused', () => {
    const records = makeBatch({ values: ['a'.repeat(2_000)], compression: CompressionType.GZIP });
    const config = { compressionType: 'uncompressed', maxMessageBytes: 1_000 } as const;
    expect(plan(records, config).refusal).toMatchObject({ code: ErrorCode.MESSAGE_TOO_LARGE });
  });
});

describe('append: coordinators and replication', () => {
  test('a coordinator may write control batches, and several plain ones at once', () => {
    const marker = makeMarker({ producerId: 1, producerEpoch: 0, commit: true });
    expect(plan(marker, {}, 'coordinator').refusal).toBeUndefined();
    const { plan: made } = plan(Buffer.concat([good, good]), {}, 'coordinator');
    expect([made.firstOffset, made.lastOffset, made.batchCount]).toEqual([10, 13, 2]);
    expect(batch.baseOffset(made.records, good.length)).toBe(12);
    expect(plan(Buffer.concat([good, marker]), {}, 'coordinator').refusal).toMatchObject({
      code: ErrorCode.INVALID_RECORD,
    });
    expect(plan(Buffer.alloc(0), {}, 'coordinator').refusal).toMatchObject({ code: ErrorCode.INVALID_RECORD });
  });

  test('replication keeps headers, drops a cut-off tail, refuses damage and offsets that are taken', () => {
    const from = (baseOffset: number) => makeBatch({ values: ['a', 'b'], baseOffset, partitionLeaderEpoch: 2 });
    const { plan: made } = plan(Buffer.concat([from(10), from(20), from(30).subarray(0, 40)]), {}, 'replication');
    expect([made.firstOffset, made.lastOffset, made.batchCount]).toEqual([10, 21, 2]);
    expect(made.records).toEqual(Buffer.concat([from(10), from(20)]));
    expect(plan(from(9), {}, 'replication').refusal).toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
    const damaged = change(from(10), (copy) => copy.writeInt8(9, 70), false);
    expect(plan(damaged, {}, 'replication').refusal).toMatchObject({ code: ErrorCode.CORRUPT_MESSAGE });
  });
});
