/** The state of one replica of the Raft log, what it is told and what it orders. The files beside it say what follows from what. */
import { UUID_ZERO } from '@odradek/base';
import type { Random } from '@odradek/base';
import { Entries } from './entries.ts';
import type { SnapshotMark } from './entries.ts';
import { Membership } from './membership.ts';
import { BLANK } from './messages.ts';
import type { Entry, HardState, Message, Position, ReplicaKey, Voter } from './messages.ts';
import type { Progress } from './progress.ts';

export type RaftOptions = {
  /** A follower that hears no leader for this long, and up to a quarter longer by chance, asks for votes. */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long a candidate waits for votes, and up to twice as long by chance. */
  readonly candidateTimeoutMs: number;
  /** The longest wait, by chance, after elections that nobody won. */
  readonly electionBackoffMaxMs: number;
  /** The longest that a follower waits, by chance, after the leader's streams have broken. */
  readonly brokenStreamWaitMs: number;
  readonly appendBytesMax: number;
  /** Appends, and bytes of them, under way to one peer. */
  readonly inFlightMax: number;
  readonly inFlightBytesMax: number;
  /** What a leader takes beyond what is committed, bytes; then it refuses until a majority has caught up. */
  readonly uncommittedBytesMax: number;
  /** Bytes of log up to which entries before the last snapshot are kept, for peers a little behind. */
  readonly keptBytesMax: number;
};

export type Follower = {
  readonly kind: 'follower';
  leaderId: number | null;
  /** When the leader was last heard; -Infinity: it is gone. */
  heardMs: number;
  deadlineMs: number;
};
export type Candidate = {
  readonly kind: 'candidate';
  readonly isPre: boolean;
  readonly isTransfer: boolean;
  readonly granted: Set<number>;
  readonly refused: Set<number>;
  /** The own vote counts once this is durable. */
  readonly selfSeq: number;
  deadlineMs: number;
};
export type Leader = {
  readonly kind: 'leader';
  readonly progress: Map<number, Progress>;
  /** End of the first entry of this leader; once that is committed, so is all before it, and it may decide. */
  readonly firstEnd: number;
  isEstablished: boolean;
  uncommittedBytes: number;
  transfer: { readonly to: number; readonly deadlineMs: number; told: boolean } | null;
};
export type Role = Follower | Candidate | Leader;

export type RaftState = {
  readonly self: ReplicaKey;
  readonly options: RaftOptions;
  readonly random: Random;
  role: Role;
  epoch: number;
  votedFor: ReplicaKey | null;
  /** See `HardState`. */
  recoverTo: number;
  /** A leader that was silent for the election timeout, as long as nothing comes from it: a process that hangs keeps its streams. */
  missed: number | null;
  /** Elections in a row that nobody won, as far as this replica asked for votes: the next wait is the longer. */
  failedElections: number;
  readonly log: Entries;
  readonly members: Membership;
  highWatermark: number;
  /** Orders to persist are numbered and done in order. */
  persistSeq: number;
  durableSeq: number;
  /** The log is durable before this offset. */
  durableOffset: number;
  unsynced: { readonly seq: number; endOffset: number }[];
  /** The replicas that messages reach. */
  readonly connected: Map<number, ReplicaKey>;
  /** A snapshot that comes in from the leader of that epoch: another's may have other bytes. */
  receiving: { readonly epoch: number; readonly end: Position; position: number } | null;
};

export type Input =
  /** Time has passed. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'received'; readonly from: ReplicaKey; readonly message: Message }
  /** All orders to persist up to this number are done. */
  | { readonly kind: 'persisted'; readonly seq: number }
  /** Messages reach the peer again. */
  | { readonly kind: 'peerConnected'; readonly peer: ReplicaKey }
  /** The streams to the peer are broken: a strong hint that it is gone. */
  | { readonly kind: 'peerLost'; readonly id: number }
  /** The applied state up to `mark` is durable beside the log, with the voters that were in force there. */
  | { readonly kind: 'snapshotTaken'; readonly mark: SnapshotMark }
  /** The snapshot that was being sent to that peer is there no longer. */
  | { readonly kind: 'snapshotGone'; readonly id: number }
  /** Hand over to that voter; null: to the one that is furthest. */
  | { readonly kind: 'transferLeader'; readonly to: number | null };

export type Effect =
  /** One synced write: cut the log, then append, then the hard state. */
  | {
      readonly kind: 'persist';
      readonly seq: number;
      readonly hardState: HardState | null;
      /** Entries that begin here or later are removed first. */
      readonly truncate: number | null;
      readonly entries: readonly Entry[];
    }
  /** A part of a snapshot, kept beside the log until the last part puts it in force, in place of the whole log. */
  | {
      readonly kind: 'persistSnapshot';
      readonly seq: number;
      readonly mark: SnapshotMark;
      readonly position: number;
      readonly bytes: Buffer;
      readonly isLast: boolean;
    }
  /** To be sent once everything up to `afterSeq` is durable. A `snapshot` message still lacks its bytes. */
  | { readonly kind: 'send'; readonly to: number; readonly message: Message; readonly afterSeq: number }
  /** Entries up to here may be applied. */
  | { readonly kind: 'committed'; readonly endOffset: number }
  /** What was applied is replaced by the snapshot's state. */
  | { readonly kind: 'restored'; readonly mark: SnapshotMark; readonly afterSeq: number }
  | { readonly kind: 'followed'; readonly epoch: number; readonly leaderId: number | null }
  /** Everything before is committed: this leader may decide. */
  | { readonly kind: 'established'; readonly epoch: number }
  /** What was proposed and is not committed may or may not come to be. */
  | { readonly kind: 'resigned'; readonly epoch: number; readonly why: string }
  | { readonly kind: 'votersChanged'; readonly voters: readonly Voter[] };

