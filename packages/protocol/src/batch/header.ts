/**
 * The header of a record batch (format 2) in place: each function reads or writes one field of the batch that begins
 * at `at`. Nothing is copied and no object is made. `headerFault` comes first on bytes from outside: the readers
 * trust what it checked.
 */
import { assert, crc32c } from '@odradek/base';
import { isSafeInt64, readInt64, writeInt64 } from '../int64.ts';

/** Header with recordsCount; records (or their compressed form) follow. */
export const HEADER_BYTES = 61;
/** baseOffset and batchLength, which batchLength does not count. */
export const LOG_OVERHEAD_BYTES = 12;
/** Up to and including magic: enough to know the size and the format. */
export const HEADER_BYTES_UP_TO_MAGIC = 17;

const BATCH_LENGTH_AT = 8;
const PARTITION_LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const RECORDS_COUNT_AT = 57;

export const MAGIC_V2 = 2;
export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_LEADER_EPOCH = -1;

export const ATTRIBUTE_COMPRESSION = 0x07;
export const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
export const ATTRIBUTE_TRANSACTIONAL = 0x10;
export const ATTRIBUTE_CONTROL = 0x20;
export const ATTRIBUTE_DELETE_HORIZON = 0x40;

const SEQUENCE_MODULUS = 2 ** 31;

export function baseOffset(buffer: Buffer, at: number): number {
  return readInt64(buffer, at);
}

/** Bytes after the field itself, as it is written: whole batch minus 12. */
export function batchLength(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + BATCH_LENGTH_AT);
}

/** Bytes of the whole batch. */
export function sizeInBytes(buffer: Buffer, at: number): number {
  return batchLength(buffer, at) + LOG_OVERHEAD_BYTES;
}

export function partitionLeaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + PARTITION_LEADER_EPOCH_AT);
}

/** Format of the entry at `at`; at the same place in batches and in the old message sets (0 and 1). */
export function magic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + MAGIC_AT);
}

export function crc(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + CRC_AT);
}

export function attributes(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + ATTRIBUTES_AT);
}

export function lastOffsetDelta(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + LAST_OFFSET_DELTA_AT);
}

export function lastOffset(buffer: Buffer, at: number): number {
  return baseOffset(buffer, at) + lastOffsetDelta(buffer, at);
}

/** Of the first record, milliseconds; the delete horizon instead when {@link hasDeleteHorizon}. */
export function baseTimestamp(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + BASE_TIMESTAMP_AT);
}

export function maxTimestamp(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + MAX_TIMESTAMP_AT);
}

export function producerId(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + PRODUCER_ID_AT);
}

export function producerEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + PRODUCER_EPOCH_AT);
}

export function baseSequence(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + BASE_SEQUENCE_AT);
}

/** Sequence of the last record, wrapping from 2^31-1 to 0; -1 when the batch has none. */
export function lastSequence(buffer: Buffer, at: number): number {
  const first = baseSequence(buffer, at);
  return first < 0 ? NO_SEQUENCE : addToSequence(first, lastOffsetDelta(buffer, at));
}

/** @param sequence in [0, 2^31); @param delta >= 0 */
export function addToSequence(sequence: number, delta: number): number {
  return (sequence + delta) % SEQUENCE_MODULUS;
}

export function recordsCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + RECORDS_COUNT_AT);
}

/** A code of CompressionType; 5 to 7 are none. */
export function compressionOf(buffer: Buffer, at: number): number {
  return attributes(buffer, at) & ATTRIBUTE_COMPRESSION;
}

/** TimestampType: 0 CreateTime, 1 LogAppendTime. */
export function timestampTypeOf(buffer: Buffer, at: number): 0 | 1 {
  return (attributes(buffer, at) & ATTRIBUTE_LOG_APPEND_TIME) === 0 ? 0 : 1;
}

export function isTransactional(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & ATTRIBUTE_TRANSACTIONAL) !== 0;
}

export function isControl(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & ATTRIBUTE_CONTROL) !== 0;
}

/** The cleaner wrote when its tombstones may go (milliseconds) into baseTimestamp (KIP-534). */
export function hasDeleteHorizon(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & ATTRIBUTE_DELETE_HORIZON) !== 0;
}

export function hasProducer(buffer: Buffer, at: number): boolean {
  return producerId(buffer, at) > NO_PRODUCER_ID;
}

/** What follows the header: records, or their compressed form. A slice, not a copy. */
export function recordsSection(buffer: Buffer, at: number): Buffer {
  return buffer.subarray(at + HEADER_BYTES, at + sizeInBytes(buffer, at));
}

/** CRC-32C of everything from attributes to the end of the batch. */
export function computeCrc(buffer: Buffer, at: number): number {
  return crc32c(buffer.subarray(at + ATTRIBUTES_AT, at + sizeInBytes(buffer, at)));
}

export function verifyCrc(buffer: Buffer, at: number): boolean {
  return crc(buffer, at) === computeCrc(buffer, at);
}

// Not covered by the CRC: an append rewrites these without touching the rest.

export function setBaseOffset(buffer: Buffer, at: number, offset: number): void {
  assert(offset >= 0, 'an offset is not negative', { offset });
  writeInt64(buffer, at, offset);
}

