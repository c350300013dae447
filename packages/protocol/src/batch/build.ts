/**
 * Makes record batches of objects: for coordinators, the cleaner, tools and tests; never on the way of a client's
 * batch.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { CompressionType } from '../codes.ts';
import { ErrorCode } from '../errors.ts';
import { compress, decompress } from './compression.ts';
import * as header from './header.ts';
import { forEachRecord } from './records.ts';
import type { RecordHeader } from './records.ts';

/** One record as it lies in a batch: relative to the batch's first offset and timestamp. */
export type RawRecord = {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: readonly RecordHeader[];
};

/** The bytes of records, uncompressed. */
export function encodeRecords(records: readonly RawRecord[]): Buffer {
  const writer = new RecordWriter(records);
  for (const record of records) writer.record(record);
  return writer.finish();
}

export type BatchOptions = {
  /** Of the first record, 0 when left out: an append assigns it anyway. */
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly compression?: CompressionType;
  readonly compressionLevel?: number;
  /** With LogAppendTime every record has this timestamp (milliseconds). */
  readonly logAppendTimeMs?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Milliseconds; takes the place of the base timestamp (KIP-534). */
  readonly deleteHorizonMs?: number;
  /** Offset delta that the batch covers to its end; that of the last record when left out (compaction keeps more). */
  readonly lastOffsetDelta?: number;
  /** Largest timestamp; that of the records when left out. A batch that compaction emptied keeps the one it had. */
  readonly maxTimestampMs?: number;
};

export type NewRecord = {
  readonly timestampMs: number;
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: readonly RecordHeader[];
  /** Offset minus the batch's; the position in the list when left out. */
  readonly offsetDelta?: number;
};

/**
 * A whole batch of format 2, checksum included. An empty list makes the batch that compaction leaves for a
 * producer's sequence.
 */
export function buildBatch(options: BatchOptions, records: readonly NewRecord[]): Buffer {
  const baseTimestamp = options.deleteHorizonMs ?? records[0]?.timestampMs ?? header.NO_TIMESTAMP;
  let maxTimestamp = header.NO_TIMESTAMP;
  const raw = records.map((record, index): RawRecord => {
    maxTimestamp = Math.max(maxTimestamp, record.timestampMs);
    return {
      offsetDelta: record.offsetDelta ?? index,
      timestampDelta: record.timestampMs - baseTimestamp,
      key: record.key ?? null,
      value: record.value ?? null,
      headers: record.headers ?? [],
    };
  });
  return assembleBatch(
    {
      baseOffset: options.baseOffset ?? 0,
      partitionLeaderEpoch: options.partitionLeaderEpoch ?? header.NO_LEADER_EPOCH,
      attributes: attributesOf(options),
      lastOffsetDelta: options.lastOffsetDelta ?? raw.at(-1)?.offsetDelta ?? 0,
      baseTimestamp,
      maxTimestamp: options.logAppendTimeMs ?? options.maxTimestampMs ?? maxTimestamp,
      producerId: options.producerId ?? header.NO_PRODUCER_ID,
      producerEpoch: options.producerEpoch ?? header.NO_PRODUCER_EPOCH,
      baseSequence: options.baseSequence ?? header.NO_SEQUENCE,
      recordsCount: records.length,
    },
    encodeRecords(raw),
    options.compressionLevel,
  );
}

/** A batch of a header and the bytes of its uncompressed records; compresses them as the header's attributes say. */
export function assembleBatch(
  fields: Omit<header.HeaderFields, 'sizeInBytes'>,
  records: Buffer,
  compressionLevel?: number,
): Buffer {
  const codec = (fields.attributes & header.ATTRIBUTE_COMPRESSION) as CompressionType;
  const section = compress(codec, records, compressionLevel === undefined ? {} : { level: compressionLevel });
  const batch = Buffer.allocUnsafe(header.HEADER_BYTES + section.length);
  section.copy(batch, header.HEADER_BYTES);
  header.writeHeader(batch, 0, { ...fields, sizeInBytes: batch.length });
  return batch;
}

