/** Topics whose replicas a test places itself, and records that a move of them has to copy. */
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { eventually } from './target.ts';
import { batchOf, fetchFrom, produce, type Wire } from './wire.ts';

/** Creates a topic with the replicas of each partition, and waits until all of them are led by their first and in sync. */
export async function placedTopic(wire: Wire, name: string, ...replicas: readonly number[][]): Promise<void> {
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
  const made = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
  const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [made], timeoutMs: 10_000, validateOnly: false });
  const code = topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (code !== ErrorCode.NONE) throw new Error(`topic ${name}: ${errorName(code)}`);
  await eventually(`${name} is led by its first replicas, with all in sync`, async () => {
    const partitions = await partitionsOf(wire, name);
    return (
      partitions.length === replicas.length &&
      partitions.every(({ leader, isr }, at) => leader === replicas[at]?.[0] && isr.length === replicas[at]?.length)
    );
  });
}

export type PlacedPartition = {
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
};

/** In their order, as the broker that is asked knows them. */
export async function partitionsOf(wire: Wire, name: string): Promise<PlacedPartition[]> {
  const asked = { topics: [{ name }], allowAutoTopicCreation: false };
  const { topics } = await wire.call(ApiKey.Metadata, asked, 12);
  return (topics[0]?.partitions ?? [])
    .toSorted((left, right) => left.partitionIndex - right.partitionIndex)
    .map(({ leaderId, replicaNodes, isrNodes }) => ({
      leader: leaderId,
      replicas: replicaNodes,
      isr: isrNodes.toSorted((left, right) => left - right),
    }));
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

/** How many records of `fill` a partition gives in their order, asked of the broker of `wire`, which leads it. */
export async function filled(wire: Wire, topic: string, partition: number): Promise<number> {
  let next = 0;
  for (;;) {
    const { errorCode, records } = await fetchFrom(wire, topic, next, partition);
    if (errorCode !== ErrorCode.NONE) throw new Error(`${topic}-${partition} cannot be read: ${errorName(errorCode)}`);
    const values = [...(records?.toString('latin1') ?? '').matchAll(/(\d+) x{90000}/g)].map(([, number]) =>
      Number(number),
    );
    if (values.length === 0) return next;
    for (const value of values) {
      if (value !== next) throw new Error(`${topic}-${partition} gives record ${value} instead of ${next}`);
      next += 1;
    }
  }
}
