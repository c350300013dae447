/** How members of a consumer group own and give back, leave, are replaced, or are found gone. Sources: KIP-848, KIP-345. */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { clip } from '../insight/rebalance.ts';
import type { RebalanceReason } from '../kinds.ts';
import { timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import { downgrade, mayDowngrade } from './convert.ts';
import type { ConsumerGroup } from './group.ts';
import type { ConsumerHeartbeatOp, ConsumerHeartbeatReply, TopicPartitions } from './kinds.ts';
import {
  AWAY_EPOCH,
  JOINING_EPOCH,
  NOTHING_OWNED,
  nameOf,
  regexOf,
  toCurrentValue,
  toTopicPartitions,
} from './member.ts';
import type { ConsumerMember, OwnedPartitions } from './member.ts';
import { reconcile, sameOwned } from './reconcile.ts';
import { served } from './states.ts';
import { because, bumpEpoch, cancelTarget, hashOf } from './target.ts';
import { cancelTimers, sessionTimeoutMs, setRevocation } from './timers.ts';

/** @returns whether what the member owns has changed, so that it has to hear of it */
export function reconcileMember(
  turn: Turn,
  group: ConsumerGroup,
  member: ConsumerMember,
  said: { readonly owned: TopicPartitions | null; readonly subscriptionChanged: boolean },
): boolean {
  if (!said.subscriptionChanged && group.isReconciled(member)) return false;
  const { memberId, current } = member;
  const next = reconcile({
    ...said,
    current,
    target: group.targetOf(memberId),
    targetEpoch: group.assignmentEpoch,
    isSubscribed: (topicId) => {
      const topic = turn.topics.byId(topicId);
      return topic !== undefined && group.isSubscribed(member, topic.name);
    },
    isTaken: (topicId, partition) => (group.ownerOf(topicId, partition) ?? memberId) !== memberId,
  });
  assert(next !== undefined, 'a member of an unknown state is fenced before it is reconciled', { memberId });
  if (next === current) return false;
  const { groupId } = group;
  turn.out.write({ kind: 'currentAssignment', groupId, memberId, value: toCurrentValue(next) });
  if (next.state === 'unrevoked' && member.value.classic === null) setRevocation(turn, group, member);
  else turn.out.cancel(timerKeys.revocation(groupId, memberId));
  maybeTellStable(turn, group, memberId);
  return !sameOwned(current.assigned, next.assigned);
}

function maybeTellStable(turn: Turn, group: ConsumerGroup, slowestMemberId: string): void {
  if (group.rebalance === undefined || group.state !== 'Stable') return;
  const { groupId, epoch: groupEpoch } = group;
  const tookMs = Math.max(0, turn.out.nowMs - group.rebalance.sinceMs);
  group.rebalance = undefined;
  const member = group.members.get(slowestMemberId);
  const slowest = member === undefined ? {} : { slowest: nameOf(member) };
  turn.out.tell({ kind: 'groupReconciled', groupId, groupEpoch, tookMs, slowestMemberId, ...slowest });
}

/** A static member came back under a new member id: the same member, in the same place, with all that it owned. */
export function replaceStatic(turn: Turn, group: ConsumerGroup, old: ConsumerMember, newMemberId: string): void {
  const { out } = turn;
  const { groupId } = group;
  const target = group.targets.get(old.memberId);
  // Removing it takes what it owns from it.
  const { current } = old;
  removeMember(turn, group, old.memberId);
  cancelTimers(turn, group, old.memberId);
  out.write({ kind: 'consumerMember', groupId, memberId: newMemberId, value: old.value });
  if (target !== undefined)
    out.write({ kind: 'targetMember', groupId, memberId: newMemberId, value: toTopicPartitions(target) });
  const value = toCurrentValue({ ...current, epoch: JOINING_EPOCH, previousEpoch: JOINING_EPOCH });
  out.write({ kind: 'currentAssignment', groupId, memberId: newMemberId, value });
}

export function leave(turn: Turn, op: ConsumerHeartbeatOp): Outcome<ConsumerHeartbeatReply> {
  const group = turn.consumers.get(op.groupId);
  if (group === undefined) return consumerGroupNotFound(turn, op.groupId);
  const found = findLeaving(group, op);
  if (!found.ok) return found;
  const member = found.value;
  if (op.memberEpoch === AWAY_EPOCH && op.groupInstanceId !== null) goAway(turn, group, member);
  else removeMembers(turn, group, [member], because('left', member, `${member.memberId} left`));
  const { memberId } = member;
  return ok({ memberId, memberEpoch: op.memberEpoch, heartbeatIntervalMs: 0, assignment: null });
}

function findLeaving(group: ConsumerGroup, op: ConsumerHeartbeatOp): Outcome<ConsumerMember> {
  const { groupInstanceId, memberId } = op;
  if (groupInstanceId !== null) return findStatic(group, groupInstanceId, memberId);
  const member = group.members.get(memberId);
  return member === undefined ? notMember(group, memberId) : ok(member);
}

/** The member of that instance id, if it is the one that asks. */
export function findStatic(group: ConsumerGroup, groupInstanceId: string, memberId: string): Outcome<ConsumerMember> {
  const member = group.staticMember(groupInstanceId);
  if (member === undefined) {
    const why = `group ${group.groupId} has no static member ${groupInstanceId}; join with epoch 0`;
    return refuse(ErrorCode.UNKNOWN_MEMBER_ID, why);
  }
  if (member.memberId === memberId) return ok(member);
  const why = `${member.memberId} is static member ${groupInstanceId} of group ${group.groupId} now; each client needs an instance id of its own`;
  return refuse(ErrorCode.FENCED_INSTANCE_ID, why);
}

/** A static member that restarts: it keeps its partitions until its session is over, and no rebalance begins. */
function goAway(turn: Turn, group: ConsumerGroup, member: ConsumerMember): void {
  const { groupId } = group;
  const { memberId, current } = member;
  const assigned = new Map(
    Array.from(current.assigned, ([topicId, epochs]) => [topicId, new Map(Array.from(epochs.keys(), (p) => [p, 0]))]),
  ) as OwnedPartitions;
  const away = { ...current, epoch: AWAY_EPOCH, assigned, revoking: NOTHING_OWNED };
  turn.out.write({ kind: 'currentAssignment', groupId, memberId, value: toCurrentValue(away) });
  turn.out.cancel(timerKeys.revocation(groupId, memberId));
}

/** No heartbeat within the session timeout. */
export function sessionOver(turn: Turn, group: ConsumerGroup, memberId: string): void {
  const member = group.members.get(memberId);
  if (member === undefined) return;
  const why = `${memberId} was silent for longer than its session timeout of ${sessionTimeoutMs(turn, group, member)} ms`;
  lose(turn, group, member, because('silent', member, why));
}

/** What was asked back was not given back within the member's rebalance timeout. */
export function revocationOver(turn: Turn, group: ConsumerGroup, memberId: string, memberEpoch: number): void {
  const member = group.members.get(memberId);
  if (member === undefined || member.current.epoch !== memberEpoch || member.current.state !== 'unrevoked') return;
  const why = `${memberId} did not give back its partitions within its rebalance timeout of ${member.value.rebalanceTimeoutMs} ms`;
  lose(turn, group, member, because('late', member, why));
}

export function lose(turn: Turn, group: ConsumerGroup, member: ConsumerMember, reason: RebalanceReason): void {
  const { memberId, groupInstanceId, clientId, clientHost } = nameOf(member);
  const { cause } = reason;
  const why = clip(reason.why);
  const { groupId } = group;
  turn.out.tell({ kind: 'memberLost', groupId, memberId, clientId, groupInstanceId, clientHost, cause, why });
  removeMembers(turn, group, [member], reason);
}

/** Takes members out and bumps the epoch; what they owned is free at once. */
export function removeMembers(
  turn: Turn,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  reason: RebalanceReason,
): void {
  const { out } = turn;
  const { groupId } = group;
  for (const { memberId } of members) cancelTimers(turn, group, memberId);
  if (mayDowngrade(turn, group, members)) {
    downgrade(turn, group, { leaving: members, reason });
    return;
  }
  for (const { memberId } of members) removeMember(turn, group, memberId);
  for (const { value } of members) forgetRegex(turn, group, regexOf(value));
  bumpEpoch(turn, group, hashOf(turn, group.subscribedTopics), reason);
  if (group.members.size > 0) return;
  group.rebalance = undefined;
  group.emptySinceMs = out.nowMs;
  cancelTarget(turn, group);
  out.cancel(timerKeys.regexes(groupId));
  out.tell({ kind: 'groupEmptied', groupId, generation: group.epoch });
}

/** The topics of a regular expression that nobody subscribes with any more. */
export function forgetRegex(turn: Turn, group: ConsumerGroup, regex: string | undefined): void {
  if (regex === undefined || group.regexCounts.has(regex) || !group.resolved.has(regex)) return;
  turn.out.write({ kind: 'resolvedRegex', groupId: group.groupId, regex, value: null });
}

export function removeMember(turn: Turn, group: ConsumerGroup, memberId: string): void {
  const { out } = turn;
  const { groupId } = group;
  out.write({ kind: 'currentAssignment', groupId, memberId, value: null });
  out.write({ kind: 'targetMember', groupId, memberId, value: null });
  out.write({ kind: 'consumerMember', groupId, memberId, value: null });
}

export function notMember(group: ConsumerGroup, memberId: string): Refusal {
  const why = `group ${group.groupId} has no member '${memberId}'; join with epoch 0`;
  return refuse(served.strangersBeat[group.state], why);
}

export function consumerGroupNotFound(turn: Turn, groupId: string): Refusal {
  const why = turn.groups.has(groupId)
    ? `group ${groupId} is a classic group; a member of it would speak the classic protocol (group.protocol=classic)`
    : `group ${groupId} does not exist; join with epoch ${JOINING_EPOCH}`;
  return refuse(served.strangersBeat.Dead, why);
}
