/** What a replica does with what a leader sends: append what follows, say where logs part, take snapshots. The paper, section 5.3 and 7. */
import { assert } from '@odradek/base';
import { BLANK } from './messages.ts';
import type { Entry, Message, ReplicaKey } from './messages.ts';
import { NO_CHANGE, commitTo, electionDeadline, missLeader, persist, send, soonDeadline } from './state.ts';
import type { RaftState, Turn } from './state.ts';

type Append = Message & { kind: 'append' };
type SnapshotPart = Message & { kind: 'snapshot' };

/** Becomes a follower in `epoch`; of nobody yet when `leaderId` is null. */
export function follow(
  turn: Turn,
  { epoch, leaderId, why }: { epoch: number; leaderId: number | null; why: string },
): void {
  const { s, out, nowMs } = turn;
  assert(epoch >= s.epoch, 'epochs never go back', { epoch, own: s.epoch });
  const { role } = s;
  if (role.kind === 'leader') out.push({ kind: 'resigned', epoch: s.epoch, why });
  const knownLeader = role.kind === 'follower' && epoch === s.epoch ? role.leaderId : null;
  assert(knownLeader === null || leaderId === null || knownLeader === leaderId, 'an epoch has one leader (Raft 5.2)', {
    epoch,
    knownLeader,
    leaderId,
  });
  if (epoch > s.epoch) {
    s.epoch = epoch;
    s.votedFor = null;
    persist(turn, NO_CHANGE);
  }
  if (leaderId === null) missLeader(s, nowMs);
  else {
    s.failedElections = 0;
    s.missed = null;
  }
  // One that has just given the lead up knows that nobody has it.
  const isLeaderless = role.kind === 'leader' && leaderId === null;
  const deadlineMs = isLeaderless ? soonDeadline(s, nowMs) : electionDeadline(s.options, s.random, nowMs);
  s.role = { kind: 'follower', leaderId, heardMs: leaderId === null ? -Infinity : nowMs, deadlineMs };
  if (leaderId !== knownLeader || role.kind !== 'follower') out.push({ kind: 'followed', epoch, leaderId });
}

/** Follows the sender, who leads in `epoch`, and counts its silence from now. */
function heardLeader(turn: Turn, from: ReplicaKey, epoch: number): void {
  const { s, nowMs } = turn;
  const { role } = s;
  assert(epoch > s.epoch || role.kind !== 'leader', 'an epoch has one leader (Raft 5.2)', { epoch, from: from.id });
  if (epoch > s.epoch || role.kind !== 'follower' || role.leaderId !== from.id) {
    follow(turn, { epoch, leaderId: from.id, why: `node ${from.id} leads in epoch ${epoch}` });
    return;
  }
  role.heardMs = nowMs;
  role.deadlineMs = electionDeadline(s.options, s.random, nowMs);
}

export function onAppend(turn: Turn, from: ReplicaKey, message: Append): void {
  const { s } = turn;
  const { previous, entries } = message;
  if (message.epoch < s.epoch) {
    send(turn, from.id, { kind: 'refused', epoch: s.epoch, refusedOffset: previous.offset, hint: s.log.last });
    return;
  }
  heardLeader(turn, from, message.epoch);
  if (s.recoverTo === BLANK) recoverTo(turn, message.logEndOffset + 1);
  const { epoch } = s;
  if (previous.offset < s.highWatermark) {
    // What is committed here is in every later leader's log (leader completeness), so up to there the two agree.
    send(turn, from.id, { kind: 'appended', epoch, matchOffset: s.highWatermark, isRecovering: isRecovering(s) });
    return;
  }
  if (s.log.epochAt(previous.offset) !== previous.epoch) {
    const hint = previous.offset > s.log.endOffset ? s.log.last : s.log.meeting(previous);
    send(turn, from.id, { kind: 'refused', epoch, refusedOffset: previous.offset, hint });
    return;
  }
  take(turn, entries);
  const matchOffset = entries.at(-1)?.endOffset ?? previous.offset;
  commitTo(turn, Math.min(message.highWatermark, matchOffset));
  maybeRecovered(turn);
  send(turn, from.id, { kind: 'appended', epoch, matchOffset, isRecovering: isRecovering(s) });
}

