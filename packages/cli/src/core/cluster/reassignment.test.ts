import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatReassignment,
  ongoingLine,
  parsePartitions,
  parseReassignment,
  parseTopics,
  propose,
  stateLine,
  statesOf,
  throttlesOf,
  type Placed,
} from './reassignment.ts';

const placed = (topic: string, ...all: number[][]): Placed[] =>
  all.map((replicas, partition) => ({ topic, partition, replicas }));
const brokers = (...racks: (string | null)[]) => racks.map((rack, at) => ({ id: at + 1, rack }));

describe('files', () => {
  test('what is written is what is read, and in the form of Kafka', () => {
    const text = formatReassignment([...placed('b', [1]), ...placed('a', [3, 1], [1, 2])]);
    expect(text).toBe(
      '{"version":1,"partitions":[' +
        '{"topic":"a","partition":0,"replicas":[3,1],"log_dirs":["any","any"]},' +
        '{"topic":"a","partition":1,"replicas":[1,2],"log_dirs":["any","any"]},' +
        '{"topic":"b","partition":0,"replicas":[1],"log_dirs":["any"]}]}',
    );
    expect(parseReassignment('--file', text)).toEqual([...placed('a', [3, 1], [1, 2]), ...placed('b', [1])]);
  });

  test('a directory of its own for a replica is read and written', () => {
    const rows = [{ topic: 't', partition: 0, replicas: [1, 2], logDirs: ['any', '/data/b'] }];
    expect(parseReassignment('--file', formatReassignment(rows))).toEqual(rows);
  });

  test.each([
    ['{', 'not JSON'],
    ['[]', 'no list called "partitions"'],
    ['{"version":2,"partitions":[]}', 'version is not 1'],
    ['{"partitions":[]}', 'the list of partitions is empty'],
    ['{"partitions":[7]}', 'partitions[0] is not an object'],
    ['{"partitions":[{"topic":"","partition":0,"replicas":[1]}]}', 'partitions[0].topic'],
    ['{"partitions":[{"topic":"t","partition":-1,"replicas":[1]}]}', 'partitions[0].partition'],
    ['{"partitions":[{"topic":"t","partition":0,"replicas":["1"]}]}', 'partitions[0].replicas'],
    ['{"partitions":[{"topic":"t","partition":0,"replicas":[]}]}', 't-0 has no replicas'],
    ['{"partitions":[{"topic":"t","partition":0,"replicas":[1,2,1]}]}', 't-0 names broker 1 twice'],
    ['{"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":[]}]}', 'log_dirs is no list'],
    ['{"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":[7]}]}', 'log_dirs is no list'],
    [
      '{"partitions":[{"topic":"t","partition":0,"replicas":[1]},{"topic":"t","partition":0,"replicas":[2]}]}',
      't-0 is there twice',
    ],
  ])('refused: %s', (text, why) => {
    expect(() => parseReassignment('--file', text)).toThrow(why);
  });

  test('topics to move, and partitions to elect, each once', () => {
    expect(parseTopics('--file', '{"version":1,"topics":[{"topic":"a"},{"topic":"b"}]}')).toEqual(['a', 'b']);
    expect(() => parseTopics('--file', '{"topics":[{"topic":"a"},{"topic":"a"}]}')).toThrow('topic a is there twice');
    expect(() => parseTopics('--file', '{"topics":[]}')).toThrow('empty');
    expect(parsePartitions('--file', '{"partitions":[{"topic":"a","partition":1}]}')).toEqual([
      { topic: 'a', partition: 1 },
    ]);
    expect(() => parsePartitions('--file', '{"partitions":[{"topic":"a"}]}')).toThrow('partitions[0]');
    expect(() =>
      parsePartitions('--file', '{"partitions":[{"topic":"a","partition":1},{"topic":"a","partition":1}]}'),
    ).toThrow('a-1 is there twice');
  });
});

