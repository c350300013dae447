/**
 * What controllers say to each other and what they keep. Positions in the log are offsets, as Kafka counts them: an entry covers one or
 * more offsets, and a position names the entry that ends there by its offset and epoch (Raft's index and term).
 * Sources: the Raft paper (Ongaro, Ousterhout 2014), Ongaro's thesis (pre-vote 9.6, membership 4, transfer 3.10), KIP-595, KIP-853.
 */

/** A replica is a node and its metadata directory: a node whose disk was replaced is another replica (KIP-853). */
export type ReplicaKey = {
  readonly id: number;
  /** The zero uuid among static voters, whose directories are not known. */
  readonly directoryId: string;
};

export type VoterEndpoint = { readonly name: string; readonly host: string; readonly port: number };
export type Voter = ReplicaKey & { readonly endpoints: readonly VoterEndpoint[] };

/** The end of an entry: everything before `offset`, the last of it written in `epoch`. */
export type Position = { readonly offset: number; readonly epoch: number };

type EntryOf<K extends string, P> = {
  readonly kind: K;
  /** Offset of its first record. */
  readonly offset: number;
  /** Offset after its last record. */
  readonly endOffset: number;
  readonly epoch: number;
} & P;

export type Entry =
  | EntryOf<'data', { readonly data: Buffer }>
  /**
   * The first entry of every leader (the paper, section 8): what was before it is committed with it. One that leads already adds another
   * when a voter that recovers needs an entry.
   */
  | EntryOf<'leaderChange', { readonly leaderId: number }>
  /** The voters from here on, in force as soon as it is in the log. */
  | EntryOf<'voters', { readonly voters: readonly Voter[] }>;

type VoteRequest = {
  readonly epoch: number;
  readonly last: Position;
  /** The leader itself asked for this election: it goes ahead although a leader is alive. */
  readonly isTransfer: boolean;
};
type VoteReply = {
  readonly epoch: number;
  readonly asked: number;
  /** The directory of whoever asked: a replica of the same id with another disk has not. */
  readonly askedBy: string;
  readonly granted: boolean;
};

export type Message =
  /** Would you vote for me? `epoch` is the one that the sender would begin. */
  | ({ readonly kind: 'preVote' } & VoteRequest)
  | ({ readonly kind: 'preVoteReply' } & VoteReply)
  | ({ readonly kind: 'vote' } & VoteRequest)
  | ({ readonly kind: 'voteReply' } & VoteReply)
  /** Entries that follow `previous`; none: a heartbeat. */
  | {
      readonly kind: 'append';
      readonly epoch: number;
      readonly previous: Position;
      readonly entries: readonly Entry[];
      readonly highWatermark: number;
      readonly logEndOffset: number;
    }
  /** The sender's log is the leader's up to `matchOffset`, and durably so. */
  | {
      readonly kind: 'appended';
      readonly epoch: number;
      readonly matchOffset: number;
      /** A voter that came with an empty disk and has not caught up: it does not count for a majority. */
      readonly isRecovering: boolean;
    }
  /** The sender lacks `refusedOffset`; at or before `hint` the two logs may meet. */
  | { readonly kind: 'refused'; readonly epoch: number; readonly refusedOffset: number; readonly hint: Position }
  /** One part of the snapshot that ends at `end`. Its bytes are put in by whoever sends. */
  | {
      readonly kind: 'snapshot';
      readonly epoch: number;
      readonly end: Position;
      readonly voters: readonly Voter[];
      readonly position: number;
      readonly bytes: Buffer;
      readonly isLast: boolean;
    }
  /** Everything before `position` is there; `done`: the snapshot is in force. */
  | {
      readonly kind: 'snapshotReply';
      readonly epoch: number;
      readonly endOffset: number;
      readonly position: number;
      readonly done: boolean;
      readonly isRecovering: boolean;
    }
  /** Start an election now: the leader hands over. */
  | { readonly kind: 'timeoutNow'; readonly epoch: number };

/** What must survive a crash beside the log. */
export type HardState = {
  readonly epoch: number;
  readonly votedFor: ReplicaKey | null;
  /**
   * Set on a static voter that came with an empty disk (among others, that is another replica): what it had promised before is not known. Until the high watermark has reached this
   * offset, which the leader did not have when they first met, it neither votes nor counts for a majority. By then a majority of the
   * others has followed that leader, so nothing that was committed with the lost disk is missing. 0: not
   * recovering; `BLANK`: has met no leader yet.
   */
  readonly recoverTo: number;
};

/** `recoverTo` of a voter with an empty disk: it votes only for a candidate with an empty log, as all have when a cluster begins. */
export const BLANK = -1;
