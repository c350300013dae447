import { expect, test } from 'vitest';
import { progressLine, progressOf } from './move-progress.ts';
import type { Ongoing } from './reassignment.ts';

const MIB = 1024 * 1024;
const move: Ongoing = { topic: 't', partition: 0, replicas: [3, 4, 1, 2], adding: [3, 4], removing: [1, 2] };
const size = (broker: number, sizeBytes: number, partition = 0) => ({ topic: 't', partition, broker, sizeBytes });

test('each new replica is measured by the largest of those that were there before', () => {
  const sizes = [size(1, 10), size(2, 40), size(3, 8), size(4, 99), size(3, 77, 1)];
  expect(progressOf(move, sizes)).toEqual([
    { broker: 3, sizeBytes: 8, ofBytes: 40 },
    { broker: 4, sizeBytes: 99, ofBytes: 40 },
  ]);
});

test('what a broker does not tell is left out', () => {
  expect(progressOf(move, [size(1, 10), size(4, 5)])).toEqual([{ broker: 4, sizeBytes: 5, ofBytes: 10 }]);
  expect(progressOf(move, [size(3, 5)])).toEqual([{ broker: 3, sizeBytes: 5, ofBytes: undefined }]);
  expect(progressOf({ ...move, adding: [] }, [size(1, 10)])).toEqual([]);
});

test.for([
  [8, 40, 'broker 3 has 8 B of 40 B (20%)'],
  [1.5 * MIB, 2 * MIB, 'broker 3 has 1.5 MiB of 2.0 MiB (75%)'],
  [2 * MIB - 1, 2 * MIB, 'broker 3 has 2.0 MiB of 2.0 MiB (99%)'],
  [3 * MIB, 2 * MIB, 'broker 3 has 3.0 MiB of 2.0 MiB (100%)'],
  [0, 0, 'broker 3 has 0 B of 0 B (100%)'],
  [7 * 1024 ** 5, undefined, 'broker 3 has 7168.0 TiB'],
] as const)('%i of %s bytes', ([sizeBytes, ofBytes, line]) => {
  expect(progressLine({ broker: 3, sizeBytes, ofBytes })).toBe(line);
});
