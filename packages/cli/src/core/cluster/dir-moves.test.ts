import { expect, test } from 'vitest';
import { dirMoveLine, dirMovesOf, dirMoveStates, waysBack, type DirMove } from './dir-moves.ts';

const move = (broker: number, directory = '/b'): DirMove => ({ topic: 't', partition: 0, broker, directory });

test('moves between directories: a file asks for those of its replicas for which it names one, in order', () => {
  const wanted = [
    { topic: 'u', partition: 1, replicas: [2, 1], logDirs: ['/d', '/c'] },
    { topic: 't', partition: 0, replicas: [1, 2], logDirs: ['any', '/b'] },
    { topic: 't', partition: 1, replicas: [1, 2] },
  ];
  expect(dirMovesOf(wanted)).toEqual([
    { topic: 't', partition: 0, broker: 2, directory: '/b' },
    { topic: 'u', partition: 1, broker: 1, directory: '/c' },
    { topic: 'u', partition: 1, broker: 2, directory: '/d' },
  ]);
});

test('moves between directories: how far each is, in the words of Kafka; what moves has a way back', () => {
  const found = [
    { topic: 't', partition: 0, broker: 1, current: '/b', future: undefined },
    { topic: 't', partition: 0, broker: 2, current: '/a', future: '/b' },
    { topic: 't', partition: 0, broker: 3, current: '/a', future: '/c' },
    { topic: 't', partition: 0, broker: 4, current: '/a', future: undefined },
  ];
  const states = dirMoveStates(
    [1, 2, 3, 4, 5].map((broker) => move(broker)),
    found,
  );
  expect(states.map(({ state }) => state)).toEqual(['completed', 'active', 'cancelled', 'idle', 'missing']);
  expect(states.map(dirMoveLine)).toEqual([
    'Reassignment of replica t-0-1 completed successfully.',
    'Reassignment of replica t-0-2 is still in progress.',
    'Partition t-0 on broker 3 is being moved to log dir /c instead of /b.',
    'Partition t-0 on broker 4 is not being moved from log dir /a to /b.',
    'Partition t-0 is not found in any live log dir on broker 5. There is likely an offline log directory on the broker.',
  ]);
  expect(waysBack(states)).toEqual([move(2, '/a'), move(3, '/a')]);
});
