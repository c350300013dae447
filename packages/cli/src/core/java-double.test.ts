import { expect, test } from 'vitest';
import { javaDouble } from './java-double.ts';

test.each([
  [0, '0.0'],
  [200, '200.0'],
  [2048.5, '2048.5'],
  [9_999_999, '9999999.0'],
  [10_000_000, '1.0E7'],
  [0.0001, '1.0E-4'],
])('%d is %s in Java', (value, text) => {
  expect(javaDouble(value)).toBe(text);
});
