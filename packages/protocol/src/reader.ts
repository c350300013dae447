/**
 * A cursor over bytes that came from outside: every read is bounds-checked, every count is checked before anything
 * is allocated. A read that fails throws {@link DecodeFault}; it never leaves the codec, which turns it into a
 * refusal (a check of a returned outcome after each of many thousand reads would cost more than the reads).
 */

export class DecodeFault extends Error {
  constructor(path: string, why: string) {
    super(path === '' ? why : `${path}: ${why}`);
    this.name = 'DecodeFault';
  }
}

const TWO_32 = 2 ** 32;
const STRING_BYTES_MAX = 0x7fff;
/** A string up to this length fits even if every byte of it is replaced. */
const REPLACED_BYTES_MAX = Math.floor(STRING_BYTES_MAX / 3);
const SAFE_HIGH = 0x1f_ffff;
const UUID_BYTES = 16;
const EMPTY = Buffer.alloc(0);
/** Up to this many bytes a string is built from its characters, which beats a call into the runtime. */
const SHORT_STRING_BYTES = 24;

/** Field paths are constants of the compiled code: naming the field that is wrong costs nothing until it is wrong. */
export class Reader {
  buffer: Buffer = EMPTY;
  at = 0;
  end = 0;
  /** Elements of arrays that the message may still hold. */
  elementsLeft = 0;
  /** The last uuid that was read, whatever message it was in. */
  private readonly uuidBytes = Buffer.alloc(UUID_BYTES);
  private uuidText = this.uuidBytes.toString('base64url');

  reset(buffer: Buffer, at: number, elementsMax: number): void {
    this.buffer = buffer;
    this.at = at;
    this.end = buffer.length;
    this.elementsLeft = elementsMax;
  }

  /** Moves over `count` bytes. @returns where they begin */
  take(count: number, path: string): number {
    const at = this.at;
    if (count > this.end - at) throw new DecodeFault(path, `needs ${count} bytes, ${this.end - at} are left`);
    this.at = at + count;
    return at;
  }

  int8(path: string): number {
    const at = this.take(1, path);
    return ((this.buffer[at] ?? 0) << 24) >> 24;
  }

  bool(path: string): boolean {
    return this.buffer[this.take(1, path)] !== 0;
  }

  int16(path: string): number {
    return (this.uint16(path) << 16) >> 16;
  }

  uint16(path: string): number {
    const at = this.take(2, path);
    return ((this.buffer[at] ?? 0) << 8) | (this.buffer[at + 1] ?? 0);
  }

  int32(path: string): number {
    const at = this.take(4, path);
    const b = this.buffer;
    return ((b[at] ?? 0) << 24) | ((b[at + 1] ?? 0) << 16) | ((b[at + 2] ?? 0) << 8) | (b[at + 3] ?? 0);
  }

  uint32(path: string): number {
    return this.int32(path) >>> 0;
  }

  int64(path: string): number {
    const high = this.int32(path);
    const low = this.uint32(path);
    const value = high * TWO_32 + low;
    if (high > SAFE_HIGH || high < -SAFE_HIGH - 1 || (high === -SAFE_HIGH - 1 && low === 0)) {
      throw new DecodeFault(path, `${this.buffer.readBigInt64BE(this.at - 8)} is beyond 2^53`);
    }
    return value;
  }

  /** As {@link int64}, but what lies beyond the safe integers is the nearest of them. */
  clamped64(path: string): number {
    const value = this.int32(path) * TWO_32 + this.uint32(path);
    return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  }

  bigint64(path: string): bigint {
    return this.buffer.readBigInt64BE(this.take(8, path));
  }

  float64(path: string): number {
    return this.buffer.readDoubleBE(this.take(8, path));
  }

  /** The same topic is named again and again: its text is made once, and is one string however many hold it. */
  uuid(path: string): string {
    const at = this.take(UUID_BYTES, path);
    const { buffer, uuidBytes } = this;
    const isLast =
      uuidBytes.readInt32LE(12) === buffer.readInt32LE(at + 12) &&
      uuidBytes.readInt32LE(8) === buffer.readInt32LE(at + 8) &&
      uuidBytes.readInt32LE(4) === buffer.readInt32LE(at + 4) &&
      uuidBytes.readInt32LE(0) === buffer.readInt32LE(at);
    if (isLast) return this.uuidText;
    buffer.copy(uuidBytes, 0, at, at + UUID_BYTES);
    this.uuidText = uuidBytes.toString('base64url');
    return this.uuidText;
  }

