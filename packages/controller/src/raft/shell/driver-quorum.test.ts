/** Replicas of one quorum: who leads, who comes and goes, and what each knows of the others. */
import { afterEach, describe, expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { DriverCluster } from '../testing/driver-cluster.ts';
import type { ClusterOptions } from '../testing/driver-cluster.ts';

const clusters: DriverCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

function clusterOf(voterCount: number, options: ClusterOptions = {}): DriverCluster {
  const cluster = new DriverCluster(voterCount, options);
  clusters.push(cluster);
  return cluster;
}

describe('driver: the quorum', () => {
  test('the lead is handed over on demand, and nothing is lost', async () => {
    const cluster = await clusterOf(3).start();
    const old = await cluster.elected();
    await cluster.commit('a');
    const [heir] = cluster.others(old);
    const fromMs = cluster.clock.nowMs();
    old.driver.transferLeader(heir?.key.id ?? 0);
    await cluster.until(() => cluster.leader === heir, 'the heir leads');
    expect(cluster.clock.nowMs() - fromMs).toBeLessThan(100);
    expect(old.machine.leads).toBeUndefined();
    await cluster.commit('b');
    await cluster.agree();
  });

  test('a node is added once it has caught up, and removed again', async () => {
    const cluster = await clusterOf(3).start();
    const leader = await cluster.elected();
    await cluster.commit('a');
    const fourth = await cluster.startNode({ id: 4, directoryId: 'AAAAAAAAAAAAAAAAAAAABA' });
    const wanted = [...leader.driver.voters, { ...fourth.key, endpoints: [{ name: 'C', host: 'h', port: 1 }] }];
    expect(await leader.driver.changeVoters(wanted)).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
    await cluster.until(() => fourth.machine.texts.length === 1, 'it has caught up');
    await cluster.pass(200);
    const added = leader.driver.changeVoters(wanted);
    await cluster.pass(200);
    expect(await added).toMatchObject({ ok: true });
    expect(fourth.machine.voterIds).toEqual([1, 2, 3, 4]);
    expect(leader.driver.status().voters.map(({ id, directoryId }) => [id, directoryId])).toContainEqual([
      4,
      fourth.key.directoryId,
    ]);
    await cluster.snapshot(fourth);
    await cluster.kill(4);
    await cluster.restart(4);
    expect(
      cluster.node(4).driver.voters.map(({ id }) => id),
      'also from its snapshot',
    ).toEqual([1, 2, 3, 4]);
    await cluster.agree();
    const removed = leader.driver.changeVoters(leader.driver.voters.slice(0, 3));
    await cluster.pass(200);
    expect(await removed).toMatchObject({ ok: true });
    await cluster.commit('b');
  });

  test('a node that knows no voters follows whoever leads, and votes once it is one', async () => {
    const cluster = await clusterOf(1).start();
    await cluster.commit('a');
    await cluster.agree();
    const joiner = await cluster.startNode({ id: 2, directoryId: 'AAAAAAAAAAAAAAAAAAAABA' }, []);
    expect(joiner.driver.status()).toMatchObject({ leaderId: null, voters: [] });
    await cluster.until(() => joiner.machine.texts.length === 1, 'it has caught up');
    await cluster.pass(200);
    const leader = cluster.node(1);
    const added = leader.driver.changeVoters([...leader.driver.voters, { ...joiner.key, endpoints: [] }]);
    await cluster.pass(200);
    expect(await added).toMatchObject({ ok: true });
    leader.driver.transferLeader(2);
    await cluster.until(() => joiner.machine.leads !== undefined, 'it leads');
    await cluster.commit('b');
    await cluster.agree();
  });

  test('the status tells of each replica how far it is and when it was heard, in time of the wall', async () => {
    const cluster = await clusterOf(3).start();
    const leader = await cluster.elected();
    await cluster.commit('a');
    const away = cluster.others(leader)[0]?.key.id ?? 0;
    await cluster.pass(200);
    await cluster.kill(away);
    const diedMs = cluster.clock.nowMs();
    await cluster.commit('b');
    await cluster.pass(1_000);
    const status = leader.driver.status();
    expect(status).toMatchObject({
      leaderId: leader.key.id,
      epoch: leader.machine.leads,
      highWatermark: leader.machine.end,
    });
    const gone = status.voters.find(({ id }) => id === away);
    expect(gone?.logEndOffset).toBeLessThan(status.logEndOffset);
    expect(gone?.lastFetchMs).toBeLessThanOrEqual(diedMs);
    expect(gone?.lastFetchMs).toBeGreaterThan(diedMs - 300);
    const alive = status.voters.find(({ id }) => id !== away && id !== leader.key.id);
    expect(alive).toMatchObject({ logEndOffset: status.logEndOffset });
    expect(alive?.lastCaughtUpMs).toBeGreaterThan(diedMs);
    expect(cluster.others(leader)[0]?.driver.status()).toMatchObject({ leaderId: leader.key.id });
  });

  test('a follower that is always a little behind counts as level with what was there a moment ago', async () => {
    const cluster = await clusterOf(3, { net: { delayMs: 10 } }).start();
    const leader = await cluster.elected();
    for (let round = 0; round < 200; round += 1) {
      void cluster.propose(leader, `text ${round}`);
      await cluster.pass(5);
    }
    const nowMs = cluster.clock.nowMs();
    const { voters, logEndOffset } = leader.driver.status();
    const followers = voters.filter(({ id }) => id !== leader.key.id);
    expect(followers.every((follower) => follower.logEndOffset < logEndOffset)).toBe(true);
    for (const { lastCaughtUpMs } of followers) expect(lastCaughtUpMs).toBeGreaterThan(nowMs - 100);
  });
});
