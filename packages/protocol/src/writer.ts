/**
 * A growable buffer that messages are written into. Lengths that are known only afterwards are patched in place.
 * Large byte fields are not copied: they are remembered by position and come back as chunks of their own.
 */
import { uuidBytes } from '@odradek/base';

/**
 * A value that the message or its version cannot carry: a bug of the caller, or a field that the negotiated version
 * lacks.
 */
export class EncodeError extends Error {
  constructor(path: string, why: string) {
    super(`${path}: ${why}`);
    this.name = 'EncodeError';
  }
}

/** From this size on bytes travel by reference: below it a copy is cheaper than one more entry in a gathered write. */
export const REFERENCE_BYTES_MIN = 1_024;

const INITIAL_BYTES = 16 * 1_024;
/** A writer that grew beyond this gives its buffer back after the message. */
const KEPT_BYTES_MAX = 1_024 * 1_024;
/** Bytes of one message, without those that travel by reference. */
const COPIED_BYTES_MAX = 256 * 1_024 * 1_024;
const TWO_32 = 2 ** 32;
const STRING_BYTES_MAX = 0x7fff;
const UUID_BYTES = 16;
const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';
const SHORT_STRING_CHARS = 48;
/** Topic ids whose bytes a writer remembers: messages name few, again and again, and reading the text costs ten times as much. */
const KNOWN_UUIDS_MAX = 1_024;

export class Writer {
  private buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private at = 0;
  private references: { at: number; bytes: Buffer }[] = [];
  private referencedBytes = 0;
  /** Depth of tagged fields: inside one all bytes are copied, since its size is patched by moving what was written. */
  private tagDepth = 0;
  private readonly uuids = new Map<string, Buffer>();

