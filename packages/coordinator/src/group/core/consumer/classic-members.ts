/** Requests of the classic protocol that meet a consumer group with members (KIP-848 migration). */
import { ok } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { refusedJoin } from '../classic/rebalance.ts';
import type { GroupOps, JoinOp, LeaveOp, OpId, SyncOp } from '../kinds.ts';
import { unknownMember } from '../turn.ts';
import type { Turn } from '../turn.ts';
import type { ConsumerGroup } from './group.ts';

export function classicJoin(turn: Turn, group: ConsumerGroup, op: JoinOp, id: OpId): void {
  const why = `group ${group.groupId} has members of the consumer protocol`;
  turn.out.reply(id, ok(refusedJoin(op.memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why)));
}

export function classicSync(turn: Turn, group: ConsumerGroup, op: SyncOp, id: OpId): void {
  turn.out.reply(id, unknownMember(group.groupId, op.memberId));
}

export function classicHeartbeat(turn: Turn, group: ConsumerGroup, op: GroupOps['heartbeat']['op'], id: OpId): void {
  turn.out.reply(id, unknownMember(group.groupId, op.memberId));
}

export function classicLeave(turn: Turn, _group: ConsumerGroup, op: LeaveOp, id: OpId): void {
  const members = op.members.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    code: ErrorCode.UNKNOWN_MEMBER_ID,
  }));
  turn.out.reply(id, ok({ members }));
}

/** A classic member did not join, or not ask for its assignment, in time. */
export function classicOver(
  _turn: Turn,
  _group: ConsumerGroup,
  _kind: 'classicJoin' | 'classicSync',
  _memberId: string,
): void {}
