import { expect, test } from 'vitest';
import { apiRows, nodeLines } from './api-lines.ts';

test('ranges, what both speak, keys that one side does not know', () => {
  const spoken = [
    { apiKey: 0, minVersion: 0, maxVersion: 5 },
    { apiKey: 46, minVersion: 0, maxVersion: 0 },
    { apiKey: 3, minVersion: 90, maxVersion: 99 },
    { apiKey: 32_000, minVersion: 0, maxVersion: 1 },
  ];
  const lines = nodeLines('a:1 (id: 1)', apiRows(spoken, 'broker')).split('\n');
  expect(lines[0]).toBe('a:1 (id: 1) -> (');
  expect(lines).toContain('\tProduce(0): 0 to 5 [usable: 5],');
  expect(lines).toContain('\tListPartitionReassignments(46): 0 [usable: 0],');
  expect(lines).toContain('\tMetadata(3): 90 to 99 [unusable: node too new],');
  expect(lines).toContain('\tFetch(1): UNSUPPORTED,');
  expect(lines.slice(-2)).toEqual(['\tUNKNOWN(32000): 0 to 1', ')']);
});

test('what only this project has is not missed, and controllers are not asked for what brokers answer', () => {
  const keys = (listener: 'broker' | 'controller'): number[] => apiRows([], listener).map(({ key }) => key);
  expect(keys('broker').every((key) => key < 10_000)).toBe(true);
  expect(keys('broker')).toContain(0);
  expect(keys('controller')).not.toContain(0);
});
