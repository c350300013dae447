import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { expect, test } from 'vitest';
import { chaos } from '../testing/driver-chaos.ts';
import { openRaftStore } from './store.ts';

const FIRST_SEED = 1;

test.for([3, 5])(
  'driver: %i nodes under all faults at once lose nothing acknowledged and agree when healed',
  async (voterCount) => {
    let acknowledgedCount = 0;
    const kinds = new Set<string>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 60; seed += 1) {
      const report = await chaos({ seed, voterCount, rounds: 40 }).catch((cause: unknown) => {
        throw new Error(`seed ${seed}`, { cause });
      });
      acknowledgedCount += report.acknowledgedCount;
      for (const kind of Object.keys(report.faults)) kinds.add(kind);
    }
    expect(acknowledgedCount).toBeGreaterThan(600);
    expect(kinds.size).toBeGreaterThan(10);
  },
);

test('driver: two runs of one seed are the same', async () => {
  const once = await chaos({ seed: 7, voterCount: 3, rounds: 40 });
  expect(await chaos({ seed: 7, voterCount: 3, rounds: 40 })).toEqual(once);
});

test('driver: the same on disks of the real world', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'odradek-raft-chaos-'));
  const { files } = systemPorts();
  try {
    for (let seed = 1; seed <= 4; seed += 1) {
      const report = await chaos({
        seed,
        voterCount: 3,
        rounds: 25,
        cluster: {
          openStore: (key, voters) => {
            const directory = join(parent, `${seed}-${key.id}-${key.directoryId}`);
            return openRaftStore({ directory, files, limits: limits.production, log: silent, voters });
          },
        },
      });
      expect(report.acknowledgedCount).toBeGreaterThan(0);
    }
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
});
