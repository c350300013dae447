/** The words of insight: who is behind a rebalance and why, how far a group is behind. Asked of the shards, kept by `history.ts`. */

/** Who a member is, for a person. */
export type MemberName = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
};

/** Kinds of reasons for a rebalance: what metrics count by, and what decides which advice is given. */
export const rebalanceCauses = [
  'joined',
  /** A static member came back. */
  'returned',
  'left',
  /** No heartbeat within the session timeout. */
  'silent',
  /** Did not come back within the rebalance timeout, or did not ask for its assignment in it. */
  'late',
  /** Subscribes to something else than before, or prefers another assignor. */
  'subscription',
  /** A classic leader asked for it (topics changed, or its assignor wants another round). */
  'leader',
  /** Topics or partitions were made or deleted. */
  'topics',
  /** A limit of the broker stands against the group as it is. */
  'limit',
  'converted',
  'other',
] as const;
export type RebalanceCause = (typeof rebalanceCauses)[number];

/** Why a group moves. */
export type RebalanceReason = {
  readonly cause: RebalanceCause;
  /** null: nobody in particular. */
  readonly who: MemberName | null;
  /** In words for a person. */
  readonly why: string;
};

/** What history and the CLI show of a group beside its rebalances. */
export type GroupPeek = {
  readonly groupId: string;
  readonly state: string;
  /** As in ListGroups. */
  readonly type: string;
  /** Whom the rebalance under way waits for; empty when there is none. */
  readonly waitingFor: readonly MemberName[];
};

/** One partition that a group has committed for or owns. Measured in one turn with all others of the group. */
export type PartitionLag = {
  readonly topic: string;
  /** The zero uuid when the topic is gone. */
  readonly topicId: string;
  readonly partition: number;
  /** -1: nothing is committed. */
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedAtMs: number;
  /** The ends, and the lags up to them, are -1 where they are not known; `note` says why. */
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly lagRecords: number;
  readonly stableLagRecords: number;
  /** The first record that is not consumed; -1 when there is none or it is not known. */
  readonly nextOffset: number;
  readonly owner: MemberName | null;
  readonly note: string | null;
  /** The broker that has to be asked for the ends, since it leads the partition; -1: they were asked for here. */
  readonly leaderElsewhere: number;
};

export type GroupLag = {
  readonly groupId: string;
  readonly state: string;
  readonly type: string;
  readonly measuredAtMs: number;
  /** By topic, then by partition. */
  readonly partitions: readonly PartitionLag[];
};

/** Joined to `GroupOps`. */
export type InsightOps = {
  peek: { op: { readonly groupId: string }; reply: GroupPeek };
  /** `stable`: whether the last stable offsets are wanted; they may have to be read from a log that nobody has opened yet. */
  lag: { op: { readonly groupId: string; readonly stable: boolean }; reply: GroupLag };
};

/** Joined to `GroupEvent`. */
export type InsightEvent =
  | {
      /** A further reason while a classic rebalance is under way. */
      readonly kind: 'rebalanceJoining';
      readonly groupId: string;
      readonly reason: RebalanceReason;
    }
  | {
      /** Committed offsets come near the end of their retention: told once until the group commits or gets members again. */
      readonly kind: 'offsetsExpireSoon';
      readonly groupId: string;
      readonly topics: readonly string[];
      readonly count: number;
      /** When the first of them goes, wall clock. */
      readonly atMs: number;
    };
