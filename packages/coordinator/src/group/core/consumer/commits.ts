/**
 * Who may commit and fetch offsets of a consumer group. A member whose epoch is behind may still commit what it was assigned in that epoch
 * or before, and has not lost since (KIP-1251): nobody else can have committed for it in between.
 */
import { refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { CommitOp, FetchOp } from '../kinds.ts';
import type { ConsumerGroup } from './group.ts';
import type { ConsumerMember } from './member.ts';

export function checkCommit(group: ConsumerGroup, op: CommitOp, metadataMax: number): Refusal | undefined {
  const { groupId, memberId, generation: memberEpoch } = op;
  const member = group.members.get(memberId);
  if (memberEpoch < 0 && group.state === 'Empty') return undefined;
  if (member === undefined) return unknownMember(group, memberId);
  if (member.value.classic === null && !op.knowsGroupIdNotFound) {
    const why = `members of the consumer protocol commit with OffsetCommit 9 or later; ${memberId} of group ${groupId} is one`;
    return refuse(ErrorCode.UNSUPPORTED_VERSION, why);
  }
  if (memberEpoch === member.current.epoch) return undefined;
  if (memberEpoch > member.current.epoch) return stale(member, memberEpoch, 'which is yet to come');
  for (const { topic, topicId, partitions } of op.topics)
    for (const { partition, metadata } of partitions) {
      if (metadata !== null && metadata.length > metadataMax) continue;
      const assignedEpoch =
        member.current.assigned.get(topicId)?.get(partition) ?? member.current.revoking.get(topicId)?.get(partition);
      if (assignedEpoch === undefined) return stale(member, memberEpoch, `and owns ${topic}-${partition} no longer`);
      if (memberEpoch < assignedEpoch)
        return stale(member, memberEpoch, `and was assigned ${topic}-${partition} in epoch ${assignedEpoch} only`);
    }
  return undefined;
}

export function checkFetch(group: ConsumerGroup, op: FetchOp): Refusal | undefined {
  const { memberId = null, memberEpoch = -1 } = op;
  if (memberId === null && memberEpoch < 0) return undefined;
  const member = group.members.get(memberId ?? '');
  if (member === undefined) return unknownMember(group, memberId ?? '');
  return memberEpoch === member.current.epoch ? undefined : stale(member, memberEpoch, 'which is not this one');
}

function unknownMember(group: ConsumerGroup, memberId: string): Refusal {
  const why =
    memberId === ''
      ? `group ${group.groupId} has members; only they may commit until it is empty`
      : `group ${group.groupId} has no member '${memberId}'; join with epoch 0`;
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, why);
}

function stale({ memberId, value, current }: ConsumerMember, memberEpoch: number, more: string): Refusal {
  const code = value.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
  return refuse(code, `member ${memberId} is at epoch ${current.epoch}, the request is of ${memberEpoch}, ${more}`);
}
