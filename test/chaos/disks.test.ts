/** Three real nodes under idempotent writes, of which one has a disk that stalls, or one that is full to the last byte. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { faultsOn } from '../support/chaos/faults.ts';
import { expectKept, play, READY_WITHIN_MS } from '../support/chaos/play.ts';
import { startCluster } from '../support/cluster.ts';
import { title } from '../support/run.ts';
import { slowDisks } from '../support/slow-disk.ts';
import { smallDisks } from '../support/small-disk.ts';

const VICTIM = 1;
const DISK_MEGABYTES = 96;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-chaos-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Records on the disk of the test; the metadata log, without which a node cannot live, elsewhere. */
const configOf = (path: string, id: number): Record<string, string> => {
  if (id !== VICTIM) return {};
  const metadata = join(directory, 'metadata');
  mkdirSync(metadata, { recursive: true });
  return { 'log.dirs': join(path, 'data'), 'metadata.log.dir': metadata, 'log.index.size.max.bytes': '65536' };
};

/** Three nodes, one of which has its data on that disk. */
async function clusterWith(disk: {
  readonly path: string;
  launcher(): readonly string[];
}): Promise<Awaited<ReturnType<typeof startCluster>>> {
  const cluster = await startCluster({
    readyWithinMs: READY_WITHIN_MS,
    configOf: (id) => configOf(disk.path, id),
    launcherOf: ({ id }) => (id === VICTIM ? disk.launcher() : []),
  });
  try {
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    return cluster;
  } catch (cause) {
    await cluster[Symbol.asyncDispose]();
    throw cause;
  }
}

describe('one disk of three', () => {
  const slow = slowDisks();
  test.skipIf(slow.missing !== undefined)(
    title('slow-disk: writes of one node stall again and again, and nothing is lost, repeated or out of order', slow),
    async () => {
      await using disk = await slow.use?.(join(directory, 'slow'), DISK_MEGABYTES);
      if (disk === undefined) return;
      await using cluster = await clusterWith(disk);
      const driver = faultsOn(cluster, { slowDisks: new Map([[VICTIM, disk]]) });
      expectKept(await play({ scenario: 'slow-disk', bootstrap: cluster.bootstrap, driver, holdMs: 4_000 }), 1);
    },
  );

  const small = smallDisks();
  test.skipIf(small.missing !== undefined)(
    title('full-disk: one node has no byte left, and nothing is lost; it heals by itself when there is room', small),
    async () => {
      await using disk = await small.use?.(join(directory, 'small'), DISK_MEGABYTES);
      if (disk === undefined) return;
      await using cluster = await clusterWith(disk);
      const driver = faultsOn(cluster, { smallDisks: new Map([[VICTIM, disk]]) });
      expectKept(await play({ scenario: 'full-disk', bootstrap: cluster.bootstrap, driver, holdMs: 4_000 }), 1);
      expect(cluster.node(VICTIM).isRunning).toBe(true);
    },
  );
});