/** What one input does: to whom, what it orders, and when. */
export type Turn = { readonly s: RaftState; readonly out: Effect[]; readonly nowMs: number };

export type Stored = {
  readonly hardState: HardState | null;
  readonly snapshot: SnapshotMark;
  readonly entries: readonly Entry[];
};

/** A replica as its disk left it, or (with an empty disk) as its configuration makes it. */
export function raftOf(
  self: ReplicaKey,
  stored: Stored,
  options: RaftOptions,
  luck: { readonly random: Random; readonly nowMs: number },
): RaftState {
  const log = new Entries(stored.snapshot);
  const members = new Membership(stored.snapshot.voters, stored.snapshot.offset);
  for (const entry of stored.entries) {
    log.append(entry);
    if (entry.kind === 'voters') members.change(entry.voters, entry.endOffset);
  }
  const { random, nowMs } = luck;
  return {
    self,
    options,
    random,
    role: {
      kind: 'follower',
      leaderId: null,
      heardMs: -Infinity,
      deadlineMs: isAlone(members, self) ? nowMs : electionDeadline(options, random, nowMs),
    },
    epoch: stored.hardState?.epoch ?? 0,
    votedFor: stored.hardState?.votedFor ?? null,
    recoverTo: stored.hardState?.recoverTo ?? (isStatic(members, self) ? BLANK : 0),
    missed: null,
    failedElections: 0,
    log,
    members,
    highWatermark: stored.snapshot.offset,
    persistSeq: 0,
    durableSeq: 0,
    durableOffset: log.endOffset,
    unsynced: [],
    connected: new Map(),
    receiving: null,
  };
}

/**
 * Chance keeps two from asking at the same time, and is waited for by all. It need be long only beside what an election takes (two messages and
 * a synced write): who asks at the same time all the same asks again soon (`askAgainSoon`).
 */
export function electionDeadline({ electionTimeoutMs }: RaftOptions, random: Random, nowMs: number): number {
  return nowMs + electionTimeoutMs + random.below(Math.max(1, Math.floor(electionTimeoutMs / CHANCE_PART)));
}

const CHANCE_PART = 4;

export function candidateDeadline({ candidateTimeoutMs }: RaftOptions, random: Random, nowMs: number): number {
  return nowMs + candidateTimeoutMs + random.below(Math.max(1, candidateTimeoutMs));
}

/** The only voter has nobody to wait for. */
function isAlone(members: Membership, self: ReplicaKey): boolean {
  return members.voters.length === 1 && members.isVoter(self);
}

/** Whether this is a voter by its id alone, so that one with a lost disk looks like it. */
function isStatic(members: Membership, self: ReplicaKey): boolean {
  return members.voter(self.id)?.directoryId === UUID_ZERO;
}

/** Whoever follows a leader that has been silent for too long misses it. One whose streams have broken is not connected any more. */
export function missLeader(s: RaftState, nowMs: number): void {
  const { role } = s;
  if (role.kind !== 'follower' || role.leaderId === null || role.heardMs === -Infinity) return;
  if (nowMs - role.heardMs >= s.options.electionTimeoutMs) s.missed = role.leaderId;
}

/** Orders the hard state, and a change of the log with it, to be kept. */
export function persist({ s, out }: Turn, change: { truncate: number | null; entries: readonly Entry[] }): void {
  s.persistSeq += 1;
  if (change.truncate !== null) {
    s.durableOffset = Math.min(s.durableOffset, change.truncate);
    for (const part of s.unsynced) part.endOffset = Math.min(part.endOffset, change.truncate);
  }
  s.unsynced.push({ seq: s.persistSeq, endOffset: s.log.endOffset });
  const hardState = { epoch: s.epoch, votedFor: s.votedFor, recoverTo: s.recoverTo };
  out.push({ kind: 'persist', seq: s.persistSeq, hardState, ...change });
}

export const NO_CHANGE: { readonly truncate: null; readonly entries: readonly Entry[] } = {
  truncate: null,
  entries: [],
};

export function send({ s, out }: Turn, to: number, message: Message, afterSeq = s.persistSeq): void {
  out.push({ kind: 'send', to, message, afterSeq });
}

/** Raises the high watermark; entries before it never change again. */
export function commitTo({ s, out }: Turn, offset: number): void {
  if (offset <= s.highWatermark) return;
  s.highWatermark = offset;
  s.members.settle(offset);
  out.push({ kind: 'committed', endOffset: offset });
}

/** When to ask for votes if nobody can be the leader any more: soon, by chance, and later the more often it was in vain. */
export function soonDeadline(s: RaftState, nowMs: number): number {
  const { brokenStreamWaitMs, electionBackoffMaxMs } = s.options;
  const windowMs = Math.min(brokenStreamWaitMs * 2 ** Math.min(s.failedElections, DOUBLINGS_MAX), electionBackoffMaxMs);
  return nowMs + 1 + s.random.below(Math.max(1, windowMs));
}

const DOUBLINGS_MAX = 20;
