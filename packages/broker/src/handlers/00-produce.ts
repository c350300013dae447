/**
 * Produce, key 0, v3-13: appends record batches. Each partition has its own outcome inside a good response. With acks=0 there is no
 * response, so a refusal closes the connection: the client then asks for metadata anew.
 * Sources: KIP-98 (v3), KIP-467 (record errors, v8), KIP-951 (leader hints, v10), KIP-516 (topic ids, v13).
 */
import { ErrorCode } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { ProducePartition, ProduceResult } from '@odradek/replication';
import { isTransactional, recordsFault } from '../core/produce-check.ts';
import type { RecordsFault } from '../core/produce-check.ts';
import { isInternalTopic } from '../core/topic-view.ts';
import type { Caller, HandlerOf, Services } from './context.ts';
import { endpointsOf } from './leader-endpoints.ts';

type Request = RequestOf<0>;
type Response = ResponseInput<0>;
type TopicData = Request['topicData'][number];
type PartitionData = TopicData['partitionData'][number];
type PartitionResponse = Response['responses'][number]['partitionResponses'][number];

/** Kafka's admin client names itself so, and is the one client that may write to internal topics. */
const ADMIN_CLIENT_ID = '__admin_client';
const HINTS_SINCE = 10;
const TOPIC_IDS_SINCE = 13;
const STORAGE_ERROR_SINCE = 4;
const NO_OFFSET = -1;
const NO_RECORD_ERRORS: PartitionResponse['recordErrors'] = [];

export const produce: HandlerOf<0> = {
  handle(request, services, caller) {
    const { asked, refused } = sort(request, services, caller);
    if (asked.length === 0) return answer({ request, services, caller }, [], refused);
    const { acks, timeoutMs } = request;
    const results = services.replicas.produce({ acks, timeoutMs, origin: 'client', partitions: asked });
    if (!(results instanceof Promise)) return answer({ request, services, caller }, results, refused);
    return results.then((late) => answer({ request, services, caller }, late, refused));
  },

  refused: (request, code, why) => ({
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => refusedPartition(index, { code, why })),
    })),
    throttleTimeMs: 0,
  }),
};

/** What goes on to the partitions, and what does not, by its place in the request; undefined when all goes on, as it does mostly. */
type Sorted = { readonly asked: ProducePartition[]; readonly refused: Map<number, RecordsFault> | undefined };

function sort(request: Request, services: Services, caller: Caller): Sorted {
  const asked: ProducePartition[] = [];
  let refused: Map<number, RecordsFault> | undefined;
  let place = 0;
  for (const topic of request.topicData) {
    const name = topicName(topic, services, caller);
    const topicFault = judgeTopic(name, request, services, caller);
    for (const data of topic.partitionData) {
      const fault = topicFault ?? judgeRecords(data, caller.apiVersion);
      if (fault === undefined && name !== undefined && data.records !== null) {
        asked.push({ topic: name, partition: data.index, records: data.records, topicId: topicIdOf(topic, caller) });
      } else if (fault !== undefined) {
        refused ??= new Map();
        refused.set(place, fault);
      }
      place += 1;
    }
  }
  return { asked, refused };
}

function topicName(topic: TopicData, services: Services, caller: Caller): string | undefined {
  return caller.apiVersion < TOPIC_IDS_SINCE ? topic.name : services.image().topics.byId(topic.topicId)?.name;
}

function topicIdOf(topic: TopicData, caller: Caller): string {
  return caller.apiVersion < TOPIC_IDS_SINCE ? '' : topic.topicId;
}

function judgeTopic(
  name: string | undefined,
  request: Request,
  services: Services,
  caller: Caller,
): RecordsFault | undefined {
  const { acks } = request;
  if (name === undefined) return { code: ErrorCode.UNKNOWN_TOPIC_ID, why: 'no topic has this id' };
  const needs = { resource: 'topic', name, operation: 'write' } as const;
  if (!services.authorizer.allows(caller.principal, caller.clientHost, needs)) {
    return { code: ErrorCode.TOPIC_AUTHORIZATION_FAILED, why: `${caller.principal} may not write to ${name}` };
  }
  if (acks !== -1 && acks !== 0 && acks !== 1) {
    return { code: ErrorCode.INVALID_REQUIRED_ACKS, why: `acks is ${acks}: -1 (all), 0 and 1 are allowed` };
  }
  if (isInternalTopic(name) && caller.clientId !== ADMIN_CLIENT_ID) {
    return { code: ErrorCode.INVALID_TOPIC_EXCEPTION, why: `clients do not write to the internal topic ${name}` };
  }
  return undefined;
}

