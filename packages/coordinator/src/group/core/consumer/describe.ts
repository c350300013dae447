/** What is told of a consumer group: ConsumerGroupDescribe. */
import { ok, refuse } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { OpId } from '../kinds.ts';
import type { GroupTopics } from '../topics.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';
import type { DescribedConsumerGroup, NamedPartitions } from './kinds.ts';
import { toTopicPartitions } from './member.ts';
import type { ConsumerMember, OwnedPartitions } from './member.ts';

/** ListGroups' words for groups of this kind. */
export const CONSUMER_TYPE = 'consumer';
export const CONSUMER_PROTOCOL = 'consumer';

export function consumerDescribe(turn: Turn, groupId: string, id: OpId): void {
  const group = turn.consumers.get(groupId);
  if (group !== undefined) {
    turn.out.reply(id, ok(describe(turn, group)));
    return;
  }
  const why = turn.groups.has(groupId) ? `group ${groupId} is not a consumer group` : `group ${groupId} does not exist`;
  turn.out.reply(id, refuse(ErrorCode.GROUP_ID_NOT_FOUND, why));
}

function describe(turn: Turn, group: ConsumerGroup): DescribedConsumerGroup {
  return {
    groupId: group.groupId,
    state: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.preferredAssignor(turn.config.consumer.assignors),
    members: Array.from(group.members.values(), (member) => describeMember(turn.topics, group, member)),
  };
}

function describeMember(
  topics: GroupTopics,
  group: ConsumerGroup,
  member: ConsumerMember,
): DescribedConsumerGroup['members'][number] {
  const { memberId, value, current } = member;
  return {
    memberId,
    groupInstanceId: value.groupInstanceId,
    rackId: value.rackId,
    memberEpoch: current.epoch,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: value.subscribedTopicNames,
    subscribedTopicRegex: value.subscribedTopicRegex,
    assignment: named(topics, together(current.assigned, current.revoking)),
    targetAssignment: named(topics, group.targetOf(memberId)),
    isClassic: value.classic !== null,
  };
}

/** What a member has not given back yet is still its own. */
function together(assigned: OwnedPartitions, revoking: OwnedPartitions): OwnedPartitions {
  if (revoking.size === 0) return assigned;
  const all = new Map(assigned);
  for (const [topicId, partitions] of revoking)
    all.set(topicId, new Map([...(assigned.get(topicId) ?? []), ...partitions]));
  return all;
}

/** Topics that are no more have no name, and are left out. */
function named(topics: GroupTopics, owned: ReadonlyMap<string, { keys(): Iterable<number> }>): NamedPartitions {
  return toTopicPartitions(owned).flatMap(({ topicId, partitions }) => {
    const topic = topics.byId(topicId);
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions }];
  });
}
