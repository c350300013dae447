/**
 * The rounds of a classic group: a rebalance begins, members join until all are there or the time is over, a generation begins, members
 * ask for their assignments. Joins that wait are op ids kept in the group; nothing here waits.
 */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { JoinReply, MemberName, RebalanceReason, SyncReply } from '../kinds.ts';
import { cancelSession, rebalancing, setSession, timerKeys, unknownMember } from '../turn.ts';
import type { Turn } from '../turn.ts';
import { NO_ASSIGNMENT, nameOf } from './group.ts';
import type { ClassicGroup, Member } from './group.ts';
import { transitions } from './states.ts';

/**
 * Begins a rebalance, or when one is under way already, ends its first half if that was all that it waited for.
 * @param reason undefined: a member came back as it was asked to, which is no reason for one
 */
export function rebalanceOrComplete(turn: Turn, group: ClassicGroup, reason: RebalanceReason | undefined): void {
  if (transitions.rebalanceNeeded[group.state] !== undefined && reason !== undefined) {
    prepareRebalance(turn, group, reason);
    return;
  }
  if (reason !== undefined) turn.out.tell({ kind: 'rebalanceJoining', groupId: group.groupId, reason });
  maybeCompleteJoin(turn, group);
}

export function prepareRebalance(turn: Turn, group: ClassicGroup, reason: RebalanceReason): void {
  const { config, out } = turn;
  if (group.state === 'CompletingRebalance') {
    for (const member of group.members.values()) {
      member.assignment = NO_ASSIGNMENT;
      if (answerSync(turn, member, rebalancing(group.groupId))) setSession(turn, group, member);
    }
  }
  endSyncPhase(turn, group);
  group.initialRebalance = group.state === 'Empty';
  group.newMemberAdded = false;
  group.rebalanceStartedMs = out.nowMs;
  group.move('rebalanceNeeded', out.nowMs);
  const { groupId, generation } = group;
  out.tell({ kind: 'rebalanceStarted', groupId, generation, members: group.members.size, reason });
  if (!group.initialRebalance) {
    // Ids that were given out are not waited for by a group that has nobody else.
    if (group.allJoined || group.members.size === 0) completeJoin(turn, group);
    else setJoinTimer(turn, group);
    return;
  }
  const delayMs = config.initialRebalanceDelayMs;
  const remainingMs = Math.max(group.rebalanceTimeoutMs - delayMs, 0);
  out.timer(timerKeys.join(groupId), delayMs, { kind: 'initialJoin', groupId, delayMs, remainingMs });
}

/** Ends the join phase when every member has joined and the first rebalance's delay does not ask for more. */
export function maybeCompleteJoin(turn: Turn, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance' || !group.allJoined) return;
  if (group.initialRebalance && group.members.size > 0) return;
  completeJoin(turn, group);
}

/** The first rebalance's delay is over: it is prolonged while members keep coming, up to the rebalance timeout. */
export function initialDelayOver(
  turn: Turn,
  group: ClassicGroup,
  spent: { readonly delayMs: number; readonly remainingMs: number },
): void {
  if (group.state !== 'PreparingRebalance') return;
  if (!group.newMemberAdded || spent.remainingMs === 0) {
    completeJoin(turn, group);
    return;
  }
  group.newMemberAdded = false;
  const { groupId } = group;
  const delayMs = Math.min(turn.config.initialRebalanceDelayMs, spent.remainingMs);
  const remainingMs = Math.max(spent.remainingMs - delayMs, 0);
  turn.out.timer(timerKeys.join(groupId), delayMs, { kind: 'initialJoin', groupId, delayMs, remainingMs });
}

/** The join phase is over: who has not joined is out (static members keep their place), and a generation begins. */
export function completeJoin(turn: Turn, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance') return;
  const { out } = turn;
  out.cancel(timerKeys.join(group.groupId));
  const initial = group.initialRebalance && turn.config.initialRebalanceDelayMs > 0;
  const lost = removeMissing(turn, group);
  if (group.members.size === 0) {
    beginEmptyGeneration(turn, group);
    return;
  }
  if (!electLeader(group)) {
    setJoinTimer(turn, group, POSTPONED_JOIN_MIN_MS);
    return;
  }
  beginGeneration(turn, group);
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId);
  out.tell({
    kind: 'rebalanceJoined',
    groupId: group.groupId,
    generation: group.generation,
    members: group.members.size,
    protocolName: group.protocolName ?? '',
    tookMs: Math.max(0, out.nowMs - group.rebalanceStartedMs),
    leader: leader === undefined ? null : nameOf(leader),
    last: group.lastJoined === undefined ? null : nameOf(group.lastJoined),
    initial,
    lost,
  });
  group.lastJoined = undefined;
}

/** The time to ask for assignments is over: members that did not are out, and the others rebalance. */
export function syncPhaseOver(turn: Turn, group: ClassicGroup, generation: number): void {
  if (group.generation !== generation || group.pendingSyncs.size === 0) return;
  if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return;
  const silent = Array.from(group.pendingSyncs);
  const first = group.members.get(silent[0] ?? '');
  const timeoutMs = group.rebalanceTimeoutMs;
  for (const memberId of silent) dropMember(turn, group, memberId);
  const why = `${silent.join(', ')} did not ask for an assignment within the rebalance timeout of ${timeoutMs} ms`;
  prepareRebalance(turn, group, { cause: 'late', who: first === undefined ? null : nameOf(first), why });
}

