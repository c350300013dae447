/** OffsetForLeaderEpoch, key 23, v2-4: where a leader epoch ends, so that a client finds out whether its log was truncated. Source: KIP-320. */
import { ErrorCode } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import type { Caller, HandlerOf, Services } from './context.ts';

type Topic = RequestOf<23>['topics'][number];
type EpochEnd = ResponseInput<23>['topics'][number]['partitions'][number];

const UNKNOWN = -1;

export const offsetForLeaderEpoch: HandlerOf<23> = {
  handle: (request, services, caller) => ({
    throttleTimeMs: 0,
    topics: request.topics.map((topic) => ({ topic: topic.topic, partitions: lookUp(topic, services, caller) })),
  }),

  refused: (request, code) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => refusedPartition(partition, code)),
    })),
  }),
};

function lookUp(topic: Topic, services: Services, caller: Caller): EpochEnd[] {
  const allowed = mayDescribe(topic.topic, services, caller);
  return topic.partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
    if (!allowed) return refusedPartition(partition, ErrorCode.TOPIC_AUTHORIZATION_FAILED);
    const at = { topic: topic.topic, partition, currentLeaderEpoch, leaderEpoch };
    const end = services.replicas.endOffsetForEpoch(at);
    return end.ok
      ? { partition, errorCode: ErrorCode.NONE, leaderEpoch: end.value.leaderEpoch, endOffset: end.value.endOffset }
      : refusedPartition(partition, end.code);
  });
}

/** Brokers may ask for any topic, clients for those they may describe. */
function mayDescribe(name: string, services: Services, caller: Caller): boolean {
  const { authorizer } = services;
  const { principal, clientHost } = caller;
  return (
    authorizer.allows(principal, clientHost, {
      resource: 'cluster',
      name: 'kafka-cluster',
      operation: 'clusterAction',
    }) || authorizer.allows(principal, clientHost, { resource: 'topic', name, operation: 'describe' })
  );
}

function refusedPartition(partition: number, errorCode: number): EpochEnd {
  return { partition, errorCode, leaderEpoch: UNKNOWN, endOffset: UNKNOWN };
}
