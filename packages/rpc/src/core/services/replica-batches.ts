/**
 * `FromLeader.batches` as bytes (proto/replica_fetch.proto). Protobuf puts a length before each message within another, which a writer in one
 * pass learns too late and makes room for by moving what it has written. Here lengths are counted first, so that every byte of a batch is
 * copied once, to its place in the buffer that is sent.
 */
import { assert } from '@odradek/base';

export type BatchesPart = {
  readonly slot: number;
  readonly fetchOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly records: readonly Buffer[];
};
export type BatchesProgress = {
  readonly slot: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
};

/** `FromLeader.batches`, `ReplicaBatches.parts` and `.progress`, and `ReplicaPart.records`: numbers 1, 1, 2 and 5, all delimited. */
const BATCHES_TAG = 0x0a;
const PARTS_TAG = 0x0a;
const PROGRESS_TAG = 0x12;
const RECORDS_TAG = 0x2a;
/** Tag of a varint's field: its number in the upper bits. */
const FIELD_SHIFT = 3;

/** Lengths of what is being written; filled and read again within one call. */
const lengths: number[] = [];

export function encodeBatches(parts: readonly BatchesPart[], progress: readonly BatchesProgress[]): Buffer {
  lengths.length = 0;
  let bodyBytes = 0;
  for (const part of parts) bodyBytes += 1 + noted(partBytes(part));
  for (const each of progress) bodyBytes += 1 + noted(progressBytes(each));
  const out = Buffer.allocUnsafe(1 + varintBytes(bodyBytes) + bodyBytes);
  out[0] = BATCHES_TAG;
  let at = writeVarint(out, 1, bodyBytes);
  let index = 0;
  for (const part of parts) at = writePart(out, at, part, lengths[index++] ?? 0);
  for (const each of progress) {
    out[at] = PROGRESS_TAG;
    at = writeVarint(out, at + 1, lengths[index++] ?? 0);
    at = writePosition(out, at, each, 1);
  }
  assert(at === out.length, 'a message is as long as was counted', { at, length: out.length });
  return out;
}

/** @returns bytes of the length and of what it measures */
function noted(lengthBytes: number): number {
  lengths.push(lengthBytes);
  return varintBytes(lengthBytes) + lengthBytes;
}

function partBytes(part: BatchesPart): number {
  const { slot, fetchOffset, highWatermark, logStartOffset } = part;
  const fields = fieldBytes(slot) + fieldBytes(fetchOffset) + fieldBytes(highWatermark) + fieldBytes(logStartOffset);
  const recordsBytes = sizeOf(part.records);
  return recordsBytes === 0 ? fields : fields + 1 + varintBytes(recordsBytes) + recordsBytes;
}

function progressBytes({ slot, highWatermark, logStartOffset }: BatchesProgress): number {
  return fieldBytes(slot) + fieldBytes(highWatermark) + fieldBytes(logStartOffset);
}

function writePart(out: Buffer, from: number, part: BatchesPart, lengthBytes: number): number {
  out[from] = PARTS_TAG;
  let at = writeVarint(out, from + 1, lengthBytes);
  at = writeField(out, at, 1, part.slot);
  at = writeField(out, at, 2, part.fetchOffset);
  at = writeField(out, at, 3, part.highWatermark);
  at = writeField(out, at, 4, part.logStartOffset);
  const recordsBytes = sizeOf(part.records);
  if (recordsBytes === 0) return at;
  out[at] = RECORDS_TAG;
  at = writeVarint(out, at + 1, recordsBytes);
  for (const chunk of part.records) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return at;
}

function writePosition(out: Buffer, from: number, each: BatchesProgress, firstId: number): number {
  const at = writeField(out, from, firstId, each.slot);
  return writeField(out, writeField(out, at, firstId + 1, each.highWatermark), firstId + 2, each.logStartOffset);
}

function sizeOf(chunks: readonly Buffer[]): number {
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  return sizeBytes;
}

/** 0 is what is not there. */
function fieldBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function writeField(out: Buffer, at: number, id: number, value: number): number {
  if (value === 0) return at;
  out[at] = id << FIELD_SHIFT;
  return writeVarint(out, at + 1, value);
}

function varintBytes(value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, 'a uint64 is a whole number from 0 to 2^53 - 1', { value });
  let count = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) count += 1;
  return count;
}

function writeVarint(out: Buffer, from: number, value: number): number {
  let at = from;
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) {
    out[at] = (left % 0x80) | 0x80;
    at += 1;
  }
  out[at] = left;
  return at + 1;
}
