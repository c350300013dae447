import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Prng } from '@odradek/base';
import { place, type PlaceableBroker } from './placement.ts';

const broker = (id: number, rack: string | null = null, fenced = false): PlaceableBroker => ({ id, rack, fenced });

function placed(partitionCount: number, replicationFactor: number, brokers: readonly PlaceableBroker[], seed = 1) {
  const outcome = place({ partitionCount, replicationFactor }, brokers, new Prng(seed));
  if (!outcome.ok) throw new Error(outcome.why);
  return outcome.value;
}

function counts(ids: readonly (number | undefined)[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const id of ids) if (id !== undefined) found.set(id, (found.get(id) ?? 0) + 1);
  return found;
}

const cluster = fc
  .uniqueArray(fc.record({ id: fc.nat(200), rack: fc.constantFrom('a', 'b', 'c', null), fenced: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
    selector: (each) => each.id,
  })
  .filter((brokers) => brokers.some((each) => !each.fenced));

test('placement: a fenced broker gets a replica only when every live one of its rack has one, and behind them', () => {
  fc.assert(
    fc.property(cluster, fc.nat(20), fc.nat(), (brokers, partitionCount, seed) => {
      const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack]));
      const fenced = new Set(brokers.filter((each) => each.fenced).map(({ id }) => id));
      for (let factor = 1; factor <= brokers.length; factor += 1) {
        for (const replicas of placed(partitionCount, factor, brokers, seed)) {
          for (const [at, id] of replicas.entries()) {
            if (!fenced.has(id)) continue;
            const before = new Set(replicas.slice(0, at));
            const live = brokers.filter((each) => !each.fenced && each.rack === rackOf.get(id));
            for (const each of live) expect(before).toContain(each.id);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('placement: the same brokers and the same luck give the same replicas', () => {
  fc.assert(
    fc.property(cluster, fc.nat(), (brokers, seed) => {
      const shuffled = [...brokers].reverse();
      expect(placed(30, 1, shuffled, seed)).toEqual(placed(30, 1, brokers, seed));
    }),
  );
});

test('placement: in every run of as many partitions as there are live brokers, each leads once, in one rack', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9 }), fc.nat(), (count, seed) => {
      const brokers = Array.from({ length: count }, (_, id) => broker(id));
      const leaders = placed(4 * count, Math.min(3, count), brokers, seed).map((replicas) => replicas[0]);
      for (let from = 0; from < leaders.length; from += count)
        expect(new Set(leaders.slice(from, from + count)).size).toBe(count);
    }),
  );
});

test('placement: replicas are distinct and the leader is alive', () => {
  fc.assert(
    fc.property(cluster, fc.nat(20), fc.nat(), (brokers, partitionCount, seed) => {
      for (let factor = 1; factor <= brokers.length; factor += 1) {
        for (const replicas of placed(partitionCount, factor, brokers, seed)) {
          expect(new Set(replicas).size).toBe(factor);
          expect(brokers.find((each) => each.id === replicas[0])?.fenced).toBe(false);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('placement: as many racks as possible hold a partition, whatever their sizes', () => {
  fc.assert(
    fc.property(cluster, fc.nat(), (brokers, seed) => {
      const racks = new Set(brokers.map((each) => each.rack)).size;
      for (let factor = 1; factor <= brokers.length; factor += 1) {
        for (const replicas of placed(10, factor, brokers, seed)) {
          const used = new Set(replicas.map((id) => brokers.find((each) => each.id === id)?.rack));
          expect(used.size).toBe(Math.min(racks, factor));
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('placement: leaders and replicas are spread evenly over equal brokers', () => {
  const brokers = [1, 2, 3, 4, 5, 6].map((id) => broker(id, ['a', 'b', 'c'][id % 3] ?? null));
  const partitions = placed(600, 3, brokers);
  for (const count of counts(partitions.map((replicas) => replicas[0])).values()) expect(count).toBe(100);
  for (const count of counts(partitions.flat()).values()) expect(count).toBe(300);
});

test('placement: small topics do not all begin on the same broker', () => {
  const brokers = [1, 2, 3].map((id) => broker(id));
  const leaders = Array.from({ length: 60 }, (_, seed) => placed(1, 1, brokers, seed)[0]?.[0]);
  for (const count of counts(leaders).values()) expect(count).toBeGreaterThan(8);
});

test('placement: one live broker leads everything, the fenced one only follows', () => {
  expect(placed(3, 2, [broker(1, null, true), broker(2)])).toEqual([
    [2, 1],
    [2, 1],
    [2, 1],
  ]);
});

test('placement: more replicas than brokers, none at all, or nobody alive, is refused with the numbers', () => {
  const why = (factor: number, brokers: readonly PlaceableBroker[]): string => {
    const outcome = place({ partitionCount: 1, replicationFactor: factor }, brokers, new Prng(1));
    return outcome.ok ? 'placed' : outcome.why;
  };
  expect(why(3, [broker(1), broker(2)])).toMatch(/factor of 3 cannot be reached because only 2 broker/);
  expect(why(0, [broker(1)])).toMatch(/must be positive/);
  expect(why(1, [broker(1, null, true)])).toMatch(/All brokers are currently fenced/);
  expect(why(1, [])).toMatch(/All brokers are currently fenced/);
});
