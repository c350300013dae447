/** Topics whose replicas a test places itself, and records that a move of them has to copy. */
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import type { Cluster } from './cluster.ts';
import { readAll } from './replicated.ts';
import { eventually } from './target.ts';
import { batchOf, produce, type Wire } from './wire.ts';

/** Creates a topic with the replicas of each partition, and waits until all of them are led by their first and in sync. */
export async function placedTopic(wire: Wire, name: string, ...replicas: readonly number[][]): Promise<void> {
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
  const made = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
  const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [made], timeoutMs: 10_000, validateOnly: false });
  const code = topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (code !== ErrorCode.NONE) throw new Error(`topic ${name}: ${errorName(code)}`);
  await eventually(`${name} is led by its first replicas, with all in sync`, async () => {
    const asked = { topics: [{ name }], allowAutoTopicCreation: false };
    const { topics: seen } = await wire.call(ApiKey.Metadata, asked);
    const partitions = seen[0]?.partitions ?? [];
    return (
      partitions.length === replicas.length &&
      partitions.every(({ partitionIndex, leaderId, isrNodes }) => {
        const wanted = replicas[partitionIndex] ?? [];
        return leaderId === wanted[0] && isrNodes.length === wanted.length;
      })
    );
  });
}

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
      const { errorCode } = await produce(wire, topic, batchOf(`${at} `.padEnd(BATCH_BYTES, 'x')), { index });
      if (errorCode !== ErrorCode.NONE) throw new Error(`${topic}-${index} takes no records: ${errorName(errorCode)}`);
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
