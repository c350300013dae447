/**
 * Kafka's own JSON form of a message, as test vectors carry it: the fields of one version, tagged ones only when not
 * at their default, bytes in base64, int64 as decimal strings.
 */
import { holdsVersion } from '../schema.ts';
import type { Field, Fields, Message, PrimitiveType } from '../schema.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Struct = { [name: string]: unknown };

const inVersion = (range: string | undefined, version: number): boolean =>
  range !== undefined && holdsVersion(range, version);

/** @param value as decoded, wide or narrow */
export function toJson(schema: Message, version: number, value: unknown): Json {
  return structToJson(schema.fields, version, value as Struct);
}

/**
 * @returns what an encoder takes; int64 are bigint when `wide`, else numbers (but for fields that are always bigint)
 */
export function fromJson(schema: Message, json: Json, wide: boolean): unknown {
  return structFromJson(schema.fields, json as { [name: string]: Json }, wide);
}

/** Whether all int64 of the JSON form fit into numbers. */
export function isNarrow(fields: Fields, json: Json): boolean {
  const struct = json as { [name: string]: Json };
  return Object.entries(fields).every(([name, field]) => {
    const value = struct[name];
    if (value === undefined || value === null) return true;
    if (field.type === 'int64') return field.options.bigint === true || isSafe(value);
    if (field.type === 'struct') return isNarrow(field.fields ?? {}, value);
    if (field.type !== 'array') return true;
    const { element } = field;
    if (element === 'int64') return (value as Json[]).every(isSafe);
    return typeof element !== 'object' || (value as Json[]).every((item) => isNarrow(element, item));
  });
}

const isSafe = (value: Json): boolean => Number.isSafeInteger(Number(value));

function structToJson(fields: Fields, version: number, struct: Struct): Json {
  const json: { [name: string]: Json } = {};
  for (const [name, field] of Object.entries(fields)) {
    if (!inVersion(field.versions, version)) continue;
    const value = fieldToJson(field, version, struct[name]);
    if (inVersion(field.options.tagged, version) && equalJson(value, defaultJson(field, version))) continue;
    json[name] = value;
  }
  return json;
}

function fieldToJson(field: Field, version: number, value: unknown): Json {
  if (value === null) return null;
  if (field.type === 'struct') return structToJson(field.fields ?? {}, version, value as Struct);
  if (field.type !== 'array') return primitiveToJson(field.type, value);
  const { element } = field;
  return (value as unknown[]).map((item) =>
    typeof element === 'string' ? primitiveToJson(element, item) : structToJson(element ?? {}, version, item as Struct),
  );
}

function primitiveToJson(type: PrimitiveType, value: unknown): Json {
  if (type === 'int64') return String(value as number | bigint);
  if (type === 'bytes' || type === 'records') return (value as Buffer).toString('base64');
  return value as Json;
}

function defaultJson(field: Field, version: number): Json {
  const given = field.options.default;
  if (given === null) return null;
  if (given !== undefined) return field.type === 'int64' ? String(given) : (given as Json);
  if (field.type === 'struct') {
    const inner: Struct = {};
    for (const [name, one] of Object.entries(field.fields ?? {})) inner[name] = fromDefault(one);
    return structToJson(field.fields ?? {}, version, inner);
  }
  return zeroJson(field.type);
}

function fromDefault(field: Field): unknown {
  if (field.options.default !== undefined) return field.options.default;
  if (field.type === 'struct') {
    return Object.fromEntries(Object.entries(field.fields ?? {}).map(([name, one]) => [name, fromDefault(one)]));
  }
  if (field.type === 'bytes' || field.type === 'records') return Buffer.alloc(0);
  return field.type === 'int64' ? 0n : zeroJson(field.type);
}

function zeroJson(type: Field['type']): Json {
  if (type === 'bool') return false;
  if (type === 'array') return [];
  if (type === 'uuid') return 'AAAAAAAAAAAAAAAAAAAAAA';
  if (type === 'string' || type === 'bytes' || type === 'records') return '';
  return type === 'int64' ? '0' : 0;
}

function structFromJson(fields: Fields, json: { [name: string]: Json }, wide: boolean): Struct {
  const struct: Struct = {};
  for (const [name, value] of Object.entries(json)) {
    const field = fields[name];
    if (field === undefined) throw new Error(`the schema has no field ${name}`);
    struct[name] = fieldFromJson(field, value, wide);
  }
  return struct;
}

function fieldFromJson(field: Field, value: Json, wide: boolean): unknown {
  if (value === null) return null;
  const bigint = wide || field.options.bigint === true;
  if (field.type === 'struct') return structFromJson(field.fields ?? {}, value as { [name: string]: Json }, wide);
  if (field.type !== 'array') return primitiveFromJson(field.type, value, bigint);
  const { element } = field;
  return (value as Json[]).map((item) =>
    typeof element === 'string'
      ? primitiveFromJson(element, item, bigint)
      : structFromJson(element ?? {}, item as { [name: string]: Json }, wide),
  );
}

function primitiveFromJson(type: PrimitiveType, value: Json, bigint: boolean): unknown {
  if (type === 'int64') return bigint ? BigInt(value as string) : Number(value);
  if (type === 'bytes' || type === 'records') return Buffer.from(value as string, 'base64');
  return value;
}

/** Equality of JSON values; the order of names does not count, NaN equals itself. */
export function equalJson(a: Json, b: Json): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false;
    return a.length === b.length && a.every((item, i) => equalJson(item, b[i] ?? null));
  }
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equalJson(a[name] ?? null, b[name] ?? null))
  );
}
