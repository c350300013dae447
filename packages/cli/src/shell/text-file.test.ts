import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPTION_FILE_BYTES_MAX, readTextFile } from './text-file.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-text-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const written = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

test('text file: one of any size up to the bound is read whole, one byte more is refused', () => {
  const longer = '\u20ac'.repeat(500_000);
  expect(readTextFile('--from-file', written('a', longer))).toBe(longer);
  expect(readTextFile('--from-file', written('b', ''))).toBe('');
  expect(readTextFile('--from-file', written('c', 'abcd'), 4)).toBe('abcd');
  const why = /^--from-file: .*c has 4 bytes; up to 3 are read: is it the right file\?$/;
  expect(() => readTextFile('--from-file', join(directory, 'c'), 3)).toThrow(why);
});

test('text file: a huge one is refused unread, and a device that never ends once the bound is passed', () => {
  const huge = written('huge', '');
  truncateSync(huge, 10_000_000_000);
  expect(() => readTextFile('--from-file', huge)).toThrow('has 10000000000 bytes');
  expect(() => readTextFile('--from-file', '/dev/zero')).toThrow(`has more than ${OPTION_FILE_BYTES_MAX} bytes`);
});

test('text file: what cannot be read is told with the cause', () => {
  expect(() => readTextFile('--from-file', join(directory, 'none'))).toThrow(/\(ENOENT\): there is no such file/);
  expect(() => readTextFile('--from-file', directory)).toThrow(/\(EISDIR\): can it be read by you/);
});
