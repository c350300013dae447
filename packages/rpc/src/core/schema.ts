/**
 * A small language for protobuf messages: what a message holds is data, its TypeScript type is inferred, and it is written and read
 * through protobufjs' Writer and Reader. Bytes are copied once, into the buffer that is sent, and are handed on as slices of the buffer
 * that came. The messages are described for people and other languages in proto/; a test holds both together.
 */
import { UUID_ZERO, assert, uuidBytes } from '@odradek/base';
import protobuf from 'protobufjs/minimal.js';

type Writer = protobuf.Writer;
type Reader = protobuf.Reader;

/** Bytes that are no such message. Never leaves this file: callers get a value. */
class Malformed extends Error {}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** A message that knows its length, and is written later; what it refers to does not change until then. */
export interface Laid {
  readonly byteLength: number;
  /** Writes all of it. */
  copy(into: Uint8Array, at: number): void;
}

/** How one direction of a stream is written and read. */
export interface Codec<T> {
  readonly name: string;
  encode(message: T): Buffer;
  /** The same, for a transport that can have a message written to where it goes: nothing is copied before that. */
  lay?(message: T): Laid;
  /** Never throws: what is no such message is told as a sentence. Byte fields are slices of `bytes`. */
  decode(bytes: Buffer): Decoded<T>;
}

const VARINT = 0;
const DELIMITED = 2;
const WIRE_BITS = 3;
/** Seven bits each: as many as 64 bits need. */
const VARINT_BYTES_MAX = 10;

/** What a field holds that is no message. proto/ calls them uint64, sint32, bool, string and bytes; a uuid and what is joined are bytes, too. */
export type Content = 'uint64' | 'sint32' | 'bool' | 'text' | 'bytes' | 'uuid' | 'joined';

