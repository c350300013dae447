/**
 * Elections. Before it begins an epoch, a candidate asks whether it would win (pre-vote), so that a replica that was cut off disturbs
 * nobody when it comes back. Whoever hears a live leader refuses. The paper, section 5.2 and 5.4.1; Ongaro's thesis 4.2.3 and 9.6.
 */
import { follow } from './follower.ts';
import { lead } from './leader.ts';
import { BLANK } from './messages.ts';
import type { Message, Position, ReplicaKey } from './messages.ts';
import { majorityOf } from './quorum.ts';
import { NO_CHANGE, candidateDeadline, electionDeadline, persist, send, soonDeadline } from './state.ts';
import type { Candidate, RaftState, Turn } from './state.ts';

type Ask = Message & { kind: 'preVote' | 'vote' };
type Answer = Message & { kind: 'preVoteReply' | 'voteReply' };

/**
 * Whether this replica may stand for election. One that the last set of voters leaves out still may until that set is committed: those who
 * are to go on without it may need what its log holds (Ongaro's thesis 4.2.2). How much is committed a replica that has just started does
 * not know: so whichever set it has that may be in force will do.
 */
export function mayStand(s: RaftState): boolean {
  return s.recoverTo <= 0 && s.members.isVoterFrom(s.self, s.highWatermark);
}

export function startPreVote(turn: Turn): void {
  ask(turn, { isPre: true, isTransfer: false });
}

export function startElection(turn: Turn, isTransfer: boolean): void {
  const { s } = turn;
  s.epoch += 1;
  s.votedFor = s.self;
  s.recoverTo = 0;
  persist(turn, NO_CHANGE);
  ask(turn, { isPre: false, isTransfer });
}

function ask(turn: Turn, how: { isPre: boolean; isTransfer: boolean }): void {
  const { s, out, nowMs } = turn;
  const { isPre, isTransfer } = how;
  s.role = {
    kind: 'candidate',
    isPre,
    isTransfer,
    granted: new Set(),
    refused: new Set(),
    selfSeq: isPre ? 0 : s.persistSeq,
    deadlineMs: candidateDeadline(s.options, s.random, nowMs),
  };
  out.push({ kind: 'followed', epoch: s.epoch, leaderId: null });
  const epoch = isPre ? s.epoch + 1 : s.epoch;
  for (const { id } of s.members.voters)
    if (id !== s.self.id) send(turn, id, { kind: isPre ? 'preVote' : 'vote', epoch, last: s.log.last, isTransfer });
  countVotes(turn);
}

/** A vote of its own counts like any other once it is durable. */
export function countVotes(turn: Turn): void {
  const { s, nowMs } = turn;
  const { role } = s;
  if (role.kind !== 'candidate') return;
  if (s.durableSeq >= role.selfSeq) role.granted.add(s.self.id);
  const needed = majorityOf(s.members.voters.length);
  const { length: voters } = s.members.voters;
  const granted = s.members.voters.filter(({ id }) => role.granted.has(id)).length;
  const refused = s.members.voters.filter(({ id }) => role.refused.has(id)).length;
  if (granted >= needed) {
    if (role.isPre) startElection(turn, false);
    else {
      s.failedElections = 0;
      lead(turn);
    }
  } else if (refused > voters - needed) {
    follow(turn, { epoch: s.epoch, leaderId: null, why: 'votes were refused' });
    askAgainSoon(s, nowMs);
  } else if (refused > 0 && role.granted.has(s.self.id) && !awaitsAnswers(s, role)) askAgainSoon(s, nowMs);
}

/**
 * Two that asked at the same time have split the votes, and who is dead will not answer: to wait for a whole election timeout would leave
 * everybody without a leader for that long.
 */
function askAgainSoon(s: RaftState, nowMs: number): void {
  s.failedElections += 1;
  if (s.role.kind !== 'leader') s.role.deadlineMs = Math.min(s.role.deadlineMs, soonDeadline(s, nowMs));
}

/** Whether a voter that can be reached has not answered yet; from the one whose silence is why votes are asked for nothing is to be expected. */
function awaitsAnswers(s: RaftState, { granted, refused }: Candidate): boolean {
  return s.members.voters.some(
    ({ id }) => s.connected.has(id) && id !== s.missed && !granted.has(id) && !refused.has(id),
  );
}

export function onVoteAsked(turn: Turn, from: ReplicaKey, message: Ask): void {
  const { s, nowMs } = turn;
  const isPre = message.kind === 'preVote';
  const kind = isPre ? 'preVoteReply' : 'voteReply';
  const answer = (granted: boolean): void =>
    send(turn, from.id, { kind, epoch: s.epoch, asked: message.epoch, askedBy: from.directoryId, granted });
  if (message.epoch < s.epoch || !isEligible(s, message.last) || (!message.isTransfer && hearsLeader(s, from, nowMs))) {
    // A refusal of what is heard with a later epoch is a refusal in the own one: a live leader is not unseated by it.
    answer(false);
    return;
  }
  if (isPre) {
    answer(message.epoch > s.epoch);
    return;
  }
  if (message.epoch > s.epoch)
    follow(turn, { epoch: message.epoch, leaderId: null, why: `node ${from.id} asks for votes` });
  const { role, votedFor } = s;
  const isFree = votedFor === null || (votedFor.id === from.id && votedFor.directoryId === from.directoryId);
  if (!isFree || role.kind !== 'follower' || role.leaderId !== null) {
    answer(false);
    return;
  }
  if (votedFor === null) {
    s.votedFor = from;
    s.recoverTo = 0;
    persist(turn, NO_CHANGE);
  }
  role.deadlineMs = electionDeadline(s.options, s.random, nowMs);
  answer(true);
}

/**
 * Whether a candidate's log holds all that this replica can vouch for. A voter with an empty disk cannot vouch for anything: it votes for
 * nobody who has a log, until a leader has brought its own up to date.
 */
function isEligible(s: RaftState, last: Position): boolean {
  if (s.recoverTo > 0) return false;
  if (s.recoverTo === BLANK && last.offset > 0) return false;
  const own = s.log.last;
  return last.epoch > own.epoch || (last.epoch === own.epoch && last.offset >= own.offset);
}

/** Check-quorum keeps a leader honest about being one, so a leader counts as hearing itself. A leader that asks for votes leads no more. */
function hearsLeader(s: RaftState, asker: ReplicaKey, nowMs: number): boolean {
  const { role } = s;
  if (role.kind === 'leader') return true;
  if (role.kind !== 'follower' || role.leaderId === null || role.leaderId === asker.id) return false;
  return nowMs - role.heardMs < s.options.electionTimeoutMs;
}

export function onVoteAnswered(turn: Turn, from: ReplicaKey, message: Answer): void {
  const { s } = turn;
  if (message.epoch > s.epoch) {
    follow(turn, { epoch: message.epoch, leaderId: null, why: `node ${from.id} is in a later epoch` });
    return;
  }
  const { role } = s;
  const isPre = message.kind === 'preVoteReply';
  if (role.kind !== 'candidate' || role.isPre !== isPre || !s.members.isVoter(from)) return;
  if (message.asked !== (isPre ? s.epoch + 1 : s.epoch) || message.askedBy !== s.self.directoryId) return;
  (message.granted ? role.granted : role.refused).add(from.id);
  countVotes(turn);
}
