import { expect, test } from 'vitest';
import { runControllers } from './cluster.ts';

/** Seeds that have broken a claim once. */
const pinned = [3, 5, 96, 169, 1328, 5249, 60_601, 80_003, 80_814, 90_264, 90_889, 100_319];

const SEEDS_PER_PART = 20;
/** Of a busy machine, too. */
const timeout = 300_000;
const parts = Array.from({ length: 10 }, (_, part) => ({ part, from: Math.floor(Math.random() * 900_000_000) }));

test.for(pinned)('controllers: no claim is broken by seed %i', async (seed) => {
  expect((await runControllers(seed)).violation).toBeUndefined();
});

test.for(parts)(
  'controllers: no claim is broken by 20 fresh seeds ($part: from $from)',
  { timeout },
  async ({ from }) => {
    for (let seed = from; seed < from + SEEDS_PER_PART; seed += 1) {
      const { violation } = await runControllers(seed);
      expect(violation, `npx -y pnpm@12 sim --seed ${seed} --gear controllers`).toBeUndefined();
    }
  },
);

test('controllers: two runs of one seed are the same, word by word', { timeout }, async () => {
  for (const seed of [1, 2, 3]) {
    const run = async (): Promise<object> => {
      const story: string[] = [];
      const report = await runControllers(seed, undefined, (line) => void story.push(line));
      expect(story.length).toBeGreaterThan(50);
      return { story, report };
    };
    expect(await run()).toEqual(await run());
  }
});

test(
  'controllers: runs are about something: changes are acknowledged, controllers fall, and faults come to pass',
  { timeout },
  async () => {
    const sums = { acknowledged: 0, leaders: 0, faults: 0 };
    for (let seed = 1; seed <= 10; seed += 1) {
      const { acknowledgedCount, leaderCount, faultCount } = await runControllers(seed);
      sums.acknowledged += acknowledgedCount;
      sums.leaders += leaderCount;
      sums.faults += faultCount;
    }
    expect(sums.acknowledged).toBeGreaterThan(100);
    expect(sums.leaders).toBeGreaterThan(20);
    expect(sums.faults).toBeGreaterThan(100);
  },
);