function judgeRecords(data: PartitionData, version: number): RecordsFault | undefined {
  const fault = recordsFault(data.records, version);
  if (fault !== undefined || data.records === null || !isTransactional(data.records)) return fault;
  return {
    code: ErrorCode.INVALID_TXN_STATE,
    why: 'transactions are not built in this broker yet: leave transactional.id unset',
  };
}

type Asked = { readonly request: Request; readonly services: Services; readonly caller: Caller };

function answer(asked: Asked, results: readonly ProduceResult[], refused: Sorted['refused']): Response | null {
  const { request, services, caller } = asked;
  if (request.acks === 0) return closeOnRefusal(asked, results, refused);
  const leaders = new Set<number>();
  const responses: Response['responses'][number][] = [];
  let place = 0;
  let next = 0;
  for (const topic of request.topicData) {
    const partitionResponses: PartitionResponse[] = [];
    for (const { index } of topic.partitionData) {
      const fault = refused?.get(place);
      place += 1;
      const result = fault === undefined ? results[next] : undefined;
      if (result !== undefined) next += 1;
      partitionResponses.push(
        result === undefined
          ? refusedPartition(index, fault ?? UNANSWERED)
          : answeredPartition(index, result, caller.apiVersion, leaders),
      );
    }
    responses.push({ name: topic.name, topicId: topic.topicId, partitionResponses });
  }
  if (leaders.size === 0) return { responses, throttleTimeMs: 0 };
  return { responses, throttleTimeMs: 0, nodeEndpoints: endpointsOf(leaders, services, caller) };
}

const UNANSWERED: RecordsFault = { code: ErrorCode.UNKNOWN_SERVER_ERROR, why: 'the partition gave no answer' };

function closeOnRefusal(asked: Asked, results: readonly ProduceResult[], refused: Sorted['refused']): null {
  const faults: string[] = [];
  for (const { code, why } of refused?.values() ?? []) faults.push(`${code}: ${why}`);
  for (const { topic, partition, code, why } of results) {
    if (code !== ErrorCode.NONE) faults.push(`${topic}-${partition}: ${code}: ${why}`);
  }
  if (faults.length > 0) asked.caller.close(`produce with acks=0 was refused (${faults.slice(0, 3).join('; ')})`);
  return null;
}

function refusedPartition(index: number, fault: RecordsFault): PartitionResponse {
  return {
    index,
    errorCode: fault.code,
    baseOffset: NO_OFFSET,
    logAppendTimeMs: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    recordErrors: NO_RECORD_ERRORS,
    errorMessage: fault.why,
  };
}

function answeredPartition(
  index: number,
  result: ProduceResult,
  version: number,
  leaders: Set<number>,
): PartitionResponse {
  const response: PartitionResponse = {
    index,
    errorCode: result.code,
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.logAppendTimeMs,
    logStartOffset: result.logStartOffset,
    recordErrors: result.recordErrors.length === 0 ? NO_RECORD_ERRORS : recordErrors(result),
    errorMessage: result.why,
  };
  if (result.code === ErrorCode.NONE) return response;
  if (result.code === ErrorCode.KAFKA_STORAGE_ERROR && version < STORAGE_ERROR_SINCE) {
    return { ...response, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
  }
  if (version < HINTS_SINCE || result.currentLeader === undefined) return response;
  leaders.add(result.currentLeader.leaderId);
  return { ...response, currentLeader: result.currentLeader };
}

function recordErrors(result: ProduceResult): PartitionResponse['recordErrors'] {
  return result.recordErrors.map(({ batchIndex, message }) => ({ batchIndex, batchIndexErrorMessage: message }));
}
