/**
 * The schema language: a message is an object literal of fields in wire order, and its TypeScript types follow from it.
 * Version ranges are Kafka's: `3-13`, `9+`, `3`, `0-1,4+`, `none`.
 */
import type { Uuid } from '@odradek/base';

export type PrimitiveType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records';

/**
 * What each type is in a decoded message. int64 is a safe integer unless its field says `bigint`. Bytes are slices,
 * never copies.
 */
type ValueOf = {
  bool: boolean;
  int8: number;
  int16: number;
  uint16: number;
  int32: number;
  uint32: number;
  int64: number;
  float64: number;
  uuid: Uuid;
  string: string;
  bytes: Buffer;
  records: Buffer;
};

/** What an encoder takes for each type: as decoded, but record batches may also come as parts that lie back to back. */
type InputValueOf = Omit<ValueOf, 'records'> & { records: Buffer | readonly Buffer[] };

export type Options = {
  /** Versions in which null may travel. */
  readonly nullable?: string;
  /** What a version without the field reads as, and what an encoder takes when the field is left out. */
  readonly default?: null | boolean | number | bigint;
  /** Number in the tagged section, and the versions in which it travels there. */
  readonly tag?: number;
  readonly tagged?: string;
  /**
   * A value other than the default is dropped silently in a version without the field; otherwise encoding it throws.
   */
  readonly ignorable?: true;
  /** Versions in which the field uses the compact encoding; the message's own when left out. */
  readonly flexible?: string;
  /** int64 only: all 64 bits count (hashes, Long.MAX as a default), so the value is a bigint. */
  readonly bigint?: true;
  /**
   * int64 only: what lies beyond the safe integers reads as the nearest one instead of being refused. For positions and times that a
   * request only compares: a seek to Long.MAX is out of range, not malformed.
   */
  readonly clamped?: true;
};

declare const types: unique symbol;

/**
 * One field. `T` decoded type, `I` encoder's type, `V` version range, `D` whether it has a default of its own or a tag.
 */
export type Field<T = unknown, I = unknown, V extends string = string, D extends boolean = boolean> = {
  readonly type: PrimitiveType | 'array' | 'struct';
  readonly versions: V;
  readonly options: Options;
  /** Of an array: its element, a primitive or the fields of a struct. */
  readonly element: PrimitiveType | Fields | undefined;
  /** Of a struct. */
  readonly fields: Fields | undefined;
  readonly [types]?: { decoded: T; input: I; defaulted: D };
};

export type Fields = { readonly [name: string]: Field };

type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T, unknown> ? T : never };

/** Keys that an encoder must be given: without a default of their own, and in every version that the parent has. */
type RequiredKeys<F extends Fields, Parent extends string> = {
  [K in keyof F]: F[K] extends Field<unknown, unknown, infer V, infer D>
    ? D extends true
      ? never
      : V extends Parent
        ? K
        : never
    : never;
}[keyof F];

type InputOf<F extends Fields, Parent extends string> = {
  readonly [K in RequiredKeys<F, Parent>]: F[K] extends Field<unknown, infer I> ? I : never;
} & {
  readonly [K in Exclude<keyof F, RequiredKeys<F, Parent>>]?: F[K] extends Field<unknown, infer I>
    ? I | undefined
    : never;
};

type Nullable<T, O> = O extends { readonly nullable: string } ? T | null : T;
type Defaulted<O> = O extends { readonly default: unknown } | { readonly tag: number } ? true : false;
type Int64<O> = O extends { readonly bigint: true } ? bigint : number;

type Element = PrimitiveType | Fields;
type DecodedElement<E extends Element> = E extends PrimitiveType ? ValueOf[E] : E extends Fields ? Decoded<E> : never;
type InputElement<E extends Element, V extends string> = E extends PrimitiveType
  ? InputValueOf[E]
  : E extends Fields
    ? InputOf<E, V>
    : never;

function field<T, I, V extends string, D extends boolean>(
  type: Field['type'],
  versions: V,
  options: Options | undefined,
  parts?: { element?: Element; fields?: Fields },
): Field<T, I, V, D> {
  return { type, versions, options: options ?? {}, element: parts?.element, fields: parts?.fields };
}

