/** Requests that many scenarios make, one partition at a time. */
import { ApiKey, buildBatch } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';

export { Wire };

/** A batch of values with the current time, uncompressed and without a producer. */
export function batchOf(...values: string[]): Buffer {
  const timestampMs = Date.now();
  return buildBatch(
    {},
    values.map((value) => ({ timestampMs, value: Buffer.from(value) })),
  );
}

type ProduceOptions = { readonly acks?: number; readonly index?: number };

/** One partition's outcome of a Produce request in version 12, which names topics. */
export async function produce(wire: Wire, topic: string, records: Buffer | null, options: ProduceOptions = {}) {
  const { acks = -1, index = 0 } = options;
  const topicData = [{ name: topic, partitionData: [{ index, records }] }];
  const { responses } = await wire.call(ApiKey.Produce, { acks, timeoutMs: 5_000, topicData }, 12);
  const partition = responses[0]?.partitionResponses[0];
  if (partition === undefined) throw new Error('the answer names no partition');
  return partition;
}

/** The batches from an offset on, by Fetch version 12. */
export async function fetchFrom(wire: Wire, topic: string, fetchOffset: number, partition = 0) {
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: 10_485_760 }];
  const request = {
    isolationLevel: 0,
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 10_485_760,
    topics: [{ topic, partitions }],
  };
  const { responses } = await wire.call(ApiKey.Fetch, request, 12);
  const found = responses[0]?.partitions[0];
  if (found === undefined) throw new Error('the answer names no partition');
  return found;
}

export async function createTopic(
  wire: Wire,
  name: string,
  configs: Record<string, string> = {},
  numPartitions = 1,
): Promise<void> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions, replicationFactor: -1, assignments: [], configs: entries };
  const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  if (topics[0]?.errorCode !== 0) throw new Error(`topic ${name}: error ${topics[0]?.errorCode}`);
}
