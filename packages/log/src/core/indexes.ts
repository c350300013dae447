/**
 * The sparse indexes of a segment, held as the very bytes of their files. Offset index: int32 offset minus base, int32 position of the batch
 * that ends with it. Time index: int64 largest timestamp so far, int32 offset (minus base) of the batch that brought it. Rows that are on
 * file may be let go; what looks them up again asks for the file first (`covers`).
 */
import { assert } from '@odradek/base';
import { batch, readInt64, writeInt64 } from '@odradek/protocol';

export const OFFSET_ENTRY_BYTES = 8;
export const TIME_ENTRY_BYTES = 12;
const FIRST_CAPACITY_ROWS = 8;
const EMPTY = Buffer.alloc(0);

/** Rows of a fixed size that only grow at the end or are cut there. Slots count from the first row of the file. */
export class Rows {
  readonly rowBytes: number;
  /** Rows from `first` on. */
  #bytes: Buffer = EMPTY;
  /** Rows before it are on file only. */
  #first = 0;
  #count = 0;
  #saved = 0;

  constructor(rowBytes: number) {
    this.rowBytes = rowBytes;
  }

  get count(): number {
    return this.#count;
  }

  get first(): number {
    return this.#first;
  }

  get residentBytes(): number {
    return this.#bytes.length;
  }

