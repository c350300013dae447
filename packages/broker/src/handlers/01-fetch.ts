/**
 * Fetch, key 1, v4-18: reads record batches for consumers, waiting for them when asked to. Followers do not come this way: replicas fetch
 * over their own streams. Record bytes are handed through as the log's buffers, never copied.
 * Sources: KIP-74 (limits), KIP-227 (sessions), KIP-320 and KIP-595 (epochs), KIP-392 (rack), KIP-516 (topic ids, v13), KIP-951 (hints, v16).
 */
import { assert } from '@odradek/base';
import { ErrorCode, IsolationLevel } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { FetchRequestInput, FetchResult } from '@odradek/replication';
import { NO_SESSION } from '../core/fetch-sessions.ts';
import type { FetchContext, SessionPartition } from '../core/fetch-sessions.ts';
import { holdsZstd } from '../core/produce-check.ts';
import { nodesOf } from '../core/topic-view.ts';
import type { Caller, HandlerOf, Services } from './context.ts';
import { endpointsOf } from './leader-endpoints.ts';

type Request = RequestOf<1>;
type Response = ResponseInput<1>;
type TopicResponse = Response['responses'][number];
type PartitionResponse = TopicResponse['partitions'][number];

const RACKS_SINCE = 11;
const TOPIC_IDS_SINCE = 13;
const HINTS_SINCE = 16;
const STORAGE_ERROR_SINCE = 6;
const ZSTD_SINCE = 10;
const NO_OFFSET = -1;
const NO_REPLICA = -1;
const NO_RECORDS = Buffer.alloc(0);
const ANSWER_BYTES_MAX = 55 * 1024 * 1024;

export const fetch: HandlerOf<1> = {
  handle(request, services, caller) {
    if (isFromReplica(request)) return refusedWhole(request, ErrorCode.INVALID_REQUEST);
    const context = open(request, services, caller);
    if (context.kind === 'refused') return { ...EMPTY, errorCode: context.code };
    const { asked, refused } = sort(context.partitions, services, caller);
    if (asked.length === 0) return answer({ context, services, caller }, [], refused);
    const results = services.replicas.fetch(input(request, services, caller, asked));
    if (!(results instanceof Promise)) return answer({ context, services, caller }, results, refused);
    return results.then((late) => answer({ context, services, caller }, late, refused));
  },

  refused: (request, code) => refusedWhole(request, code),

  answerBytesMax: (request) => Math.max(0, Math.min(request.maxBytes, ANSWER_BYTES_MAX)),
};

const EMPTY = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, sessionId: NO_SESSION, responses: [] } as const;

function isFromReplica(request: Request): boolean {
  return request.replicaId >= 0 || request.replicaState.replicaId >= 0;
}

/** Versions before 7 have no code for the whole answer, so every partition carries it. */
function refusedWhole(request: Request, code: number): Response {
  const responses = request.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map(({ partition }) => partitionResponse(partition, refusedResult(partition, code))),
  }));
  return { ...EMPTY, errorCode: code, responses };
}

function open(request: Request, services: Services, caller: Caller): FetchContext {
  const usesTopicIds = caller.apiVersion >= TOPIC_IDS_SINCE;
  const partitions: SessionPartition[] = [];
  for (const { topic, topicId, partitions: named } of request.topics) {
    const name = usesTopicIds ? (services.image().topics.byId(topicId)?.name ?? '') : topic;
    for (const each of named) {
      partitions.push({
        topic: name,
        topicId: usesTopicIds ? topicId : '',
        partition: each.partition,
        fetchOffset: each.fetchOffset,
        currentLeaderEpoch: each.currentLeaderEpoch,
        lastFetchedEpoch: each.lastFetchedEpoch,
        maxBytes: each.partitionMaxBytes,
        toldHighWatermark: NO_OFFSET,
        toldLogStartOffset: NO_OFFSET,
      });
    }
  }
  const forgotten = request.forgottenTopicsData.flatMap(({ topic, topicId, partitions: gone }) =>
    gone.map((partition) => ({ topic, topicId: usesTopicIds ? topicId : '', partition })),
  );
  const { sessionId, sessionEpoch } = request;
  const nowMs = services.nowMs();
  return services.data.fetchSessions.open({ sessionId, sessionEpoch, usesTopicIds, partitions, forgotten, nowMs });
}

/** What is read, and what is refused before, by its place in the context; undefined when all is read, as it is mostly. */
type Sorted = { readonly asked: readonly SessionPartition[]; readonly refused: Map<number, number> | undefined };

function sort(partitions: readonly SessionPartition[], services: Services, caller: Caller): Sorted {
  let refused: Map<number, number> | undefined;
  let asked: SessionPartition[] | undefined;
  let lastTopic: string | undefined;
  let lastCode: number = ErrorCode.NONE;
  for (let place = 0; place < partitions.length; place += 1) {
    const partition = partitions[place];
    if (partition === undefined) break;
    // A topic of the session may have become known here since it was first named.
    if (partition.topic === '') partition.topic = services.image().topics.byId(partition.topicId)?.name ?? '';
    if (partition.topic !== lastTopic) {
      lastTopic = partition.topic;
      lastCode = judgeTopic(lastTopic, services, caller);
    }
    if (lastCode === ErrorCode.NONE) {
      asked?.push(partition);
      continue;
    }
    asked ??= partitions.slice(0, place);
    refused ??= new Map();
    refused.set(place, lastCode);
  }
  return { asked: asked ?? partitions, refused };
}

