import { expect, test } from 'vitest';
import { softwareCounts } from './software-counts.ts';

const at = (name: string, listener = 'A') => ({ listener, software: { name, version: '1' } });

test('software: connections of one kind are counted together, at each listener', () => {
  expect(softwareCounts([at('java'), at('kafkajs'), at('java'), at('java', 'B')], 10)).toEqual([
    { listener: 'A', software: 'java', version: '1', count: 2 },
    { listener: 'A', software: 'kafkajs', version: '1', count: 1 },
    { listener: 'B', software: 'java', version: '1', count: 1 },
  ]);
});

test('software: kinds that clients make up without end are counted together from a bound on, and none is lost', () => {
  const many = Array.from({ length: 1_000 }, (_, index) => at(`made-up-${index}`));
  const counts = softwareCounts([at('java'), ...many, at('java')], 5);
  expect(counts).toHaveLength(6);
  expect(counts[0]).toMatchObject({ software: 'java', count: 2 });
  expect(counts.at(-1)).toEqual({ listener: 'A', software: 'other', version: 'other', count: 996 });
});
