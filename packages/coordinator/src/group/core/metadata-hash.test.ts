import { UUID_ONE } from '@odradek/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupHash, topicHash } from './metadata-hash.ts';
import type { GroupTopic } from './topics.ts';

const topic = (
  name: string,
  partitionCount: number,
  racks: readonly (readonly string[])[],
  id = UUID_ONE,
): GroupTopic => ({
  name,
  id,
  partitionCount,
  racksOf: (partition) => racks[partition] ?? [],
});

test("metadata hash: is Kafka's", () => {
  const foo = topicHash(topic('foo', 3, []));
  expect(foo).toBe(-2222617492149574800n);
  expect(groupHash(new Map([['foo', foo]]))).toBe(7317493184415212186n);
  const racks = [['rack-b', 'rack-a'], ['z']];
  const orders = topicHash(topic('orders-ü😀', 2, racks, 'Zm9vYmFyYmF6cXV4MTIzNA'));
  expect(orders).toBe(7087801011847498801n);
  expect(groupHash(new Map([['orders', orders]]))).toBe(-6957790729971078124n);
  expect(
    groupHash(
      new Map([
        ['b', -2n],
        ['a', 1n],
      ]),
    ),
  ).toBe(1559002273794826001n);
  expect(groupHash(new Map())).toBe(0n);
});

test('metadata hash: the order of racks and of topics changes nothing, all else does', () => {
  const texts = fc.string({ maxLength: 5, unit: 'binary' });
  const described = fc.record({
    name: texts,
    partitionCount: fc.nat(3),
    racks: fc.array(fc.uniqueArray(texts, { maxLength: 3 }), { minLength: 3, maxLength: 3 }),
  });
  const said = ({ name, partitionCount, racks }: { name: string; partitionCount: number; racks: string[][] }): string =>
    JSON.stringify([name, partitionCount, racks.slice(0, partitionCount).map((names) => [...names].sort())]);
  fc.assert(
    fc.property(described, described, (a, b) => {
      const hash = topicHash(topic(a.name, a.partitionCount, a.racks));
      const backwards = a.racks.map((names) => [...names].reverse());
      expect(topicHash(topic(a.name, a.partitionCount, backwards))).toBe(hash);
      expect(topicHash(topic(b.name, b.partitionCount, b.racks)) === hash).toBe(said(a) === said(b));
      const both: [string, bigint][] = [
        ['a', hash],
        ['b', hash + 1n],
      ];
      expect(groupHash(new Map(both))).toBe(groupHash(new Map([...both].reverse())));
      expect(
        groupHash(
          new Map([
            ['a', hash + 1n],
            ['b', hash],
          ]),
        ),
      ).not.toBe(groupHash(new Map(both)));
    }),
  );
});
