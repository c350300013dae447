/** JoinGroup: who may join, under which member id, and whether that begins a rebalance. Sources: KIP-345, KIP-394, KIP-800, KIP-814. */
import { ok } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import { NEW_MEMBER_JOIN_TIMEOUT_MS, PENDING_JOINS_MAX } from '../config.ts';
import type { JoinOp, JoinProtocol, JoinReply, OpId, RebalanceReason } from '../kinds.ts';
import { cancelSession, checkMember, invalidGroupId, setSession, timerKeys } from '../turn.ts';
import type { Turn } from '../turn.ts';
import { ClassicGroup, NO_ASSIGNMENT, nameOf } from './group.ts';
import type { Member } from './group.ts';
import {
  answerJoin,
  answerSync,
  dropMember,
  joinedMembers,
  joinedReply,
  maybeCompleteJoin,
  rebalanceOrComplete,
  refusedJoin,
  superseded,
} from './rebalance.ts';
import { rejoining } from './states.ts';

export function join(turn: Turn, op: JoinOp, id: OpId): void {
  const refusal = checkRequest(turn, op);
  if (refusal !== undefined) {
    turn.out.reply(id, ok(refusal));
    return;
  }
  const group = turn.groups.get(op.groupId) ?? new ClassicGroup(op.groupId, turn.out.nowMs);
  if (!hasRoom(turn, group, op.memberId)) {
    dropMember(turn, group, op.memberId);
    const why = `group ${op.groupId} has as many members as group.max.size allows (${turn.config.groupMaxSize})`;
    turn.out.reply(id, ok(refusedJoin('', ErrorCode.GROUP_MAX_SIZE_REACHED, why)));
    maybeCompleteJoin(turn, group);
    return;
  }
  if (op.memberId === '') joinUnknown(turn, group, op, id);
  else joinKnown(turn, group, op, id);
}

function checkRequest(turn: Turn, op: JoinOp): JoinReply | undefined {
  const refused = checkJoin(turn, op);
  if (refused !== undefined) return refused;
  if (op.memberId !== '' && !turn.groups.has(op.groupId)) {
    return refusedJoin(
      op.memberId,
      ErrorCode.UNKNOWN_MEMBER_ID,
      `group ${op.groupId} does not exist; join without a member id`,
    );
  }
  return undefined;
}

/** What can be said without the group. */
export function checkJoin(turn: Turn, op: JoinOp): JoinReply | undefined {
  const { config } = turn;
  if (op.groupId === '') {
    const { code, why } = invalidGroupId();
    return refusedJoin(op.memberId, code, why);
  }
  if (op.sessionTimeoutMs < config.sessionTimeoutMinMs || op.sessionTimeoutMs > config.sessionTimeoutMaxMs) {
    const range = `${config.sessionTimeoutMinMs} to ${config.sessionTimeoutMaxMs}`;
    const why = `session.timeout.ms is ${op.sessionTimeoutMs}; this broker allows ${range} (group.min/max.session.timeout.ms)`;
    return refusedJoin(op.memberId, ErrorCode.INVALID_SESSION_TIMEOUT, why);
  }
  return undefined;
}

/**
 * Whether group.max.size lets this member in. While members join, those that have joined are counted, so that a group above a lowered
 * limit loses the last to come back; a member that is in already always stays.
 */
function hasRoom(turn: Turn, group: ClassicGroup, memberId: string): boolean {
  const max = turn.config.groupMaxSize;
  switch (group.state) {
    case 'Empty':
    case 'Dead':
      return true;
    case 'PreparingRebalance':
      return group.members.get(memberId)?.joining !== undefined || group.joiningCount < max;
    case 'CompletingRebalance':
    case 'Stable':
      return group.members.has(memberId) || group.members.size < max;
  }
}

function joinUnknown(turn: Turn, group: ClassicGroup, op: JoinOp, id: OpId): void {
  const replaced = op.groupInstanceId === null ? undefined : group.staticMemberId(op.groupInstanceId);
  if (!group.understands(op.protocolType, op.protocols)) {
    turn.out.reply(id, ok(inconsistent(group, op, '')));
    return;
  }
  turn.groups.set(group.groupId, group);
  if (replaced !== undefined) {
    returnStatic(turn, group, { op, id, oldMemberId: replaced });
  } else if (op.groupInstanceId !== null || !op.requiresMemberId) {
    addMember(turn, group, { op, id, memberId: op.newMemberId });
  } else {
    giveId(turn, group, op, id);
  }
}

