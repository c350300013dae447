/** SyncGroup: the leader says who gets what, the others wait for it. What is said is written first and handed out once committed. */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { OpId, SyncOp, SyncReply } from '../kinds.ts';
import {
  checkGeneration,
  checkMember,
  invalidGroupId,
  rebalancing,
  setSession,
  timerKeys,
  unknownMember,
} from '../turn.ts';
import type { Turn } from '../turn.ts';
import { countMoved } from '../insight/assignments.ts';
import type { ClassicGroup, Member } from './group.ts';
import { answerSync, prepareRebalance } from './rebalance.ts';
import { served } from './states.ts';

export function sync(turn: Turn, op: SyncOp, id: OpId): void {
  const { out } = turn;
  const group = turn.groups.get(op.groupId);
  const member = group?.members.get(op.memberId);
  const refusal = op.groupId === '' ? invalidGroupId() : checkSync(group, op);
  if (refusal !== undefined || group === undefined || member === undefined) {
    out.reply(id, refusal ?? unknownMember(op.groupId, op.memberId));
    return;
  }
  group.pendingSyncs.delete(member.memberId);
  if (group.pendingSyncs.size === 0) out.cancel(timerKeys.sync(group.groupId));
  if (group.state === 'Stable') {
    out.reply(id, ok(assigned(group, member)));
    return;
  }
  answerSync(turn, member, refuse(ErrorCode.REBALANCE_IN_PROGRESS, 'a later SyncGroup of this member took its place'));
  member.syncing = id;
  if (group.leaderId === member.memberId) assign(turn, group, op);
}

function checkSync(group: ClassicGroup | undefined, op: SyncOp): Outcome<never> | undefined {
  if (group === undefined) return unknownMember(op.groupId, op.memberId);
  const refusal = checkMember(group, op.memberId, op.groupInstanceId) ?? checkGeneration(group, op.generation);
  if (refusal !== undefined) return refusal;
  if (differs(op.protocolType, group.protocolType) || differs(op.protocolName, group.protocolName)) {
    const ours = `${group.protocolType ?? ''}/${group.protocolName ?? ''}`;
    const why = `group ${op.groupId} uses ${ours}, the request says ${op.protocolType ?? ''}/${op.protocolName ?? ''}`;
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why);
  }
  const code = served.sync[group.state];
  if (code === ErrorCode.NONE) return undefined;
  return code === ErrorCode.REBALANCE_IN_PROGRESS
    ? rebalancing(op.groupId)
    : refuse(code, `group ${op.groupId} is ${group.state}; join again`);
}

function differs(said: string | null, ours: string | null): boolean {
  return said !== null && ours !== null && said !== ours;
}

function assign(turn: Turn, group: ClassicGroup, op: SyncOp): void {
  const { out, config } = turn;
  const { groupId } = group;
  const assignments = new Map(op.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]));
  const value = group.value(assignments, out.nowMs);
  const bytes = turn.recordBytes(groupId, value);
  if (bytes > config.recordBytesMax) {
    const why = `the record of group ${groupId} would take ${bytes} bytes, the offsets topic allows ${config.recordBytesMax}; use fewer members or raise max.message.bytes`;
    for (const member of group.members.values()) answerSync(turn, member, refuse(ErrorCode.UNKNOWN_SERVER_ERROR, why));
    prepareRebalance(turn, group, { cause: 'limit', who: null, why });
    return;
  }
  const movedPartitions = group.isConsumerGroup ? countMoved(group.members.values(), assignments) : -1;
  out.write({ kind: 'group', groupId, value });
  for (const member of group.members.values())
    if (answerSync(turn, member, ok(assigned(group, member)))) setSession(turn, group, member);
  const tookMs = Math.max(0, out.nowMs - group.rebalanceStartedMs);
  out.tell({ kind: 'rebalanceDone', groupId, generation: group.generation, tookMs, movedPartitions });
}

function assigned(group: ClassicGroup, member: Member): SyncReply {
  return { protocolType: group.protocolType, protocolName: group.protocolName, assignment: member.assignment };
}
