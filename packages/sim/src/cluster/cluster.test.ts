import { expect, test } from 'vitest';
import { runCluster } from './cluster.ts';
import { brokenOf, freshParts } from './fresh.ts';

/** Seeds that have broken a claim once. */
const pinned = [3, 28, 99, 104, 110, 117, 153, 1197];

/** Of a busy machine, too. */
const timeout = 300_000;

test.for(pinned)('cluster: no claim is broken by seed %i', { timeout }, async (seed) => {
  expect((await runCluster(seed)).violation).toBeUndefined();
});

/** As many again in fresh.test.ts, which runs beside this file. */
test.for(freshParts(500))(
  'cluster: no claim is broken by 25 fresh seeds ($part: from $from)',
  { timeout },
  async (part) => expect(await brokenOf(part)).toBeUndefined(),
);

test('cluster: two runs of one seed are the same, word by word', { timeout }, async () => {
  for (const seed of [1, 2, 3]) {
    const run = async (): Promise<object> => {
      const story: string[] = [];
      const report = await runCluster(seed, undefined, (line) => void story.push(line));
      expect(story.length).toBeGreaterThan(50);
      return { story, report };
    };
    expect(await run()).toEqual(await run());
  }
});

test(
  'cluster: runs are about something: batches are acknowledged and read, leaders fall, disks lose what they had',
  { timeout },
  async () => {
    const sums = { acknowledged: 0, read: 0, leaders: 0, faults: 0, losses: 0 };
    for (let seed = 1; seed <= 20; seed += 1) {
      const { acknowledgedCount, readCount, leaderCount, faultCount, lossCount } = await runCluster(seed);
      sums.acknowledged += acknowledgedCount;
      sums.read += readCount;
      sums.leaders += leaderCount;
      sums.faults += faultCount;
      sums.losses += lossCount;
    }
    expect(sums.acknowledged).toBeGreaterThan(2_000);
    expect(sums.read).toBeGreaterThan(2_000);
    expect(sums.leaders).toBeGreaterThan(50);
    expect(sums.faults).toBeGreaterThan(200);
    expect(sums.losses).toBeGreaterThan(3);
  },
);
