/**
 * Bytes to plain objects and back. For each message and version a decoder and an encoder are compiled on first use
 * from the schema (`compile/`) and kept. Decoding never copies bytes or records; encoding passes large ones on by
 * reference.
 */
import { limits, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { decoderSource } from './compile/decoder.ts';
import { encoderSource } from './compile/encoder.ts';
import { ErrorCode } from './errors.ts';
import { DecodeFault, Reader } from './reader.ts';
import type { Message } from './schema.ts';
import { EncodeError, Writer } from './writer.ts';

type Decoder = (reader: Reader) => unknown;
type Encoder = (writer: Writer, value: unknown) => void;
/** Compiled code by version. `wide`: all int64 are bigint, for values beyond 2^53 in test vectors. */
type Compiled = { readonly decoders: (Decoder | undefined)[]; readonly encoders: (Encoder | undefined)[] };

const narrow = new WeakMap<Message, Compiled>();
const wideOnes = new WeakMap<Message, Compiled>();

// Neither calls out while it works, so one of each serves every message.
const reader = new Reader();
const writer = new Writer();

const EMPTY = Buffer.alloc(0);

export type DecodeOptions = {
  /** Where the message begins; 0 when left out. */
  readonly at?: number;
  /**
   * Elements that all arrays of the message may hold together; what clients send has a bound of its own (limits.ts).
   */
  readonly elementsMax?: number;
  /** Every int64 is a bigint: for test vectors with values beyond 2^53. */
  readonly wide?: boolean;
};

/** Decodes a message that begins at `at`.
 * Bytes after it are let pass, as Kafka does: the tail of a client that is newer, or careless, is no reason to
 * refuse it.
 * @returns refused with INVALID_REQUEST and the path of the field that is wrong, or UNSUPPORTED_VERSION
 */
export function decodeMessage<T>(schema: Message<T>, version: number, buffer: Buffer, at = 0): Outcome<T> {
  const outcome = decodePrefix(schema, version, buffer, { at });
  return outcome.ok ? ok(outcome.value.value) : outcome;
}

/** As {@link decodeMessage}, and tells where the message ended: for messages framed one after another. */
export function decodePrefix<T>(
  schema: Message<T>,
  version: number,
  buffer: Buffer,
  options: DecodeOptions = {},
): Outcome<{ readonly value: T; readonly endAt: number }> {
  if (version < schema.minVersion || version > schema.maxVersion) {
    return refuse(ErrorCode.UNSUPPORTED_VERSION, versionFault(schema, version));
  }
  const decode = decoderOf(schema, version, options.wide ?? false);
  reader.reset(buffer, options.at ?? 0, options.elementsMax ?? defaultElementsMax(schema));
  try {
    const value = decode(reader) as T;
    return ok({ value, endAt: reader.at });
  } catch (error) {
    if (!(error instanceof DecodeFault)) throw error;
    return refuse(ErrorCode.INVALID_REQUEST, `${schema.name} version ${version}: ${error.message}`);
  } finally {
    reader.reset(EMPTY, 0, 0);
  }
}

/** Reads `count` unsigned varints from the beginning. @returns refused with INVALID_REQUEST when they are cut off */
export function decodeUvarints(
  buffer: Buffer,
  count: number,
): Outcome<{ readonly values: number[]; readonly endAt: number }> {
  reader.reset(buffer, 0, 0);
  try {
    const values = Array.from({ length: count }, () => reader.uvarint('frame'));
    return ok({ values, endAt: reader.at });
  } catch (error) {
    if (!(error instanceof DecodeFault)) throw error;
    return refuse(ErrorCode.INVALID_REQUEST, error.message);
  } finally {
    reader.reset(EMPTY, 0, 0);
  }
}

/** Encodes a message. Fields left out take their default.
 * @returns parts that lie back to back; byte fields of a KiB and more are the caller's own buffers, which must not
 * change until sent
 * @throws EncodeError for a value that the version cannot carry
 */
export function encodeMessage<I>(
  schema: Message<unknown, I>,
  version: number,
  value: NoInfer<I>,
  options: { readonly wide?: boolean } = {},
): Buffer[] {
  writer.reset();
  encoderOf(schema, version, options.wide ?? false)(writer, value);
  return writer.finish();
}

/**
 * Encodes several messages after one another behind an optional 4-byte size: how requests, responses and records are
 * framed.
 */
export function encodeParts(parts: readonly Part[], sized: boolean): Buffer[] {
  writer.reset();
  if (sized) writer.int32(0, 'size');
  for (const part of parts) {
    if (part.schema === undefined) part.write(writer);
    else encoderOf(part.schema, part.version, false)(writer, part.value);
  }
  if (sized) writer.patchInt32(0, writer.size - 4);
  return writer.finish();
}

export type Part =
  | { readonly schema: Message; readonly version: number; readonly value: unknown }
  | { readonly schema?: undefined; readonly write: (writer: Writer) => void };

function defaultElementsMax(schema: Message): number {
  const fromClient = schema.kind === 'request' || schema.kind === 'data' || schema.kind === 'header';
  return fromClient ? limits.production.requestArrayElementsMax : Number.MAX_SAFE_INTEGER;
}

function versionFault(schema: Message, version: number): string {
  return `${schema.name} has no version ${version}; it has ${schema.minVersion} to ${schema.maxVersion}`;
}

function compiledOf(schema: Message, wide: boolean): Compiled {
  const kept = wide ? wideOnes : narrow;
  let compiled = kept.get(schema);
  if (compiled === undefined) {
    compiled = { decoders: [], encoders: [] };
    kept.set(schema, compiled);
  }
  return compiled;
}

function decoderOf(schema: Message, version: number, wide: boolean): Decoder {
  const { decoders } = compiledOf(schema, wide);
  return (decoders[version] ??= compile(decoderSource(schema, version, wide)) as Decoder);
}

function encoderOf(schema: Message, version: number, wide: boolean): Encoder {
  if (version < schema.minVersion || version > schema.maxVersion) {
    throw new EncodeError(schema.name, versionFault(schema, version));
  }
  const { encoders } = compiledOf(schema, wide);
  return (encoders[version] ??= compile(encoderSource(schema, version, wide)) as Encoder);
}

function fail(path: string, why: string): never {
  throw new EncodeError(path, why);
}

/** The source comes from the schemas of this package alone, never from input. */
function compile(source: string): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval
  const factory = new Function('EMPTY', 'fail', source) as (empty: Buffer, fault: typeof fail) => unknown;
  return factory(EMPTY, fail);
}