function giveId(turn: Turn, group: ClassicGroup, op: JoinOp, id: OpId): void {
  const { groupId } = group;
  const memberId = op.newMemberId;
  if (group.pendingJoins.size >= PENDING_JOINS_MAX) {
    const [oldest] = group.pendingJoins;
    if (oldest !== undefined) dropMember(turn, group, oldest);
  }
  group.pendingJoins.add(memberId);
  turn.out.timer(timerKeys.session(groupId, memberId), op.sessionTimeoutMs, { kind: 'session', groupId, memberId });
  const why = `join again with the member id given here`;
  turn.out.reply(id, ok(refusedJoin(memberId, ErrorCode.MEMBER_ID_REQUIRED, why)));
}

function joinKnown(turn: Turn, group: ClassicGroup, op: JoinOp, id: OpId): void {
  const { out } = turn;
  if (!group.understands(op.protocolType, op.protocols)) {
    out.reply(id, ok(inconsistent(group, op, op.memberId)));
    return;
  }
  if (group.pendingJoins.has(op.memberId) && op.groupInstanceId === null) {
    addMember(turn, group, { op, id, memberId: op.memberId });
    return;
  }
  const refusal = checkMember(group, op.memberId, op.groupInstanceId);
  const member = group.members.get(op.memberId);
  if (refusal !== undefined || member === undefined) {
    const { code, why } = refusal ?? { code: ErrorCode.UNKNOWN_MEMBER_ID, why: '' };
    out.reply(id, ok(refusedJoin(op.memberId, code, why)));
    return;
  }
  rejoin(turn, group, { op, id, member });
}

function rejoin(turn: Turn, group: ClassicGroup, joining: { op: JoinOp; id: OpId; member: Member }): void {
  const { op, id, member } = joining;
  const changed = !sameProtocols(member.protocols, op.protocols);
  const rule = rejoining[group.state];
  if (rule === 'unknown') {
    const why = `group ${op.groupId} is ${group.state}; join without a member id`;
    turn.out.reply(id, ok(refusedJoin(op.memberId, ErrorCode.UNKNOWN_MEMBER_ID, why)));
    return;
  }
  const wishes = rule === 'repeatUnlessChangedOrLeader' && group.leaderId === member.memberId;
  if (rule !== 'wait' && !changed && !wishes) {
    turn.out.reply(id, ok(joinedReply(group, member.memberId)));
    return;
  }
  superseded(turn, group, member);
  group.setProtocols(member, kept(op.protocols));
  member.rebalanceTimeoutMs = op.rebalanceTimeoutMs;
  member.sessionTimeoutMs = op.sessionTimeoutMs;
  group.setJoining(member, id);
  rebalanceOrComplete(turn, group, rejoinReason({ op, member, changed, wishes }));
}

/** undefined for a member that only comes back because it was asked to. */
function rejoinReason(of: {
  op: JoinOp;
  member: Member;
  changed: boolean;
  wishes: boolean;
}): RebalanceReason | undefined {
  if (!of.changed && !of.wishes) return undefined;
  const cause = of.changed ? 'subscription' : 'leader';
  const does = of.changed ? 'subscribes to something else' : 'asked for it as the leader';
  return { cause, who: nameOf(of.member), why: `member ${of.member.memberId} ${does}${clientReason(of.op)}` };
}

function addMember(turn: Turn, group: ClassicGroup, joining: { op: JoinOp; id: OpId; memberId: string }): void {
  const { op, id, memberId } = joining;
  if (group.members.size === 0) group.protocolType = op.protocolType;
  if (group.state === 'PreparingRebalance' && group.initialRebalance) group.newMemberAdded = true;
  const member: Member = {
    memberId,
    groupInstanceId: op.groupInstanceId,
    clientId: op.clientId,
    clientHost: op.clientHost,
    sessionTimeoutMs: op.sessionTimeoutMs,
    rebalanceTimeoutMs: op.rebalanceTimeoutMs,
    protocols: kept(op.protocols),
    assignment: NO_ASSIGNMENT,
    isNew: true,
    joining: id,
    syncing: undefined,
  };
  group.add(member);
  // It does not know its id before it is answered, so it cannot beat; a client that gives up and comes anew must not leave it for ever.
  setSession(turn, group, member, NEW_MEMBER_JOIN_TIMEOUT_MS);
  const as = op.groupInstanceId === null ? '' : ` as ${op.groupInstanceId}`;
  const why = `member ${memberId} joined${as}${clientReason(op)}`;
  rebalanceOrComplete(turn, group, { cause: 'joined', who: nameOf(member), why });
}

