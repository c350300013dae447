/**
 * One replica of the Raft log: an input goes in, effects come out. Knows nothing of Kafka, of clocks or of disks.
 * Every input is followed by the claims that must always hold (`invariants.ts`).
 */
import { unreachable } from '@odradek/base';
import { countVotes, mayStand, onVoteAnswered, onVoteAsked, startElection, startPreVote } from './candidate.ts';
import { onAppend, onSnapshot } from './follower.ts';
import { assertClaims } from './invariants.ts';
import {
  leaderTick,
  maybeCommit,
  onAppended,
  onPeerConnected,
  onPeerLost,
  onRefused,
  onSnapshotGone,
  onSnapshotReply,
  onTransfer,
  quorumHeardMs,
} from './leader.ts';
import type { SnapshotMark } from './entries.ts';
import type { Message, ReplicaKey } from './messages.ts';
import { missLeader, soonDeadline } from './state.ts';
import type { Effect, Input, RaftState, Turn } from './state.ts';

export function step(s: RaftState, input: Input, nowMs: number, out: Effect[]): void {
  const turn: Turn = { s, out, nowMs };
  const before = { epoch: s.epoch, highWatermark: s.highWatermark };
  switch (input.kind) {
    case 'tick':
      tick(turn);
      break;
    case 'received':
      received(turn, input.from, input.message);
      break;
    case 'persisted':
      persisted(turn, input.seq);
      break;
    case 'peerConnected':
      s.connected.set(input.peer.id, input.peer);
      if (s.missed === input.peer.id) s.missed = null;
      hurry(s, nowMs);
      onPeerConnected(turn, input.peer);
      break;
    case 'peerLost':
      peerLost(s, input.id, nowMs);
      break;
    case 'snapshotTaken':
      snapshotTaken(s, input.mark);
      break;
    case 'snapshotGone':
      onSnapshotGone(turn, input.id);
      break;
    case 'transferLeader':
      onTransfer(turn, input.to);
      break;
    default:
      unreachable(input);
  }
  assertClaims(s, before);
}

/** When `tick` has something to do next, milliseconds. */
export function nextDeadlineMs(s: RaftState): number {
  const { role } = s;
  if (role.kind !== 'leader') return mayStand(s) ? role.deadlineMs : Infinity;
  let next = role.transfer?.deadlineMs ?? Infinity;
  next = Math.min(next, quorumHeardMs(s, role) + s.options.electionTimeoutMs);
  for (const peer of role.progress.values()) {
    if (peer.isConnected) next = Math.min(next, peer.sentMs + s.options.heartbeatMs);
  }
  return next;
}

function tick(turn: Turn): void {
  const { s, nowMs } = turn;
  const { role } = s;
  if (role.kind === 'leader') leaderTick(turn, role);
  else if (nowMs >= role.deadlineMs && mayStand(s)) {
    missLeader(s, nowMs);
    startPreVote(turn);
  }
}

function received(turn: Turn, from: ReplicaKey, message: Message): void {
  const { s } = turn;
  if (s.missed === from.id) s.missed = null;
  switch (message.kind) {
    case 'preVote':
    case 'vote':
      return onVoteAsked(turn, from, message);
    case 'preVoteReply':
    case 'voteReply':
      return onVoteAnswered(turn, from, message);
    case 'append':
      return onAppend(turn, from, message);
    case 'appended':
      return onAppended(turn, from, message);
    case 'refused':
      return onRefused(turn, from, message);
    case 'snapshot':
      return onSnapshot(turn, from, message);
    case 'snapshotReply':
      return onSnapshotReply(turn, from, message);
    case 'timeoutNow':
      if (message.epoch === s.epoch && s.role.kind === 'follower' && mayStand(s)) startElection(turn, true);
      return;
    default:
      unreachable(message);
  }
}

function persisted(turn: Turn, seq: number): void {
  const { s } = turn;
  s.durableSeq = Math.max(s.durableSeq, seq);
  let done = 0;
  for (const part of s.unsynced) {
    if (part.seq > s.durableSeq) break;
    s.durableOffset = part.endOffset;
    done += 1;
  }
  if (done > 0) s.unsynced = s.unsynced.slice(done);
  if (s.role.kind === 'leader') maybeCommit(turn, s.role);
  else countVotes(turn);
}

/**
 * A follower whose leader's streams broke does not wait for the election timeout: it asks after a short time of chance, and the others,
 * which have lost the leader too, agree; those that still hear it do not.
 */
function peerLost(s: RaftState, id: number, nowMs: number): void {
  s.connected.delete(id);
  onPeerLost(s, id);
  const { role } = s;
  if (role.kind !== 'follower' || role.leaderId !== id) return;
  role.heardMs = -Infinity;
  role.deadlineMs = Math.min(role.deadlineMs, soonDeadline(s, nowMs));
}

/** Who has met nobody that leads asks soon after it meets a peer: replicas that start together need not wait; those who hear a leader refuse. */
function hurry(s: RaftState, nowMs: number): void {
  const { role } = s;
  if (role.kind !== 'follower' || role.leaderId !== null) return;
  role.deadlineMs = Math.min(role.deadlineMs, soonDeadline(s, nowMs));
}

function snapshotTaken(s: RaftState, mark: SnapshotMark): void {
  if (mark.offset <= s.log.snapshot.offset) return;
  s.log.compact(mark, s.options.keptBytesMax);
}