/** Takes a member out, answering what it waits for; the caller decides what follows for the group. */
export function dropMember(turn: Turn, group: ClassicGroup, memberId: string): void {
  const member = group.members.get(memberId);
  cancelSession(turn, group, memberId);
  if (member !== undefined) {
    answerJoin(turn, group, member, refusedJoin('', ErrorCode.UNKNOWN_MEMBER_ID, `member ${memberId} was removed`));
    answerSync(turn, member, unknownMember(group.groupId, memberId));
  }
  group.remove(memberId);
  if (group.pendingSyncs.size === 0) turn.out.cancel(timerKeys.sync(group.groupId));
}

/** @returns whether a join was waiting */
export function answerJoin(turn: Turn, group: ClassicGroup, member: Member, reply: JoinReply): boolean {
  if (member.joining === undefined) return false;
  turn.out.reply(member.joining, ok(reply));
  group.setJoining(member, undefined);
  return true;
}

/** @returns whether a sync was waiting */
export function answerSync(turn: Turn, member: Member, outcome: Outcome<SyncReply>): boolean {
  if (member.syncing === undefined) return false;
  turn.out.reply(member.syncing, outcome);
  member.syncing = undefined;
  return true;
}

export function refusedJoin(memberId: string, code: number, why: string): JoinReply {
  return {
    code,
    why,
    memberId,
    generation: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  };
}

/** What a member hears of the current generation; the leader also who is in it. */
export function joinedReply(group: ClassicGroup, memberId: string): JoinReply {
  const leads = group.leaderId === memberId;
  return {
    code: ErrorCode.NONE,
    why: null,
    memberId,
    generation: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    members: leads ? joinedMembers(group) : [],
  };
}

export function joinedMembers(group: ClassicGroup): JoinReply['members'] {
  return Array.from(group.members.values(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: group.metadataOf(member),
  }));
}

/** Answers a wait that a later request of the same member has taken the place of. */
export function superseded(turn: Turn, group: ClassicGroup, member: Member): void {
  const why = `a later request of member ${member.memberId} took the place of this one`;
  answerJoin(turn, group, member, refusedJoin(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS, why));
  answerSync(turn, member, refuse(ErrorCode.REBALANCE_IN_PROGRESS, why));
}

/** Static members that are away keep their place: they are looked for again and again, and a client may name a timeout of 0. */
const POSTPONED_JOIN_MIN_MS = 1_000;

function setJoinTimer(turn: Turn, group: ClassicGroup, delayMinMs = 0): void {
  const { groupId } = group;
  const delayMs = Math.max(group.rebalanceTimeoutMs, delayMinMs);
  turn.out.timer(timerKeys.join(groupId), delayMs, { kind: 'join', groupId });
}

function endSyncPhase(turn: Turn, group: ClassicGroup): void {
  group.pendingSyncs.clear();
  turn.out.cancel(timerKeys.sync(group.groupId));
}

function removeMissing(turn: Turn, group: ClassicGroup): MemberName[] {
  const lost: MemberName[] = [];
  for (const member of Array.from(group.members.values())) {
    if (member.joining !== undefined || member.groupInstanceId !== null) continue;
    lost.push(nameOf(member));
    dropMember(turn, group, member.memberId);
  }
  return lost;
}

/** A leader that has not joined gives way to a member that has. @returns false when none has */
function electLeader(group: ClassicGroup): boolean {
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId);
  if (leader?.joining !== undefined) return true;
  for (const member of group.members.values()) {
    if (member.joining === undefined) continue;
    group.leaderId = member.memberId;
    return true;
  }
  return false;
}

function beginEmptyGeneration(turn: Turn, group: ClassicGroup): void {
  const { out } = turn;
  group.nextGeneration();
  group.protocolName = null;
  group.leaderId = null;
  group.lastJoined = undefined;
  group.initialRebalance = false;
  group.move('nobodyLeft', out.nowMs);
  out.write({ kind: 'group', groupId: group.groupId, value: group.value(new Map(), out.nowMs) });
  out.tell({ kind: 'groupEmptied', groupId: group.groupId, generation: group.generation });
}

function beginGeneration(turn: Turn, group: ClassicGroup): void {
  const { out } = turn;
  const { groupId } = group;
  group.nextGeneration();
  group.protocolName = group.selectProtocol();
  group.initialRebalance = false;
  group.refreshTopics();
  group.move('allJoined', out.nowMs);
  for (const member of group.members.values()) {
    answerJoin(turn, group, member, joinedReply(group, member.memberId));
    setSession(turn, group, member);
    member.isNew = false;
    group.pendingSyncs.add(member.memberId);
  }
  const delayMs = group.rebalanceTimeoutMs;
  out.timer(timerKeys.sync(groupId), delayMs, { kind: 'sync', groupId, generation: group.generation });
}
