/**
 * Records inside a batch: walked in place without an object per record, or made into objects for tools and
 * coordinators.
 */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '../errors.ts';

const SAFE_MAGNITUDE = Number.MAX_SAFE_INTEGER;
/** Length, attributes, three deltas and lengths, header count: no record is shorter. */
export const RECORD_BYTES_MIN = 7;

/**
 * Walks the records of an uncompressed section. `next()` moves to the next record and checks its structure: lengths
 * within the record, nothing left over. The fields tell where things lie in `section`; they change with each `next()`.
 */
export class RecordCursor {
  readonly section: Buffer;
  readonly count: number;
  /** Records seen. */
  seen = 0;
  /** Where the record begins (its length field), and where the next one does. */
  startAt = 0;
  endAt = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  keyAt = 0;
  /** -1: null. */
  keyLength = -1;
  valueAt = 0;
  /** -1: null. */
  valueLength = -1;
  headersAt = 0;
  headerCount = 0;
  /** Why the walk stopped before its end. */
  fault: string | undefined;

  private at = 0;
  private limit = 0;

  /** @param count recordsCount of the batch header */
  constructor(section: Buffer, count: number) {
    this.section = section;
    this.count = count;
    if (count < 0) this.fault = `a count of ${count} records`;
    else if (count * RECORD_BYTES_MIN > section.length)
      this.fault = `${count} records do not fit into ${section.length} bytes`;
  }

  /** @returns false after the last record, and when `fault` says what is wrong */
  next(): boolean {
    if (this.fault !== undefined) return false;
    this.startAt = this.endAt;
    if (this.seen === this.count) {
      if (this.endAt !== this.section.length)
        this.fault = `${this.section.length - this.endAt} bytes after the last record`;
      return false;
    }
    this.at = this.endAt;
    this.limit = this.section.length;
    const length = this.varint();
    if (this.fault !== undefined) return false;
    const end = this.at + length;
    if (length < 0 || end > this.section.length) return this.stop(`a length of ${length} bytes`);
    this.limit = end;
    this.endAt = end;
    this.at += 1;
    this.timestampDelta = this.varlong();
    this.offsetDelta = this.varint();
    this.keyLength = this.varint();
    this.keyAt = this.skip(this.keyLength, 'key');
    this.valueLength = this.varint();
    this.valueAt = this.skip(this.valueLength, 'value');
    this.headerCount = this.varint();
    this.headersAt = this.at;
    if (this.fault !== undefined) return false;
    // A header takes two bytes at least.
    if (this.headerCount < 0 || this.headerCount * 2 > end - this.at)
      return this.stop(`a count of ${this.headerCount} headers`);
    for (let i = 0; i < this.headerCount; i += 1) this.skipHeader();
    if (this.fault !== undefined) return false;
    if (this.at !== end) return this.stop(`${end - this.at} bytes after its last header`);
    this.seen += 1;
    return true;
  }

  key(): Buffer | null {
    return this.keyLength < 0 ? null : this.section.subarray(this.keyAt, this.keyAt + this.keyLength);
  }

  value(): Buffer | null {
    return this.valueLength < 0 ? null : this.section.subarray(this.valueAt, this.valueAt + this.valueLength);
  }

  headers(): RecordHeader[] {
    const headers: RecordHeader[] = [];
    this.at = this.headersAt;
    this.limit = this.endAt;
    for (let i = 0; i < this.headerCount; i += 1) {
      const keyLength = this.varint();
      const keyAt = this.skip(keyLength, 'key of a header');
      const valueLength = this.varint();
      const valueAt = this.skip(valueLength, 'value of a header');
      headers.push({
        key: this.section.toString('utf8', keyAt, keyAt + keyLength),
        value: valueLength < 0 ? null : this.section.subarray(valueAt, valueAt + valueLength),
      });
    }
    return headers;
  }

  private skipHeader(): void {
    const keyLength = this.varint();
    if (keyLength < 0) this.stop(`a header key of ${keyLength} bytes`);
    this.skip(keyLength, 'header key');
    this.skip(this.varint(), 'header value');
  }

  private stop(why: string): false {
    this.fault ??= `record ${this.seen} has ${why}`;
    return false;
  }

