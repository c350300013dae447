/**
 * The leader's side of one partition: where its log ends, what each other replica has of it, and up to where that makes it committed. Who is
 * in sync is in isr.ts. Pure: inputs say what has happened, effects what is to be done. With one replica the log end is committed as soon
 * as it is appended. Sources: KIP-101, 207, 497, 704, 903, 966.
 */
import { assert, unreachable } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import {
  afterRefusal,
  beginEpoch,
  commitIsr,
  heard,
  isCaughtUp,
  isEligible,
  isOfFormerLife,
  leftBehind,
  newFollower,
  propose,
} from './isr.ts';
import type { BrokerView, Follower, Proposal, ProposalAnswer } from './isr.ts';

/** What all leaders of a broker go by. */
export type LeaderTerms = {
  readonly self: number;
  readonly brokers: BrokerView;
  /** `replica.lag.time.max.ms`: who has been behind for longer leaves the in-sync set. */
  readonly lagMaxMs: number;
  /** How far behind a replica may be for the high watermark to wait until it has joined; otherwise it would never reach it under load. */
  readonly joinWaitMs: number;
};

export type LeaderState = {
  readonly terms: LeaderTerms;
  readonly leaderEpoch: number;
  /** The log end when this epoch began: below it nothing of this epoch is known to be committed. */
  readonly epochStartOffset: number;
  partitionEpoch: number;
  replicas: readonly number[];
  /** The committed in-sync set; always holds the leader. */
  isr: readonly number[];
  /** `min.insync.replicas` of the topic, before it is capped by the number of replicas. */
  minInsyncReplicas: number;
  logEnd: number;
  highWatermark: number;
  /** The other replicas; empty for one that is alone, so that 10,000 of them stay small. */
  followers: readonly Follower[];
  /** Asked of the controller and not answered, or answered with a state that only metadata can tell. */
  pending: Proposal | undefined;
};

type Heard = {
  readonly replica: number;
  readonly brokerEpoch: number;
  readonly endOffset: number;
  readonly logStartOffset: number;
  readonly nowMs: number;
};
export type Assigned = {
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly partitionEpoch: number;
};
/** `nowMs` is monotonic time. */
export type LeaderInput =
  | { readonly kind: 'appended'; readonly logEnd: number; readonly nowMs: number }
  /** A stream begins to carry the partition to a replica, which told where it stands. */
  | (Heard & { readonly kind: 'followed' })
  | { readonly kind: 'unfollowed'; readonly replica: number; readonly nowMs: number }
  /** A replica acknowledged. */
  | (Heard & { readonly kind: 'fetched' })
  /** Metadata of the same leader epoch. */
  | (Assigned & { readonly kind: 'assigned'; readonly nowMs: number })
  | { readonly kind: 'reconfigured'; readonly minInsyncReplicas: number; readonly nowMs: number }
  | { readonly kind: 'brokersChanged'; readonly nowMs: number }
  | {
      readonly kind: 'answered';
      readonly proposal: Proposal;
      readonly answer: ProposalAnswer;
      readonly nowMs: number;
    }
  /** From time to time: who has been behind for too long? */
  | { readonly kind: 'tick'; readonly nowMs: number }
  /** `joinWaitMs` after `heldBack`. */
  | { readonly kind: 'recheck'; readonly nowMs: number };

export type LeaderEffect =
  | { readonly kind: 'highWatermark'; readonly offset: number }
  /** Ask the controller; its answer comes back as `answered` with the same proposal. */
  | { readonly kind: 'propose'; readonly proposal: Proposal }
  | { readonly kind: 'isrCommitted'; readonly change: Proposal['kind'] }
  | { readonly kind: 'isrRefused'; readonly proposal: Proposal; readonly code: number }
  /** The high watermark waits for a replica that is about to join: it is to be looked at again, should nothing else happen. */
  | { readonly kind: 'heldBack' }
  /** A replica's log start, or who counts for the low watermark, has moved. */
  | { readonly kind: 'lowWatermark' };

