import { expect, test } from 'vitest';
import { showBytes, showSpan, some } from './check.ts';

const GIB = 1024 ** 3;

test.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1536, '1.5 KiB'],
  [20 * GIB, '20 GiB'],
])('%i bytes read %s', (bytes, text) => expect(showBytes(bytes)).toBe(text));

test.each([
  [999, '999 ms'],
  [1_500, '1.5 s'],
  [90_000, '1.5 min'],
  [259_200_000, '3 d'],
])('%i ms read %s', (ms, text) => expect(showSpan(ms)).toBe(text));

test('of many names the first are told, and how many more there are', () => {
  expect(some(['a', 'b'])).toBe('a, b');
  expect(some(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toBe('a, b, c, d, e and 2 more');
});
