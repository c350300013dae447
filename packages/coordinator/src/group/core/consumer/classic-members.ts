/**
 * Members that speak the classic protocol in a consumer group (KIP-848 migration), once they have joined: a SyncGroup fetches what the member owns
 * now, and REBALANCE_IN_PROGRESS sends it back to join when there is something to give back or to get. Codes are those of Kafka 4.3
 * (GroupMetadataManager.classicGroup…ToConsumerGroup).
 */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { CONSUMER_PROTOCOL_TYPE } from '../classic/group.ts';
import type { GroupOps, LeaveOp, LeaveReply, LeavingMember, OpId, SyncOp, SyncReply } from '../kinds.ts';
import { rebalancing, timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import { assignmentFor } from './convert.ts';
import type { ConsumerGroup } from './group.ts';
import { preferredOf } from './member.ts';
import type { ConsumerMember } from './member.ts';
import { findStatic, lose, notMember, removeMembers } from './members.ts';
import { because, maybeUpdateTarget, refreshMetadata } from './target.ts';
import { setSession } from './timers.ts';

/** A client's reason goes into log lines; KIP-800 bounds it to this. */
const REASON_CHARS_MAX = 255;

/** Once told to join again a member has its rebalance timeout for it; beating meanwhile does not prolong that. */
function awaitJoin(turn: Turn, group: ConsumerGroup, member: ConsumerMember): void {
  if (member.isJoinAwaited) return;
  member.isJoinAwaited = true;
  const { groupId } = group;
  const { memberId, value } = member;
  const kind = 'classicJoin';
  turn.out.timer(timerKeys.classicJoin(groupId, memberId), value.rebalanceTimeoutMs, { kind, groupId, memberId });
}

export function classicSync(turn: Turn, group: ConsumerGroup, op: SyncOp, id: OpId): void {
  turn.out.reply(id, synced(turn, group, op));
}

function synced(turn: Turn, group: ConsumerGroup, op: SyncOp): Outcome<SyncReply> {
  const found = findMember(group, op);
  if (!found.ok) return found;
  const member = found.value;
  const { memberId, current } = member;
  const preferred = preferredOf(member);
  const { protocolType, protocolName } = op;
  if (
    (protocolType ?? CONSUMER_PROTOCOL_TYPE) !== CONSUMER_PROTOCOL_TYPE ||
    (protocolName ?? preferred.name) !== preferred.name
  ) {
    const why = `member ${memberId} joined with ${CONSUMER_PROTOCOL_TYPE}/${preferred.name}, not with ${protocolType ?? ''}/${protocolName ?? ''}`;
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why);
  }
  // One that has to give back partitions first hears which ones by its assignment.
  if (group.assignmentEpoch > current.epoch && current.state !== 'unrevoked') {
    awaitJoin(turn, group, member);
    return rebalancing(group.groupId);
  }
  turn.out.cancel(timerKeys.classicSync(group.groupId, memberId));
  setSession(turn, group, member);
  const owned = Array.from(current.assigned, ([topicId, epochs]): [string, Iterable<number>] => [
    topicId,
    epochs.keys(),
  ]);
  return ok({ protocolType, protocolName, assignment: assignmentFor(turn.topics, new Map(owned), preferred.metadata) });
}

export function classicHeartbeat(turn: Turn, group: ConsumerGroup, op: GroupOps['heartbeat']['op'], id: OpId): void {
  turn.out.reply(id, beaten(turn, group, op));
}

function beaten(turn: Turn, group: ConsumerGroup, op: GroupOps['heartbeat']['op']): Outcome<null> {
  const found = findMember(group, op);
  if (!found.ok) return found;
  const member = found.value;
  setSession(turn, group, member);
  if (group.classicCount === group.members.size) keepMoving(turn, group);
  if (!hasToJoin(group, member)) return ok(null);
  awaitJoin(turn, group, member);
  return rebalancing(group.groupId);
}

