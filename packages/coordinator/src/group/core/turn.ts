/** What the functions of a group shard work with during one input. */
import { refuse } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Refusal } from '@odradek/base';
import type { ClassicGroup, Member } from './classic/group.ts';
import type { GroupConfig } from './config.ts';
import type { ConsumerGroup } from './consumer/group.ts';
import type { GroupOut, GroupValue, OpId } from './kinds.ts';
import type { Offsets } from './offsets.ts';
import type { GroupTopics } from './topics.ts';

export type Turn = {
  /** Classic groups. A group id is in this map or in the other, never in both. */
  readonly groups: Map<string, ClassicGroup>;
  readonly consumers: Map<string, ConsumerGroup>;
  /** By topic name, computed when first needed; dropped when the topic changes. */
  readonly topicHashes: Map<string, bigint>;
  readonly topics: GroupTopics;
  readonly offsets: Offsets;
  readonly config: GroupConfig;
  readonly out: GroupOut;
  /** Bytes that the record of this value takes. */
  readonly recordBytes: (groupId: string, value: GroupValue) => number;
};

/** Keys of timers. The length keeps (a, bc) and (ab, c) apart. */
export const timerKeys = {
  session: (groupId: string, memberId: string): string => `session ${groupId.length} ${groupId} ${memberId}`,
  revocation: (groupId: string, memberId: string): string => `revocation ${groupId.length} ${groupId} ${memberId}`,
  classicJoin: (groupId: string, memberId: string): string => `classicJoin ${groupId.length} ${groupId} ${memberId}`,
  classicSync: (groupId: string, memberId: string): string => `classicSync ${groupId.length} ${groupId} ${memberId}`,
  assign: (groupId: string): string => `assign ${groupId}`,
  regexes: (groupId: string): string => `regexes ${groupId}`,
  join: (groupId: string): string => `join ${groupId}`,
  sync: (groupId: string): string => `sync ${groupId}`,
  expireOffsets: 'expireOffsets',
  /** Of an op that takes several inputs. */
  round: (id: OpId): string => `round ${id}`,
};

/** Groups and offsets that are looked at in one input before others get their turn. */
export const LOOKS_PER_INPUT = 1_000;

export function setSession(turn: Turn, group: ClassicGroup, member: Member, delayMs = member.sessionTimeoutMs): void {
  const { groupId } = group;
  const { memberId } = member;
  turn.out.timer(timerKeys.session(groupId, memberId), delayMs, { kind: 'session', groupId, memberId });
}

export function cancelSession(turn: Turn, group: ClassicGroup, memberId: string): void {
  turn.out.cancel(timerKeys.session(group.groupId, memberId));
}

/** Refuses who is not a member, or is one no longer because another took over its instance id (KIP-345). */
export function checkMember(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
): Refusal | undefined {
  if (groupInstanceId !== null) {
    const current = group.staticMemberId(groupInstanceId);
    if (current === undefined) {
      const why = `group ${group.groupId} has no static member ${groupInstanceId}; join again without a member id`;
      return refuse(ErrorCode.UNKNOWN_MEMBER_ID, why);
    }
    if (current !== memberId) {
      const why = `another client has joined group ${group.groupId} as static member ${groupInstanceId} since; each needs an instance id of its own`;
      return refuse(ErrorCode.FENCED_INSTANCE_ID, why);
    }
  }
  return group.members.has(memberId) ? undefined : unknownMember(group.groupId, memberId);
}

export function unknownMember(groupId: string, memberId: string): Refusal {
  const why = `group ${groupId} has no member '${memberId}'; join again without a member id`;
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, why);
}

export function checkGeneration(group: ClassicGroup, generation: number): Refusal | undefined {
  if (generation === group.generation) return undefined;
  const why = `group ${group.groupId} is at generation ${group.generation}, the request is of ${generation}; join again`;
  return refuse(ErrorCode.ILLEGAL_GENERATION, why);
}

export function invalidGroupId(): Refusal {
  return refuse(ErrorCode.INVALID_GROUP_ID, 'the group id is empty; name a group');
}

export function rebalancing(groupId: string): Refusal {
  return refuse(ErrorCode.REBALANCE_IN_PROGRESS, `group ${groupId} is rebalancing; join again`);
}
