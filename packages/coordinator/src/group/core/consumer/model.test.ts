/** The claims about consumer groups that hold in any history (testing/consumer-world.ts makes them). */
import { isDeepStrictEqual } from 'node:util';
import { assert } from '@odradek/base';
import fc from 'fast-check';
import { test } from 'vitest';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { ConsumerWorld, anyClient, describeConsumers, histories, luck } from '../../../testing/consumer-world.ts';
import type { GroupBench } from '../../../testing/group-bench.ts';

test('consumer group: in any history one owner a partition, live sessions, offsets that stay, and a log that tells the same', () => {
  fc.assert(
    fc.property(histories, ({ intervalMs, seed, steps }) => {
      const world = new ConsumerWorld(intervalMs, luck(seed));
      for (const step of steps) {
        world.step(step);
        world.check();
      }
    }),
    { numRuns: 300 },
  );
});

test('consumer group: after any history those who are left come to a stable group and own every partition once', () => {
  fc.assert(
    fc.property(
      histories,
      fc.uniqueArray(anyClient, { minLength: 1, maxLength: 4 }),
      ({ intervalMs, seed, steps }, left) => {
        const world = new ConsumerWorld(intervalMs, luck(seed));
        for (const step of steps) world.step(step);
        world.step({ kind: 'release' });
        for (let round = 0; round < 60; round += 1) {
          for (const n of left) world.step({ kind: 'live', client: n });
          world.step({ kind: 'answer' });
          world.step({ kind: 'pass', ms: 1_000 });
        }
        world.check();
        const group = describeConsumers(world.bench);
        const survivors = left.map((n) => world.clients[n]).filter((each) => each !== undefined);
        assert(group?.state === 'Stable', 'the group becomes stable', { group });
        const inside = group.members.map(({ memberId }) => memberId);
        assert(
          isDeepStrictEqual(inside, survivors.map(({ memberId }) => memberId).sort()),
          'those who are left are its members',
          { inside },
        );
        const owned = survivors.flatMap((each) => each.ownedNames()).sort();
        const wanted = new Set(survivors.flatMap((each) => wantedNames(world.bench, each)));
        assert(isDeepStrictEqual(owned, [...wanted].sort()), 'every partition is owned once', {
          owned,
          wanted: [...wanted],
        });
      },
    ),
    { numRuns: 150 },
  );
});

/** All partitions of the topics that a client subscribes to, as they are now. */
function wantedNames(bench: GroupBench, { options }: BenchConsumer): string[] {
  const { topics = [], regex } = options;
  const matches = (name: string): boolean =>
    topics.includes(name) || (regex !== undefined && new RegExp(`^(?:${regex})$`).test(name));
  return bench.topics
    .all()
    .filter(({ name }) => matches(name))
    .flatMap(({ name, partitionCount }) => Array.from({ length: partitionCount }, (_, at) => `${name}-${at}`));
}
