/** How members show that they live, leave, or are found gone. Sources: KIP-345 (static members), KIP-800 (reasons). */
import { ok, refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { GroupOps, LeaveOp, LeaveReply, LeavingMember, MemberName, OpId, RebalanceReason } from '../kinds.ts';
import { checkGeneration, checkMember, invalidGroupId, rebalancing, setSession, unknownMember } from '../turn.ts';
import type { Turn } from '../turn.ts';
import { nameOf } from './group.ts';
import type { ClassicGroup } from './group.ts';
import { dropMember, maybeCompleteJoin, rebalanceOrComplete } from './rebalance.ts';
import { afterLoss, served } from './states.ts';

export function heartbeat(turn: Turn, op: GroupOps['heartbeat']['op'], id: OpId): void {
  const group = turn.groups.get(op.groupId);
  const member = group?.members.get(op.memberId);
  const refusal = op.groupId === '' ? invalidGroupId() : checkBeat(group, op);
  if (refusal !== undefined || group === undefined || member === undefined) {
    turn.out.reply(id, refusal ?? unknownMember(op.groupId, op.memberId));
    return;
  }
  setSession(turn, group, member);
  const code = served.heartbeat[group.state];
  if (code === ErrorCode.NONE) turn.out.reply(id, ok(null));
  else
    turn.out.reply(id, code === ErrorCode.REBALANCE_IN_PROGRESS ? rebalancing(op.groupId) : refuse(code, group.state));
}

function checkBeat(group: ClassicGroup | undefined, op: GroupOps['heartbeat']['op']): Refusal | undefined {
  if (group === undefined) return unknownMember(op.groupId, op.memberId);
  return checkMember(group, op.memberId, op.groupInstanceId) ?? checkGeneration(group, op.generation);
}

export function leave(turn: Turn, op: LeaveOp, id: OpId): void {
  const group = turn.groups.get(op.groupId);
  if (op.groupId === '') {
    turn.out.reply(id, invalidGroupId());
    return;
  }
  const before = group?.members.size ?? 0;
  const left: Left[] = [];
  const members = op.members.map((leaving) => {
    const code = group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : leaveOne(turn, group, leaving, left);
    return { memberId: leaving.memberId, groupInstanceId: leaving.groupInstanceId, code };
  });
  const reply: LeaveReply = { members };
  turn.out.reply(id, ok(reply));
  if (group === undefined || left.length === 0) return;
  if (group.members.size === before) pendingLost(turn, group);
  else {
    const why = `left: ${left.map(({ text }) => text).join('; ')}`;
    membersLost(turn, group, { cause: 'left', who: left.find(({ who }) => who !== null)?.who ?? null, why });
  }
}

/** `who` null: one that was sent back with an id and had not joined with it. */
type Left = { readonly text: string; readonly who: MemberName | null };

function leaveOne(turn: Turn, group: ClassicGroup, leaving: LeavingMember, left: Left[]): number {
  const { groupInstanceId } = leaving;
  const because = leaving.reason === null || leaving.reason === '' ? '' : ` (client: ${leaving.reason.slice(0, 255)})`;
  if (leaving.memberId === '') {
    const memberId = groupInstanceId === null ? undefined : group.staticMemberId(groupInstanceId);
    if (memberId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    left.push({ text: `${memberId}${because}`, who: named(group, memberId) });
    dropMember(turn, group, memberId);
    return ErrorCode.NONE;
  }
  if (!group.pendingJoins.has(leaving.memberId)) {
    const refusal = checkMember(group, leaving.memberId, groupInstanceId);
    if (refusal !== undefined) return refusal.code;
  }
  left.push({ text: `${leaving.memberId}${because}`, who: named(group, leaving.memberId) });
  dropMember(turn, group, leaving.memberId);
  return ErrorCode.NONE;
}

function named(group: ClassicGroup, memberId: string): MemberName | null {
  const member = group.members.get(memberId);
  return member === undefined ? null : nameOf(member);
}

/** No sign of life within the session timeout (or, for one that was sent back with an id, no second join). */
export function sessionOver(turn: Turn, group: ClassicGroup, memberId: string): void {
  if (group.pendingJoins.has(memberId)) {
    dropMember(turn, group, memberId);
    pendingLost(turn, group);
    return;
  }
  const member = group.members.get(memberId);
  if (member === undefined) return;
  // A member that waits for an answer shows its life by its connection; its session begins anew with the answer.
  const waits = member.joining !== undefined || member.syncing !== undefined;
  if (waits && !member.isNew) return;
  dropMember(turn, group, memberId);
  const limit = member.isNew
    ? 'the join of a new member may wait'
    : `its session timeout of ${member.sessionTimeoutMs} ms`;
  const why = `${memberId} was silent for longer than ${limit}`;
  membersLost(turn, group, { cause: 'silent', who: nameOf(member), why });
}

function membersLost(turn: Turn, group: ClassicGroup, reason: RebalanceReason): void {
  switch (afterLoss[group.state]) {
    case 'rebalance':
    case 'completeIfAllJoined':
      rebalanceOrComplete(turn, group, reason);
      break;
    case 'nothing':
      break;
  }
}

/** One that was sent back with an id does not come: a join phase need not wait for it, and a group that was made for it alone goes. */
function pendingLost(turn: Turn, group: ClassicGroup): void {
  maybeCompleteJoin(turn, group);
  if (group.isForgettable && !turn.offsets.hasAny(group.groupId)) turn.groups.delete(group.groupId);
}
