/** What clients see of elections: ends of logs never move back (KIP-207), and an unclean election loses what only the dead leader had, in words. */
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startCluster, steadyBrokers, type Cluster } from '../support/cluster.ts';
import { placedTopic } from '../support/placement.ts';
import {
  allInSync,
  createReplicated,
  leaderOf,
  partitionsOf,
  readAll,
  ReplicatedWriter,
} from '../support/replicated.ts';
import { must, odradek } from '../support/run.ts';
import { eventually, freshName } from '../support/target.ts';
import { batchOf, produceAtLeader, Wire } from '../support/wire.ts';

const LATEST = -1;

/**
 * The end of the log, as whoever leads tells it; undefined when nobody could tell. It is asked in the epoch that clients know by then: who
 * led before, and has not heard yet that it does not any more, says so instead of its own end.
 */
async function latest(cluster: Cluster, topic: string): Promise<number | undefined> {
  const nodes = cluster.nodes.filter(({ isAwake }) => isAwake);
  const views = (await Promise.all(nodes.map((node) => partitionsOf(node, topic)))).flat();
  const currentLeaderEpoch = Math.max(-1, ...views.map(({ leaderEpoch }) => leaderEpoch));
  for (const node of nodes) {
    try {
      using wire = await Wire.open(node.address, 1_000);
      const partitions = [{ partitionIndex: 0, currentLeaderEpoch, timestamp: LATEST }];
      const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] };
      const { topics } = await wire.call(ApiKey.ListOffsets, request, 6);
      const found = topics[0]?.partitions[0];
      if (found?.errorCode === ErrorCode.NONE) return found.offset;
    } catch {
      // It died, or does not answer: another one may lead.
    }
  }
  return undefined;
}

/** Where an epoch ends, as a consumer is told that has read three records of it: by OffsetForLeaderEpoch, and by its next fetch. */
async function endOfEpoch(address: string, topic: string, leaderEpoch: number) {
  using wire = await Wire.open(address);
  const asked = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }];
  const told = await wire.call(ApiKey.OffsetForLeaderEpoch, { replicaId: -1, topics: [{ topic, partitions: asked }] });
  const end = told.topics[0]?.partitions[0];
  const fetched = [{ partition: 0, fetchOffset: 3, lastFetchedEpoch: leaderEpoch, partitionMaxBytes: 1_000 }];
  const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000, isolationLevel: 0 };
  const { responses } = await wire.call(ApiKey.Fetch, { ...limits, topics: [{ topic, partitions: fetched }] }, 12);
  return { byEpoch: [end?.leaderEpoch, end?.endOffset], byFetch: responses[0]?.partitions[0]?.divergingEpoch };
}

test('the end of a log never moves back, and is never before what was acknowledged, however often its leader dies', async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const topic = freshName('ends');
  await createReplicated(cluster, { name: topic, partitions: 1 }, { 'min.insync.replicas': '2' });
  const writers = ReplicatedWriter.beginAll(cluster, topic, 1, 1);
  const [writer] = writers;
  if (writer === undefined) throw new Error('there is a writer');
  const wrong: string[] = [];
  let looking = true;
  let looks = 0;
  const look = (async (): Promise<void> => {
    for (let last = 0; looking;) {
      const acknowledged = writer.acknowledged.length;
      const end = await latest(cluster, topic);
      if (end === undefined) continue;
      looks += 1;
      if (end < last) wrong.push(`${end} after ${last}`);
      if (end < acknowledged) wrong.push(`${end} though ${acknowledged} were acknowledged`);
      last = end;
    }
  })();
  for (let round = 0; round < 3; round += 1) {
    await writer.goesOn(50);
    const leader = await leaderOf(cluster, topic);
    await leader.kill();
    await writer.goesOn(50);
    await leader.start();
    await leader.ready();
    await allInSync(cluster, topic);
  }
  looking = false;
  await look;
  await writer.stop();
  expect(wrong).toEqual([]);
  expect(looks).toBeGreaterThan(20);
});

test('odradek elect-leaders --election-type unclean: a replica that was out of sync leads, the log says so, and the copies agree again', async () => {
  await using cluster = await startCluster({ controllers: 1, brokers: 2, config: steadyBrokers });
  const [controller, one, two] = cluster.nodes;
  if (controller === undefined || one === undefined || two === undefined) throw new Error('there are three nodes');
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const topic = freshName('unclean');
  const write = async (at: typeof one, ...values: string[]): Promise<void> => {
    using wire = await Wire.open(at.address);
    for (const value of values) await produceAtLeader(wire, topic, batchOf(value));
  };
  const viewAt = async (at: typeof one) => (await partitionsOf(at, topic))[0];
  const kinds = ['under-replicated', 'under-min-isr', 'at-min-isr', 'unavailable'];
  /** The kinds of partitions among which `odradek topics describe` shows the topic's. */
  const kindsAt = async (at: typeof one): Promise<string[]> => {
    const shown = await Promise.all(
      kinds.map((kind) =>
        must(odradek('topics', 'describe', `--${kind}-partitions`, '--bootstrap-server', at.address)),
      ),
    );
    return kinds.filter((_, index) => shown[index]?.includes(`Topic: ${topic}\tPartition: 0`));
  };
  {
    using wire = await Wire.open(one.address);
    await placedTopic(wire, topic, [one.id, two.id]);
  }
  await write(one, 'both');
  expect(await kindsAt(one)).toEqual([]);
  await two.kill();
  await eventually('only the leader is in sync', async () => (await viewAt(one))?.isr.length === 1);
  expect(await kindsAt(one)).toEqual(['under-replicated', 'at-min-isr']);
  await write(one, 'lost 1', 'lost 2');
  await one.kill();
  await two.start();
  await two.ready();
  await eventually('nobody leads', async () => (await viewAt(two))?.leader === -1);
  expect(await kindsAt(two)).toEqual(['under-replicated', 'under-min-isr', 'unavailable']);
  const elect = odradek('elect-leaders', '--election-type', 'unclean', '--topic', topic, '--partition', '0');
  expect(await must([...elect, '--bootstrap-server', two.address])).toContain(`${topic}-0`);
  await eventually('the other one leads', async () => (await viewAt(two))?.leader === two.id);
  await eventually('the controller says what it means', () =>
    new RegExp(`may lack acknowledged records \\(unclean election\\): ${topic}-0`).test(controller.output()),
  );
  await write(two, 'after');
  expect(await endOfEpoch(two.address, topic, 0)).toEqual({ byEpoch: [0, 1], byFetch: { epoch: 0, endOffset: 1 } });
  await one.start();
  await one.ready();
  await allInSync(cluster, topic);
  expect([...(await readAll(cluster, topic, 0)).values()]).toEqual(['both', 'after']);
  await must([
    ...odradek('elect-leaders', '--election-type', 'preferred', '--topic', topic, '--partition', '0'),
    '--bootstrap-server',
    one.address,
  ]);
  await eventually('the first one leads again', async () => (await viewAt(two))?.leader === one.id);
  expect([...(await readAll(cluster, topic, 0)).values()]).toEqual(['both', 'after']);
});
