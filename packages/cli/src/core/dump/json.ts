/** Messages of the protocol as the JSON that Kafka's tools print of them: fields of the version, tagged ones only where they were set. */
import { assert } from '@odradek/base';
import { holdsVersion, type Field, type Fields, type Message, type PrimitiveType } from '@odradek/protocol';
import { javaDouble } from '../java-double.ts';

/** JSON as data. Integers beyond 2^53 are bigint, and stay exact in {@link jsonText}. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Real
  | readonly Json[]
  | { readonly [name: string]: Json };

/** A number that is never shown as a whole one: `5.0`. */
class Real {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** @param value as decoded in that version */
export function messageJson(schema: Message, version: number, value: unknown): Json {
  return fieldsJson(schema.fields, version, value);
}

function fieldsJson(fields: Fields, version: number, value: unknown): Json {
  assert(isObject(value), 'a message is an object of its fields');
  const shown: Record<string, Json> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (!holdsVersion(field.versions, version)) continue;
    const inner = value[name];
    if (isTagged(field, version) && isDefault(field, inner)) continue;
    shown[name] = fieldJson(field, version, inner);
  }
  return shown;
}

function fieldJson({ type, element, fields }: Field, version: number, value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (type === 'struct' && fields !== undefined) return fieldsJson(fields, version, value);
  if (type !== 'array') return primitiveJson(type, value);
  assert(Array.isArray(value), 'an array field is an array');
  return value.map((each: unknown) =>
    typeof element === 'object' ? fieldsJson(element, version, each) : primitiveJson(element, each),
  );
}

function primitiveJson(type: PrimitiveType | 'struct' | undefined, value: unknown): Json {
  if (type === 'float64' && typeof value === 'number') return new Real(value);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return isPlain || typeof value === 'bigint' ? value : null;
}

function isTagged({ options }: Field, version: number): boolean {
  return options.tag !== undefined && holdsVersion(options.tagged ?? 'none', version);
}

const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

const plainDefaults: ReadonlySet<unknown> = new Set(['', ZERO_UUID, false, 0, 0n]);

function isDefault({ type, options }: Field, value: unknown): boolean {
  if (options.default !== undefined) return value === options.default;
  if (type === 'array') return Array.isArray(value) && value.length === 0;
  if (type === 'bytes' || type === 'records') return Buffer.isBuffer(value) && value.length === 0;
  if (type === 'struct') return value === null || value === undefined;
  return plainDefaults.has(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** On one line, without blanks. */
export function jsonText(value: Json): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Real) return javaDouble(value.value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each: Json) => jsonText(each)).join(',')}]`;
  const entries = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}:${jsonText(each)}`);
  return `{${entries.join(',')}}`;
}
