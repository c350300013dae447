/** Any message of a shape, for property tests. */
import fc from 'fast-check';
import { UUID_ZERO } from '@odradek/base';
import type { Content, Field, Shape } from '../core/schema.ts';

export function anyOf<T>(shape: Shape<T>): fc.Arbitrary<T> {
  const entries = Object.entries(shape.fields);
  const made = shape.isUnion
    ? fc.oneof(...entries.map(([kind, { of }]) => anyContent(of).map((value) => ({ kind, ...(value as object) }))))
    : fc.record(Object.fromEntries(entries.map(([name, each]) => [name, anyField(each)])));
  return made as fc.Arbitrary<T>;
}

function anyField({ of, rule }: Field<unknown>): fc.Arbitrary<unknown> {
  const content = anyContent(of);
  if (rule === 'repeated') return fc.array(content, { maxLength: 4 });
  return rule === 'optional' ? fc.option(content, { nil: null }) : content;
}

function anyContent(of: Content | Shape<unknown>): fc.Arbitrary<unknown> {
  if (typeof of === 'object') return anyOf(of);
  switch (of) {
    case 'uint64':
      return fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
    case 'sint32':
      return fc.oneof(fc.integer({ min: -2, max: 300 }), fc.integer());
    case 'bool':
      return fc.boolean();
    case 'text':
      return fc.string({ unit: 'grapheme', maxLength: 200 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    case 'joined':
      return fc.uint8Array({ maxLength: 300 }).map((bytes) => [Buffer.from(bytes)]);
    case 'uuid': {
      const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
      return fc.oneof(
        fc.constant(UUID_ZERO),
        bytes.map((each) => Buffer.from(each).toString('base64url')),
      );
    }
    default:
      return of satisfies never;
  }
}