  /** @returns where the skipped bytes begin */
  private skip(length: number, what: string): number {
    const at = this.at;
    if (length < -1 || length > this.limit - at) this.stop(`a ${what} of ${length} bytes`);
    else if (length > 0) this.at = at + length;
    return at;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.limit) break;
      const byte = this.section[this.at] ?? 0;
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    this.stop('a number that is cut off or too long');
    return 0;
  }

  /** The sign is the lowest bit of the first byte; the rest is added up as a double, exact to 2^53. */
  private varlong(): number {
    let sign = 0;
    let magnitude = 0;
    let unit = 1;
    for (let i = 0; i < 10; i += 1) {
      if (this.at >= this.limit) break;
      const byte = this.section[this.at] ?? 0;
      this.at += 1;
      if (i === 0) {
        sign = byte & 1;
        magnitude = (byte & 0x7f) >> 1;
        unit = 64;
      } else {
        magnitude += (byte & 0x7f) * unit;
        unit *= 128;
      }
      if (byte < 0x80) {
        if (magnitude + sign > SAFE_MAGNITUDE) break;
        return sign === 1 ? -magnitude - 1 : magnitude;
      }
    }
    this.stop('a timestamp that is cut off or beyond 2^53');
    return 0;
  }
}

export type RecordHeader = { readonly key: string; readonly value: Buffer | null };

/** Calls `visit` for each record of an uncompressed section. The cursor is the same object each time.
 * @returns refused with INVALID_RECORD at the first record that is not sound; those before it were visited
 */
export function forEachRecord(section: Buffer, count: number, visit: (record: RecordCursor) => void): Outcome<void> {
  const cursor = new RecordCursor(section, count);
  while (cursor.next()) visit(cursor);
  return cursor.fault === undefined ? ok(undefined) : refuse(ErrorCode.INVALID_RECORD, cursor.fault);
}

/** What an append wants to know of the records of a batch, found in one walk that allocates nothing per record. */
export type RecordsSummary = {
  readonly count: number;
  /** Offset deltas are 0, 1, 2, …: offsets can be assigned by the header alone. */
  readonly sequential: boolean;
  /** Of the last record; -1 without records. */
  readonly lastOffsetDelta: number;
  /**
   * Smallest and largest timestamp delta, and the position (0, 1, …) of the first record that has it; 0 and -1
   * without records.
   */
  readonly minTimestampDelta: number;
  readonly minTimestampIndex: number;
  readonly maxTimestampDelta: number;
  readonly maxTimestampIndex: number;
  /** Offset delta of the first record with the largest timestamp. */
  readonly maxTimestampOffsetDelta: number;
  /** Position of the first record without a key; -1 when all have one. Compacted topics refuse those. */
  readonly firstNullKeyIndex: number;
};

/** Checks the structure of every record of an uncompressed section.
 * @param count recordsCount of the batch header
 * @returns refused with INVALID_RECORD naming the record
 */
export function validateRecords(section: Buffer, count: number): Outcome<RecordsSummary> {
  const cursor = new RecordCursor(section, count);
  let sequential = true;
  let minTimestampDelta = 0;
  let minTimestampIndex = -1;
  let maxTimestampDelta = 0;
  let maxTimestampIndex = -1;
  let maxTimestampOffsetDelta = -1;
  let firstNullKeyIndex = -1;
  while (cursor.next()) {
    const index = cursor.seen - 1;
    if (cursor.offsetDelta !== index) sequential = false;
    if (cursor.keyLength < 0 && firstNullKeyIndex < 0) firstNullKeyIndex = index;
    if (index === 0 || cursor.timestampDelta < minTimestampDelta) {
      minTimestampDelta = cursor.timestampDelta;
      minTimestampIndex = index;
    }
    if (index === 0 || cursor.timestampDelta > maxTimestampDelta) {
      maxTimestampDelta = cursor.timestampDelta;
      maxTimestampIndex = index;
      maxTimestampOffsetDelta = cursor.offsetDelta;
    }
  }
  if (cursor.fault !== undefined) return refuse(ErrorCode.INVALID_RECORD, cursor.fault);
  return ok({
    count,
    sequential,
    lastOffsetDelta: cursor.seen === 0 ? -1 : cursor.offsetDelta,
    minTimestampDelta,
    minTimestampIndex,
    maxTimestampDelta,
    maxTimestampIndex,
    maxTimestampOffsetDelta,
    firstNullKeyIndex,
  });
}
