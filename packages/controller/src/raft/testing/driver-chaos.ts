/** Lives of a cluster by chance: what breaks, when, and for how long follows from the seed. Then everything is healed and all must agree. */
import { DriverCluster } from './driver-cluster.ts';
import type { ClusterOptions, Node } from './driver-cluster.ts';
import { Prng } from '@odradek/base';

export type ChaosOptions = {
  readonly seed: number;
  readonly voterCount: number;
  readonly rounds: number;
  readonly cluster?: ClusterOptions;
};

export type ChaosReport = { readonly acknowledgedCount: number; readonly faults: Readonly<Record<string, number>> };

type Fault = (cluster: DriverCluster, node: Node, random: Prng) => Promise<void> | void;

const faults: Readonly<Record<string, Fault>> = {
  kill: (cluster, node) => cluster.kill(node.key.id),
  killLeader: (cluster, node) => cluster.kill((cluster.leader ?? node).key.id),
  isolate: (cluster, node) => cluster.net.isolate(node.key.id),
  isolateLeader: (cluster, node) => cluster.net.isolate((cluster.leader ?? node).key.id),
  cutOne: (cluster, node, random) => cluster.net.cut(node.key.id, otherThan(cluster, node, random)),
  breakStreams: (cluster, node, random) => cluster.net.breakStreams(node.key.id, otherThan(cluster, node, random)),
  heal: (cluster) => cluster.net.heal(),
  holdDisk: (_cluster, node) => void node.disk.hold(),
  releaseDisks: (cluster) => {
    for (const { disk } of cluster.nodes.values()) disk.release();
  },
  slowDisk: (_cluster, node, random) => {
    node.disk.delayMs = () => random.below(80);
  },
  failDisk: (_cluster, node) => node.disk.failWith('the disk is gone'),
  snapshot: takeSnapshot,
  snapshotEverywhere: (cluster) => {
    for (const node of cluster.nodes.values()) if (node.isAlive) takeSnapshot(cluster, node);
  },
  transfer: (_cluster, node) => node.driver.transferLeader(null),
};

function otherThan(cluster: DriverCluster, { key }: Node, random: Prng): number {
  const others = [...cluster.nodes.keys()].filter((id) => id !== key.id);
  return others[random.below(others.length)] ?? 0;
}

const snapshotting = new WeakSet<Node>();

function takeSnapshot(_cluster: DriverCluster, node: Node): void {
  if (snapshotting.has(node) || node.faults.length > 0 || node.machine.texts.length === 0) return;
  if (node.driver.applied.offset !== node.machine.end) return;
  snapshotting.add(node);
  void node.driver.takeSnapshot(node.machine.position, node.machine.parts()).then(() => snapshotting.delete(node));
}

export async function chaos({ seed, voterCount, rounds, cluster: options }: ChaosOptions): Promise<ChaosReport> {
  const random = new Prng(seed);
  const lostPerMille = random.chance(1, 3) ? 30 : 0;
  const net = { delayMs: 1 + random.below(20), lostPerMille };
  const keptBytesMax = random.chance(1, 2) ? 0 : 2_000;
  const appendBytesMax = random.chance(1, 3) ? 1 : 10_000;
  const raft = { keptBytesMax, appendBytesMax };
  const cluster = await new DriverCluster(voterCount, { seed, net, raft, ...options }).start();
  const counts: Record<string, number> = {};
  let asked = 0;
  for (let round = 0; round < rounds; round += 1) {
    const [name, fault] = Object.entries(faults)[random.below(Object.keys(faults).length)] ?? ['heal', () => undefined];
    const node = cluster.node(1 + random.below(voterCount));
    if (random.chance(1, 4)) {
      cluster.net.heal();
      for (const { disk } of cluster.nodes.values()) disk.release();
    }
    if (node.isAlive) {
      counts[name] = (counts[name] ?? 0) + 1;
      await fault(cluster, node, random);
    } else await comeBack(cluster, node, random);
    await stopFailed(cluster);
    for (let count = random.below(6); count > 0; count -= 1) {
      const { leader } = cluster;
      if (leader !== undefined) void cluster.propose(leader, `${(asked += 1)}`);
    }
    await cluster.pass(random.below(200));
  }
  await converge(cluster);
  const acknowledgedCount = cluster.acknowledged.length;
  await cluster.close();
  return { acknowledgedCount, faults: counts };
}

/** A disk is lost one at a time, and only while all others are there and level: what more than a minority loses, nobody can have. */
async function comeBack(cluster: DriverCluster, node: Node, random: Prng): Promise<void> {
  const { leader } = cluster;
  const others = [...cluster.nodes.values()].filter((other) => other !== node);
  const status = leader?.driver.status();
  const isLevel = others.every(
    ({ isAlive, faults: failed, machine }) => isAlive && failed.length === 0 && machine.end === status?.logEndOffset,
  );
  const isWhole = status?.voters.every(({ id, isRecovering }) => id === node.key.id || !isRecovering) === true;
  if (isLevel && isWhole && others.length > 1 && random.chance(1, 2)) await cluster.replace(node.key.id);
  else await cluster.restart(node.key.id);
}

/** As a node does whose controller has failed. */
async function stopFailed(cluster: DriverCluster): Promise<void> {
  for (const node of cluster.nodes.values())
    if (node.isAlive && node.faults.length > 0) await cluster.kill(node.key.id);
}

async function converge(cluster: DriverCluster): Promise<void> {
  cluster.net.options = { ...cluster.net.options, lostPerMille: 0 };
  cluster.net.heal();
  for (const node of cluster.nodes.values())
    if (node.isAlive && (node.disk.isFailing || node.faults.length > 0)) await cluster.kill(node.key.id);
  for (const node of cluster.nodes.values()) {
    if (!node.isAlive) await cluster.restart(node.key.id);
    node.disk.release();
    node.disk.delayMs = () => 0;
  }
  await cluster.commitSoon('the last');
  await cluster.agree();
}
