/** What a schema is in one version: the questions that the generators of encoders and decoders both ask. */
import { UUID_ZERO, unreachable } from '@odradek/base';
import { holdsVersion } from '../schema.ts';
import type { Field, Fields, Message, PrimitiveType } from '../schema.ts';

/** One version of a schema, as a generator sees it. */
export type Plan = {
  readonly version: number;
  /** Compact lengths and tagged sections. */
  readonly flexible: boolean;
  /** All int64 are bigint: for values beyond 2^53 in test vectors. */
  readonly wide: boolean;
};

export function planOf(schema: Message, version: number, wide: boolean): Plan {
  return { version, flexible: holdsVersion(schema.flexible, version), wide };
}

export function isPresent(field: Field, plan: Plan): boolean {
  return holdsVersion(field.versions, plan.version);
}

export function isTagged(field: Field, plan: Plan): boolean {
  return field.options.tagged !== undefined && holdsVersion(field.options.tagged, plan.version);
}

export function isNullable(field: Field, plan: Plan): boolean {
  return field.options.nullable !== undefined && holdsVersion(field.options.nullable, plan.version);
}

/** Whether a field's own length is compact; RequestHeader's clientId keeps the old form in a flexible header. */
export function isCompact(field: Field, plan: Plan): boolean {
  if (field.options.flexible === undefined) return plan.flexible;
  return holdsVersion(field.options.flexible, plan.version);
}

export function isBigint(field: Field, plan: Plan): boolean {
  return plan.wide || field.options.bigint === true;
}

/** Fields of the tagged section in the order in which they travel. */
export function taggedFields(fields: Fields, plan: Plan): [string, Field, number][] {
  return Object.entries(fields)
    .filter(([, field]) => isPresent(field, plan) && isTagged(field, plan))
    .map(([name, field]): [string, Field, number] => [name, field, field.options.tag ?? 0])
    .sort(([, , a], [, , b]) => a - b);
}

const fixedBytes: Partial<Record<PrimitiveType, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
};

/** The least that an element of an array takes: bounds the count before anything is allocated. */
export function elementBytesMin(element: PrimitiveType | Fields, plan: Plan): number {
  if (typeof element === 'string') return fixedBytes[element] ?? lengthBytesMin(element, plan.flexible);
  let bytes = plan.flexible ? 1 : 0;
  for (const field of Object.values(element)) {
    if (isPresent(field, plan) && !isTagged(field, plan)) bytes += fieldBytesMin(field, plan);
  }
  return bytes;
}

function fieldBytesMin(field: Field, plan: Plan): number {
  if (field.type === 'array') return isCompact(field, plan) ? 1 : 4;
  if (field.type !== 'struct') return fixedBytes[field.type] ?? lengthBytesMin(field.type, isCompact(field, plan));
  return isNullable(field, plan) ? 1 : elementBytesMin(field.fields ?? {}, plan);
}

function lengthBytesMin(type: PrimitiveType, compact: boolean): number {
  if (compact) return 1;
  return type === 'string' ? 2 : 4;
}

/** JavaScript source of a field's default: what a version without it reads as. */
export function defaultSource(field: Field, plan: Plan): string {
  const given = field.options.default;
  if (given === null) return 'null';
  if (field.type === 'int64' && isBigint(field, plan)) return `${BigInt(given ?? 0)}n`;
  if (given !== undefined) return String(given);
  switch (field.type) {
    case 'bool':
      return 'false';
    case 'string':
      return "''";
    case 'uuid':
      return `'${UUID_ZERO}'`;
    case 'bytes':
    case 'records':
      return 'EMPTY';
    case 'array':
      return '[]';
    case 'struct':
      return structDefaultSource(field.fields ?? {}, plan);
    case 'int8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'float64':
      return '0';
    default:
      return unreachable(field.type);
  }
}

function structDefaultSource(fields: Fields, plan: Plan): string {
  const entries = Object.entries(fields).map(([name, field]) => `${name}: ${defaultSource(field, plan)}`);
  return `{ ${entries.join(', ')} }`;
}