export function isRecovering(s: RaftState): boolean {
  return s.recoverTo !== 0;
}

function maybeRecovered(turn: Turn): void {
  const { s } = turn;
  if (s.recoverTo > 0 && s.highWatermark >= s.recoverTo) recoverTo(turn, 0);
}

export function recoverTo(turn: Turn, offset: number): void {
  const { s } = turn;
  s.recoverTo = offset;
  persist(turn, NO_CHANGE);
}

/** Skips what is there, cuts what differs, appends the rest. */
function take(turn: Turn, entries: readonly Entry[]): void {
  const { s } = turn;
  let at = 0;
  for (const entry of entries) {
    if (s.log.epochAt(entry.endOffset) !== entry.epoch || entry.endOffset > s.log.endOffset) break;
    at += 1;
  }
  const news = entries.slice(at);
  const first = news[0];
  if (first === undefined) return;
  let truncate: number | null = null;
  if (first.offset < s.log.endOffset) {
    assert(first.offset >= s.highWatermark, 'what is committed is never cut', { offset: first.offset });
    truncate = first.offset;
    s.log.truncate(truncate);
    cutVoters(turn, truncate);
  }
  for (const entry of news) appendEntry(turn, entry);
  persist(turn, { truncate, entries: news });
}

export function appendEntry({ s, out }: Turn, entry: Entry): void {
  s.log.append(entry);
  if (entry.kind !== 'voters') return;
  s.members.change(entry.voters, entry.endOffset);
  out.push({ kind: 'votersChanged', voters: entry.voters });
}

function cutVoters({ s, out }: Turn, offset: number): void {
  const before = s.members.voters;
  s.members.truncate(offset);
  if (s.members.voters !== before) out.push({ kind: 'votersChanged', voters: s.members.voters });
}

export function onSnapshot(turn: Turn, from: ReplicaKey, message: SnapshotPart): void {
  const { s, out } = turn;
  const { end, position, bytes, isLast, voters } = message;
  if (message.epoch < s.epoch) {
    const stale = { endOffset: end.offset, position, done: false, isRecovering: isRecovering(s) };
    send(turn, from.id, { kind: 'snapshotReply', epoch: s.epoch, ...stale });
    return;
  }
  heardLeader(turn, from, message.epoch);
  if (end.offset <= s.highWatermark || s.log.epochAt(end.offset) === end.epoch) {
    commitTo(turn, end.offset);
    s.receiving = null;
    send(turn, from.id, {
      kind: 'appended',
      epoch: s.epoch,
      matchOffset: s.highWatermark,
      isRecovering: isRecovering(s),
    });
    return;
  }
  const isKnown = s.receiving?.epoch === s.epoch && s.receiving.end.offset === end.offset;
  if (position === 0 && !isKnown) s.receiving = { epoch: s.epoch, end, position: 0 };
  const receiving = isKnown || position === 0 ? s.receiving : null;
  if (receiving?.position !== position) {
    const expected = receiving?.position ?? 0;
    const reply = { endOffset: end.offset, position: expected, done: false, isRecovering: isRecovering(s) };
    send(turn, from.id, { kind: 'snapshotReply', epoch: s.epoch, ...reply });
    return;
  }
  receiving.position += bytes.length;
  s.persistSeq += 1;
  const mark = { ...end, voters };
  out.push({ kind: 'persistSnapshot', seq: s.persistSeq, mark, position, bytes, isLast });
  if (isLast) install(turn, mark);
  const reply = { endOffset: end.offset, position: receiving.position, done: isLast, isRecovering: isRecovering(s) };
  send(turn, from.id, { kind: 'snapshotReply', epoch: s.epoch, ...reply });
}

function install({ s, out }: Turn, mark: RaftState['log']['snapshot']): void {
  s.receiving = null;
  s.log.reset(mark);
  s.members.reset(mark.voters, mark.offset);
  s.highWatermark = mark.offset;
  s.unsynced = [{ seq: s.persistSeq, endOffset: mark.offset }];
  s.durableOffset = 0;
  out.push({ kind: 'votersChanged', voters: mark.voters });
  out.push({ kind: 'restored', mark, afterSeq: s.persistSeq });
}
