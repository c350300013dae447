/** Partitions move from broker to broker, leaders included, while they are written to: nothing that was acknowledged is lost on the way. */
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startCluster, steadyBrokers, type Cluster } from '../support/cluster.ts';
import { placedTopic } from '../support/placement.ts';
import { judgeWriters, partitionsOf, ReplicatedWriter } from '../support/replicated.ts';
import { eventually, freshName } from '../support/target.ts';
import { Wire } from '../support/wire.ts';

const PARTITIONS = 3;
const START = [
  [1, 2],
  [2, 3],
  [3, 1],
];
const TARGETS = [
  [
    [2, 3],
    [3, 1],
    [1, 2],
  ],
  [[3], [1, 2, 3], [2, 1]],
  [[1, 3, 2], [3], [3, 2]],
  START,
];

const any = (cluster: Cluster): Promise<Wire> => Wire.open(cluster.node(2).address);

/** @param targets of each partition; null takes back what is under way */
async function reassign(cluster: Cluster, topic: string, targets: readonly (number[] | null)[]): Promise<number[]> {
  using wire = await any(cluster);
  const partitions = targets.map((replicas, partitionIndex) => ({ partitionIndex, replicas }));
  const request = { timeoutMs: 20_000, topics: [{ name: topic, partitions }] };
  const { errorCode, responses } = await wire.call(ApiKey.AlterPartitionReassignments, request);
  expect(errorCode).toBe(ErrorCode.NONE);
  return responses[0]?.partitions.map((each) => each.errorCode) ?? [];
}

async function underWay(cluster: Cluster): Promise<number> {
  using wire = await any(cluster);
  const { errorCode, topics } = await wire.call(ApiKey.ListPartitionReassignments, {
    timeoutMs: 20_000,
    topics: null,
  });
  expect(errorCode).toBe(ErrorCode.NONE);
  return topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
}

/** Waits until each partition lies where it shall, with all in sync. */
async function placed(cluster: Cluster, topic: string, targets: readonly number[][]): Promise<void> {
  await eventually(`${topic} is where it shall be`, async () => {
    if ((await underWay(cluster)) > 0) return false;
    const views = await partitionsOf(cluster.node(2), topic);
    const areAll = views.length === targets.length;
    return (
      areAll &&
      views.every(({ partition, replicas, isr }) => {
        const wanted = targets[partition] ?? [];
        return replicas.join() === wanted.join() && isr.length === wanted.length;
      })
    );
  });
}

test('partitions that move from broker to broker lose nothing of what is written meanwhile', async () => {
  await using cluster = await startCluster({ nodes: 3, config: steadyBrokers });
  await Promise.all(cluster.nodes.map((node) => node.ready()));
  const topic = freshName('moving');
  {
    using wire = await any(cluster);
    await placedTopic(wire, topic, ...START);
  }
  const writers = ReplicatedWriter.beginAll(cluster, topic, PARTITIONS, 2);
  const goOn = (): Promise<unknown> => Promise.all(writers.map((writer) => writer.goesOn(30)));
  for (const targets of TARGETS) {
    await goOn();
    expect(await reassign(cluster, topic, targets)).toEqual([0, 0, 0]);
    await placed(cluster, topic, targets);
  }
  await goOn();
  // Taken back at once: done already, or as it was; both are whole.
  const [first = []] = TARGETS;
  await reassign(cluster, topic, first);
  for (const code of await reassign(cluster, topic, [null, null, null])) {
    expect([ErrorCode.NONE, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS]).toContain(code);
  }
  await eventually('nothing is under way', async () => (await underWay(cluster)) === 0);
  await goOn();
  await Promise.all(writers.map((writer) => writer.stop()));
  expect(writers.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await judgeWriters(cluster, topic, writers)).toMatchObject({ lost: [], duplicated: [], outOfOrder: [] });
});
