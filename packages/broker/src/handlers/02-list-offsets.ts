/**
 * ListOffsets, key 2, v1-11: the offset of a time or of a special place (latest, earliest, largest timestamp, tiers) in each partition.
 * Sources: KIP-79 (v1), KIP-207 (v5), KIP-734 (v7), KIP-405 (v8), KIP-1005 (v9), KIP-1075 (timeout, v10), KIP-1023 (v11).
 */
import { ErrorCode, IsolationLevel, listOffsetsRequestConstants as special } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';

type Request = RequestOf<2>;
type Response = ResponseInput<2>;
type Topic = Request['topics'][number];
type Partition = Topic['partitions'][number];
type PartitionResponse = Response['topics'][number]['partitions'][number];

const UNKNOWN = -1;
/** Values of `replicaId` that are no broker's: consumers ask the leader for what is committed, debugging tools any replica for what it has. */
const CONSUMER = -1;
const DEBUGGER = -2;
const LEADER_EPOCH_SINCE = 4;
const OFFSET_NOT_AVAILABLE_SINCE = 5;
/** Partitions looked up at once: a look-up by time may read from disk. */
const AT_ONCE = 32;

/** From which version on a special timestamp may be asked for. */
const specialSince: ReadonlyMap<number, number> = new Map([
  [special.LATEST_TIMESTAMP, 1],
  [special.EARLIEST_TIMESTAMP, 1],
  [special.MAX_TIMESTAMP, 7],
  [special.EARLIEST_LOCAL_TIMESTAMP, 8],
  [special.LATEST_TIERED_TIMESTAMP, 9],
  [special.EARLIEST_PENDING_UPLOAD_TIMESTAMP, 11],
]);

export const listOffsets: HandlerOf<2> = {
  async handle(request, services, caller) {
    const context = { request, services, caller, twice: namedTwice(request), deadlineMs: deadline(request, services) };
    const topics: Response['topics'][number][] = [];
    for (const topic of request.topics) {
      topics.push({ name: topic.name, partitions: await lookUpTopic(topic, context) });
    }
    return { throttleTimeMs: 0, topics };
  },

  refused: (request, code) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => refusedPartition(partitionIndex, code)),
    })),
  }),
};

type Context = {
  readonly request: Request;
  readonly services: Services;
  readonly caller: Caller;
  /** `topic-partition` of what the request names more than once. */
  readonly twice: ReadonlySet<string>;
  readonly deadlineMs: number;
};

function deadline(request: Request, services: Services): number {
  return request.timeoutMs > 0 ? services.nowMs() + request.timeoutMs : Number.POSITIVE_INFINITY;
}

function namedTwice(request: Request): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`;
      if (seen.has(key)) twice.add(key);
      seen.add(key);
    }
  }
  return twice;
}

async function lookUpTopic(topic: Topic, context: Context): Promise<PartitionResponse[]> {
  const { services, caller } = context;
  const { name, partitions } = topic;
  const needs = { resource: 'topic', name, operation: 'describe' } as const;
  if (!services.authorizer.allows(caller.principal, caller.clientHost, needs)) {
    return partitions.map(({ partitionIndex }) =>
      refusedPartition(partitionIndex, ErrorCode.TOPIC_AUTHORIZATION_FAILED),
    );
  }
  const responses: PartitionResponse[] = [];
  for (let from = 0; from < partitions.length; from += AT_ONCE) {
    const some = partitions.slice(from, from + AT_ONCE);
    responses.push(...(await Promise.all(some.map((partition) => lookUp(name, partition, context)))));
  }
  return responses;
}

async function lookUp(topic: string, asked: Partition, context: Context): Promise<PartitionResponse> {
  const { partitionIndex: partition, timestamp } = asked;
  const { request, services, caller, twice, deadlineMs } = context;
  const version = caller.apiVersion;
  if (twice.has(`${topic}-${partition}`)) return refusedPartition(partition, ErrorCode.INVALID_REQUEST);
  if (timestamp < 0 && version < (specialSince.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    return refusedPartition(partition, ErrorCode.UNSUPPORTED_VERSION);
  }
  if (services.nowMs() >= deadlineMs) return refusedPartition(partition, ErrorCode.REQUEST_TIMED_OUT);
  const found = await services.replicas.listOffset({
    topic,
    partition,
    timestampMs: timestamp,
    currentLeaderEpoch: asked.currentLeaderEpoch,
    isolation: isolationOf(request),
    fromAnyReplica: request.replicaId === DEBUGGER,
  });
  if (!found.ok) return refusedPartition(partition, olderCode(found.code, version));
  if (found.value === undefined) return refusedPartition(partition, ErrorCode.NONE);
  const { offset, timestampMs } = found.value;
  const leaderEpoch = version < LEADER_EPOCH_SINCE ? UNKNOWN : found.value.leaderEpoch;
  return { partitionIndex: partition, errorCode: ErrorCode.NONE, timestamp: timestampMs, offset, leaderEpoch };
}

function isolationOf({ replicaId, isolationLevel }: Request): 'read_committed' | 'read_uncommitted' | 'log_end' {
  if (replicaId !== CONSUMER) return 'log_end';
  return isolationLevel === IsolationLevel.READ_COMMITTED ? 'read_committed' : 'read_uncommitted';
}

function olderCode(code: number, version: number): number {
  const isKnown = code !== ErrorCode.OFFSET_NOT_AVAILABLE || version >= OFFSET_NOT_AVAILABLE_SINCE;
  return isKnown ? code : ErrorCode.LEADER_NOT_AVAILABLE;
}

function refusedPartition(partitionIndex: number, errorCode: number): PartitionResponse {
  return { partitionIndex, errorCode, timestamp: UNKNOWN, offset: UNKNOWN, leaderEpoch: UNKNOWN };
}
