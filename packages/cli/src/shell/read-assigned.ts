/** Reads partitions without a group: one fetch loop a leader, each with at most one fetch under way. */
import { Consumer, type ClusterMetadata, type KafkaRecord, type RecordsBatch } from '@platformatic/kafka';
import type { ConsumePlan } from './consume-plan.ts';
import { CommandError, noPartition } from '../core/refusal.ts';
import type { Connection } from './client.ts';
import type { Output } from './output.ts';
import type { ConsumedRecord } from '../core/record-format.ts';

const READ_COMMITTED = 1;
const READ_UNCOMMITTED = 0;
const CONTROL_BATCH = 0x20;
const LOG_APPEND_TIME = 0x08;
const FETCH_WAIT_MS = 500;
const NOTHING = Buffer.alloc(0);
const EARLIEST = -2n;
const LATEST = -1n;

type Position = {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  next: bigint;
  /** The end when reading began. */
  readonly end: bigint;
};
type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;
type FetchResponse = Awaited<ReturnType<Client['fetch']>>;

export async function readAssigned(plan: ConsumePlan, connection: Connection, output: Output): Promise<void> {
  const consumer: Client = new Consumer({
    ...connection,
    groupId: 'odradek-cli-without-group',
    retries: 5,
    retryDelay: 200,
    maxWaitTime: FETCH_WAIT_MS,
    minBytes: 1,
  });
  consumer.topics.track(plan.topic);
  try {
    const metadata = await consumer.metadata({ topics: [plan.topic] });
    const positions = await startPositions(consumer, plan, metadata);
    output.begin();
    const leaders = Map.groupBy(positions, ({ partition }) => leaderOf(metadata, plan.topic, partition));
    await Promise.all([...leaders].map(([node, owned]) => readLeader({ consumer, plan, output, node }, owned)));
    await output.flush();
  } finally {
    output.close();
    await consumer.close(true).catch(() => undefined);
  }
}

function leaderOf(metadata: ClusterMetadata, topic: string, partition: number): number {
  const leader = metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1;
  if (leader < 0) throw new CommandError(`partition ${partition} of '${topic}' has no leader: is a broker down?`);
  return leader;
}

async function startPositions(consumer: Client, plan: ConsumePlan, metadata: ClusterMetadata): Promise<Position[]> {
  const { topic } = plan;
  const described = metadata.topics.get(topic);
  if (described === undefined) throw new CommandError(`topic '${topic}' is unknown`);
  const count = described.partitionsCount;
  if (plan.partition !== undefined && plan.partition >= count) {
    throw noPartition(topic, plan.partition, count);
  }
  const partitions =
    plan.partition === undefined ? Array.from({ length: count }, (_, index) => index) : [plan.partition];
  const list = async (timestamp: bigint): Promise<bigint[]> => {
    const isolationLevel = plan.committedOnly ? READ_COMMITTED : READ_UNCOMMITTED;
    const found = await consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: partitions },
      timestamp,
      isolationLevel,
    });
    return found.get(topic) ?? [];
  };
  const [starts, ends] = await Promise.all([list(EARLIEST), list(LATEST)]);
  const byTime = plan.start.kind === 'time' ? await list(BigInt(plan.start.timestampMs)) : [];
  return partitions.map((partition) => {
    const start = starts[partition] ?? 0n;
    const end = ends[partition] ?? 0n;
    return {
      topic,
      partition,
      topicId: described.id,
      next: firstOffset(plan, { start, end, atTime: byTime[partition] }),
      end,
    };
  });
}

function firstOffset(plan: ConsumePlan, known: { start: bigint; end: bigint; atTime: bigint | undefined }): bigint {
  const { start } = plan;
  switch (start.kind) {
    case 'earliest':
      return known.start;
    case 'latest':
      return known.end;
    case 'offset':
      return BigInt(start.offset);
    case 'last':
      return known.end - BigInt(start.count) > known.start ? known.end - BigInt(start.count) : known.start;
    case 'time':
      return known.atTime === undefined || known.atTime < 0n ? known.end : known.atTime;
  }
}

type Reading = {
  readonly consumer: Client;
  readonly plan: ConsumePlan;
  readonly output: Output;
  readonly node: number;
};

async function readLeader(reading: Reading, owned: Position[]): Promise<void> {
  const { output, plan } = reading;
  let wanted = owned;
  for (;;) {
    if (plan.exitAtEnd) wanted = wanted.filter((position) => position.next < position.end);
    if (wanted.length === 0 || output.enough) return;
    const response = await fetch(reading, wanted);
    await takeResponse(response, wanted, output);
    await output.flush();
  }
}

function fetch(reading: Reading, wanted: readonly Position[]): Promise<FetchResponse> {
  const { consumer, plan, node } = reading;
  const partitions = wanted.map((position) => ({
    partition: position.partition,
    currentLeaderEpoch: -1,
    fetchOffset: position.next,
    lastFetchedEpoch: -1,
    partitionMaxBytes: plan.fetchMaxBytes,
  }));
  const topicId = wanted[0]?.topicId ?? '';
  const options = { node, topics: [{ topicId, partitions }], maxBytes: plan.fetchMaxBytes, maxWaitTime: FETCH_WAIT_MS };
  return consumer.fetch({
    ...options,
    minBytes: 1,
    isolationLevel: plan.committedOnly ? READ_COMMITTED : READ_UNCOMMITTED,
  });
}

async function takeResponse(response: FetchResponse, wanted: readonly Position[], output: Output): Promise<void> {
  for (const topic of response.responses) {
    for (const { partitionIndex, records } of topic.partitions) {
      const position = wanted.find(({ partition }) => partition === partitionIndex);
      if (position === undefined) continue;
      for (const batch of records ?? []) await takeBatch(batch, position, output);
    }
  }
}

async function takeBatch(batch: RecordsBatch, position: Position, output: Output): Promise<void> {
  const first = position.next;
  if ((batch.attributes & CONTROL_BATCH) === 0) {
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      if (offset < first) continue;
      if (output.enough) return;
      output.add({
        ...whenAndWhat(batch, record),
        topic: position.topic,
        partition: position.partition,
        offset: Number(offset),
      });
      if (output.full) await output.flush();
    }
  }
  const after = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
  if (after > position.next) position.next = after;
}

function whenAndWhat(
  batch: RecordsBatch,
  record: KafkaRecord,
): Pick<ConsumedRecord, 'timestampMs' | 'timestampType' | 'key' | 'value' | 'headers'> {
  const appendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  const timestampMs = Number(appendTime ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta);
  return {
    timestampMs,
    timestampType: timestampMs < 0 ? 'NoTimestampType' : appendTime ? 'LogAppendTime' : 'CreateTime',
    key: record.key,
    value: record.value,
    headers: record.headers.map(([key, value]) => [key ?? NOTHING, value] as const),
  };
}
