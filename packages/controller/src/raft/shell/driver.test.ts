import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ErrorCode } from '@odradek/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import type { ReplicaKey, Voter } from '../core/messages.ts';
import type { RaftStore } from '../ports.ts';
import { DriverCluster, driverOptions } from '../testing/driver-cluster.ts';
import type { ClusterOptions, Node } from '../testing/driver-cluster.ts';
import { openRaftStore } from './store.ts';

const directories: string[] = [];
const clusters: DriverCluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function clusterOf(voterCount: number, options: ClusterOptions = {}): DriverCluster {
  const cluster = new DriverCluster(voterCount, options);
  clusters.push(cluster);
  return cluster;
}

/** Disks of the real world, in a directory for each replica. */
function levelStores(): NonNullable<ClusterOptions['openStore']> {
  const parent = mkdtempSync(join(tmpdir(), 'odradek-raft-'));
  directories.push(parent);
  return (key: ReplicaKey, voters: readonly Voter[]): Promise<RaftStore> =>
    openRaftStore({
      directory: join(parent, `${key.id}-${key.directoryId}`),
      files: systemPorts().files,
      limits: limits.production,
      log: silent,
      voters,
    });
}

const kinds = [
  { kind: 'in memory', stores: () => undefined },
  { kind: 'on LevelDB', stores: levelStores },
] as const;

function optionsOf(kind: (typeof kinds)[number], options: ClusterOptions = {}): ClusterOptions {
  const openStore = kind.stores();
  return openStore === undefined ? options : { ...options, openStore };
}

describe.for(kinds)('driver, disks $kind', (kind) => {
  test('one node leads at once, and answers what it was asked in order', async () => {
    const cluster = await clusterOf(1, optionsOf(kind)).start();
    await cluster.pass(5);
    expect(cluster.leader?.key.id).toBe(1);
    await cluster.commit('a', 'bb', 'ccc');
    expect(cluster.node(1).machine.heard).toEqual([
      'following null 0',
      'following null 1',
      'leaderChange',
      'leading 1',
      'committed a',
      'committed bb',
      'committed ccc',
    ]);
  });

  test('three nodes apply the same in the same order, and the followers know who leads', async () => {
    const cluster = await clusterOf(3, optionsOf(kind)).start();
    const leader = await cluster.elected();
    await cluster.commit('a', 'b');
    await cluster.commit('c');
    await cluster.agree();
    for (const { machine } of cluster.others(leader)) {
      expect(machine.texts).toEqual(['a', 'b', 'c']);
      expect(machine.follows).toBe(leader.key.id);
    }
  });

  test('all nodes killed at once: what was acknowledged is there when they are back', async () => {
    const cluster = await clusterOf(3, optionsOf(kind)).start();
    await cluster.commit('a', 'b', 'c');
    for (const id of [1, 2, 3]) await cluster.kill(id);
    for (const id of [1, 2, 3]) await cluster.restart(id);
    await cluster.commit('d');
    await cluster.agree();
    expect(cluster.node(1).machine.texts).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a restart applies the snapshot first, and then only what came after it', async () => {
    const cluster = await clusterOf(1, optionsOf(kind)).start();
    await cluster.commit('a', 'b', 'c', 'd', 'e');
    const { offset } = cluster.node(1).machine.position;
    expect(await cluster.snapshot(cluster.node(1))).toBe(true);
    await cluster.commit('f');
    await cluster.kill(1);
    const { machine } = await cluster.restart(1);
    await cluster.commit('g');
    expect(machine.texts).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(machine.heard.filter((word) => /restored|committed/.test(word))).toEqual([
      `restored ${offset}`,
      'committed f',
      'committed g',
    ]);
  });

  test('a node with an empty disk is brought up by the snapshot and the log after it', async () => {
    const cluster = await clusterOf(3, optionsOf(kind)).start();
    const leader = await cluster.elected();
    const [lost] = cluster.others(leader);
    const id = lost?.key.id ?? 0;
    await cluster.commit(...Array.from({ length: 9 }, (_, at) => `before ${at}`));
    for (const node of cluster.nodes.values()) expect(await cluster.snapshot(node)).toBe(true);
    await cluster.kill(id);
    await cluster.commit('while it was away');
    await cluster.replace(id);
    await cluster.agree();
    const told = (): boolean | undefined =>
      cluster.leader?.driver.status().voters.find((voter) => voter.id === id)?.isRecovering;
    await cluster.pass(300);
    expect(told(), 'although nobody has asked for anything since').toBe(false);
    expect(cluster.node(id).machine.heard.some((word) => word.startsWith('restored'))).toBe(true);
    await cluster.kill(id);
    await cluster.restart(id);
    await cluster.agree();
    expect(cluster.node(id).machine.texts).toHaveLength(10);
  });

  test('a snapshot that a peer receives stays readable while newer ones replace it', async () => {
    const cluster = await clusterOf(3, optionsOf(kind, { net: { delayMs: 20 } })).start();
    const leader = await cluster.elected();
    const [lost] = cluster.others(leader);
    const id = lost?.key.id ?? 0;
    await cluster.commit(...Array.from({ length: 40 }, (_, at) => `before ${at}`));
    await cluster.kill(id);
    expect(await cluster.snapshot(leader)).toBe(true);
    const parts: { readonly end: number; readonly isLast: boolean }[] = [];
    cluster.net.onArrival = (_from, to, message) => {
      if (to === id && message.kind === 'snapshot') parts.push({ end: message.end.offset, isLast: message.isLast });
    };
    await cluster.replace(id);
    await cluster.until(() => parts.length > 0, 'the snapshot is on its way');
    await cluster.commit('meanwhile');
    expect(await cluster.snapshot(leader)).toBe(true);
    expect(parts.length, 'it is still on its way').toBeLessThan(10);
    await cluster.agree();
    const [first] = parts;
    expect(parts.slice(0, 10), 'the one that was begun is sent to its end').toEqual(
      Array.from({ length: 10 }, (_, at) => ({ end: first?.end, isLast: at === 9 })),
    );
    expect(cluster.node(id).machine.texts).toHaveLength(41);
  });
});

