import { ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileTopicRegex } from './regex.ts';

const matching = (pattern: string, topics: readonly string[]): string[] => {
  const regex = compileTopicRegex(pattern);
  if (!regex.ok) throw new Error(regex.why);
  return topics.filter((topic) => regex.value.matches(topic));
};

test('regex: stands for whole names only', () => {
  expect(matching('foo', ['foo', 'foobar', 'a-foo'])).toEqual(['foo']);
  expect(matching('foo.*|bar', ['foo', 'foobar', 'bar', 'barfoo'])).toEqual(['foo', 'foobar', 'bar']);
  expect(matching('', ['a'])).toEqual([]);
});

test("regex: RE2's syntax is taken", () => {
  expect(matching('(?i)ORDERS-\\d+', ['orders-17', 'orders-x'])).toEqual(['orders-17']);
  expect(matching('\\Qa.b\\E', ['a.b', 'axb'])).toEqual(['a.b']);
  expect(matching('[[:alpha:]]+', ['abc', 'ab1'])).toEqual(['abc']);
  expect(matching('(?P<kind>logs|events)_v[12]', ['logs_v1', 'events_v3'])).toEqual(['logs_v1']);
});

/** Each is refused by RE2J 1.8, Kafka's, too. */
test.for(['[', '(?:a', '(?=a)', '\\1', '*a', 'a**', 'a{1001}', 'a{2,1}', '\\C', '[[:foo:]]', '(?<n>a)(?<n>b)'])(
  'regex: %s is refused',
  (pattern) => {
    expect(compileTopicRegex(pattern)).toMatchObject({ ok: false, code: ErrorCode.INVALID_REGULAR_EXPRESSION });
  },
);

test('regex: what would take long to compile or to match is refused', () => {
  for (const pattern of ['a'.repeat(4097), 'a{500}'.repeat(3), '((\\pL{10}){10}){10}'.repeat(20), 'a{999,}{999,}'])
    expect(compileTopicRegex(pattern)).toMatchObject({ ok: false, code: ErrorCode.INVALID_REGULAR_EXPRESSION });
});

test('regex: a pattern on which backtracking would never end is answered', () => {
  expect(matching('(a+)+b', ['a'.repeat(249), `${'a'.repeat(248)}b`])).toEqual([`${'a'.repeat(248)}b`]);
});

test('regex: whatever a client sends is compiled or refused', () => {
  const syntax = fc.constantFrom(...Array.from('()[]{}*+?|\\^$.,:=!<>PpQE0129-&/'), '\\p{', '(?', 'é', '\ud800');
  const text = fc.array(fc.oneof(syntax, fc.string({ maxLength: 2 })), { maxLength: 12 });
  fc.assert(
    fc.property(text, fc.string(), (parts, topic) => {
      const regex = compileTopicRegex(parts.join(''));
      if (regex.ok) expect(typeof regex.value.matches(topic)).toBe('boolean');
      else expect(regex.code).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
    }),
    { numRuns: 2000 },
  );
});
