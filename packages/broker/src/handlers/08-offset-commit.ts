/**
 * OffsetCommit, key 8, v2-10. Answered once the offsets are committed in `__consumer_offsets`. Topics that do not exist, or that the caller
 * may not read, have their own code; the others are stored. Sources: KIP-211 (retention), KIP-320 (leader epochs), KIP-848 (topic ids).
 */
import type { GroupOpOf } from '@odradek/coordinator';
import { ErrorCode } from '@odradek/protocol';
import type { OffsetCommitRequest, ResponseInput } from '@odradek/protocol';
import type { HandlerOf } from './context.ts';
import { exists, nameTopic } from './group-topics.ts';
import type { NamedTopic } from './group-topics.ts';

type Topic = OffsetCommitRequest['topics'][number];

/** Retention stands in these versions only; later the broker's configuration alone counts. */
const RETENTION_VERSION_MAX = 4;
const GROUP_ID_NOT_FOUND_VERSION = 9;

export const offsetCommit: HandlerOf<8> = {
  needs: (request) => [{ resource: 'group', name: request.groupId, operation: 'read' }],
  async handle(request, services, caller) {
    const asked = request.topics.map((topic) => ({ topic, named: nameTopic(topic, 'read', services, caller) }));
    const outcome = await services.groups.submit(request.groupId, {
      kind: 'commit',
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generation: request.generationIdOrMemberEpoch,
      retentionMs: caller.apiVersion <= RETENTION_VERSION_MAX ? request.retentionTimeMs : -1,
      knowsGroupIdNotFound: caller.apiVersion >= GROUP_ID_NOT_FOUND_VERSION,
      topics: asked
        .filter(({ named }) => named.code === ErrorCode.NONE)
        .map(({ topic, named }) => stored(topic, named)),
    });
    let at = 0;
    const topics = asked.map(({ topic, named }) => {
      if (named.code !== ErrorCode.NONE) return answered(topic, () => named.code);
      const codes = outcome.ok ? (outcome.value.topics[at]?.partitions ?? []) : [];
      at += 1;
      const byPartition = new Map(codes.map(({ partition, code }) => [partition, code]));
      const whole = outcome.ok ? undefined : outcome.code;
      return answered(topic, (partition) =>
        exists(named, partition) && whole !== undefined
          ? whole
          : (byPartition.get(partition) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
      );
    });
    return { topics };
  },
  refused: (request, code) => ({ topics: request.topics.map((topic) => answered(topic, () => code)) }),
};

function stored(topic: Topic, named: NamedTopic): GroupOpOf<'commit'>['topics'][number] {
  return {
    topic: named.topic,
    topicId: named.topicId,
    partitions: topic.partitions
      .filter(({ partitionIndex }) => exists(named, partitionIndex))
      .map((partition) => ({
        partition: partition.partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata,
      })),
  };
}

function answered(topic: Topic, codeOf: (partition: number) => number): ResponseInput<8>['topics'][number] {
  return {
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: codeOf(partitionIndex) })),
  };
}
