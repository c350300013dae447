/**
 * What /readyz and /stopz of real processes say while a cluster is hurt: a node is not ready before it holds its data again, stays ready when
 * others die, and is unready, with everybody, once there is no quorum.
 */
import { describe, expect, test } from 'vitest';
import { Wire } from '@odradek/testkit';
import { READY_WITHIN_MS } from '../support/chaos/play.ts';
import { steadyBrokers, type ClusterNode } from '../support/cluster.ts';
import { fill, placedTopic } from '../support/placement.ts';
import { must, odradek } from '../support/run.ts';
import { suiteCluster } from '../support/suite-cluster.ts';
import { eventually, freshName } from '../support/target.ts';

/**
 * Three times what a leader may send before its follower has said anything (`replicaPartitionWindowBytes`): what is left then takes far
 * longer under the throttle than the test.
 */
const MISSED_BYTES = 12_000_000;
const THROTTLE = 'follower.replication.throttled';
/** Beyond the patience with a quorum that is gone, 10 s. */
const WEDGED_WITHIN_MS = 90_000;

type Probe = { readonly ok: boolean; readonly why: string };

async function probe(node: ClusterNode, path: string): Promise<Probe> {
  const { ok, text } = await node.get(path);
  return { ok, why: (JSON.parse(text) as { why: string }).why };
}

describe('probes of three nodes', () => {
  const suite = suiteCluster({ config: steadyBrokers, readyWithinMs: READY_WITHIN_MS });

  const throttle = (kind: 'topics' | 'brokers', name: string, setting: string): Promise<string> =>
    must(
      odradek(
        'configs',
        '--alter',
        '--entity-type',
        kind,
        '--entity-name',
        name,
        '--add-config',
        setting,
        ...suite.brokers(),
      ),
    );

  test('a node that comes back is ready when it holds its data again; then it stays so until the quorum is gone', async () => {
    const [first, second, third] = suite.cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    const topic = freshName('health');
    using wire = await Wire.open(first.address);
    await placedTopic(wire, topic, [first.id, second.id, third.id]);
    await expect.poll(() => probe(first, '/stopz')).toMatchObject({ ok: true });

    await throttle('topics', topic, `${THROTTLE}.replicas=*`);
    await throttle('brokers', String(third.id), `${THROTTLE}.rate=1000`);
    await third.stop();
    await fill(wire, topic, MISSED_BYTES, 0);
    const unsafe = { ok: false, why: expect.stringMatching(/under-replicated/) as unknown };
    await expect.poll(() => probe(first, '/stopz')).toEqual(unsafe);

    await third.start();
    const behind = `catching up after the start: ${topic}-0 is not in sync yet`;
    const waits = async (): Promise<boolean> => (await probe(third, '/readyz')).why === behind;
    await eventually('the third says what it waits for', waits, READY_WITHIN_MS);
    expect((await third.get('/livez')).ok).toBe(true);
    await throttle('brokers', String(third.id), `${THROTTLE}.rate=100000000`);
    await third.ready();
    await eventually('others may stop', async () => (await probe(first, '/stopz?waitMs=1000')).ok);

    // Its peer dies, and with it a replica of everything: that is nothing of its own.
    await second.kill();
    await eventually('the second is fenced', async () => !(await probe(first, '/stopz')).ok);
    for (const node of [first, third]) expect(await probe(node, '/readyz')).toEqual({ ok: true, why: 'running' });

    await first.kill();
    const wedged = { ok: false, why: expect.stringContaining('1 of 3 controllers is here, 2 are needed') as unknown };
    await expect.poll(() => probe(third, '/readyz'), { timeout: WEDGED_WITHIN_MS }).toEqual(wedged);
    expect((await third.get('/livez')).ok).toBe(true);
    await Promise.all([first.start(), second.start()]);
    await Promise.all(suite.cluster.nodes.map((node) => node.ready()));
  });
});