/** One field: its number and type never change once it was released, and neither is given to another. */
export interface Field<T> {
  readonly id: number;
  readonly wire: typeof VARINT | typeof DELIMITED;
  readonly of: Content | Shape<unknown>;
  readonly rule: 'one' | 'optional' | 'repeated';
  /** Writes number and value, or nothing where a reader would take the same from nothing. */
  write(writer: Writer, value: T): void;
  /** @param before what the same field held earlier in this message */
  read(reader: Reader, before: T | undefined): T;
  /** What a message without the field says; undefined: it must be there. */
  absent(): T | undefined;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
type FieldsOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A message as a part of others. */
export interface Shape<T> {
  readonly name: string;
  /** By name, as in TypeScript; of a union: its kinds. */
  readonly fields: Fields;
  readonly isUnion: boolean;
  write(writer: Writer, value: T): void;
  /** Reads up to `endAt`. */
  read(reader: Reader, endAt: number): T;
}
export type Infer<S> = S extends Shape<infer T> ? T : never;

type Scalar<T> = {
  readonly of: Content;
  readonly wire: typeof VARINT | typeof DELIMITED;
  readonly absent: T;
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
};

/** Offsets, epochs of brokers, counts: 0 to 2^53 - 1. */
const uint64: Scalar<number> = {
  of: 'uint64',
  wire: VARINT,
  absent: 0,
  write: (writer, value) => {
    assert(Number.isSafeInteger(value) && value >= 0, 'a uint64 is a whole number from 0 to 2^53 - 1', { value });
    writer.uint64(value);
  },
  read: (reader) => readVarint(reader),
};

/** Node ids, epochs of leaders, error codes: int32, small ones in few bytes. */
const sint32: Scalar<number> = {
  of: 'sint32',
  wire: VARINT,
  absent: 0,
  write: (writer, value) => {
    assert((value | 0) === value, 'an sint32 fits in 32 bits', { value });
    writer.sint32(value);
  },
  read: (reader) => {
    const zigzag = readVarint(reader);
    if (zigzag > 0xffff_ffff) throw new Malformed(`${zigzag} does not fit in 32 bits`);
    return (zigzag >>> 1) ^ -(zigzag & 1);
  },
};

const bool: Scalar<boolean> = {
  of: 'bool',
  wire: VARINT,
  absent: false,
  write: (writer, value) => void writer.bool(value),
  read: (reader) => readVarint(reader) !== 0,
};

const text: Scalar<string> = {
  of: 'text',
  wire: DELIMITED,
  absent: '',
  write: (writer, value) => void writer.string(value),
  read: (reader) => {
    const endAt = readEnd(reader);
    const from = reader.pos;
    reader.pos = endAt;
    return asBuffer(reader).toString('utf8', from, endAt);
  },
};

const NO_BYTES: Buffer = Buffer.alloc(0);

const bytes: Scalar<Buffer> = {
  of: 'bytes',
  wire: DELIMITED,
  absent: NO_BYTES,
  write: (writer, value) => void writer.bytes(value),
  read: (reader) => {
    const endAt = readEnd(reader);
    const from = reader.pos;
    reader.pos = endAt;
    return asBuffer(reader).subarray(from, endAt);
  },
};

/** 16 bytes on the wire, Kafka's text form in the program; the zero uuid takes no bytes. */
const uuid: Scalar<string> = {
  of: 'uuid',
  wire: DELIMITED,
  absent: UUID_ZERO,
  write: (writer, value) => {
    const raw = uuidBytes(value);
    assert(raw !== undefined, 'a uuid is 22 characters of base64url', { value });
    writer.bytes(raw);
  },
  read: (reader) => {
    const raw = bytes.read(reader);
    if (raw.length !== 16) throw new Malformed(`a uuid of ${raw.length} bytes instead of 16`);
    return raw.toString('base64url');
  },
};

const NO_PARTS: readonly Buffer[] = [NO_BYTES];

/** Bytes that are given in several parts and come as one: on the wire they lie one behind the other. */
const joined: Scalar<readonly Buffer[]> = {
  of: 'joined',
  wire: DELIMITED,
  absent: NO_PARTS,
  write: (writer, parts) => void writer.bytes(Buffer.concat(parts)),
  read: (reader) => [bytes.read(reader)],
};

export const field = {
  uint64: (id: number): Field<number> => one(id, uint64),
  sint32: (id: number): Field<number> => one(id, sint32),
  bool: (id: number): Field<boolean> => one(id, bool),
  text: (id: number): Field<string> => one(id, text),
  bytes: (id: number): Field<Buffer> => one(id, bytes),
  joined: (id: number): Field<readonly Buffer[]> => one(id, joined),
  uuid: (id: number): Field<string> => one(id, uuid),
  /** A message that must be there. */
  nested: <T>(id: number, shape: Shape<T>): Field<T> => nested(id, shape),
  nullableUint64: (id: number): Field<number | null> => nullable(one(id, uint64)),
  nullableText: (id: number): Field<string | null> => nullable(one(id, text)),
  nullableNested: <T>(id: number, shape: Shape<T>): Field<T | null> => nullable(nested(id, shape)),
  list: <T>(id: number, shape: Shape<T>): Field<readonly T[]> => repeated(nested(id, shape)),
  texts: (id: number): Field<readonly string[]> => repeated(one(id, text)),
  bytesList: (id: number): Field<readonly Buffer[]> => repeated(one(id, bytes)),
  uuids: (id: number): Field<readonly string[]> => repeated(one(id, uuid)),
} as const;

/** A message with these fields. */
export function message<F extends Fields>(name: string, fields: F): Shape<FieldsOf<F>> {
  const layout = layoutOf(name, fields);
  return {
    name,
    fields,
    isUnion: false,
    write: (writer, value) => writeFields(layout, writer, value),
    read: (reader, endAt) => readFields(layout, reader, endAt) as FieldsOf<F>,
  };
}

type Kinds = Readonly<Record<string, readonly [id: number, shape: Shape<unknown>]>>;
type UnionOf<V extends Kinds> = { [K in keyof V]: { readonly kind: K } & Infer<V[K][1]> }[keyof V];

/** One of several messages, told apart by `kind`: a oneof on the wire. */
export function union<const V extends Kinds>(name: string, kinds: V): Shape<UnionOf<V>> {
  const fields = Object.fromEntries(Object.entries(kinds).map(([kind, [id, shape]]) => [kind, nested(id, shape)]));
  const byKind = new Map(Object.entries(fields));
  const kindOf = new Map(Object.entries(kinds).map(([kind, [id]]) => [id, kind]));
  return {
    name,
    fields,
    isUnion: true,
    write: (writer, value) => {
      const kind = (value as { readonly kind: string }).kind;
      const chosen = byKind.get(kind);
      assert(chosen !== undefined, 'a message is of a known kind', { name, kind });
      chosen.write(writer, value);
    },
    read: (reader, endAt) => {
      let found: object | undefined;
      while (reader.pos < endAt) {
        const tag = readVarint(reader);
        const kind = kindOf.get(Math.floor(tag / 8));
        if (kind === undefined) {
          skip(reader, tag);
          continue;
        }
        if (found !== undefined) throw new Malformed(`more than one kind in one ${name}`);
        found = { kind, ...(readValue(byKind.get(kind), reader, tag) as object) };
      }
      if (reader.pos !== endAt) throw new Malformed(`a ${name} goes beyond its end`);
      if (found === undefined) throw new Malformed(`a ${name} of a kind that this version does not know`);
      return found as UnionOf<V>;
    },
  };
}

export function codecOf<T>(shape: Shape<T>): Codec<T> {
  return {
    name: shape.name,
    encode: (value) => {
      const writer = protobuf.Writer.create();
      shape.write(writer, value);
      const written = writer.finish();
      assert(Buffer.isBuffer(written), 'protobufjs writes Buffers');
      return written;
    },
    decode: (received) => {
      const reader = protobuf.Reader.create(received);
      try {
        return { ok: true, value: shape.read(reader, received.length) };
      } catch (cause) {
        if (!(cause instanceof Malformed)) throw cause;
        return { ok: false, why: `${received.length} bytes are no ${shape.name}: ${cause.message}` };
      }
    },
  };
}

function one<T>(id: number, scalar: Scalar<T>): Field<T> {
  const tag = tagOf(id, scalar.wire);
  return {
    id,
    wire: scalar.wire,
    of: scalar.of,
    rule: 'one',
    write: (writer, value) => {
      if (isAbsent(value, scalar.absent)) return;
      writer.uint32(tag);
      scalar.write(writer, value);
    },
    read: (reader) => scalar.read(reader),
    absent: () => scalar.absent,
  };
}

function isAbsent<T>(value: T, absent: T): boolean {
  if (Array.isArray(value)) return value.every((part: Buffer) => part.length === 0);
  return value === absent || (value instanceof Uint8Array && value.length === 0);
}

function nested<T>(id: number, shape: Shape<T>): Field<T> {
  const tag = tagOf(id, DELIMITED);
  return {
    id,
    wire: DELIMITED,
    of: shape,
    rule: 'one',
    write: (writer, value) => {
      writer.uint32(tag).fork();
      shape.write(writer, value);
      writer.ldelim();
    },
    read: (reader) => shape.read(reader, readEnd(reader)),
    absent: () => undefined,
  };
}

/** null is what is not there, so a value is written even where it is empty. */
function nullable<T>(of: Field<T>): Field<T | null> {
  const tag = tagOf(of.id, of.wire);
  return {
    ...of,
    rule: 'optional',
    write: (writer, value) => {
      if (value === null) return;
      if (value === of.absent()) writer.uint32(tag).uint32(0);
      else of.write(writer, value);
    },
    read: (reader) => of.read(reader, undefined),
    absent: () => null,
  };
}

/** Elements one by one, each with its number: only what is delimited is repeated here, so there is no packed form. */
function repeated<T>(of: Field<T>): Field<readonly T[]> {
  const tag = tagOf(of.id, of.wire);
  return {
    ...of,
    rule: 'repeated',
    write: (writer, values) => {
      for (const value of values) {
        const absent = of.absent();
        if (absent !== undefined && absent !== UUID_ZERO && isAbsent(value, absent)) writer.uint32(tag).uint32(0);
        else if (value === UUID_ZERO) writer.uint32(tag).bytes(ZERO_UUID_BYTES);
        else of.write(writer, value);
      }
    },
    read: (reader, before) => {
      const values = (before ?? []) as T[];
      values.push(of.read(reader, undefined));
      return values;
    },
    absent: () => [],
  };
}

const ZERO_UUID_BYTES = Buffer.alloc(16);

type Layout = {
  readonly name: string;
  readonly names: readonly string[];
  readonly fields: readonly Field<unknown>[];
  readonly indexOf: ReadonlyMap<number, number>;
};

function layoutOf(name: string, fields: Fields): Layout {
  const entries = Object.entries(fields);
  const indexOf = new Map(entries.map(([, { id }], index) => [id, index]));
  assert(indexOf.size === entries.length, 'the numbers of fields differ', { name });
  return { name, names: entries.map(([key]) => key), fields: entries.map(([, each]) => each), indexOf };
}

function writeFields(layout: Layout, writer: Writer, value: unknown): void {
  const values = value as Readonly<Record<string, unknown>>;
  for (let index = 0; index < layout.names.length; index += 1)
    layout.fields[index]?.write(writer, values[layout.names[index] ?? '']);
}

function readFields(layout: Layout, reader: Reader, endAt: number): object {
  const { names, fields, indexOf } = layout;
  const values = new Array<unknown>(names.length);
  while (reader.pos < endAt) {
    const tag = readVarint(reader);
    const index = indexOf.get(Math.floor(tag / 8));
    if (index === undefined) skip(reader, tag);
    else values[index] = readValue(fields[index], reader, tag, values[index]);
  }
  if (reader.pos !== endAt) throw new Malformed(`a ${layout.name} goes beyond its end`);
  const out: Record<string, unknown> = {};
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? '';
    const value = values[index] === undefined ? fields[index]?.absent() : values[index];
    if (value === undefined) throw new Malformed(`a ${layout.name} without its ${name}`);
    out[name] = value;
  }
  return out;
}

