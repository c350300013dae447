/** The error codes in an answer, wherever its schema has them: walked by the schema, so that nothing else of it is looked at. */
import type { ApiKey } from './apis.ts';
import { apiByKey } from './apis.ts';
import type { Field, Fields } from './schema.ts';

/** Where codes are in one struct: fields of its own, and fields that hold structs which have some. */
type Walk = { readonly codes: readonly string[]; readonly inner: readonly (readonly [name: string, walk: Walk])[] };
type Struct = { readonly [name: string]: unknown };

const walks: (Walk | undefined)[] = [];

/** @param see told each code that is not NONE, as often as it is there */
export function eachErrorCode(key: ApiKey, response: object, see: (code: number) => void): void {
  let walk = walks[key];
  if (walk === undefined) walks[key] = walk = walkOf(apiByKey(key).response.fields);
  visit(response as Struct, walk, see);
}

function visit(struct: Struct, { codes, inner }: Walk, see: (code: number) => void): void {
  for (const name of codes) {
    const code = struct[name];
    if (typeof code === 'number' && code !== 0) see(code);
  }
  for (const [name, walk] of inner) {
    const value = struct[name];
    if (Array.isArray(value)) for (const each of value as Struct[]) visit(each, walk, see);
    else if (typeof value === 'object' && value !== null) visit(value as Struct, walk, see);
  }
}

function walkOf(fields: Fields): Walk {
  const codes: string[] = [];
  const inner: [string, Walk][] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (field.type === 'int16' && /errorCode$/i.test(name)) codes.push(name);
    const parts = partsOf(field);
    const walk = parts === undefined ? undefined : walkOf(parts);
    if (walk !== undefined && walk.codes.length + walk.inner.length > 0) inner.push([name, walk]);
  }
  return { codes, inner };
}

function partsOf({ fields, element }: Field): Fields | undefined {
  return fields ?? (typeof element === 'object' ? element : undefined);
}
