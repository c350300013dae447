import { expect, test } from 'vitest';
import { lineParser, type LineRecord } from './line-record.ts';

function parse(properties: Record<string, string>, line: string): unknown {
  return shown(lineParser(new Map(Object.entries(properties)))(Buffer.from(line), 7));
}

function shown(record: LineRecord | undefined): unknown {
  if (record === undefined) return undefined;
  const text = (bytes: Buffer | null): string | null => bytes?.toString() ?? null;
  return [record.headers.map(([key, value]) => [text(key), text(value)]), text(record.key), text(record.value)];
}

test('line: without properties the whole line is the value', () => {
  expect(parse({}, 'a\tb')).toEqual([[], null, 'a\tb']);
  expect(parse({}, '')).toEqual([[], null, '']);
});

test('line: the key ends at the first separator, which may be several bytes', () => {
  expect(parse({ 'parse.key': 'true' }, 'k\tv\tw')).toEqual([[], 'k', 'v\tw']);
  expect(parse({ 'parse.key': 'TRUE', 'key.separator': '::' }, 'a:b::c')).toEqual([[], 'a:b', 'c']);
  expect(parse({ 'parse.key': 'true', 'key.separator': '\\t' }, 'k\tv')).toEqual([[], 'k', 'v']);
});

test('line: headers come first, then the key, then the value', () => {
  const properties = { 'parse.key': 'true', 'parse.headers': 'true', 'null.marker': 'NULL' };
  expect(parse(properties, 'a:1,b:NULL,c:\tk\tNULL')).toEqual([
    [
      ['a', '1'],
      ['b', null],
      ['c', ''],
    ],
    'k',
    null,
  ]);
  expect(parse(properties, '\tk\tv')).toEqual([[], 'k', 'v']);
});

test('line: one without the parts asked for is refused by its number, or skipped with ignore.error', () => {
  expect(() => parse({ 'parse.key': 'true' }, 'no separator')).toThrow('line 7: no key separator "\\t"');
  expect(() => parse({ 'parse.headers': 'true' }, 'h\tv')).toThrow("line 7: header 'h' has no ':'");
  expect(parse({ 'parse.key': 'true', 'ignore.error': 'true' }, 'no separator')).toBeUndefined();
});

test('line: a property that nothing reads is refused with those that are', () => {
  expect(() => lineParser(new Map([['parse.kay', 'true']]))).toThrow(/parse\.kay: unknown; known are parse\.key/);
  expect(() => lineParser(new Map([['parse.key', 'yes']]))).toThrow("'yes' is neither true nor false");
});
