/**
 * Generates the straight-line JavaScript that decodes one version of a message: no lookup by version or type is left
 * in it.
 */
import type { Field, Fields, Message, PrimitiveType } from '../schema.ts';
import {
  defaultSource,
  elementBytesMin,
  isBigint,
  isCompact,
  isNullable,
  isPresent,
  isTagged,
  planOf,
  taggedFields,
} from './plan.ts';
import type { Plan } from './plan.ts';

/** @returns the body of a function of `EMPTY` that returns `(reader) => value` */
export function decoderSource(schema: Message, version: number, wide: boolean): string {
  const functions: string[] = [];
  const root = structFunction(schema.fields, planOf(schema, version, wide), '', functions);
  return `'use strict';\n${functions.join('\n')}\nreturn ${root};`;
}

/** Adds a function that reads a struct, its tagged section included. @returns its name */
function structFunction(fields: Fields, plan: Plan, path: string, functions: string[]): string {
  const entries = Object.entries(fields).map(([name, field]) => {
    const inWire = isPresent(field, plan) && !isTagged(field, plan);
    const fieldPath = path === '' ? name : `${path}.${name}`;
    // A literal is evaluated in the order it is written: that is the order of the wire.
    return `${name}: ${inWire ? fieldSource(field, plan, fieldPath, functions) : defaultSource(field, plan)}`;
  });
  const tags = plan.flexible ? tagsSource(fields, plan, path, functions) : '';
  const name = `s${functions.length}`;
  functions.push(`function ${name}(r) {\nconst o = { ${entries.join(',\n')} };\n${tags}return o;\n}`);
  return name;
}

function tagsSource(fields: Fields, plan: Plan, path: string, functions: string[]): string {
  const at = quote(path === '' ? 'tagged fields' : `${path}, tagged fields`);
  const known = taggedFields(fields, plan);
  if (known.length === 0) return `r.skipTags(${at});\n`;
  const cases = known.map(([name, field, tag]) => {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    const value = fieldSource(field, plan, fieldPath, functions);
    return `case ${tag}: {
const size = r.uvarint(${at});
const end = r.at + size;
o.${name} = ${value};
r.endTag(end, ${quote(fieldPath)});
break;
}`;
  });
  return `for (let n = r.tagCount(${at}); n > 0; n -= 1) {
switch (r.uvarint(${at})) {
${cases.join('\n')}
default: r.skip(${at});
}
}
`;
}

/** An expression that reads one field. */
function fieldSource(field: Field, plan: Plan, path: string, functions: string[]): string {
  const nullable = isNullable(field, plan);
  if (field.type === 'array') return `${arrayFunction(field, plan, path, functions)}(r)`;
  if (field.type === 'struct') {
    const read = `${structFunction(field.fields ?? {}, plan, path, functions)}(r)`;
    if (!nullable) return read;
    const marker = isTagged(field, plan) ? `r.uvarint(${quote(path)}) === 0` : `r.int8(${quote(path)}) < 0`;
    return `(${marker} ? null : ${read})`;
  }
  if (field.type === 'int64' && isBigint(field, plan)) return `r.bigint64(${quote(path)})`;
  if (field.type === 'int64' && field.options.clamped === true) return `r.clamped64(${quote(path)})`;
  return `r.${readerMethod(field.type, isCompact(field, plan), nullable)}(${quote(path)})`;
}

function arrayFunction(field: Field, plan: Plan, path: string, functions: string[]): string {
  const element = field.element ?? {};
  const elementPath = `${path}[]`;
  const read =
    typeof element === 'string'
      ? `r.${elementMethod(element, plan)}(${quote(elementPath)})`
      : `${structFunction(element, plan, elementPath, functions)}(r)`;
  const count = isCompact(field, plan) ? 'compactCount' : 'count';
  const name = `a${functions.length}`;
  const nullable = isNullable(field, plan);
  functions.push(`function ${name}(r) {
const n = r.${count}(${elementBytesMin(element, plan)}, ${nullable}, ${quote(path)});
${nullable ? 'if (n < 0) return null;' : ''}
const out = [];
for (let i = 0; i < n; i += 1) out.push(${read});
return out;
}`);
  return name;
}

function elementMethod(element: PrimitiveType, plan: Plan): string {
  return element === 'int64' && plan.wide ? 'bigint64' : readerMethod(element, plan.flexible, false);
}

/** The method of Reader that reads a type; those with a length come in four forms. */
function readerMethod(type: PrimitiveType, compact: boolean, nullable: boolean): string {
  if (type !== 'string' && type !== 'bytes' && type !== 'records') return type;
  const base = type === 'string' ? 'String' : 'Bytes';
  if (compact) return nullable ? `compactNullable${base}` : `compact${base}`;
  return nullable ? `nullable${base}` : base.toLowerCase();
}

const quote = (text: string): string => JSON.stringify(text);
