/** Keys and values of a coordinator's records: int16 record type, then the key; int16 version, then the value. */
import { assert } from '@odradek/base';
import { decodeMessage, encodeMessage } from '@odradek/protocol';
import type { Message } from '@odradek/protocol';

const PREFIX_BYTES = 2;
/** The only version of any key. */
const KEY_VERSION = 0;

export function encodeKey<I>(schema: Message<unknown, I>, key: NoInfer<I>): Buffer {
  return prefixed(schema.id, encodeMessage(schema, KEY_VERSION, key));
}

export function encodeValue<I>(schema: Message<unknown, I>, version: number, value: NoInfer<I>): Buffer {
  return prefixed(version, encodeMessage(schema, version, value));
}

/** @returns -1 when the key is too short to have one */
export function recordType(key: Buffer): number {
  return key.length < PREFIX_BYTES ? -1 : key.readInt16BE(0);
}

export function decodeKey<T>(schema: Message<T>, bytes: Buffer): T | undefined {
  return decodePart(schema, KEY_VERSION, bytes);
}

/** @returns undefined for a version that is not known here, or bytes that are none */
export function decodeValue<T>(schema: Message<T>, bytes: Buffer): T | undefined {
  return bytes.length < PREFIX_BYTES ? undefined : decodePart(schema, bytes.readInt16BE(0), bytes);
}

function decodePart<T>(schema: Message<T>, version: number, bytes: Buffer): T | undefined {
  const outcome = decodeMessage(schema, version, bytes, PREFIX_BYTES);
  return outcome.ok ? outcome.value : undefined;
}

function prefixed(prefix: number, parts: readonly Buffer[]): Buffer {
  let length = PREFIX_BYTES;
  for (const part of parts) length += part.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = bytes.writeInt16BE(prefix, 0);
  for (const part of parts) at += part.copy(bytes, at);
  assert(at === length, 'a record is written to its end');
  return bytes;
}
