/** Topics whose replicas a test places itself, and records that a move of them has to copy. */
import { ApiKey } from '@odradek/protocol';
import type { Cluster } from './cluster.ts';
import { readAll } from './replicated.ts';
import { eventually } from './target.ts';
import { batchOf, create, produceAtLeader, type Wire } from './wire.ts';

/** Creates a topic with the replicas of each partition, and waits until all of them are led by their first and in sync. */
export async function placedTopic(wire: Wire, name: string, ...replicas: readonly number[][]): Promise<void> {
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
  await create(wire, { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] });
  await ledByFirst(wire, name, replicas);
}

/** Waits until all are in sync and the first of each leads; one that was taken for dead meanwhile is elected again. */
export async function ledByFirst(wire: Wire, name: string, replicas: readonly (readonly number[])[]): Promise<void> {
  await eventually(`${name} is led by its first replicas, with all in sync`, async () => {
    const asked = { topics: [{ name }], allowAutoTopicCreation: false };
    const { topics: seen } = await wire.call(ApiKey.Metadata, asked);
    const partitions = seen[0]?.partitions ?? [];
    const wanted = (index: number): readonly number[] => replicas[index] ?? [];
    const areInSync =
      partitions.length === replicas.length &&
      partitions.every(({ partitionIndex, isrNodes }) => isrNodes.length === wanted(partitionIndex).length);
    if (!areInSync) return false;
    const others = partitions.filter(({ partitionIndex, leaderId }) => leaderId !== wanted(partitionIndex)[0]);
    if (others.length === 0) return true;
    const topicPartitions = [{ topic: name, partitions: others.map(({ partitionIndex }) => partitionIndex) }];
    await wire.call(ApiKey.ElectLeaders, { electionType: PREFERRED, topicPartitions, timeoutMs: 10_000 });
    return false;
  });
}

const PREFERRED = 0;
const BATCH_BYTES = 100_000;

/** Records of 100 kB each to partitions that the broker of `wire` leads. @returns how many there are in each */
export async function fill(
  wire: Wire,
  topic: string,
  bytes: number,
  ...partitions: readonly number[]
): Promise<number> {
  const count = Math.ceil(bytes / BATCH_BYTES);
  for (const index of partitions) {
    for (let at = 0; at < count; at += 1) {
      await produceAtLeader(wire, topic, batchOf(`${at} `.padEnd(BATCH_BYTES, 'x')), index);
    }
  }
  return count;
}

/** How many records of `fill` a partition gives, in their order, by its leader. */
export async function filled(cluster: Cluster, topic: string, partition: number): Promise<number> {
  const values = [...(await readAll(cluster, topic, partition)).values()];
  const wrong = values.findIndex((value, at) => Number(value.trimEnd().split(' ')[0]) !== at);
  if (wrong >= 0) throw new Error(`${topic}-${partition} gives another record than number ${wrong} at its place`);
  return values.length;
}