  get unsavedCount(): number {
    return this.#count - this.#saved;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Where the row lies in `bytes`. */
  at(slot: number): number {
    return (slot - this.#first) * this.rowBytes;
  }

  /** @returns where in `bytes` the new row is to be written */
  grow(): number {
    const at = this.at(this.#count);
    if (at + this.rowBytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY_ROWS * this.rowBytes, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#count += 1;
    return at;
  }

  cut(count: number): void {
    assert(count >= this.#first, 'rows are cut where they are resident', { count, first: this.#first });
    this.#count = count;
    if (this.#saved > count) this.#saved = count;
  }

  /** Bytes that are not on file yet, and where in the file they belong. */
  unsaved(): { readonly bytes: Buffer; readonly position: number } {
    return {
      bytes: this.#bytes.subarray(this.at(this.#saved), this.at(this.#count)),
      position: this.#saved * this.rowBytes,
    };
  }

  markSaved(): void {
    this.#saved = this.#count;
  }

  /** Lets go of the rows that are on file, but for the last one. */
  evict(): void {
    const keepFrom = Math.max(this.#first, Math.min(this.#saved, this.#count - 1));
    if (keepFrom <= this.#first) return;
    this.#bytes = Buffer.from(this.#bytes.subarray(this.at(keepFrom), this.at(this.#count)));
    this.#first = keepFrom;
  }

  /** Takes the rows back from the file. @param file its bytes from the start, at least up to the first resident row */
  restore(file: Buffer): void {
    const missing = this.#first * this.rowBytes;
    assert(file.length >= missing, 'an index file holds every row that was saved', { have: file.length, missing });
    this.#bytes = Buffer.concat([file.subarray(0, missing), this.#bytes.subarray(0, this.at(this.#count))]);
    this.#first = 0;
  }

  /** Begins with what a file holds. */
  adopt(file: Buffer, count: number): void {
    this.#bytes = file;
    this.#first = 0;
    this.#count = count;
    this.#saved = count;
  }
}

export class OffsetIndex {
  readonly baseOffset: number;
  readonly rows = new Rows(OFFSET_ENTRY_BYTES);

  constructor(baseOffset: number) {
    this.baseOffset = baseOffset;
  }

  /** Takes what is sane of a file; a tail of zeros (preallocated by Kafka, or after a crash) is not part of it. */
  adopt(file: Buffer): void {
    this.rows.adopt(file, saneOffsetRows(file));
  }

  get lastOffset(): number {
    return this.rows.count === 0 ? this.baseOffset : this.#offset(this.rows.count - 1);
  }

  get lastPosition(): number {
    return this.rows.count === 0 ? 0 : this.#position(this.rows.count - 1);
  }

  add(offset: number, position: number): void {
    assert(this.rows.count === 0 || offset > this.lastOffset, 'offset index rises', { offset, last: this.lastOffset });
    const at = this.rows.grow();
    this.rows.bytes.writeInt32BE(offset - this.baseOffset, at);
    this.rows.bytes.writeInt32BE(position, at + 4);
  }

  /** Whether a lookup needs none of the rows that were let go. */
  covers(offset: number): boolean {
    return this.rows.first === 0 || this.#offset(this.rows.first) <= offset;
  }

  /** Position from which a scan finds the batch that holds `offset`. */
  lookup(offset: number): number {
    const slot = this.#floor(offset);
    return slot < 0 ? 0 : this.#position(slot);
  }

  /** Keeps entries below `offset`. */
  truncateTo(offset: number): void {
    this.rows.cut(this.#floor(offset - 1) + 1);
  }

  /** The last slot whose offset is at most `offset`; -1 when there is none. */
  #floor(offset: number): number {
    assert(this.covers(offset), 'an index is asked for what it holds', { offset });
    let low = this.rows.first;
    let high = this.rows.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#offset(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #offset(slot: number): number {
    return this.baseOffset + this.rows.bytes.readInt32BE(this.rows.at(slot));
  }

  #position(slot: number): number {
    return this.rows.bytes.readInt32BE(this.rows.at(slot) + 4);
  }
}

export class TimeIndex {
  readonly baseOffset: number;
  readonly rows = new Rows(TIME_ENTRY_BYTES);

  constructor(baseOffset: number) {
    this.baseOffset = baseOffset;
  }

  adopt(file: Buffer): void {
    this.rows.adopt(file, saneTimeRows(file));
  }

  get lastTimestampMs(): number {
    return this.rows.count === 0 ? -1 : this.#timestamp(this.rows.count - 1);
  }

  get lastOffset(): number {
    return this.rows.count === 0 ? this.baseOffset : this.#offset(this.rows.count - 1);
  }

  /** Adds when the timestamp is larger than all before. */
  add(timestampMs: number, offset: number): void {
    if (timestampMs <= this.lastTimestampMs) return;
    assert(this.rows.count === 0 || offset >= this.lastOffset, 'time index offsets do not fall', { offset });
    const at = this.rows.grow();
    writeInt64(this.rows.bytes, at, timestampMs);
    this.rows.bytes.writeInt32BE(offset - this.baseOffset, at + 8);
  }

  get coversAll(): boolean {
    return this.rows.first === 0;
  }

  /** No record at or below the returned offset is as young as `timestampMs`; one below the base when nothing is known. */
  lastOffsetBefore(timestampMs: number): number {
    assert(this.coversAll, 'a time index is asked when it is resident');
    let low = 0;
    let high = this.rows.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timestamp(middle) < timestampMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? this.baseOffset - 1 : this.#offset(low - 1);
  }

  /** Keeps entries below `offset`. */
  truncateTo(offset: number): void {
    assert(this.coversAll, 'a time index is cut when it is resident');
    let count = this.rows.count;
    while (count > 0 && this.#offset(count - 1) >= offset) count -= 1;
    this.rows.cut(count);
  }

  #timestamp(slot: number): number {
    return readInt64(this.rows.bytes, this.rows.at(slot));
  }

  #offset(slot: number): number {
    return this.baseOffset + this.rows.bytes.readInt32BE(this.rows.at(slot) + 8);
  }
}

function saneOffsetRows(file: Buffer): number {
  const rows = Math.floor(file.length / OFFSET_ENTRY_BYTES);
  let lastRelative = -1;
  let lastPosition = 0; // no entry points at position 0, so that a preallocated tail of zeros ends here
  for (let slot = 0; slot < rows; slot += 1) {
    const relative = file.readInt32BE(slot * OFFSET_ENTRY_BYTES);
    const position = file.readInt32BE(slot * OFFSET_ENTRY_BYTES + 4);
    if (relative <= lastRelative || position <= lastPosition) return slot;
    lastRelative = relative;
    lastPosition = position;
  }
  return rows;
}

function saneTimeRows(file: Buffer): number {
  const rows = Math.floor(file.length / TIME_ENTRY_BYTES);
  let lastTimestampMs = -1;
  let lastRelative = 0;
  for (let slot = 0; slot < rows; slot += 1) {
    const timestampMs = readInt64(file, slot * TIME_ENTRY_BYTES);
    const relative = file.readInt32BE(slot * TIME_ENTRY_BYTES + 8);
    if (timestampMs <= lastTimestampMs || relative < lastRelative) return slot;
    if (timestampMs === 0 && relative === 0) return slot; // a preallocated file of zeros
    lastTimestampMs = timestampMs;
    lastRelative = relative;
  }
  return rows;
}

/** The largest timestamp of a batch's records, -1 when it has none: one that compaction emptied still tells the time it had. */
export function largestTimestampOf(bytes: Buffer, at: number): number {
  return batch.recordsCount(bytes, at) === 0 ? batch.NO_TIMESTAMP : batch.maxTimestamp(bytes, at);
}
