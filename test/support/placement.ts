/** Topics whose replicas a test places itself. */
import { ApiKey, ErrorCode, errorName } from '@odradek/protocol';
import { eventually } from './target.ts';
import type { Wire } from './wire.ts';

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
