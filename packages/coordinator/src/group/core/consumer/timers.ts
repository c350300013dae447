/** The timers of one member of a consumer group. */
import { timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';
import type { ConsumerMember } from './member.ts';

export function setSession(turn: Turn, group: ConsumerGroup, member: ConsumerMember): void {
  const { groupId } = group;
  const { memberId } = member;
  const delayMs = sessionTimeoutMs(turn, group, member);
  turn.out.timer(timerKeys.session(groupId, memberId), delayMs, { kind: 'consumerSession', groupId, memberId });
}

/** A classic member keeps the one that it joined with. */
export function sessionTimeoutMs(turn: Turn, group: ConsumerGroup, member: ConsumerMember): number {
  return member.value.classic?.sessionTimeoutMs ?? turn.config.consumer.ofGroup(group.groupId).sessionTimeoutMs;
}

export function setRevocation(turn: Turn, group: ConsumerGroup, member: ConsumerMember): void {
  const { groupId } = group;
  const { memberId, current, value } = member;
  turn.out.timer(timerKeys.revocation(groupId, memberId), value.rebalanceTimeoutMs, {
    kind: 'revocation',
    groupId,
    memberId,
    memberEpoch: current.epoch,
  });
}

export function cancelTimers(turn: Turn, group: ConsumerGroup, memberId: string): void {
  const { groupId } = group;
  turn.out.cancel(timerKeys.session(groupId, memberId));
  turn.out.cancel(timerKeys.revocation(groupId, memberId));
  turn.out.cancel(timerKeys.classicJoin(groupId, memberId));
  turn.out.cancel(timerKeys.classicSync(groupId, memberId));
}
