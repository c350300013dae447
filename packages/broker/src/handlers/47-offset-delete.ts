/** OffsetDelete, key 47, v0: offsets of topics that no member of the group subscribes to. Source: KIP-496. */
import { ErrorCode } from '@odradek/protocol';
import type { OffsetDeleteRequest, ResponseInput } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';
import { exists, nameTopic } from './group-topics.ts';

type Topic = OffsetDeleteRequest['topics'][number];

export const offsetDelete: HandlerOf<47> = {
  needs: (request) => [{ resource: 'group', name: request.groupId, operation: 'delete' }],
  async handle(request, services, caller) {
    const asked = request.topics.map((topic) => ({
      topic,
      named: nameTopic({ name: topic.name, topicId: '' }, 'read', services, caller),
    }));
    const outcome = await services.groups.submit(request.groupId, {
      kind: 'deleteOffsets',
      groupId: request.groupId,
      topics: asked
        .filter(({ named }) => named.code === ErrorCode.NONE)
        .map(({ topic, named }) => ({
          topic: topic.name,
          partitions: topic.partitions
            .map(({ partitionIndex }) => partitionIndex)
            .filter((each) => exists(named, each)),
        })),
    });
    if (!outcome.ok) return refused(outcome.code);
    let at = 0;
    const answers = asked.map(({ topic, named }) => {
      if (named.code !== ErrorCode.NONE) return answered(topic, () => named.code);
      const codes = outcome.value.topics[at]?.partitions ?? [];
      at += 1;
      const byPartition = new Map(codes.map(({ partition, code }) => [partition, code]));
      return answered(topic, (partition) => byPartition.get(partition) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    });
    // A topic of which nothing was asked is not named, as in Kafka.
    const topics = answers.filter(({ partitions }) => partitions.length > 0);
    return { errorCode: ErrorCode.NONE, throttleTimeMs: 0, topics };
  },
  refused: (_request, code) => refused(code),
};

function refused(errorCode: number): ResponseInput<47> {
  return { errorCode, throttleTimeMs: 0, topics: [] };
}

function answered(topic: Topic, codeOf: (partition: number) => number): ResponseInput<47>['topics'][number] {
  return {
    name: topic.name,
    partitions: topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: codeOf(partitionIndex) })),
  };
}
