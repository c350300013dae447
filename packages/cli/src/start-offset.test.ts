import { expect, test } from 'vitest';
import { parseStartOffset } from './start-offset.ts';

test('offsets: words, numbers, from the end, and times', () => {
  expect(parseStartOffset('earliest')).toEqual({ kind: 'earliest' });
  expect(parseStartOffset('beginning')).toEqual({ kind: 'earliest' });
  expect(parseStartOffset('end')).toEqual({ kind: 'latest' });
  expect(parseStartOffset('0')).toEqual({ kind: 'offset', offset: 0 });
  expect(parseStartOffset('-5')).toEqual({ kind: 'last', count: 5 });
  expect(parseStartOffset('s@1700000000123')).toEqual({ kind: 'time', timestampMs: 1_700_000_000_123 });
  expect(parseStartOffset('@2023-11-14T22:13:20Z')).toEqual({ kind: 'time', timestampMs: 1_700_000_000_000 });
  for (const wrong of ['', 'first', '1.5', '@soon', '-0']) {
    expect(() => parseStartOffset(wrong), wrong).toThrow(/--offset/);
  }
});
