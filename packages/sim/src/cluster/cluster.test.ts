import { expect, test } from 'vitest';
import { runCluster } from './cluster.ts';

/** Of a busy machine, too. */
const timeout = 300_000;

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
  'cluster: runs are about something: batches are acknowledged and read, leaders fall, and faults come to pass',
  { timeout },
  async () => {
    const sums = { acknowledged: 0, read: 0, leaders: 0, faults: 0 };
    for (let seed = 1; seed <= 10; seed += 1) {
      const { violation, acknowledgedCount, readCount, leaderCount, faultCount } = await runCluster(seed);
      expect(violation).toBeUndefined();
      sums.acknowledged += acknowledgedCount;
      sums.read += readCount;
      sums.leaders += leaderCount;
      sums.faults += faultCount;
    }
    expect(sums.acknowledged).toBeGreaterThan(1_000);
    expect(sums.read).toBeGreaterThan(1_000);
    expect(sums.leaders).toBeGreaterThan(30);
    expect(sums.faults).toBeGreaterThan(100);
  },
);