/**
 * Heartbeats of the consumer protocol see to it that a group has a target. Where there are none, as under the policy `upgrade`, those of classic
 * members do, or what somebody left behind would be nobody's until the next join, as it is in Kafka.
 */
function keepMoving(turn: Turn, group: ConsumerGroup): void {
  if (group.metadataStale) refreshMetadata(turn, group, undefined);
  maybeUpdateTarget(turn, group);
}

/** There is a new target, something to give back, or all that it waited for has been given back by others. */
function hasToJoin(group: ConsumerGroup, { memberId, current }: ConsumerMember): boolean {
  if (current.epoch < group.assignmentEpoch || current.state === 'unrevoked') return true;
  if (current.state !== 'unreleased') return false;
  for (const [topicId, partitions] of group.targetOf(memberId))
    for (const partition of partitions) if ((group.ownerOf(topicId, partition) ?? memberId) !== memberId) return false;
  return true;
}

type Asking = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generation: number;
};

function findMember(group: ConsumerGroup, op: Asking): Outcome<ConsumerMember> {
  const found = findNamed(group, op);
  if (!found.ok) return found;
  const { value, current } = found.value;
  if (value.classic === null) {
    const why = `member ${op.memberId} of group ${group.groupId} speaks the consumer protocol`;
    return refuse(ErrorCode.UNKNOWN_MEMBER_ID, why);
  }
  if (op.generation === current.epoch) return found;
  const why = `member ${op.memberId} of group ${group.groupId} is at generation ${current.epoch}, the request is of ${op.generation}; join again`;
  return refuse(ErrorCode.ILLEGAL_GENERATION, why);
}

function findNamed(
  group: ConsumerGroup,
  { memberId, groupInstanceId }: { readonly memberId: string; readonly groupInstanceId: string | null },
): Outcome<ConsumerMember> {
  if (groupInstanceId !== null) return findStatic(group, groupInstanceId, memberId);
  const member = group.members.get(memberId);
  return member === undefined ? notMember(group, memberId) : ok(member);
}

/** Members of either protocol: an admin client removes static ones of both in this way. */
export function classicLeave(turn: Turn, group: ConsumerGroup, op: LeaveOp, id: OpId): void {
  const leaving = new Map<ConsumerMember, string>();
  const members = op.members.map((one) => {
    const { memberId, groupInstanceId } = one;
    const found = findLeaving(group, one);
    if (!found.ok) return { memberId, groupInstanceId, code: found.code };
    const said = one.reason === null || one.reason === '' ? '' : ` (client: ${one.reason.slice(0, REASON_CHARS_MAX)})`;
    leaving.set(found.value, `${found.value.memberId}${said}`);
    return { memberId, groupInstanceId, code: ErrorCode.NONE };
  });
  const reply: LeaveReply = { members };
  turn.out.reply(id, ok(reply));
  const [first] = leaving.keys();
  if (first === undefined) return;
  const why = `left: ${Array.from(leaving.values()).join('; ')}`;
  removeMembers(turn, group, Array.from(leaving.keys()), because('left', first, why));
}

function findLeaving(group: ConsumerGroup, leaving: LeavingMember): Outcome<ConsumerMember> {
  const { memberId, groupInstanceId } = leaving;
  const byInstance = memberId === '' && groupInstanceId !== null ? group.staticMember(groupInstanceId) : undefined;
  return byInstance === undefined ? findNamed(group, leaving) : ok(byInstance);
}

/** A classic member was told to join again, or had joined, and has not done what comes next within its rebalance timeout. */
export function classicOver(
  turn: Turn,
  group: ConsumerGroup,
  kind: 'classicJoin' | 'classicSync',
  memberId: string,
): void {
  const member = group.members.get(memberId);
  if (member === undefined || member.value.classic === null) return;
  const undone = kind === 'classicJoin' ? 'join again' : 'ask for its assignment';
  const why = `${memberId} did not ${undone} within its rebalance timeout of ${member.value.rebalanceTimeoutMs} ms`;
  lose(turn, group, member, because('late', member, why));
}
