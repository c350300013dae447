/**
 * The leader's side of one partition: where its log ends, what each other replica has of it, and up to where that makes it committed.
 * Pure: inputs say what has happened, effects what is to be done. With one replica the log end is committed as soon as it is appended.
 */
import { assert, unreachable } from '@odradek/base';

export type LeaderState = {
  readonly self: number;
  readonly leaderEpoch: number;
  /** The log end when this epoch began: below it nothing of this epoch is known to be committed. */
  readonly epochStartOffset: number;
  replicas: readonly number[];
  /** The committed in-sync set; always holds `self`. */
  isr: readonly number[];
  /** `min.insync.replicas` of the topic, before it is capped by the number of replicas. */
  minInsyncReplicas: number;
  logEnd: number;
  highWatermark: number;
  /** Other replicas' log ends, as their last fetch told; undefined until one has fetched, so that 10,000 lone leaders stay small. */
  followerEnds: Map<number, number> | undefined;
};

export type LeaderInput =
  | { readonly kind: 'appended'; readonly logEnd: number }
  | { readonly kind: 'fetched'; readonly replica: number; readonly offset: number }
  | { readonly kind: 'assigned'; readonly replicas: readonly number[]; readonly isr: readonly number[] }
  | { readonly kind: 'reconfigured'; readonly minInsyncReplicas: number };

export type LeaderEffect = { readonly kind: 'highWatermark'; readonly offset: number };

export type LeaderStart = {
  readonly self: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly minInsyncReplicas: number;
  readonly logEnd: number;
  /** What was known to be committed before this epoch: from the checkpoint, or as the former leader told. */
  readonly highWatermark: number;
};

export function becomeLeader(start: LeaderStart, out: LeaderEffect[]): LeaderState {
  assert(start.highWatermark <= start.logEnd, 'highWatermark <= logEnd', start);
  const state: LeaderState = { ...start, epochStartOffset: start.logEnd, followerEnds: undefined };
  advance(state, out);
  return state;
}

export function step(s: LeaderState, input: LeaderInput, out: LeaderEffect[]): void {
  switch (input.kind) {
    case 'appended':
      assert(input.logEnd >= s.logEnd, "a leader's log never gets shorter");
      s.logEnd = input.logEnd;
      break;
    case 'fetched':
      fetched(s, input.replica, input.offset);
      break;
    case 'assigned':
      assigned(s, input.replicas, input.isr);
      break;
    case 'reconfigured':
      s.minInsyncReplicas = input.minInsyncReplicas;
      break;
    default:
      unreachable(input);
  }
  advance(s, out);
  assert(s.highWatermark <= s.logEnd, 'highWatermark <= logEnd', s);
}

/** Fewer replicas than `min.insync.replicas` ask for cannot be demanded of a topic that has fewer (KIP-966: min(minIsr, RF)). */
export function effectiveMinIsr(s: LeaderState): number {
  return Math.min(s.minInsyncReplicas, s.replicas.length);
}

/** Whether an acks=all append may be taken, and whether one that is replicated counts as acknowledged. */
export function hasEnoughReplicas(s: LeaderState): boolean {
  return s.isr.length >= effectiveMinIsr(s);
}

/** After an election the committed end of earlier epochs may not be known yet: "latest" would move back (KIP-207). */
export function isHighWatermarkLagging(s: LeaderState): boolean {
  return s.highWatermark < s.epochStartOffset;
}

/** A fetch at `offset` says that the replica has everything below it. One that is not assigned any more tells nothing. */
function fetched(s: LeaderState, replica: number, offset: number): void {
  if (replica === s.self || !s.replicas.includes(replica)) return;
  s.followerEnds ??= new Map();
  s.followerEnds.set(replica, Math.min(offset, s.logEnd));
}

function assigned(s: LeaderState, replicas: readonly number[], isr: readonly number[]): void {
  assert(isr.includes(s.self), 'the leader is in its own in-sync set', { isr, self: s.self });
  s.replicas = replicas;
  s.isr = isr;
  if (s.followerEnds === undefined) return;
  for (const replica of s.followerEnds.keys()) {
    if (!replicas.includes(replica)) s.followerEnds.delete(replica);
  }
}

function advance(s: LeaderState, out: LeaderEffect[]): void {
  let committed = s.logEnd;
  for (const replica of s.isr) {
    if (replica !== s.self) committed = Math.min(committed, s.followerEnds?.get(replica) ?? 0);
  }
  if (committed > s.highWatermark) {
    s.highWatermark = committed;
    out.push({ kind: 'highWatermark', offset: committed });
  }
}
