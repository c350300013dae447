import { expect, test } from 'vitest';
import { parseDeletions } from './delete-records.ts';

const file = (partitions: unknown, version: unknown = 1): string => JSON.stringify({ partitions, version });
const row = { topic: 'orders', partition: 1, offset: 100 };

test('the file of kafka-delete-records, with and without its version', () => {
  expect(parseDeletions('--f', file([row, { ...row, partition: 2, offset: -1 }]))).toEqual([
    row,
    { ...row, partition: 2, offset: -1 },
  ]);
  expect(parseDeletions('--f', JSON.stringify({ partitions: [] }))).toEqual([]);
});

test.each([
  ['{', 'it is not JSON'],
  ['[]', 'it is not an object'],
  [file([row], 2), 'version 2 is unknown'],
  [file('all'), '"partitions" is not a list'],
  [file([row, row]), 'it names orders-1 twice'],
  [file([{ ...row, offset: -2 }]), 'has no offset'],
  [file([{ ...row, partition: 1.5 }]), 'has no partition'],
  [file([{ partition: 1, offset: 1 }]), 'has no topic'],
])('%s is refused', (text, why) => {
  expect(() => parseDeletions('--f', text)).toThrow(why);
});