describe('driver: what is acknowledged', () => {
  test('nothing is acknowledged before a majority has it on disk', async () => {
    const cluster = await clusterOf(3).start();
    const leader = await cluster.elected();
    await cluster.commit('a');
    const releases = cluster.others(leader).map(({ disk }) => disk.hold());
    const answer = cluster.propose(leader, 'b');
    await cluster.pass(300);
    expect(cluster.acknowledged, 'on the disk of the leader alone').toEqual(['a']);
    releases[0]?.();
    await cluster.pass(50);
    expect(await answer).toMatchObject({ ok: true });
    releases[1]?.();
  });

  test('what is asked in one turn is one write, and what comes during a write is the next', async () => {
    const cluster = await clusterOf(1).start();
    const leader = await cluster.elected();
    const { disk } = leader;
    const release = disk.hold();
    const before = disk.persistCount;
    const first = ['a', 'b', 'c'].map((text) => cluster.propose(leader, text));
    await cluster.pass(5);
    const second = ['d', 'e'].map((text) => cluster.propose(leader, text));
    await cluster.pass(5);
    second.push(cluster.propose(leader, 'f'));
    await cluster.pass(5);
    release();
    await cluster.pass(5);
    for (const answer of [...first, ...second]) expect(await answer).toMatchObject({ ok: true });
    expect(disk.persistCount - before).toBe(2);
    expect(leader.machine.texts).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('who does not lead refuses at once', async () => {
    const cluster = await clusterOf(3).start();
    const leader = await cluster.elected();
    const [follower] = cluster.others(leader);
    expect(await follower?.driver.propose(Buffer.from('x'), 1)).toMatchObject({
      ok: false,
      code: ErrorCode.NOT_CONTROLLER,
    });
    expect(await follower?.driver.changeVoters([])).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
  });

  test('a leader that is cut off refuses what waits and says that it may come to be; the others go on', async () => {
    const cluster = await clusterOf(3).start();
    const old = await cluster.elected();
    await cluster.commit('a');
    cluster.net.isolate(old.key.id);
    const answer = cluster.propose(old, 'b');
    await cluster.until(() => old.machine.leads === undefined, 'it steps down');
    expect(await answer).toMatchObject({
      ok: false,
      code: ErrorCode.NOT_CONTROLLER,
      why: expect.stringContaining('may or may not come to be'),
    });
    expect(old.machine.heard.at(-1)).toMatch(/^following null/);
    await cluster.commit('c');
    cluster.net.heal();
    await cluster.agree();
    expect(old.machine.texts).toEqual(['a', 'c']);
  });

  test('a leader whose process dies is followed by another long before an election timeout', async () => {
    const cluster = await clusterOf(3).start();
    const old = await cluster.elected();
    await cluster.commit('a');
    const diedMs = cluster.clock.nowMs();
    await cluster.kill(old.key.id);
    await cluster.elected();
    expect(cluster.clock.nowMs() - diedMs).toBeLessThan(driverOptions.electionTimeoutMs / 2);
    await cluster.commit('b');
    await cluster.restart(old.key.id);
    await cluster.agree();
  });
});

test('driver: who asked for votes tells how long it took until it knew a leader, once for each election', async () => {
  const cluster = await clusterOf(3).start();
  const old = await cluster.elected();
  await cluster.agree();
  const elections = ({ metrics }: Node): { readonly count: number; readonly seconds: number } => {
    const { samples } = metrics.family('odradek_raft_election_seconds');
    const of = (wanted: string): number => samples.find(({ suffix }) => suffix === wanted)?.value ?? Number.NaN;
    return { count: of('_count'), seconds: of('_sum') };
  };
  expect(elections(old).count).toBe(1);
  const others = [...cluster.nodes.values()].filter((node) => node !== old);
  const before = others.map(elections);
  const diedMs = cluster.clock.nowMs();
  await cluster.kill(old.key.id);
  const next = await cluster.elected();
  const tookSeconds = (cluster.clock.nowMs() - diedMs) / 1_000;
  const at = others.indexOf(next);
  expect(elections(next).count).toBe((before[at]?.count ?? Number.NaN) + 1);
  const seconds = elections(next).seconds - (before[at]?.seconds ?? Number.NaN);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(tookSeconds);
});

test('driver: a quorum that has just begun and was asked nothing yet bears the loss of its leader', async () => {
  const cluster = await clusterOf(3).start();
  const old = await cluster.elected();
  await cluster.pass(300);
  await cluster.kill(old.key.id);
  await cluster.elected();
  await cluster.commit('a');
});

describe('driver: disks', () => {
  test('a disk that fails: told once, nothing more is acknowledged, and the others elect', async () => {
    const cluster = await clusterOf(3).start();
    const old = await cluster.elected();
    await cluster.commit('a');
    old.disk.failWith('no space left on device');
    const answers = ['b', 'c'].map((text) => cluster.propose(old, text));
    await cluster.until(() => cluster.leader !== old && cluster.leader !== undefined, 'another leads', 400);
    for (const answer of answers) expect(await answer).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
    expect(await old.driver.propose(Buffer.from('d'), 1)).toMatchObject({ ok: false });
    expect(old.faults.map(({ message }) => message)).toEqual(['storage fault at disk: no space left on device']);
    await cluster.commit('e');
    await cluster.kill(old.key.id);
    await cluster.restart(old.key.id);
    await cluster.agree();
  });

  test('a leader with a disk that stands still commits with the others up to a bound, then refuses', async () => {
    const cluster = await clusterOf(3, { limits: { raftUnsyncedBytesMax: 1_000 } }).start();
    const leader = await cluster.elected();
    const release = leader.disk.hold();
    await cluster.commit('a');
    const texts = Array.from({ length: 20 }, (_, at) => `more ${at}`);
    const answers = [];
    for (const text of texts) {
      answers.push(cluster.propose(leader, text));
      await cluster.pass(10);
    }
    const outcomes = await Promise.all(answers);
    expect(outcomes[0]).toMatchObject({ ok: true });
    expect(outcomes.at(-1)).toMatchObject({
      ok: false,
      code: ErrorCode.REQUEST_TIMED_OUT,
      why: expect.stringMatching(/\d+ bytes wait for the disk of node \d; try again/),
    });
    release();
    await cluster.pass(50);
    await cluster.commit('later');
    await cluster.agree();
  });

  test('a follower with a disk that stands still holds up nobody, and catches up', async () => {
    const cluster = await clusterOf(3, { limits: { raftUnsentMessagesMax: 4 } }).start();
    const leader = await cluster.elected();
    const [slow] = cluster.others(leader);
    const release = slow?.disk.hold();
    for (let round = 0; round < 12; round += 1) {
      await cluster.commit(`a${round}`);
      await cluster.pass(100);
    }
    expect(cluster.leader).toBe(leader);
    release?.();
    await cluster.agree();
  });

  test('disks that are slow by chance', async () => {
    const cluster = await clusterOf(5, { diskDelayMs: 60 }).start();
    for (let round = 0; round < 10; round += 1) await cluster.commit(`a${round}`, `b${round}`);
    await cluster.agree();
  });

  test('a machine that throws stops its replica like a disk that fails', async () => {
    const cluster = await clusterOf(1).start();
    const leader = await cluster.elected();
    leader.machine.failWith = 'a record that nobody understands';
    expect(await leader.driver.propose(Buffer.from('x'), 1)).toMatchObject({ ok: false });
    expect(leader.faults).toMatchObject([{ message: 'a record that nobody understands' }]);
  });

  test('a stop refuses what waits, and nothing is heard afterwards', async () => {
    const cluster = await clusterOf(3).start();
    const leader = await cluster.elected();
    for (const { disk } of cluster.others(leader)) disk.hold();
    const answer = cluster.propose(leader, 'x');
    await cluster.pass(20);
    const heard = leader.machine.heard.length;
    await leader.driver.close();
    expect(await answer).toMatchObject({ ok: false, code: ErrorCode.NOT_CONTROLLER });
    await cluster.pass(1_000);
    expect(leader.machine.heard).toHaveLength(heard);
    expect(leader.faults).toEqual([]);
    leader.isAlive = false;
  });
});

describe('driver: snapshots', () => {
  test('a state is kept only when what led to it is on the own disk', async () => {
    const cluster = await clusterOf(3).start();
    const leader = await cluster.elected();
    const release = leader.disk.hold();
    await cluster.commit('a');
    let isTaken = false;
    const taken = leader.driver.takeSnapshot(leader.machine.position, leader.machine.parts());
    void taken.then(() => (isTaken = true));
    await cluster.pass(200);
    expect(isTaken).toBe(false);
    release();
    await cluster.pass(20);
    expect(await taken).toBe(true);
  });

  test('bytes since the snapshot fall to those of the entries after it', async () => {
    const cluster = await clusterOf(1).start();
    await cluster.commit('a', 'b', 'c');
    const leader = cluster.node(1);
    expect(leader.driver.bytesSinceSnapshot).toBeGreaterThan(0);
    await cluster.snapshot(leader);
    expect(leader.driver.bytesSinceSnapshot).toBe(0);
    await cluster.commit('d');
    expect(leader.driver.bytesSinceSnapshot).toBeGreaterThan(0);
  });

  test('peers a little behind get the log, as long as it is kept, although there is a snapshot', async () => {
    const cluster = await clusterOf(3, { raft: { keptBytesMax: 100_000 } }).start();
    const leader = await cluster.elected();
    const [away] = cluster.others(leader);
    const id = away?.key.id ?? 0;
    await cluster.commit('a');
    await cluster.agree();
    await cluster.kill(id);
    await cluster.commit('b', 'c');
    await cluster.snapshot(leader);
    await cluster.restart(id);
    await cluster.agree();
    expect(cluster.node(id).machine.heard.some((word) => word.startsWith('restored'))).toBe(false);
  });

  test('a long log is applied in turns, and asks nobody to wait for all of it', async () => {
    const cluster = await clusterOf(1, { limits: { raftAppliedBytesPerTurn: 100 } }).start();
    await cluster.commit(...Array.from({ length: 50 }, (_, at) => `text ${at}`));
    await cluster.kill(1);
    await cluster.restart(1);
    await cluster.commit('last');
    expect(cluster.node(1).machine.texts).toHaveLength(51);
  });
});
