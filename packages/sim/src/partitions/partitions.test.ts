import { Rig } from '@odradek/replication/testing';
import { expect, test } from 'vitest';
import { runPartitions } from './cluster.ts';

const SEEDS = 60;
const TIMEOUT_MS = 240_000;

test(
  'partitions: what was acknowledged survives, high watermarks go up, logs agree below them, and all comes to rest',
  { timeout: TIMEOUT_MS },
  async () => {
    let acknowledged = 0;
    let epochs = 0;
    let recovered = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const report = await runPartitions(seed, { Rig });
      expect(report.violation, `seed ${seed}\n${report.story.slice(-40).join('\n')}`).toBeUndefined();
      acknowledged += report.acknowledged;
      epochs += report.epochs;
      recovered += report.recovered;
    }
    // Without acknowledgements, elections and unclean ones there is nothing to lose.
    expect(acknowledged).toBeGreaterThan(SEEDS * 10);
    expect(epochs).toBeGreaterThan(SEEDS * 2);
    expect(recovered).toBeGreaterThan(0);
  },
);

test('partitions: a seed replays to the letter', async () => {
  expect(await runPartitions(7, { Rig })).toEqual(await runPartitions(7, { Rig }));
});
