/**
 * Nodes that do not belong together, disks that fail under a controller: each is told in words, two of three nodes go on, nobody else becomes
 * an active controller, and nothing that was acknowledged is lost.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorName } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { startCluster, type Cluster, type ClusterNode } from '../support/cluster.ts';
import { RawSession } from '../support/raw-session.ts';
import { title } from '../support/run.ts';
import { smallDisks } from '../support/small-disk.ts';
import { eventually, freshName } from '../support/target.ts';
import { createTopic } from '../support/wire.ts';
import { readTopics } from '../support/chaos/admin-client.ts';

/** How long a node that nobody takes for theirs is watched: some elections. */
const ALONE_MS = 5_000;
/** A node that stops by itself needs none of it. */
const ENDS_WITHIN_MS = 60_000;
const CLUSTER_ID = 'b2RyYWRlay1xdW9ydW0tMQ';
const OTHER_CLUSTER_ID = 'b2RyYWRlay1xdW9ydW0tMg';

/** A change through that node, which the active controller has committed and the node has applied. */
async function change(node: ClusterNode): Promise<string> {
  using wire = await Wire.open(node.address);
  const topic = freshName('kept');
  await createTopic(wire, topic);
  return topic;
}

/** What was changed through another node is heard of a moment later. */
async function expectTopics(node: ClusterNode, topics: readonly string[]): Promise<void> {
  using wire = await Wire.open(node.address);
  const seen = async (): Promise<string[]> => (await readTopics(wire, topics)).map(({ name }) => name).toSorted();
  await expect.poll(seen).toEqual(topics.toSorted());
}

/** Starts these nodes and waits until they can be used. */
async function startSome(cluster: Cluster, ...ids: number[]): Promise<ClusterNode[]> {
  const nodes = ids.map((id) => cluster.node(id));
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map((node) => node.ready()));
  return nodes;
}

/** How often this node was elected. */
const elections = (output: string): number => output.match(/was elected active controller/g)?.length ?? 0;

describe('two processes with one node id:', () => {
  test.each([
    { role: 'controller', shape: { nodes: 3 }, id: 2, told: /two processes run as node 2/ },
    {
      role: 'broker',
      shape: { controllers: 3, brokers: 1 },
      id: 4,
      told: /cannot start: Another broker is registered with id 4/,
    },
  ])('the second $role is heard by nobody, and is told that another has the id', async ({ role, shape, id, told }) => {
    await using cluster = await startCluster(shape);
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    const [some = cluster.node(id)] = cluster.brokers;
    const topics = [await change(some)];
    // A disk and ports of its own, and the id and the voters of the first.
    const voters = cluster.controllers.map((node) => `${node.id}@${node.controllerAddress}`).join(',');
    const configOf = (): Record<string, string> => ({ 'node.id': String(id), 'controller.quorum.voters': voters });
    await using twins = await startCluster({ [`${role}s`]: 1, isStopped: true, configOf });
    const twin = await twins.node(1).attempt(told, ALONE_MS);
    expect(elections(twin.output)).toBe(0);
    expect(twin.output).toMatch(told);
    topics.push(...(await Promise.all(cluster.brokers.map(change))));
    for (const node of cluster.brokers) await expectTopics(node, topics);
    expect(cluster.node(id).isRunning).toBe(true);
  });
});

describe('a node of another cluster', () => {
  test('is refused by the others and says both ids; two of three go on', async () => {
    const environmentOf = (id: number): Record<string, string> => ({
      CLUSTER_ID: id === 3 ? OTHER_CLUSTER_ID : CLUSTER_ID,
    });
    await using cluster = await startCluster({ nodes: 3, isStopped: true, environmentOf });
    const nodes = await startSome(cluster, 1, 2);
    const bothIds = new RegExp(`${CLUSTER_ID}[^]*${OTHER_CLUSTER_ID}|${OTHER_CLUSTER_ID}[^]*${CLUSTER_ID}`);
    const { output } = await cluster.node(3).attempt(bothIds, ALONE_MS);
    expect(output).toContain(CLUSTER_ID);
    expect(output).toContain(OTHER_CLUSTER_ID);
    expect(elections(output)).toBe(0);
    const topics = await Promise.all(nodes.map(change));
    for (const node of nodes) await expectTopics(node, topics);
    await expect.poll(() => nodes.map(({ output: said }) => said()).join('')).toContain(OTHER_CLUSTER_ID);
  });
});

describe('voters that disagree:', () => {
  test('a node that knows other voters is told so, and never leads', async () => {
    const environmentOf = (): Record<string, string> => ({ CLUSTER_ID });
    await using cluster = await startCluster({ nodes: 3, isStopped: true, environmentOf });
    const nodes = await startSome(cluster, 1, 2);
    const third = cluster.node(3);
    const voters = `3@${third.controllerAddress},4@127.0.0.1:1,5@127.0.0.1:2`;
    const advice = 'give controller.quorum.voters the same value on every node';
    const { output } = await third.attempt(new RegExp(advice), ALONE_MS, { 'controller.quorum.voters': voters });
    expect(output).toContain(advice);
    for (const node of nodes) await expect.poll(() => node.output()).toContain(advice);
    expect(elections(output)).toBe(0);
    const topics = await Promise.all(nodes.map(change));
    for (const node of nodes) await expectTopics(node, topics);
  });
});

