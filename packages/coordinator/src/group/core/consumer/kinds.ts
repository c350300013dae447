/** The words of consumer groups (KIP-848): what is asked, answered and told. Records are in `../kinds.ts` with those of all groups. */

import type { MemberName, RebalanceCause } from '../insight/kinds.ts';

/** Partitions of topics, by topic id. */
export type TopicPartitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

/** What a heartbeat says; null and -1 say "as before". */
export type ConsumerHeartbeatOp = {
  readonly groupId: string;
  /** Made by the client from version 1 on; '' in version 0 for a member that has none yet. */
  readonly memberId: string;
  /** The id that a member without one gets: drawn by the caller, since a core draws nothing. */
  readonly newMemberId: string;
  /** 0 joins, -1 leaves, -2 leaves for a while (static members only). */
  readonly memberEpoch: number;
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** In whose name; what regular expressions stand for is what it may describe. */
  readonly principal?: string;
  readonly rebalanceTimeoutMs: number;
  readonly subscribedTopicNames: readonly string[] | null;
  readonly subscribedTopicRegex: string | null;
  readonly serverAssignor: string | null;
  /** What the member owns now. */
  readonly topicPartitions: TopicPartitions | null;
  /** From version 1 on a member brings its own id. */
  readonly requiresMemberId: boolean;
};
export type ConsumerHeartbeatReply = {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** null: nothing new. */
  readonly assignment: TopicPartitions | null;
};

export type NamedPartitions = readonly {
  readonly topicId: string;
  readonly topicName: string;
  readonly partitions: readonly number[];
}[];

export type DescribedConsumerGroup = {
  readonly groupId: string;
  readonly state: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly rackId: string | null;
    readonly memberEpoch: number;
    readonly clientId: string;
    readonly clientHost: string;
    readonly subscribedTopicNames: readonly string[];
    readonly subscribedTopicRegex: string | null;
    readonly assignment: NamedPartitions;
    readonly targetAssignment: NamedPartitions;
    /** A member that speaks the classic protocol in a consumer group. */
    readonly isClassic: boolean;
  }[];
};

/** The topics that regular expressions of a group stand for, answered to `resolveRegex`. */
export type RegexResolvedOp = {
  readonly groupId: string;
  /** Offset of the metadata that they were resolved against. */
  readonly metadataOffset: number;
  readonly resolved: readonly { readonly regex: string; readonly topics: readonly string[] }[];
};

/** Joined to `GroupOps`. */
export type ConsumerOps = {
  consumerHeartbeat: { op: ConsumerHeartbeatOp; reply: ConsumerHeartbeatReply };
  consumerDescribe: { op: { readonly groupId: string }; reply: DescribedConsumerGroup };
  /** Asked by the coordinator's shell, not by clients. */
  regexResolved: { op: RegexResolvedOp; reply: null };
  /** Topics were made, deleted, or changed their partitions or racks; groups that subscribe to them look again. */
  topicsChanged: { op: { readonly topics: readonly string[] }; reply: null };
};

/** More of who is behind an event, and which kind of reason it is: for the history of rebalances. */
type Behind = {
  readonly groupInstanceId?: string | null;
  readonly clientHost?: string | null;
  readonly cause?: RebalanceCause;
};

/** Joined to `GroupEvent`. `memberId` null: nobody in particular. */
export type ConsumerEvent =
  | {
      /** The shell lists the topics that match (and that `asker` may see), then submits `regexResolved`. */
      readonly kind: 'resolveRegex';
      readonly groupId: string;
      readonly regexes: readonly string[];
      /** Who beat last with a regular expression; left out: nobody since the shard was loaded. */
      readonly asker?: { readonly principal: string; readonly clientHost: string };
    }
  | {
      /** More topics match than one record holds: the pattern keeps standing for what it stood for before. */
      readonly kind: 'regexTooBroad';
      readonly groupId: string;
      readonly regex: string;
      readonly topics: number;
    }
  | {
      /** The target would give members more partitions than one record holds: what is left out nobody consumes until more members join. */
      readonly kind: 'assignmentTooLarge';
      readonly groupId: string;
      /** Who would have more. */
      readonly members: number;
      /** Partitions. */
      readonly leftOut: number;
    }
  | ({
      /** A reason to move partitions: the first phase of a rebalance of a consumer group. */
      readonly kind: 'groupEpochBumped';
      readonly groupId: string;
      readonly groupEpoch: number;
      readonly members: number;
      readonly memberId: string | null;
      readonly clientId: string | null;
      readonly why: string;
    } & Behind)
  | {
      /** The second phase: who is to own what. */
      readonly kind: 'targetAssigned';
      readonly groupId: string;
      readonly groupEpoch: number;
      readonly assignorName: string;
      readonly members: number;
      /** Partitions whose owner is to change. */
      readonly movedPartitions: number;
      /** Since the epoch was bumped. */
      readonly tookMs: number;
    }
  | {
      /** The last phase is over: every member owns what it is to own. */
      readonly kind: 'groupReconciled';
      readonly groupId: string;
      readonly groupEpoch: number;
      /** Since the epoch was bumped. */
      readonly tookMs: number;
      /** Who came last. */
      readonly slowestMemberId: string | null;
      readonly slowest?: MemberName;
    }
  | ({
      readonly kind: 'memberLost';
      readonly groupId: string;
      readonly memberId: string;
      readonly clientId: string;
      readonly why: string;
    } & Behind)
  | {
      /** Between the protocols (KIP-848 migration). */
      readonly kind: 'groupConverted';
      readonly groupId: string;
      readonly to: 'classic' | 'consumer';
      readonly why: string;
    };
