/** Generates the straight-line JavaScript that encodes one version of a message. */
import type { Field, Fields, Message, PrimitiveType } from '../schema.ts';
import { defaultSource, isBigint, isCompact, isNullable, isPresent, isTagged, planOf, taggedFields } from './plan.ts';
import type { Plan } from './plan.ts';

/** @returns the body of a function of `EMPTY` and `fail(path, why)` that returns `(writer, value) => void` */
export function encoderSource(schema: Message, version: number, wide: boolean): string {
  const functions: string[] = [];
  const root = structFunction(schema.fields, planOf(schema, version, wide), '', functions);
  return `'use strict';\n${functions.join('\n')}\nreturn ${root};`;
}

/** Adds a function that writes a struct. @returns its name */
function structFunction(fields: Fields, plan: Plan, path: string, functions: string[]): string {
  const lines: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    if (!isPresent(field, plan)) lines.push(...absentLines(field, plan, fieldPath, functions));
    else if (!isTagged(field, plan))
      lines.push(...valueLines(name, field, plan), ...writeLines(field, plan, fieldPath, functions), '}');
  }
  if (plan.flexible) lines.push(...tagLines(fields, plan, path, functions));
  const name = `s${functions.length}`;
  functions.push(`function ${name}(w, o) {\n${lines.join('\n')}\n}`);
  return name;
}

/** Opens a block in which `v` is the field's value, its default when it was left out. */
function valueLines(name: string, field: Field, plan: Plan): string[] {
  return [`{ let v = o.${name}; if (v === undefined) v = ${defaultSource(field, plan)};`];
}

/** A field that this version lacks must be at its default, unless it may be dropped. */
function absentLines(field: Field, plan: Plan, path: string, functions: string[]): string[] {
  if (field.options.ignorable === true) return [];
  const isDefault = defaultTest('v', field, plan, functions);
  const why = quote(`is not known in version ${plan.version}, so it must be left out or at its default`);
  return [`{ const v = o.${nameOf(path)}; if (v !== undefined && !(${isDefault})) fail(${quote(path)}, ${why}); }`];
}

function tagLines(fields: Fields, plan: Plan, path: string, functions: string[]): string[] {
  const known = taggedFields(fields, plan);
  if (known.length === 0) return ['w.uvarint(0);'];
  const declared: string[] = [];
  const written: string[] = [];
  for (const [name, field, tag] of known) {
    const given = `t${tag}`;
    const fieldPath = path === '' ? name : `${path}.${name}`;
    declared.push(
      `const ${given} = o.${name};`,
      `const has${tag} = ${given} !== undefined && !(${defaultTest(given, field, plan, functions)});`,
    );
    written.push(
      `if (has${tag}) { const v = ${given}; const mark = w.beginTag(${tag});`,
      ...writeLines(field, plan, fieldPath, functions),
      'w.endTag(mark); }',
    );
  }
  const count = known.map(([, , tag]) => `(has${tag} ? 1 : 0)`).join(' + ');
  return [...declared, `w.uvarint(${count});`, ...written];
}

/** Statements that write `v`. */
function writeLines(field: Field, plan: Plan, path: string, functions: string[]): string[] {
  const at = quote(path);
  const nullable = isNullable(field, plan);
  if (field.type === 'array') return arrayLines(field, plan, path, functions);
  if (field.type === 'struct') {
    const write = `${structFunction(field.fields ?? {}, plan, path, functions)}(w, v);`;
    if (!nullable) return [`if (v === null) fail(${at}, 'must not be null');`, write];
    const tagged = isTagged(field, plan);
    const none = tagged ? 'w.uvarint(0);' : `w.int8(-1, ${at});`;
    const some = tagged ? 'w.uvarint(1);' : `w.int8(1, ${at});`;
    return [`if (v === null) { ${none} } else { ${some} ${write} }`];
  }
  if (field.type === 'int64') return [`w.${isBigint(field, plan) ? 'bigint64' : 'int64'}(v, ${at});`];
  const guard = nullable ? [] : [`if (v === null) fail(${at}, 'must not be null');`];
  return [...guard, `w.${writerMethod(field.type, isCompact(field, plan), nullable)}(v, ${at});`];
}

function arrayLines(field: Field, plan: Plan, path: string, functions: string[]): string[] {
  const at = quote(path);
  const element = field.element ?? {};
  const compact = isCompact(field, plan);
  const write =
    typeof element === 'string'
      ? `w.${elementMethod(element, plan)}(v[i], ${quote(`${path}[]`)});`
      : `${structFunction(element, plan, `${path}[]`, functions)}(w, v[i]);`;
  const count = compact ? 'w.compactCount(n);' : 'w.count(n);';
  const loop = `const n = v.length; ${count} for (let i = 0; i < n; i += 1) ${write}`;
  if (!isNullable(field, plan)) return [`if (v === null) fail(${at}, 'must not be null');`, loop];
  return [`if (v === null) { ${compact ? 'w.compactCount(-1);' : 'w.count(-1);'} } else { ${loop} }`];
}

/** An expression: whether `v` is the field's default. */
function defaultTest(v: string, field: Field, plan: Plan, functions: string[]): string {
  if (field.options.default === null) return `${v} === null`;
  if (field.type === 'array' || field.type === 'bytes' || field.type === 'records')
    return `${v} !== null && ${v}.length === 0`;
  if (field.type !== 'struct') return `${v} === ${defaultSource(field, plan)}`;
  const tests = Object.entries(field.fields ?? {}).map(
    ([name, inner]) => `(o.${name} === undefined || ${defaultTest(`o.${name}`, inner, plan, functions)})`,
  );
  const name = `d${functions.length}`;
  functions.push(`function ${name}(o) { return ${tests.join(' && ') || 'true'}; }`);
  return `${v} !== null && ${name}(${v})`;
}

function elementMethod(element: PrimitiveType, plan: Plan): string {
  return element === 'int64' && plan.wide ? 'bigint64' : writerMethod(element, plan.flexible, false);
}

/** The method of Writer that writes a type; those with a length come in four forms. */
function writerMethod(type: PrimitiveType, compact: boolean, nullable: boolean): string {
  if (type !== 'string' && type !== 'bytes' && type !== 'records') return type;
  const base = type === 'string' ? 'String' : 'Bytes';
  if (compact) return nullable ? `compactNullable${base}` : `compact${base}`;
  return nullable ? `nullable${base}` : base.toLowerCase();
}

/** The last part of a path: the property itself. */
const nameOf = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

const quote = (text: string): string => JSON.stringify(text);