  uvarint(path: string): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.take(1, path)] ?? 0;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new DecodeFault(path, 'a variable-length number is longer than 32 bits');
  }

  // Lengths: -1 stands for null, in both encodings.

  string(path: string): string {
    return this.text(this.int16(path), path);
  }

  nullableString(path: string): string | null {
    const length = this.int16(path);
    return length < 0 ? null : this.text(length, path);
  }

  compactString(path: string): string {
    return this.text(this.uvarint(path) - 1, path);
  }

  compactNullableString(path: string): string | null {
    const length = this.uvarint(path) - 1;
    return length < 0 ? null : this.text(length, path);
  }

  bytes(path: string): Buffer {
    return this.slice(this.int32(path), path);
  }

  nullableBytes(path: string): Buffer | null {
    const length = this.int32(path);
    return length < 0 ? null : this.slice(length, path);
  }

  compactBytes(path: string): Buffer {
    return this.slice(this.uvarint(path) - 1, path);
  }

  compactNullableBytes(path: string): Buffer | null {
    const length = this.uvarint(path) - 1;
    return length < 0 ? null : this.slice(length, path);
  }

  /** Elements that follow. @param elementBytesMin the least that one element takes; @returns -1 for null */
  count(elementBytesMin: number, nullable: boolean, path: string): number {
    return this.checkCount(this.int32(path), elementBytesMin, nullable, path);
  }

  compactCount(elementBytesMin: number, nullable: boolean, path: string): number {
    return this.checkCount(this.uvarint(path) - 1, elementBytesMin, nullable, path);
  }

  skipTags(path: string): void {
    const tags = this.tagCount(path);
    for (let i = 0; i < tags; i += 1) {
      this.uvarint(path);
      this.skip(path);
    }
  }

  /** Fields of a tagged section; each takes two bytes at least. */
  tagCount(path: string): number {
    const count = this.uvarint(path);
    if (count * 2 > this.end - this.at) {
      throw new DecodeFault(
        path,
        `${count} tagged fields do not fit into the ${this.end - this.at} bytes that are left`,
      );
    }
    return count;
  }

  /** Steps over a tagged field that this version does not know. */
  skip(path: string): void {
    this.take(this.uvarint(path), path);
  }

  /** After a known tagged field: it must have taken the bytes that it announced. */
  endTag(endAt: number, path: string): void {
    if (this.at !== endAt) throw new DecodeFault(path, 'its announced size is not the size of its value');
  }

  private checkCount(count: number, elementBytesMin: number, nullable: boolean, path: string): number {
    if (count < 0) {
      if (nullable) return -1;
      throw new DecodeFault(path, 'must not be null');
    }
    const left = this.end - this.at;
    if (count * elementBytesMin > left)
      throw new DecodeFault(path, `${count} elements do not fit into the ${left} bytes that are left`);
    if (count > this.elementsLeft)
      throw new DecodeFault(path, `the message holds too many elements, ${count} more of them here`);
    this.elementsLeft -= count;
    return count;
  }

  private text(length: number, path: string): string {
    if (length < 0) throw new DecodeFault(path, 'must not be null');
    if (length > STRING_BYTES_MAX)
      throw new DecodeFault(path, `a string of ${length} bytes is longer than ${STRING_BYTES_MAX}`);
    const at = this.take(length, path);
    if (length > SHORT_STRING_BYTES) {
      const long = this.buffer.toString('utf8', at, at + length);
      // Bytes that are no UTF-8 read as U+FFFD, three bytes each: such a string may outgrow what any message or record carries.
      if (length > REPLACED_BYTES_MAX && Buffer.byteLength(long) > STRING_BYTES_MAX)
        throw new DecodeFault(
          path,
          `a string of ${length} bytes is not UTF-8, and too long with its bad bytes replaced`,
        );
      return long;
    }
    let text = '';
    for (let i = at; i < at + length; i += 1) {
      const byte = this.buffer[i] ?? 0;
      if (byte >= 0x80) return this.buffer.toString('utf8', at, at + length);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  private slice(length: number, path: string): Buffer {
    if (length < 0) throw new DecodeFault(path, 'must not be null');
    const at = this.take(length, path);
    return this.buffer.subarray(at, at + length);
  }
}