type Builder<P extends PrimitiveType> = <V extends string, const O extends Options = {}>(
  versions: V,
  options?: O,
) => Field<Nullable<ValueOf[P], O>, Nullable<InputValueOf[P], O>, V, Defaulted<O>>;

const primitive =
  <P extends PrimitiveType>(type: P): Builder<P> =>
  (versions, options) =>
    field(type, versions, options);

/**
 * Field builders: `f.string('3+', { nullable: '3+', default: null })`, `f.array({ … }, '3+')`, `f.array('int32',
 * '0+')`.
 */
export const f = {
  bool: primitive('bool'),
  int8: primitive('int8'),
  int16: primitive('int16'),
  uint16: primitive('uint16'),
  int32: primitive('int32'),
  uint32: primitive('uint32'),
  int64: <V extends string, const O extends Options = {}>(
    versions: V,
    options?: O,
  ): Field<Int64<O>, Int64<O>, V, Defaulted<O>> => field('int64', versions, options),
  float64: primitive('float64'),
  uuid: primitive('uuid'),
  string: primitive('string'),
  bytes: primitive('bytes'),
  records: primitive('records'),
  array: <E extends Element, V extends string, const O extends Options = {}>(
    element: E,
    versions: V,
    options?: O,
  ): Field<Nullable<readonly DecodedElement<E>[], O>, Nullable<readonly InputElement<E, V>[], O>, V, Defaulted<O>> =>
    field('array', versions, options, { element }),
  struct: <F extends Fields, V extends string, const O extends Options = {}>(
    fields: F,
    versions: V,
    options?: O,
  ): Field<Nullable<Decoded<F>, O>, Nullable<InputOf<F, V>, O>, V, Defaulted<O>> =>
    field('struct', versions, options, { fields }),
};

export type MessageKind = 'request' | 'response' | 'header' | 'key' | 'value' | 'record' | 'data';

/** A schema. `T` is the decoded type, `I` what an encoder takes. */
export type Message<T = unknown, I = unknown> = {
  readonly name: string;
  readonly kind: MessageKind;
  /** API key of a request or response; record type of a coordinator, metadata or control record; -1 otherwise. */
  readonly id: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Versions that use compact lengths and tagged sections. */
  readonly flexible: string;
  readonly fields: Fields;
  readonly [types]?: { decoded: T; input: I };
};

/** `3-13` covers a field that says `3+`; a message of one version covers `0` and `0+`. */
type Covering<V extends string> = V extends `${infer Min}-${infer Max}` ? `${Min}+` | `${Min}-${Max}` : V | `${V}+`;

export function message<const V extends string, F extends Fields>(spec: {
  readonly name: string;
  readonly kind: MessageKind;
  readonly id?: number;
  readonly versions: V;
  readonly flexible: string;
  readonly fields: F;
}): Message<Decoded<F>, InputOf<F, Covering<V>>> {
  const [min, max] = spec.versions.split('-').map(Number);
  const minVersion = min ?? 0;
  return {
    name: spec.name,
    kind: spec.kind,
    id: spec.id ?? -1,
    minVersion,
    maxVersion: max ?? minVersion,
    flexible: spec.flexible,
    fields: spec.fields,
  };
}

/** The decoded type of a schema: every field is present; one that a version lacks reads as its default. */
export type Infer<M> = M extends Message<infer T, unknown> ? T : never;

/** What an encoder takes: fields with a default of their own, a tag, or missing in some version may be left out. */
export type Input<M> = M extends Message<unknown, infer I> ? I : never;

/** Whether a version range holds a version. `none` holds nothing. */
export function holdsVersion(range: string, version: number): boolean {
  if (range === 'none') return false;
  return range.split(',').some((part) => {
    if (part.endsWith('+')) return version >= Number(part.slice(0, -1));
    const [min, max] = part.split('-').map(Number);
    return version >= (min ?? 0) && version <= (max ?? min ?? 0);
  });
}