describe('a broker that speaks with an epoch of an earlier life', () => {
  test('is refused with STALE_BROKER_EPOCH, and the one that lives is not disturbed', async () => {
    await using cluster = await startCluster({ nodes: 3 });
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    const active = await cluster.agreed();
    const broker = cluster.nodes.find((node) => node !== active) ?? active;
    const topic = await change(broker);
    using stale = await RawSession.open(active, broker);
    const beat = { brokerId: broker.id, brokerEpoch: 0, metadataOffset: 0, wantFence: false, wantShutDown: false };
    const { refused } = await stale.heartbeat({ ...beat, offlineLogDirs: [], cordonedLogDirs: [] });
    expect(errorName(refused?.code ?? 0)).toBe('STALE_BROKER_EPOCH');
    expect(refused?.why).toMatch(/epoch/);
    using wire = await Wire.open(broker.address);
    const [found] = await readTopics(wire, [topic]);
    const partition = { partitionIndex: 0, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0, newIsr: [] };
    const newIsrWithEpochs = [{ brokerId: broker.id, brokerEpoch: 0 }];
    const topics = [{ topicId: found?.id ?? '', partitions: [{ ...partition, newIsrWithEpochs }] }];
    const request = { brokerId: broker.id, brokerEpoch: 0, topics };
    const answer = await stale.ask({ kind: 'alterPartition', request });
    expect(errorName(answer.errorCode)).toBe('STALE_BROKER_EPOCH');
    const kept = [topic, ...(await Promise.all(cluster.nodes.map(change)))];
    for (const node of cluster.nodes) await expectTopics(node, kept);
  });
});

describe('a damaged metadata log', () => {
  test('is told at start with its place; the others go on, and an empty disk brings the node back', async () => {
    await using cluster = await startCluster({ nodes: 3 });
    await Promise.all(cluster.nodes.map((node) => node.ready()));
    const victim = cluster.node(2);
    const topics = await Promise.all(cluster.nodes.map(change));
    await victim.stop();
    for (const name of readdirSync(victim.metadataDirectory)) {
      if (!/\.(ldb|log)$/.test(name)) continue;
      const path = join(victim.metadataDirectory, name);
      const bytes = readFileSync(path);
      for (let at = 40; at < bytes.length; at += 97) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      writeFileSync(path, bytes);
    }
    const { code, output } = await victim.attempt(/damaged|corrupt|checksum/i, ENDS_WITHIN_MS);
    expect(code).toBe(1);
    expect(output).toContain(victim.metadataDirectory);
    expect(output).toMatch(/damaged|corrupt|checksum/i);
    topics.push(await change(cluster.node(1)), await change(cluster.node(3)));
    victim.wipe();
    await victim.start();
    await victim.ready();
    topics.push(await change(victim));
    for (const node of cluster.nodes) await expectTopics(node, topics);
  });
});

const disks = smallDisks();

describe('a full disk under the active controller', () => {
  test.skipIf(disks.missing !== undefined)(
    title('stops it with a clear word; the next one leads, nothing is lost, and with room it is back', disks),
    async () => {
      if (disks.use === undefined) return;
      await using disk = await disks.use(join(tmpdir(), freshName('odradek-small')), 16);
      const place = disk.path;
      await using cluster = await startCluster({
        nodes: 3,
        isStopped: true,
        configOf: (id) => (id === 1 ? { 'metadata.log.dir': place } : {}),
        launcherOf: ({ id }) => (id === 1 ? disk.launcher() : []),
      });
      const small = cluster.node(1);
      await startSome(cluster, 1, 2, 3);
      await untilActive(cluster, small);
      const topics = [await change(small)];
      disk.fill();
      // Someone has to notice: a change that cannot be written is acknowledged only by whoever leads next.
      await eventually('a change is taken again', async () => {
        const topic = await change(cluster.node(2)).catch(() => undefined);
        if (topic !== undefined) topics.push(topic);
        return topic !== undefined && (await cluster.node(2).view()).leaderId !== small.id;
      });
      await eventually('the node with the full disk has stopped', () => !small.isRunning);
      expect(small.output()).toMatch(/ENOSPC|no space|disk is full/i);
      disk.empty();
      await small.start();
      await small.ready();
      topics.push(await change(small));
      for (const node of cluster.nodes) await expectTopics(node, topics);
    },
  );
});

/** Who leads otherwise is restarted until the lead is where the test wants it. */
async function untilActive(cluster: Cluster, wanted: ClusterNode): Promise<void> {
  for (let active = await cluster.agreed(); active !== wanted; active = await cluster.agreed()) {
    await active.stop();
    await active.start();
    await active.ready();
  }
}
