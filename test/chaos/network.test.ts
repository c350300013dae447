/** Three real nodes, each a host of its own, of which one is cut off from the others under idempotent writes, both ways or one. */
import { expect, test } from 'vitest';
import { faultsOn } from '../support/chaos/faults.ts';
import { expectKept, play, READY_WITHIN_MS } from '../support/chaos/play.ts';
import { startCluster } from '../support/cluster.ts';
import { networkNamespaces } from '../support/network.ts';
import { title } from '../support/run.ts';

const network = networkNamespaces();
/** And than an election before it, also on a busy machine. */
const LONGER_THAN_A_SESSION_MS = 12_000;

test.skipIf(network.missing !== undefined)(
  title(
    'isolate, half-partition: a node that the others cannot reach, that they cannot hear or that cannot hear them, and nothing is lost',
    network,
  ),
  async () => {
    await using cables = await network.use?.();
    if (cables === undefined) return;
    await using cluster = await startCluster({ network: cables, readyWithinMs: READY_WITHIN_MS });
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    const driver = faultsOn(cluster, { network: cables });
    const { bootstrap } = cluster;
    const isolated = await play({ scenario: 'isolate', bootstrap, driver, holdMs: LONGER_THAN_A_SESSION_MS });
    expectKept(isolated, 1);
    // The clients still reached it: that it took no write that it could not keep was its own doing.
    expect(isolated.partitions.filter(({ changes }) => changes.some(({ isr }) => !isr.includes(1)))).toHaveLength(6);
    const half = { scenario: 'half-partition', bootstrap, driver, holdMs: LONGER_THAN_A_SESSION_MS, repetitions: 2 };
    expectKept(await play(half), 2);
  },
);