  reset(): void {
    this.at = 0;
    this.references = [];
    this.referencedBytes = 0;
    this.tagDepth = 0;
    if (this.buffer.length > KEPT_BYTES_MAX) this.buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** Bytes written so far, those by reference included. */
  get size(): number {
    return this.at + this.referencedBytes;
  }

  /** @returns what was written, as parts that lie back to back; the writer may be reset afterwards */
  finish(): Buffer[] {
    const copied = Buffer.from(this.buffer.subarray(0, this.at));
    if (this.references.length === 0) return [copied];
    const chunks: Buffer[] = [];
    let from = 0;
    for (const reference of this.references) {
      if (reference.at > from) chunks.push(copied.subarray(from, reference.at));
      chunks.push(reference.bytes);
      from = reference.at;
    }
    if (this.at > from) chunks.push(copied.subarray(from));
    return chunks;
  }

  /** Makes room and moves on. @returns where the bytes go */
  private take(count: number): number {
    const at = this.at;
    if (at + count > this.buffer.length) this.grow(at + count);
    this.at = at + count;
    return at;
  }

  /** @throws EncodeError above the bound: a request that names one thing again and again must not make the process fall over its answer */
  private grow(sizeMin: number): void {
    if (sizeMin > COPIED_BYTES_MAX)
      throw new EncodeError('message', `it takes more than ${COPIED_BYTES_MAX} bytes; ask for less at once`);
    const grown = Buffer.allocUnsafeSlow(Math.max(sizeMin, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.at);
    this.buffer = grown;
  }

  bool(value: boolean, path: string): void {
    if (typeof value !== 'boolean') throw new EncodeError(path, `${String(value)} is not a boolean`);
    this.putInt8(value ? 1 : 0);
  }

  int8(value: number, path: string): void {
    if ((value << 24) >> 24 !== value) throw new EncodeError(path, `${value} is not an int8`);
    this.putInt8(value);
  }

  int16(value: number, path: string): void {
    if ((value << 16) >> 16 !== value) throw new EncodeError(path, `${value} is not an int16`);
    this.putInt16(value);
  }

  uint16(value: number, path: string): void {
    if ((value & 0xffff) !== value) throw new EncodeError(path, `${value} is not a uint16`);
    this.putInt16(value);
  }

  int32(value: number, path: string): void {
    if ((value | 0) !== value) throw new EncodeError(path, `${value} is not an int32`);
    this.putInt32(value);
  }

  uint32(value: number, path: string): void {
    if (value >>> 0 !== value) throw new EncodeError(path, `${value} is not a uint32`);
    this.putInt32(value);
  }

  int64(value: number, path: string): void {
    if (!Number.isSafeInteger(value)) throw new EncodeError(path, `${value} is not a safe integer`);
    const high = Math.floor(value / TWO_32);
    this.putInt32(high);
    this.putInt32(value - high * TWO_32);
  }

  bigint64(value: bigint, path: string): void {
    if (BigInt.asIntN(64, value) !== value) throw new EncodeError(path, `${value} is not an int64`);
    const at = this.take(8);
    this.buffer.writeBigInt64BE(value, at);
  }

  float64(value: number, path: string): void {
    if (typeof value !== 'number') throw new EncodeError(path, `${String(value)} is not a number`);
    const at = this.take(8);
    this.buffer.writeDoubleBE(value, at);
  }

  uuid(value: string, path: string): void {
    const at = this.take(UUID_BYTES);
    if (value === ZERO_UUID) {
      this.buffer.fill(0, at, this.at);
      return;
    }
    let bytes = this.uuids.get(value);
    if (bytes === undefined) {
      bytes = uuidBytes(value);
      if (bytes === undefined) throw new EncodeError(path, `'${value}' is not a uuid`);
      if (this.uuids.size >= KNOWN_UUIDS_MAX) this.uuids.clear();
      this.uuids.set(value, bytes);
    }
    bytes.copy(this.buffer, at);
  }

  uvarint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.putInt8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.putInt8(rest);
  }

  string(value: string, path: string): void {
    if (value.length <= SHORT_STRING_CHARS && this.ascii(value, 2)) return;
    const length = textBytes(value, path);
    this.putInt16(length);
    const at = this.take(length);
    this.buffer.write(value, at, length, 'utf8');
  }

  nullableString(value: string | null, path: string): void {
    if (value === null) this.putInt16(-1);
    else this.string(value, path);
  }

  compactString(value: string, path: string): void {
    if (value.length <= SHORT_STRING_CHARS && this.ascii(value, 1)) return;
    const length = textBytes(value, path);
    this.uvarint(length + 1);
    const at = this.take(length);
    this.buffer.write(value, at, length, 'utf8');
  }

  compactNullableString(value: string | null, path: string): void {
    if (value === null) this.uvarint(0);
    else this.compactString(value, path);
  }

  bytes(value: Buffer | readonly Buffer[], path: string): void {
    this.putInt32(bytesLength(value, path));
    this.append(value);
  }

  nullableBytes(value: Buffer | readonly Buffer[] | null, path: string): void {
    if (value === null) this.putInt32(-1);
    else this.bytes(value, path);
  }

  compactBytes(value: Buffer | readonly Buffer[], path: string): void {
    this.uvarint(bytesLength(value, path) + 1);
    this.append(value);
  }

  compactNullableBytes(value: Buffer | readonly Buffer[] | null, path: string): void {
    if (value === null) this.uvarint(0);
    else this.compactBytes(value, path);
  }

  count(count: number): void {
    this.putInt32(count);
  }

  compactCount(count: number): void {
    this.uvarint(count + 1);
  }

  /** Begins a tagged field. @returns a mark for {@link endTag} */
  beginTag(tag: number): number {
    this.uvarint(tag);
    this.tagDepth += 1;
    return this.take(1);
  }

  /** Ends a tagged field: writes its size before it, moving it when the size needs more than one byte. */
  endTag(mark: number): void {
    this.tagDepth -= 1;
    const end = this.at;
    const size = end - mark - 1;
    const sizeBytes = uvarintBytes(size);
    if (sizeBytes > 1) {
      this.take(sizeBytes - 1);
      this.buffer.copyWithin(mark + sizeBytes, mark + 1, end);
    }
    const after = this.at;
    this.at = mark;
    this.uvarint(size);
    this.at = after;
  }

  /** Overwrites four bytes that were written before. */
  patchInt32(at: number, value: number): void {
    this.buffer.writeInt32BE(value, at);
  }

  private append(value: Buffer | readonly Buffer[]): void {
    if (Buffer.isBuffer(value)) this.appendPart(value);
    else for (const part of value) this.appendPart(part);
  }

  private appendPart(part: Buffer): void {
    if (part.length >= REFERENCE_BYTES_MIN && this.tagDepth === 0) {
      this.references.push({ at: this.at, bytes: part });
      this.referencedBytes += part.length;
      return;
    }
    const at = this.take(part.length);
    part.copy(this.buffer, at);
  }

  /**
   * A short string of ASCII with its length before it, in one pass; false, and nothing written, when it is not ASCII.
   */
  private ascii(value: string, lengthBytes: 1 | 2): boolean {
    const length = value.length;
    const start = this.take(length + lengthBytes);
    const buffer = this.buffer;
    const at = start + lengthBytes;
    for (let i = 0; i < length; i += 1) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) {
        this.at = start;
        return false;
      }
      buffer[at + i] = code;
    }
    if (lengthBytes === 2) buffer[start] = 0;
    buffer[at - 1] = lengthBytes === 2 ? length : length + 1;
    return true;
  }

  private putInt8(value: number): void {
    const at = this.take(1);
    this.buffer[at] = value;
  }

  private putInt16(value: number): void {
    const at = this.take(2);
    this.buffer[at] = value >> 8;
    this.buffer[at + 1] = value;
  }

  private putInt32(value: number): void {
    const at = this.take(4);
    const buffer = this.buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
  }
}

function textBytes(value: string, path: string): number {
  const length = Buffer.byteLength(value, 'utf8');
  if (length > STRING_BYTES_MAX)
    throw new EncodeError(path, `a string of ${length} bytes is longer than ${STRING_BYTES_MAX}`);
  return length;
}

function bytesLength(value: Buffer | readonly Buffer[], path: string): number {
  if (Buffer.isBuffer(value)) return value.length;
  if (!Array.isArray(value)) throw new EncodeError(path, 'is not a Buffer');
  let length = 0;
  for (const part of value as readonly Buffer[]) length += part.length;
  return length;
}

function uvarintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