/** A static member restarted. In a stable group whose protocol stays the same it takes its old place, and nobody else notices. */
function returnStatic(turn: Turn, group: ClassicGroup, joining: { op: JoinOp; id: OpId; oldMemberId: string }): void {
  const { op, id, oldMemberId } = joining;
  const old = group.members.get(oldMemberId);
  if (old === undefined) return addMember(turn, group, { op, id, memberId: op.newMemberId });
  const leaderBefore = group.leaderId ?? '';
  fence(turn, group, old);
  cancelSession(turn, group, oldMemberId);
  const member = group.replaceStatic(old, op.newMemberId);
  member.clientId = op.clientId;
  member.clientHost = op.clientHost;
  member.rebalanceTimeoutMs = op.rebalanceTimeoutMs;
  member.sessionTimeoutMs = op.sessionTimeoutMs;
  group.setProtocols(member, kept(op.protocols));
  setSession(turn, group, member);
  const keepsPlace = group.state === 'Stable' && group.selectProtocol() === group.protocolName;
  if (keepsPlace && recordStatic(turn, group)) {
    turn.out.reply(id, ok(returnedReply(group, op, leaderBefore)));
    return;
  }
  group.setJoining(member, id);
  const why = `static member ${op.groupInstanceId ?? ''} came back as ${op.newMemberId}${clientReason(op)}`;
  rebalanceOrComplete(turn, group, { cause: 'returned', who: nameOf(member), why });
}

function fence(turn: Turn, group: ClassicGroup, old: Member): void {
  const why = `another client has joined as static member ${old.groupInstanceId ?? ''}`;
  answerJoin(turn, group, old, refusedJoin(old.memberId, ErrorCode.FENCED_INSTANCE_ID, why));
  answerSync(turn, old, { ok: false, code: ErrorCode.FENCED_INSTANCE_ID, why });
}

/** @returns false, and writes nothing, when the group has outgrown what a record may hold */
function recordStatic(turn: Turn, group: ClassicGroup): boolean {
  const { groupId } = group;
  const assignments = new Map(Array.from(group.members.values(), (member) => [member.memberId, member.assignment]));
  const value = group.value(assignments, turn.out.nowMs);
  if (turn.recordBytes(groupId, value) > turn.config.recordBytesMax) return false;
  turn.out.write({ kind: 'group', groupId, value });
  return true;
}

/**
 * A leader that comes back must not assign again. From JoinGroup 9 it is told so; before, it hears its old id as the leader's, so that it
 * takes itself for a follower.
 */
function returnedReply(group: ClassicGroup, op: JoinOp, leaderBefore: string): JoinReply {
  const leads = group.leaderId === op.newMemberId;
  const reply = joinedReply(group, op.newMemberId);
  if (op.canSkipAssignment) return { ...reply, skipAssignment: leads, members: leads ? joinedMembers(group) : [] };
  return { ...reply, leader: leaderBefore, members: [] };
}

function inconsistent(group: ClassicGroup, op: JoinOp, memberId: string): JoinReply {
  const theirs = `${op.protocolType || '(none)'}: ${op.protocols.map((protocol) => protocol.name).join(', ') || '(none)'}`;
  const why = `the members of group ${group.groupId} (${group.protocolType ?? 'no protocol'}) do not all understand ${theirs}`;
  return refusedJoin(memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, why);
}

function sameProtocols(a: readonly JoinProtocol[], b: readonly JoinProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, at) => protocol.name === b[at]?.name && protocol.metadata.equals(b[at].metadata))
  );
}

/** Copies what is kept, so that a few bytes do not hold the whole frame that they came in. */
function kept(protocols: readonly JoinProtocol[]): JoinProtocol[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }));
}

function clientReason(op: JoinOp): string {
  return op.reason === null || op.reason === '' ? '' : ` (client: ${op.reason.slice(0, REASON_CHARS_MAX)})`;
}

/** A client's reason goes into log lines; KIP-800 bounds it to this. */
const REASON_CHARS_MAX = 255;