export type LeaderStart = Assigned & {
  readonly leaderEpoch: number;
  readonly minInsyncReplicas: number;
  readonly logEnd: number;
  /** What was known to be committed before this epoch: from the checkpoint, or as the former leader told. */
  readonly highWatermark: number;
  /** Elected uncleanly, and not recovered yet (KIP-704). */
  readonly isRecovering: boolean;
  readonly nowMs: number;
};

const NO_FOLLOWERS: readonly Follower[] = [];

/** @param former this broker's state when it led the epoch before, too: its log goes on, so what followers have of it still holds */
export function becomeLeader(
  terms: LeaderTerms,
  start: LeaderStart,
  former: LeaderState | undefined,
  out: LeaderEffect[],
): LeaderState {
  assert(start.highWatermark <= start.logEnd, 'highWatermark <= logEnd', start);
  assert(start.isr.includes(terms.self), 'the leader is in its own in-sync set', start);
  assert(former === undefined || former.leaderEpoch < start.leaderEpoch, 'leader epochs go up', start);
  const s: LeaderState = {
    terms,
    leaderEpoch: start.leaderEpoch,
    epochStartOffset: start.logEnd,
    partitionEpoch: start.partitionEpoch,
    replicas: start.replicas,
    isr: start.isr,
    minInsyncReplicas: start.minInsyncReplicas,
    logEnd: start.logEnd,
    highWatermark: start.highWatermark,
    followers: followersOf(terms.self, start.replicas, former?.followers ?? NO_FOLLOWERS),
    pending: undefined,
  };
  commitIsr(s.followers, s.isr);
  for (const follower of s.followers) beginEpoch(follower, start.nowMs);
  if (start.isRecovering) proposeChange(s, 'recover', NO_FOLLOWERS, out);
  advance(s, start.nowMs, out);
  return s;
}

export function step(s: LeaderState, input: LeaderInput, out: LeaderEffect[]): void {
  switch (input.kind) {
    case 'appended':
      appended(s, input.logEnd, input.nowMs);
      break;
    case 'followed':
      followed(s, input, out);
      break;
    case 'unfollowed':
      unfollowed(s, input.replica);
      break;
    case 'fetched':
      fetched(s, input, out);
      break;
    case 'assigned':
      assigned(s, input, out);
      break;
    case 'reconfigured':
      s.minInsyncReplicas = input.minInsyncReplicas;
      break;
    case 'brokersChanged':
      letIn(s, input.nowMs, out);
      out.push({ kind: 'lowWatermark' });
      break;
    case 'answered':
      answered(s, input, out);
      break;
    case 'tick':
      letGo(s, input.nowMs, out);
      letIn(s, input.nowMs, out);
      break;
    case 'recheck':
      break;
    default:
      unreachable(input);
  }
  advance(s, input.nowMs, out);
  assert(s.highWatermark <= s.logEnd, 'highWatermark <= logEnd', s);
}

/** Fewer replicas than `min.insync.replicas` ask for cannot be demanded of a topic that has fewer (KIP-966: min(minIsr, RF)). */
export function effectiveMinIsr(s: LeaderState): number {
  return Math.min(s.minInsyncReplicas, s.replicas.length);
}

/** Whether an acks=all append may be taken, and whether anything becomes committed: by the committed set. */
export function hasEnoughReplicas(s: LeaderState): boolean {
  return s.isr.length >= effectiveMinIsr(s);
}

/** Whether what the high watermark has passed counts as acknowledged: by the maximal set, all of which has it. */
export function wasReplicatedEnough(s: LeaderState): boolean {
  let maximal = 1;
  for (const follower of s.followers) if (follower.inMaximal) maximal += 1;
  return maximal >= effectiveMinIsr(s);
}

/** After an election the committed end of earlier epochs may not be known yet: "latest" would move back (KIP-207). */
export function isHighWatermarkLagging(s: LeaderState): boolean {
  return s.highWatermark < s.epochStartOffset;
}

