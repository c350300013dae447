/**
 * `FromLeader.batches` as bytes (proto/replica_fetch.proto). Protobuf puts a length before each message within another, which a writer in one
 * pass learns too late and makes room for by moving what it has written. Here lengths are counted first, so that every byte of a batch is
 * copied once, to its place in gRPC's frame.
 */
import { assert } from '@odradek/base';
import type { Laid } from '../schema.ts';

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

export type Batches = { readonly parts: readonly BatchesPart[]; readonly progress: readonly BatchesProgress[] };

export class LaidBatches implements Laid {
  readonly byteLength: number;
  readonly #batches: Batches;
  /** Of each part and each progress, in turn. */
  readonly #lengths: number[] = [];
  readonly #bodyBytes: number;

  constructor(batches: Batches) {
    this.#batches = batches;
    let bodyBytes = 0;
    for (const part of batches.parts) bodyBytes += this.#note(partBytes(part));
    for (const each of batches.progress) bodyBytes += this.#note(progressBytes(each));
    this.#bodyBytes = bodyBytes;
    this.byteLength = 1 + varintBytes(bodyBytes) + bodyBytes;
  }

  encode(): Buffer {
    const out = Buffer.allocUnsafe(this.byteLength);
    this.copy(out, 0);
    return out;
  }

  copy(into: Uint8Array, from: number): void {
    const { parts, progress } = this.#batches;
    into[from] = BATCHES_TAG;
    let at = writeVarint(into, from + 1, this.#bodyBytes);
    let index = 0;
    for (const part of parts) at = writePart(into, at, part, this.#lengths[index++] ?? 0);
    for (const each of progress) at = writeProgress(into, at, each, this.#lengths[index++] ?? 0);
    assert(at === from + this.byteLength, 'a message is as long as was counted', { at, from });
  }

  /** @returns bytes of the tag, of the length and of what it measures */
  #note(lengthBytes: number): number {
    this.#lengths.push(lengthBytes);
    return 1 + varintBytes(lengthBytes) + lengthBytes;
  }
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

function writePart(out: Uint8Array, from: number, part: BatchesPart, lengthBytes: number): number {
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

function writeProgress(out: Uint8Array, from: number, each: BatchesProgress, lengthBytes: number): number {
  out[from] = PROGRESS_TAG;
  let at = writeVarint(out, from + 1, lengthBytes);
  at = writeField(out, at, 1, each.slot);
  at = writeField(out, at, 2, each.highWatermark);
  return writeField(out, at, 3, each.logStartOffset);
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

function writeField(out: Uint8Array, at: number, id: number, value: number): number {
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

function writeVarint(out: Uint8Array, from: number, value: number): number {
  let at = from;
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) {
    out[at] = (left % 0x80) | 0x80;
    at += 1;
  }
  out[at] = left;
  return at + 1;
}