function attributesOf(options: BatchOptions): number {
  let bits: number = options.compression ?? CompressionType.NONE;
  if (options.logAppendTimeMs !== undefined) bits |= header.ATTRIBUTE_LOG_APPEND_TIME;
  if (options.isTransactional === true) bits |= header.ATTRIBUTE_TRANSACTIONAL;
  if (options.isControl === true) bits |= header.ATTRIBUTE_CONTROL;
  if (options.deleteHorizonMs !== undefined) bits |= header.ATTRIBUTE_DELETE_HORIZON;
  return bits;
}

export type DecodedRecord = {
  readonly offset: number;
  readonly timestampMs: number;
  /** -1 without a producer's sequence. */
  readonly sequence: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
};

export type DecodedBatch = {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly sizeInBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  readonly attributes: number;
  readonly compression: CompressionType;
  readonly timestampType: 0 | 1;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly deleteHorizonMs: number | undefined;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly records: readonly DecodedRecord[];
};

/**
 * The uncompressed records of the batch at `at`, whose header was checked: a slice of `buffer`, or what came out of
 * the codec.
 * @returns refused as {@link decompress}
 */
export function uncompressedRecords(buffer: Buffer, at: number, maxBytes?: number): Outcome<Buffer> {
  const section = header.recordsSection(buffer, at);
  const codec = header.compressionOf(buffer, at);
  return decompress(codec, section, maxBytes === undefined ? {} : { maxBytes });
}

/** Checks and decodes the batch at `at` with all its records.
 * @returns refused with CORRUPT_MESSAGE (header, checksum), INVALID_RECORD (records, old formats), or as decompress
 */
export function readBatch(buffer: Buffer, at = 0): Outcome<DecodedBatch> {
  const fault = header.headerFault(buffer, at);
  if (fault !== undefined) return refuse(codeOfHeaderFault(buffer, at, fault), fault.why);
  const section = uncompressedRecords(buffer, at);
  if (!section.ok) return section;
  const records: DecodedRecord[] = [];
  const baseOffset = header.baseOffset(buffer, at);
  const baseTimestamp = header.baseTimestamp(buffer, at);
  const maxTimestamp = header.maxTimestamp(buffer, at);
  const baseSequence = header.baseSequence(buffer, at);
  const timestampType = header.timestampTypeOf(buffer, at);
  const walked = forEachRecord(section.value, header.recordsCount(buffer, at), (record) => {
    records.push({
      offset: baseOffset + record.offsetDelta,
      timestampMs: timestampType === 1 ? maxTimestamp : baseTimestamp + record.timestampDelta,
      sequence: baseSequence < 0 ? header.NO_SEQUENCE : header.addToSequence(baseSequence, record.offsetDelta),
      key: record.key(),
      value: record.value(),
      headers: record.headers(),
    });
  });
  if (!walked.ok) return walked;
  return ok({
    baseOffset,
    lastOffset: header.lastOffset(buffer, at),
    sizeInBytes: header.sizeInBytes(buffer, at),
    partitionLeaderEpoch: header.partitionLeaderEpoch(buffer, at),
    crc: header.crc(buffer, at),
    attributes: header.attributes(buffer, at),
    compression: header.compressionOf(buffer, at) as CompressionType,
    timestampType,
    isTransactional: header.isTransactional(buffer, at),
    isControl: header.isControl(buffer, at),
    lastOffsetDelta: header.lastOffsetDelta(buffer, at),
    baseTimestamp,
    maxTimestamp,
    deleteHorizonMs: header.hasDeleteHorizon(buffer, at) ? baseTimestamp : undefined,
    producerId: header.producerId(buffer, at),
    producerEpoch: header.producerEpoch(buffer, at),
    baseSequence,
    lastSequence: header.lastSequence(buffer, at),
    records,
  });
}

/** The error of a batch whose header is unsound. Kafka, too, calls an old format an invalid record, and garbage corrupt. */
export function codeOfHeaderFault(buffer: Buffer, at: number, fault: header.HeaderFault): number {
  if (fault.kind !== 'magic') return ErrorCode.CORRUPT_MESSAGE;
  const format = header.magic(buffer, at);
  return format === 0 || format === 1 ? ErrorCode.INVALID_RECORD : ErrorCode.CORRUPT_MESSAGE;
}