/** The log start that every replica whose broker lives has reached (KIP-107). */
export function lowWatermark(s: LeaderState, logStartOffset: number): number {
  let low = logStartOffset;
  for (const { id, logStartOffset: theirs } of s.followers) {
    if (theirs < low && s.terms.brokers.isAlive(id)) low = theirs;
  }
  return low;
}

function followersOf(self: number, replicas: readonly number[], known: readonly Follower[]): readonly Follower[] {
  if (replicas.length === 1) return NO_FOLLOWERS;
  const ids = replicas.filter((id) => id !== self);
  return ids.map((id) => known.find((follower) => follower.id === id) ?? newFollower(id));
}

function appended(s: LeaderState, logEnd: number, nowMs: number): void {
  assert(logEnd >= s.logEnd, "a leader's log never gets shorter");
  for (const follower of s.followers) leftBehind(follower, s.logEnd, logEnd, nowMs);
  s.logEnd = logEnd;
}

/** Where a replica begins is what it has, even if that is less than it had: it may have lost it. */
function followed(s: LeaderState, from: Heard, out: LeaderEffect[]): void {
  const follower = s.followers.find(({ id }) => id === from.replica);
  if (follower === undefined || isOfFormerLife(from.replica, from.brokerEpoch, s.terms.brokers)) return;
  follower.brokerEpoch = from.brokerEpoch;
  follower.follows = true;
  follower.markOffset = Number.POSITIVE_INFINITY;
  hear(s, follower, from, out);
  // A member that lacks what is committed has lost it, and must not be elected for having it.
  if (follower.inIsr && follower.endOffset < s.highWatermark && s.pending === undefined)
    proposeChange(s, 'shrink', [follower], out);
}

function unfollowed(s: LeaderState, replica: number): void {
  const follower = s.followers.find(({ id }) => id === replica);
  if (follower !== undefined) follower.follows = false;
}

/** Only of the life that began to follow: a broker that has restarted may have lost what it once acknowledged. */
function fetched(s: LeaderState, from: Heard, out: LeaderEffect[]): void {
  const follower = s.followers.find(({ id }) => id === from.replica);
  if (follower?.follows !== true || follower.brokerEpoch !== from.brokerEpoch) return;
  if (isOfFormerLife(from.replica, from.brokerEpoch, s.terms.brokers)) return;
  hear(s, follower, from, out);
}

function hear(s: LeaderState, follower: Follower, from: Heard, out: LeaderEffect[]): void {
  heard(follower, s.logEnd, Math.min(from.endOffset, s.logEnd), from.nowMs);
  if (follower.logStartOffset !== from.logStartOffset) {
    follower.logStartOffset = from.logStartOffset;
    out.push({ kind: 'lowWatermark' });
  }
  if (!follower.inIsr) letIn(s, from.nowMs, out);
}

/** An answer may have been here before the metadata that it made: what is older than it says nothing. */
function assigned(s: LeaderState, to: Assigned & { readonly nowMs: number }, out: LeaderEffect[]): void {
  if (to.partitionEpoch <= s.partitionEpoch) return;
  assert(to.isr.includes(s.terms.self), 'the leader is in its own in-sync set', to);
  if (s.pending !== undefined && isMadeBy(s.pending, to)) out.push({ kind: 'isrCommitted', change: s.pending.kind });
  s.partitionEpoch = to.partitionEpoch;
  s.replicas = to.replicas;
  s.isr = to.isr;
  s.followers = followersOf(s.terms.self, to.replicas, s.followers);
  s.pending = undefined;
  commitIsr(s.followers, s.isr);
  letIn(s, to.nowMs, out);
  out.push({ kind: 'lowWatermark' });
}

/** The metadata that a proposal makes often comes before the answer to it. */
function isMadeBy({ partitionEpoch, isr }: Proposal, to: Assigned): boolean {
  if (to.partitionEpoch !== partitionEpoch + 1 || to.isr.length !== isr.length) return false;
  return isr.every(({ brokerId }) => to.isr.includes(brokerId));
}

