/** How soon there is a leader: when the last one is killed, and when replicas start together. By the clock of the test, whatever the luck. */
import { afterEach, expect, test } from 'vitest';
import { DriverCluster } from '../testing/driver-cluster.ts';
import type { Node } from '../testing/driver-cluster.ts';

const SEEDS = 60;
const ELECTION_TIMEOUT_MS = 2_000;
/** Far from the election timeout, which a lost or split vote must not cost. */
const SOON_MS = 600;
/** So slow that many of those who miss a leader ask for votes before they hear of each other. */
const SLOW_MS = 40;
const clusters: DriverCluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

/** Slow streams and disks, so that replicas often ask for votes at the same time. */
async function clusterOf(voters: number, seed: number): Promise<DriverCluster> {
  const raft = {
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    heartbeatMs: 400,
    brokenStreamWaitMs: 50,
    candidateTimeoutMs: ELECTION_TIMEOUT_MS,
    electionBackoffMaxMs: ELECTION_TIMEOUT_MS,
  };
  const cluster = new DriverCluster(voters, { seed, raft, net: { delayMs: 10 }, diskDelayMs: 20 });
  clusters.push(cluster);
  return cluster.start();
}

const leaderBeside = (cluster: DriverCluster, gone?: Node): Node | undefined =>
  [...cluster.nodes.values()].find((node) => node !== gone && node.isAlive && node.machine.leads !== undefined);

test.each([3, 5])(
  'raft: %i replicas that start together have a leader long before an election timeout',
  async (voters) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const cluster = await clusterOf(voters, seed);
      await cluster.until(() => leaderBeside(cluster) !== undefined, `a leader of seed ${seed}`, SOON_MS);
    }
  },
);

test.each([3, 5])('raft: when the leader of %i is killed, a split vote costs no election timeout', async (voters) => {
  const times: number[] = [];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const cluster = await clusterOf(voters, seed);
    await cluster.commit('before');
    const leader = await cluster.elected();
    // Some have the last entries and some do not.
    for (let text = 0; text < 4; text += 1) {
      void cluster.propose(leader, `under way ${text}`);
      await cluster.pass(5);
    }
    const fromMs = cluster.clock.monotonicMs();
    await cluster.kill(leader.key.id);
    await cluster.until(() => leaderBeside(cluster, leader) !== undefined, `the next leader of seed ${seed}`, SOON_MS);
    times.push(cluster.clock.monotonicMs() - fromMs);
  }
  const middle = times.toSorted((left, right) => left - right)[SEEDS / 2];
  expect(middle).toBeLessThan(ELECTION_TIMEOUT_MS / 10);
});

test.each([3, 5])(
  'raft: a leader of %i that hangs is missed after the election timeout and a quarter of it, and a split vote costs little more',
  async (voters) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const cluster = await clusterOf(voters, seed);
      await cluster.commit('before');
      const leader = await cluster.elected();
      cluster.net.options = { ...cluster.net.options, delayMs: SLOW_MS };
      // Its streams stand, so that nobody is told.
      cluster.net.isolate(leader.key.id);
      const withinMs = 1.25 * ELECTION_TIMEOUT_MS + SOON_MS;
      await cluster.until(() => leaderBeside(cluster, leader) !== undefined, `a leader of seed ${seed}`, withinMs);
    }
  },
);

test('raft: a leader that was missed does not count as reached until it is heard again', async () => {
  const cluster = await clusterOf(3, 1);
  await cluster.commit('before');
  const leader = await cluster.elected();
  const reached = (): readonly number[] => leaderBeside(cluster, leader)?.driver.status().connected ?? [];
  cluster.net.isolate(leader.key.id);
  await cluster.until(() => leaderBeside(cluster, leader) !== undefined, 'the next leader', 2 * ELECTION_TIMEOUT_MS);
  expect(reached()).toHaveLength(1);
  await cluster.pass(ELECTION_TIMEOUT_MS);
  expect(reached()).not.toContain(leader.key.id);
  cluster.net.heal();
  await cluster.until(() => reached().includes(leader.key.id), 'it is heard again', SOON_MS);
});

test('raft: who cannot win asks ever less often, and at once again when a leader was heard', async () => {
  const cluster = await clusterOf(3, 7);
  await cluster.commit('before');
  const leader = await cluster.elected();
  const [other, late] = cluster.others(leader);
  if (other === undefined || late === undefined) throw new Error('there are three');
  // Without the late one's vote, and with a log that is behind the other's, it asks in vain.
  cluster.net.isolate(late.key.id);
  await cluster.commit('unknown to the late one');
  await cluster.kill(leader.key.id);
  await cluster.kill(other.key.id);
  let asked = 0;
  cluster.net.onArrival = (from, _to, message) => {
    if (from === late.key.id && message.kind === 'preVote') asked += 1;
  };
  cluster.net.heal();
  await cluster.restart(other.key.id);
  await cluster.until(() => leaderBeside(cluster) !== undefined, 'the one with all entries leads', SOON_MS);
  expect(leaderBeside(cluster)?.key.id).toBe(other.key.id);
  expect(asked).toBeLessThan(20);
});