function readValue(of: Field<unknown> | undefined, reader: Reader, tag: number, before?: unknown): unknown {
  if (of === undefined || tag % 8 !== of.wire) throw new Malformed(`field ${Math.floor(tag / 8)} is of another type`);
  return of.read(reader, before);
}

/** A field of a later version. */
function skip(reader: Reader, tag: number): void {
  switch (tag % 8) {
    case VARINT:
      readVarint(reader, true);
      return;
    case 1:
      return advance(reader, 8);
    case DELIMITED:
      reader.pos = readEnd(reader);
      return;
    case 5:
      return advance(reader, 4);
    default:
      throw new Malformed(`a field of wire type ${tag % 8}`);
  }
}

function advance(reader: Reader, count: number): void {
  if (reader.pos + count > reader.len) throw new Malformed('it is cut off');
  reader.pos += count;
}

/** Reads a length. @returns where what it measures ends, which is within the buffer */
function readEnd(reader: Reader): number {
  const endAt = readVarint(reader) + reader.pos;
  if (endAt > reader.len) throw new Malformed('it is cut off');
  return endAt;
}

/** protobufjs gives 64 bits as objects; here they are numbers, and those that are none are refused unless nobody wants them. */
function readVarint(reader: Reader, isSkipped = false): number {
  const { buf, len } = reader;
  let value = 0;
  let scale = 1;
  for (let count = 0; count < VARINT_BYTES_MAX; count += 1) {
    if (reader.pos >= len) throw new Malformed('it is cut off');
    const byte = buf[reader.pos] ?? 0;
    reader.pos += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER && !isSkipped) throw new Malformed('a number beyond 2^53 - 1');
      return value;
    }
    scale *= 128;
  }
  throw new Malformed(`a number of more than ${VARINT_BYTES_MAX} bytes`);
}

function asBuffer(reader: Reader): Buffer {
  const { buf } = reader;
  assert(Buffer.isBuffer(buf), 'a message is read from a Buffer');
  return buf;
}

function tagOf(id: number, wire: number): number {
  assert(Number.isInteger(id) && id >= 1 && id < 1 << 20, 'a field has a number', { id });
  return (id << WIRE_BITS) | wire;
}