export type BatchPosition = { readonly at: number; readonly sizeInBytes: number };

/** Positions of the whole batches that lie one after another; a cut-off tail, as a Fetch answer may have, ends them.
 * @returns the bytes of the tail as `tailBytes`; refused with CORRUPT_MESSAGE for a length that cannot be
 */
export function splitBatches(
  buffer: Buffer,
): Outcome<{ readonly batches: readonly BatchPosition[]; readonly tailBytes: number }> {
  const batches: BatchPosition[] = [];
  let at = 0;
  while (buffer.length - at >= header.HEADER_BYTES_UP_TO_MAGIC) {
    const sizeInBytes = header.sizeInBytes(buffer, at);
    if (sizeInBytes < header.HEADER_BYTES_UP_TO_MAGIC) {
      return refuse(ErrorCode.CORRUPT_MESSAGE, `a batch of ${sizeInBytes} bytes at byte ${at}`);
    }
    if (at + sizeInBytes > buffer.length) break;
    batches.push({ at, sizeInBytes });
    at += sizeInBytes;
  }
  return ok({ batches, tailBytes: buffer.length - at });
}

/** Writes records one after another into a buffer that is large enough from the start. */
class RecordWriter {
  private readonly buffer: Buffer;
  private at = 0;

  constructor(records: readonly RawRecord[]) {
    let bytes = 0;
    for (const record of records) bytes += recordBytesMax(record);
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  finish(): Buffer {
    assert(this.at <= this.buffer.length, 'records fit into what was sized for them');
    return this.buffer.subarray(0, this.at);
  }

  record(record: RawRecord): void {
    const body = bodyBytes(record);
    this.varint(body);
    const end = this.at + body;
    this.buffer[this.at] = 0;
    this.at += 1;
    this.varlong(record.timestampDelta);
    this.varint(record.offsetDelta);
    this.bytes(record.key);
    this.bytes(record.value);
    const headers = record.headers ?? [];
    this.varint(headers.length);
    for (const { key, value } of headers) {
      this.bytes(Buffer.from(key, 'utf8'));
      this.bytes(value);
    }
    assert(this.at === end, 'a record has the length that it announces');
  }

  private bytes(value: Buffer | null): void {
    this.varint(value === null ? -1 : value.length);
    if (value === null) return;
    value.copy(this.buffer, this.at);
    this.at += value.length;
  }

  private varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.buffer[this.at] = (rest & 0x7f) | 0x80;
      this.at += 1;
      rest >>>= 7;
    }
    this.buffer[this.at] = rest;
    this.at += 1;
  }

  /** Zig-zag without bigint: the sign goes into the lowest bit of the first byte, the magnitude into the rest. */
  private varlong(value: number): void {
    const magnitude = value < 0 ? -(value + 1) : value;
    let bits = (magnitude % 64) * 2 + (value < 0 ? 1 : 0);
    let rest = Math.floor(magnitude / 64);
    while (rest > 0) {
      this.buffer[this.at] = bits | 0x80;
      this.at += 1;
      bits = rest % 128;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.at] = bits;
    this.at += 1;
  }
}

const VARINT_BYTES_MAX = 5;

function recordBytesMax(record: RawRecord): number {
  return bodyBytes(record) + VARINT_BYTES_MAX;
}

function bodyBytes(record: RawRecord): number {
  const headers = record.headers ?? [];
  let bytes = 1 + varlongBytes(record.timestampDelta) + varlongBytes(record.offsetDelta) + varlongBytes(headers.length);
  bytes += fieldBytes(record.key) + fieldBytes(record.value);
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key, 'utf8');
    bytes += varlongBytes(keyBytes) + keyBytes + fieldBytes(value);
  }
  return bytes;
}

function fieldBytes(value: Buffer | null): number {
  return value === null ? 1 : varlongBytes(value.length) + value.length;
}

function varlongBytes(value: number): number {
  let rest = Math.floor((value < 0 ? -(value + 1) : value) / 64);
  let bytes = 1;
  for (; rest > 0; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
