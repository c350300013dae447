import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { holdsZstd, isTransactional, recordsFault } from './produce-check.ts';

const HEADER_BYTES = 61;

function batch(change: { magic?: number; attributes?: number; length?: number; bytes?: number } = {}): Buffer {
  const bytes = Buffer.alloc(change.bytes ?? HEADER_BYTES + 9);
  bytes.writeInt32BE(change.length ?? bytes.length - 12, 8);
  bytes.writeInt8(change.magic ?? 2, 16);
  bytes.writeInt16BE(change.attributes ?? 0, 21);
  return bytes;
}

test('produce: one whole batch of version 2 goes on to the log', () => {
  expect(recordsFault(batch(), 13)).toBeUndefined();
});

test.for([
  ['no records', null, 9, ErrorCode.INVALID_RECORD],
  ['empty records', Buffer.alloc(0), 9, ErrorCode.INVALID_RECORD],
  ['less than a length', Buffer.alloc(11), 9, ErrorCode.INVALID_RECORD],
  ['a batch that is cut off', batch().subarray(0, 40), 9, ErrorCode.INVALID_RECORD],
  ['a batch that is cut off before its magic', batch().subarray(0, 14), 9, ErrorCode.INVALID_RECORD],
  ['a negative length', batch({ length: -1 }), 9, ErrorCode.CORRUPT_MESSAGE],
  ['a length that no batch has', batch({ length: 13 }), 9, ErrorCode.CORRUPT_MESSAGE],
  ['a length beyond int32 sums', batch({ length: 0x7fff_ffff }), 9, ErrorCode.INVALID_RECORD],
  ['magic 3', batch({ magic: 3 }), 9, ErrorCode.CORRUPT_MESSAGE],
  ['magic -1', batch({ magic: -1 }), 9, ErrorCode.CORRUPT_MESSAGE],
  ['magic 1', batch({ magic: 1 }), 9, ErrorCode.INVALID_RECORD],
  ['a batch shorter than its header', batch({ bytes: 30 }), 9, ErrorCode.INVALID_RECORD],
  ['two batches', Buffer.concat([batch(), batch()]), 9, ErrorCode.INVALID_RECORD],
  ['a byte after the batch', Buffer.concat([batch(), Buffer.alloc(1)]), 9, ErrorCode.CORRUPT_MESSAGE],
  ['zeros after the batch', Buffer.concat([batch(), Buffer.alloc(80)]), 9, ErrorCode.CORRUPT_MESSAGE],
  ['zstd in Produce 6', batch({ attributes: 4 }), 6, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
] as const)('produce: %s is refused', ([, records, version, code]) => {
  expect(recordsFault(records, version)?.code).toBe(code);
});

test('produce: zstd is taken from version 7 on', () => {
  expect(recordsFault(batch({ attributes: 4 }), 7)).toBeUndefined();
});

test('produce: a batch says itself whether it belongs to a transaction', () => {
  expect([isTransactional(batch()), isTransactional(batch({ attributes: 0x10 }))]).toEqual([false, true]);
});

test('fetch: zstd is found in any batch, also when the parts are cut within one', () => {
  const plain = batch();
  const zstd = batch({ attributes: 4 });
  const both = Buffer.concat([plain, zstd]);
  expect(holdsZstd([plain, plain])).toBe(false);
  expect(holdsZstd([both])).toBe(true);
  for (let cut = 1; cut < both.length; cut += 1) {
    expect(holdsZstd([both.subarray(0, cut), both.subarray(cut)]), `cut at ${cut}`).toBe(true);
    const twice = Buffer.concat([plain, plain]);
    expect(holdsZstd([twice.subarray(0, cut), twice.subarray(cut, cut + 3), twice.subarray(cut + 3)])).toBe(false);
  }
});
