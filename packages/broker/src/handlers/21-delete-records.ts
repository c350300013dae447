/** DeleteRecords, key 21, v0-2: moves the log start of partitions, so that everything before it is gone. Source: KIP-107, KIP-204. */
import { ErrorCode } from '@odradek/protocol';
import type { RequestOf, ResponseInput } from '@odradek/protocol';
import { isInternalTopic } from '../core/topic-view.ts';
import type { Caller, HandlerOf, Services } from './context.ts';

type Topic = RequestOf<21>['topics'][number];
type PartitionResult = ResponseInput<21>['topics'][number]['partitions'][number];

const NO_LOW_WATERMARK = -1;

export const deleteRecords: HandlerOf<21> = {
  async handle(request, services, caller) {
    // All at once: each may have to wait for its replicas, and they have one deadline.
    const topics = await Promise.all(
      request.topics.map(async (topic) => {
        const code = judgeTopic(topic.name, services, caller);
        const partitions =
          code === ErrorCode.NONE
            ? await deleteFrom(topic, request.timeoutMs, services)
            : topic.partitions.map(({ partitionIndex }) => refusedPartition(partitionIndex, code));
        return { name: topic.name, partitions };
      }),
    );
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

function judgeTopic(name: string, services: Services, caller: Caller): number {
  const needs = { resource: 'topic', name, operation: 'delete' } as const;
  if (!services.authorizer.allows(caller.principal, caller.clientHost, needs)) {
    return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  }
  if (services.image().topics.byName(name) === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return isInternalTopic(name) ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.NONE;
}

function deleteFrom(topic: Topic, timeoutMs: number, services: Services): Promise<PartitionResult[]> {
  return Promise.all(
    topic.partitions.map(async ({ partitionIndex, offset }) => {
      const at = { topic: topic.name, partition: partitionIndex, offset, timeoutMs };
      const outcome = await services.replicas.deleteRecords(at);
      return outcome.ok
        ? { partitionIndex, lowWatermark: outcome.value, errorCode: ErrorCode.NONE }
        : refusedPartition(partitionIndex, outcome.code);
    }),
  );
}

function refusedPartition(partitionIndex: number, errorCode: number): PartitionResult {
  return { partitionIndex, lowWatermark: NO_LOW_WATERMARK, errorCode };
}