function answered(s: LeaderState, input: LeaderInput & { readonly kind: 'answered' }, out: LeaderEffect[]): void {
  const { proposal, answer, nowMs } = input;
  if (s.pending !== proposal) return;
  if (answer.code !== ErrorCode.NONE) return refused(s, proposal, answer.code, out);
  // A state that is not this epoch's, or older than what metadata told: metadata goes on from there.
  if (answer.leaderEpoch !== s.leaderEpoch || answer.partitionEpoch < s.partitionEpoch) return;
  s.pending = undefined;
  s.isr = answer.isr;
  s.partitionEpoch = answer.partitionEpoch;
  commitIsr(s.followers, s.isr);
  out.push({ kind: 'isrCommitted', change: proposal.kind });
  letIn(s, nowMs, out);
}

function refused(s: LeaderState, proposal: Proposal, code: number, out: LeaderEffect[]): void {
  out.push({ kind: 'isrRefused', proposal, code });
  const next = afterRefusal(code);
  if (next === 'again') out.push({ kind: 'propose', proposal });
  if (next !== 'revert') return;
  s.pending = undefined;
  commitIsr(s.followers, s.isr);
}

/**
 * Proposes everybody who has caught up with what is committed, and with this epoch: before, a new leader may know too little of it. One that
 * hangs may have all that is committed, since it is what keeps more from being so: it joins again when it is heard to keep up.
 */
function letIn(s: LeaderState, nowMs: number, out: LeaderEffect[]): void {
  if (s.pending !== undefined || s.followers.length < s.isr.length) return;
  const from = Math.max(s.highWatermark, s.epochStartOffset);
  const at = { leaderEnd: s.logEnd, nowMs };
  let joining: Follower[] | undefined;
  for (const follower of s.followers) {
    if (follower.inIsr || follower.endOffset < from || !isCaughtUp(follower, at, s.terms.lagMaxMs)) continue;
    if (!isEligible(follower, s.terms.brokers)) continue;
    joining ??= [];
    joining.push(follower);
  }
  if (joining !== undefined) proposeChange(s, 'expand', joining, out);
}

/** Proposes a set without those who have been behind for too long (KIP-16). */
function letGo(s: LeaderState, nowMs: number, out: LeaderEffect[]): void {
  if (s.pending !== undefined) return;
  const at = { leaderEnd: s.logEnd, nowMs };
  const leaving = s.followers.filter((follower) => follower.inIsr && !isCaughtUp(follower, at, s.terms.lagMaxMs));
  if (leaving.length > 0) proposeChange(s, 'shrink', leaving, out);
}

function proposeChange(s: LeaderState, kind: Proposal['kind'], who: readonly Follower[], out: LeaderEffect[]): void {
  const { leaderEpoch, partitionEpoch, isr } = s;
  const joining = kind === 'expand' ? who : NO_FOLLOWERS;
  const leaving = kind === 'shrink' ? who : NO_FOLLOWERS;
  s.pending = propose({ kind, leaderEpoch, partitionEpoch, isr, joining, leaving }, s.followers, s.terms.brokers);
  out.push({ kind: 'propose', proposal: s.pending });
}

/** Committed is what all of the maximal set has, and those who are about to join it; nothing while too few are in sync (KIP-966). */
function advance(s: LeaderState, nowMs: number, out: LeaderEffect[]): void {
  if (!hasEnoughReplicas(s)) return;
  let committed = s.logEnd;
  let isHeldBack = false;
  for (const follower of s.followers) {
    if (follower.endOffset >= committed) continue;
    if (!follower.inMaximal && !isAboutToJoin(s, follower, nowMs)) continue;
    isHeldBack = !follower.inMaximal;
    committed = follower.endOffset;
  }
  if (isHeldBack) out.push({ kind: 'heldBack' });
  if (committed > s.highWatermark) {
    s.highWatermark = committed;
    out.push({ kind: 'highWatermark', offset: committed });
  }
}

function isAboutToJoin(s: LeaderState, follower: Follower, nowMs: number): boolean {
  return (
    isEligible(follower, s.terms.brokers) && isCaughtUp(follower, { leaderEnd: s.logEnd, nowMs }, s.terms.joinWaitMs)
  );
}