describe('proposals', () => {
  test('what is spread well already stays where it is', () => {
    const current = placed('t', [2, 3], [3, 1], [1, 2]);
    expect(propose(current, brokers(null, null, null))).toEqual(current);
  });

  test('a new broker gets its share', () => {
    const proposed = propose(placed('t', [1], [2], [1], [2], [1], [2]), brokers(null, null, null));
    const perBroker = [1, 2, 3].map((id) => proposed.filter(({ replicas }) => replicas[0] === id).length);
    expect(perBroker).toEqual([2, 2, 2]);
  });

  test('too few brokers, and racks of only some, are refused', () => {
    expect(() => propose(placed('t', [1, 2, 3]), brokers(null, null))).toThrow('name more in --broker-list');
    expect(() => propose(placed('t', [1]), brokers('a', null))).toThrow('--disable-rack-aware');
  });

  const cluster = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 })).chain(([count, racks]) =>
    fc.record({
      brokers: fc.constant(Array.from({ length: count }, (_, at) => ({ id: at * 7, rack: `r${at % racks}` }))),
      factor: fc.integer({ min: 1, max: count }),
      partitions: fc.integer({ min: 1, max: 30 }),
      racks: fc.constant(Math.min(racks, count)),
    }),
  );

  test('every partition keeps its factor, on different brokers, over as many racks as can be; leaders are even', () => {
    fc.assert(
      fc.property(cluster, ({ brokers: all, factor, partitions, racks }) => {
        const current = placed(
          't',
          ...Array.from({ length: partitions }, () => Array.from({ length: factor }, (_, at) => at + 100)),
        );
        const proposed = propose(current, all);
        const rackOf = new Map(all.map(({ id, rack }) => [id, rack]));
        for (const { replicas } of proposed) {
          expect(new Set(replicas).size).toBe(factor);
          expect(replicas.every((id) => rackOf.has(id))).toBe(true);
          expect(new Set(replicas.map((id) => rackOf.get(id))).size).toBe(Math.min(factor, racks));
        }
        const leads = all.map(({ id }) => proposed.filter(({ replicas }) => replicas[0] === id).length);
        expect(Math.max(...leads) - Math.min(...leads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('a proposal that is executed is proposed again', () => {
    fc.assert(
      fc.property(cluster, ({ brokers: all, factor, partitions }) => {
        const current = placed(
          't',
          ...Array.from({ length: partitions }, () => Array.from({ length: factor }, (_, at) => at + 100)),
        );
        const proposed = propose(current, all);
        expect(propose(proposed, all)).toEqual(proposed);
      }),
    );
  });
});

test('throttles name who is read and who is written, moves that are under way too', () => {
  const ongoing = [{ topic: 'old', partition: 2, replicas: [1, 2, 5], adding: [5], removing: [2] }];
  const throttles = throttlesOf(placed('t', [3, 1]), placed('t', [1, 2]), ongoing);
  expect(Object.fromEntries(throttles.leaders)).toEqual({ t: '0:1,0:2', old: '2:1,2:2' });
  expect(Object.fromEntries(throttles.followers)).toEqual({ t: '0:3', old: '2:5' });
  expect(throttles.brokers).toEqual([1, 2, 3, 5]);
});

test('how far each move is, in the words of Kafka', () => {
  const wanted = placed('t', [1, 2], [2, 3], [3, 1], [4]);
  const ongoing = [{ topic: 't', partition: 1, replicas: [2, 1, 3], adding: [3], removing: [1] }];
  const lines = statesOf(wanted, placed('t', [1, 2], [2, 1], [1, 3]), ongoing).map(stateLine);
  expect(lines).toEqual([
    'Reassignment of partition t-0 is completed.',
    'Reassignment of partition t-1 is still in progress.',
    'There is no active reassignment of partition t-2, but replica set is 1,3 rather than 3,1.',
    'There is no active reassignment of partition t-3, but replica set is  rather than 4.',
  ]);
  expect(ongoing.map(ongoingLine)).toEqual(['t-1: replicas: 2,1,3. adding: 3. removing: 1.']);
});
