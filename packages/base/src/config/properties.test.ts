import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseProperties } from './properties.ts';

function read(text: string): Record<string, string> {
  const { entries, problems } = parseProperties(text);
  expect(problems).toEqual([]);
  return Object.fromEntries(entries.map(({ name, value }) => [name, value]));
}

test.each([
  ['a=b', { a: 'b' }],
  ['a:b', { a: 'b' }],
  ['a b', { a: 'b' }],
  ['  a \t = \f b  ', { a: 'b  ' }],
  ['a==b', { a: '=b' }],
  ['a = :b', { a: ':b' }],
  ['a', { a: '' }],
  ['a=', { a: '' }],
  ['=b', { '': 'b' }],
  ['# a=b\n! c=d\n   # e=f\ng=h', { g: 'h' }],
  ['a=b # no comment', { a: 'b # no comment' }],
  ['a=b\\\n   c', { a: 'bc' }],
  ['a=b\\\\\nc=d', { a: 'b\\', c: 'd' }],
  ['a=b\\', { a: 'b' }],
  ['a=b\\\n# c', { a: 'b# c' }],
  ['\\\n# c\n\\\n\nd=e', { d: 'e' }],
  ['# a comment does not go on \\\nc=d', { c: 'd' }],
  ['a\\ b\\=c\\:d=e', { 'a b=c:d': 'e' }],
  ['a=\\t\\n\\r\\f\\q\\"', { a: '\t\n\r\fq"' }],
  ['a=\\u00e9\\u0041', { a: 'éA' }],
  ['a=1\r\nb=2\rc=3', { a: '1', b: '2', c: '3' }],
  ['\n\n  \n', {}],
  ['a=1\na=2', { a: '2' }],
  ['listeners=PLAINTEXT://:9092,CONTROLLER://[::1]:9093', { listeners: 'PLAINTEXT://:9092,CONTROLLER://[::1]:9093' }],
])('properties: %j is read as Java reads it', (text, want) => {
  expect(read(text)).toEqual(want);
});

test('properties: a malformed unicode escape is told with its line, and the other lines are read', () => {
  const { entries, problems } = parseProperties('a=1\nb=\\u00zz\nc=3');
  expect(entries.map(({ name }) => name)).toEqual(['a', 'c']);
  expect(problems).toMatchObject([{ line: 2 }]);
});

test('properties: lines are counted as an editor counts them, a continued one by its first', () => {
  const { entries } = parseProperties('# one\na=1\\\n 2\n\nb=3');
  expect(entries).toEqual([
    { name: 'a', value: '12', line: 2 },
    { name: 'b', value: '3', line: 5 },
  ]);
});

/** As `java.util.Properties.store` writes a name or a value. */
function escaped(text: string, isName: boolean): string {
  let out = '';
  for (const [at, letter] of text.split('').entries()) {
    const code = letter.charCodeAt(0);
    if (letter === ' ') out += isName || at === 0 ? '\\ ' : ' ';
    else if ('\\=:#!'.includes(letter)) out += `\\${letter}`;
    else if (letter === '\t') out += '\\t';
    else if (letter === '\n') out += '\\n';
    else if (letter === '\r') out += '\\r';
    else if (letter === '\f') out += '\\f';
    else if (code < 0x20 || code > 0x7e) out += `\\u${code.toString(16).padStart(4, '0')}`;
    else out += letter;
  }
  return out;
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('a', '\\', '=', ':', ' ', '\t', '\n', '\f', '\r', '#', '!', 'u', '0') }),
);

test('properties: whatever Java stores is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, anyText), { maxLength: 8 }), (pairs) => {
      const text = pairs.map(([name, value]) => `${escaped(name, true)}=${escaped(value, false)}\n`).join('');
      const { entries, problems } = parseProperties(text);
      expect(problems).toEqual([]);
      expect(entries.map(({ name, value }) => [name, value])).toEqual(pairs);
    }),
    { numRuns: 2_000 },
  );
});

test('properties: no text crashes or hangs the reader, and a broken escape is all that it complains about', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom('a', 'b', '\\', 'u', '0', '=', ':', ' ', '\t', '\r', '\n', '#', '!'),
        maxLength: 200,
      }),
      (text) => {
        const { entries, problems } = parseProperties(text);
        expect(entries.length + problems.length).toBeLessThanOrEqual(text.split(/\r\n|\r|\n/).length);
        expect(problems.length === 0 || text.includes('\\u')).toBe(true);
      },
    ),
    { numRuns: 5_000 },
  );
});
