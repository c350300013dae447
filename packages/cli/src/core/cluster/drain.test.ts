import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterMoves, planDrain, type DrainBroker } from './drain.ts';
import type { Placed } from './reassignment.ts';

const brokers = (...ids: number[]): DrainBroker[] => ids.map((id) => ({ id, rack: null, takes: true }));
const placed = (topic: string, ...rows: number[][]): Placed[] =>
  rows.map((replicas, partition) => ({ topic, partition, replicas }));
const leaving4 = { leaving: 4, canShrink: false };

test('drain: a replica goes to whoever holds the fewest, in the place of the one that leaves, and nothing else moves', () => {
  const partitions = [...placed('a', [4, 1], [2, 4], [1, 2]), ...placed('b', [4])];
  expect(planDrain(partitions, brokers(1, 2, 3), leaving4)).toEqual({
    moves: [
      { topic: 'a', partition: 0, replicas: [3, 1] },
      { topic: 'a', partition: 1, replicas: [2, 3] },
      { topic: 'b', partition: 0, replicas: [1] },
    ],
    stuck: [],
  });
});

test('drain: a rack without a replica comes before a broker with fewer', () => {
  const racked = [
    { id: 1, rack: 'a', takes: true },
    { id: 2, rack: 'a', takes: true },
    { id: 3, rack: 'b', takes: true },
  ];
  const partitions = [...placed('t', [1, 4]), ...placed('u', [3], [3], [3])];
  expect(planDrain(partitions, racked, leaving4).moves[0]?.replicas).toEqual([1, 3]);
});

test('drain: a cordoned broker is no taker, however empty it is; the rack of what it holds counts', () => {
  const cordoned = { id: 3, rack: null, takes: false };
  const partitions = placed('t', [4, 1], [1, 2], [2, 1]);
  expect(planDrain(partitions, [...brokers(1, 2), cordoned], leaving4).moves).toEqual(placed('t', [2, 1]));
  const wide = placed('t', [4, 1, 2]);
  expect(planDrain(wide, [...brokers(1, 2), cordoned], leaving4)).toEqual({ moves: [], stuck: wide });
  const racked = [
    { id: 1, rack: 'a', takes: true },
    { id: 2, rack: 'b', takes: true },
    { id: 3, rack: 'a', takes: false },
  ];
  expect(planDrain(placed('t', [4, 3]), racked, leaving4).moves).toEqual(placed('t', [2, 3]));
});

test('drain: what nobody can take is told, or gives up a copy where that is allowed, but never the last one', () => {
  const partitions = placed('t', [1, 2, 4], [4]);
  const alone = placed('t', [1, 2, 4]);
  expect(planDrain(alone, brokers(1, 2), leaving4)).toEqual({ moves: [], stuck: alone });
  expect(planDrain(alone, brokers(1, 2), { leaving: 4, canShrink: true }).moves).toEqual(placed('t', [1, 2]));
  expect(planDrain(partitions, [], { leaving: 4, canShrink: true }).stuck).toEqual([partitions[1]]);
});

test('drain: a replica that a move under way takes away already is not moved again', () => {
  const ongoing = [{ topic: 't', partition: 0, replicas: [1, 4, 2], adding: [2], removing: [4] }];
  expect(afterMoves(placed('t', [1, 4, 2], [4]), ongoing)).toEqual(placed('t', [1, 2], [4]));
});

test('drain: whatever the cluster looks like, every partition is left with as many different brokers, none of them the one that goes', () => {
  const id = fc.integer({ min: 0, max: 6 });
  const rows = fc.array(fc.uniqueArray(id, { minLength: 1, maxLength: 4 }), { maxLength: 30 });
  fc.assert(
    fc.property(rows, fc.uniqueArray(id, { minLength: 1 }), id, (replicas, running, leaving) => {
      const partitions = placed('t', ...replicas);
      const others = brokers(...running.filter((each) => each !== leaving));
      const { moves, stuck } = planDrain(partitions, others, { leaving, canShrink: false });
      expect(moves.length + stuck.length).toBe(replicas.filter((row) => row.includes(leaving)).length);
      for (const { partition, replicas: after } of moves) {
        const before = replicas[partition] ?? [];
        expect(after).not.toContain(leaving);
        expect(new Set(after).size).toBe(before.length);
        expect(before.filter((each, at) => each !== leaving && after[at] !== each)).toEqual([]);
      }
      for (const { replicas: row } of stuck) expect(others.filter((each) => !row.includes(each.id))).toEqual([]);
    }),
  );
});