function judgeTopic(name: string, services: Services, caller: Caller): number {
  if (name === '') return ErrorCode.UNKNOWN_TOPIC_ID;
  const needs = { resource: 'topic', name, operation: 'read' } as const;
  const allowed = services.authorizer.allows(caller.principal, caller.clientHost, needs);
  return allowed ? ErrorCode.NONE : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
}

function input(
  request: Request,
  services: Services,
  caller: Caller,
  partitions: readonly SessionPartition[],
): FetchRequestInput {
  const maxBytes = Math.min(request.maxBytes, services.data.fetchMaxBytes);
  const nearbyBrokers = nearby(request.rackId, services, caller);
  return {
    maxWaitMs: request.maxWaitMs,
    minBytes: Math.min(request.minBytes, maxBytes),
    maxBytes,
    isolation: request.isolationLevel === IsolationLevel.READ_COMMITTED ? 'read_committed' : 'read_uncommitted',
    partitions,
    fromAnyReplica: caller.apiVersion >= RACKS_SINCE,
    ...(nearbyBrokers === undefined ? {} : { nearbyBrokers }),
    signal: caller.signal,
    memory: services.readMemory,
  };
}

/** The brokers of the client's rack that it can be sent to, where a replica may be chosen by rack at all. */
function nearby(rackId: string, services: Services, caller: Caller): number[] | undefined {
  if (rackId === '' || !services.data.picksReplicaByRack) return undefined;
  const nodes = nodesOf(services.image(), services.reach(caller));
  return nodes.filter(({ rack }) => rack === rackId).map(({ id }) => id);
}

type Asked = {
  readonly context: Exclude<FetchContext, { readonly kind: 'refused' }>;
  readonly services: Services;
  readonly caller: Caller;
};

function answer(of: Asked, read: readonly FetchResult[], refused: Sorted['refused']): Response {
  const { context, services, caller } = of;
  const results = refused === undefined ? read : merge(context.partitions, read, refused);
  const told = services.data.fetchSessions.answered(context, results, services.nowMs());
  const leaders = new Set<number>();
  const responses: TopicResponse[] = [];
  let last: { readonly topic: string; readonly topicId: string; readonly partitions: PartitionResponse[] } | undefined;
  const count = told.changed === null ? results.length : told.changed.length;
  for (let at = 0; at < count; at += 1) {
    const place = told.changed === null ? at : told.changed[at];
    assert(place !== undefined, 'a place in the answer');
    const partition = context.partitions[place];
    const result = results[place];
    assert(partition !== undefined && result !== undefined, 'each partition has a result');
    if (last === undefined || last.topic !== partition.topic || last.topicId !== partition.topicId) {
      last = { topic: partition.topic, topicId: partition.topicId, partitions: [] };
      responses.push(last);
    }
    last.partitions.push(respond(partition.partition, result, caller.apiVersion, leaders));
  }
  const answered = { ...EMPTY, errorCode: told.code, sessionId: told.sessionId, responses };
  return leaders.size === 0 ? answered : { ...answered, nodeEndpoints: endpointsOf(leaders, services, caller) };
}

function merge(
  partitions: readonly SessionPartition[],
  read: readonly FetchResult[],
  refused: ReadonlyMap<number, number>,
): FetchResult[] {
  const results: FetchResult[] = [];
  let next = 0;
  for (let place = 0; place < partitions.length; place += 1) {
    const code = refused.get(place);
    const result = code === undefined ? read[next] : refusedResult(partitions[place]?.partition ?? 0, code);
    assert(result !== undefined, 'each partition has a result');
    if (code === undefined) next += 1;
    results.push(result);
  }
  return results;
}

function respond(partition: number, result: FetchResult, version: number, leaders: Set<number>): PartitionResponse {
  if (version < ZSTD_SINCE && result.sizeBytes > 0 && holdsZstd(result.chunks)) {
    return partitionResponse(partition, refusedResult(partition, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE));
  }
  const response = partitionResponse(partition, result);
  if (result.code === ErrorCode.KAFKA_STORAGE_ERROR && version < STORAGE_ERROR_SINCE) {
    return { ...response, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
  }
  if (result.divergingEpoch !== undefined) {
    const { leaderEpoch: epoch, endOffset } = result.divergingEpoch;
    return { ...response, divergingEpoch: { epoch, endOffset } };
  }
  if (result.currentLeader === undefined || version < HINTS_SINCE) return response;
  leaders.add(result.currentLeader.leaderId);
  return { ...response, currentLeader: result.currentLeader };
}

function partitionResponse(partition: number, result: FetchResult): PartitionResponse {
  const { chunks } = result;
  return {
    partitionIndex: partition,
    errorCode: result.code,
    highWatermark: result.highWatermark,
    lastStableOffset: result.lastStableOffset,
    logStartOffset: result.logStartOffset,
    abortedTransactions: result.abortedTransactions,
    preferredReadReplica: result.preferredReadReplica ?? NO_REPLICA,
    records: chunks.length === 0 ? NO_RECORDS : chunks.length === 1 ? (chunks[0] ?? NO_RECORDS) : chunks,
  };
}

function refusedResult(partition: number, code: number): FetchResult {
  return {
    topic: '',
    partition,
    code,
    highWatermark: NO_OFFSET,
    lastStableOffset: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    abortedTransactions: null,
    chunks: [],
    sizeBytes: 0,
  };
}