export function setPartitionLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + PARTITION_LEADER_EPOCH_AT);
}

/**
 * Sets timestamp type and largest timestamp (with LogAppendTime: that of every record), and the CRC that covers them.
 */
export function setMaxTimestamp(buffer: Buffer, at: number, type: 0 | 1, timestampMs: number): void {
  const cleared = attributes(buffer, at) & ~ATTRIBUTE_LOG_APPEND_TIME;
  buffer.writeInt16BE(type === 1 ? cleared | ATTRIBUTE_LOG_APPEND_TIME : cleared, at + ATTRIBUTES_AT);
  writeInt64(buffer, at + MAX_TIMESTAMP_AT, timestampMs);
  setCrc(buffer, at);
}

export function setCrc(buffer: Buffer, at: number): void {
  buffer.writeUInt32BE(computeCrc(buffer, at), at + CRC_AT);
}

/** All fields of a new header but the CRC. 64-bit ones may be bigint. */
export type HeaderFields = {
  readonly baseOffset: number | bigint;
  readonly sizeInBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number | bigint;
  readonly maxTimestamp: number | bigint;
  readonly producerId: number | bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordsCount: number;
};

/** Writes a header of format 2 before records that are there already, and the CRC over both. */
export function writeHeader(buffer: Buffer, at: number, fields: HeaderFields): void {
  writeInt64(buffer, at, fields.baseOffset);
  buffer.writeInt32BE(fields.sizeInBytes - LOG_OVERHEAD_BYTES, at + BATCH_LENGTH_AT);
  buffer.writeInt32BE(fields.partitionLeaderEpoch, at + PARTITION_LEADER_EPOCH_AT);
  buffer.writeInt8(MAGIC_V2, at + MAGIC_AT);
  buffer.writeInt16BE(fields.attributes, at + ATTRIBUTES_AT);
  buffer.writeInt32BE(fields.lastOffsetDelta, at + LAST_OFFSET_DELTA_AT);
  writeInt64(buffer, at + BASE_TIMESTAMP_AT, fields.baseTimestamp);
  writeInt64(buffer, at + MAX_TIMESTAMP_AT, fields.maxTimestamp);
  writeInt64(buffer, at + PRODUCER_ID_AT, fields.producerId);
  buffer.writeInt16BE(fields.producerEpoch, at + PRODUCER_EPOCH_AT);
  buffer.writeInt32BE(fields.baseSequence, at + BASE_SEQUENCE_AT);
  buffer.writeInt32BE(fields.recordsCount, at + RECORDS_COUNT_AT);
  setCrc(buffer, at);
}

/**
 * What is wrong with the bytes at `at`, seen as a batch of format 2; undefined when its header is sound and it is
 * there whole.
 * - `cutOff`: the batch goes on after the end of the buffer (or so the length says).
 * - `corrupt`: a length, count or 64-bit value that cannot be. - `magic`: another format. - `crc`: the checksum does
 * not match.
 */
export type HeaderFault = { readonly kind: 'cutOff' | 'corrupt' | 'magic' | 'crc'; readonly why: string };

export function headerFault(buffer: Buffer, at: number): HeaderFault | undefined {
  const left = buffer.length - at;
  if (left < HEADER_BYTES_UP_TO_MAGIC) return { kind: 'cutOff', why: `${left} bytes are too few for a batch header` };
  const format = magic(buffer, at);
  if (format === 0 || format === 1) return { kind: 'magic', why: `message format ${format} is no longer supported` };
  const length = batchLength(buffer, at);
  if (length < HEADER_BYTES - LOG_OVERHEAD_BYTES) {
    return { kind: 'corrupt', why: `batch length ${length} is less than ${HEADER_BYTES - LOG_OVERHEAD_BYTES}` };
  }
  if (format !== MAGIC_V2) return { kind: 'magic', why: `unknown magic ${format}` };
  if (length + LOG_OVERHEAD_BYTES > left) {
    return { kind: 'cutOff', why: `a batch of ${length + LOG_OVERHEAD_BYTES} bytes in ${left}` };
  }
  if (!verifyCrc(buffer, at)) {
    return { kind: 'crc', why: `stored crc ${crc(buffer, at)}, computed ${computeCrc(buffer, at)}` };
  }
  return fieldFault(buffer, at);
}

function fieldFault(buffer: Buffer, at: number): HeaderFault | undefined {
  for (const fieldAt of [0, BASE_TIMESTAMP_AT, MAX_TIMESTAMP_AT, PRODUCER_ID_AT]) {
    if (!isSafeInt64(buffer, at + fieldAt)) {
      return {
        kind: 'corrupt',
        why: `${buffer.readBigInt64BE(at + fieldAt)} at byte ${fieldAt} of a batch is beyond 2^53`,
      };
    }
  }
  if (baseOffset(buffer, at) < 0) return { kind: 'corrupt', why: `base offset ${baseOffset(buffer, at)} is negative` };
  const count = recordsCount(buffer, at);
  if (count < 0) return { kind: 'corrupt', why: `a count of ${count} records` };
  const delta = lastOffsetDelta(buffer, at);
  if (delta < 0) return { kind: 'corrupt', why: `last offset delta ${delta} is negative` };
  return undefined;
}
