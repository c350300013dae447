/** The words of the group coordinator: what is asked of a group shard, what it answers, records, is reminded of, and tells. */
import type { ConsumerGroupPartitionMetadataValue } from '@odradek/protocol';
import type { OpId, Out } from '../../runtime/core/machine.ts';
import type { ConsumerGroup } from './consumer/group.ts';
import type { ConsumerEvent, ConsumerOps, TopicPartitions } from './consumer/kinds.ts';
import type { InsightEvent, InsightOps, MemberName, RebalanceReason } from './insight/kinds.ts';
import type { OffsetRow } from './offsets.ts';

export type * from './consumer/kinds.ts';
export type * from './insight/kinds.ts';

export type JoinProtocol = { readonly name: string; readonly metadata: Buffer };

export type JoinOp = {
  readonly groupId: string;
  /** '' for a member that has none yet. */
  readonly memberId: string;
  /** The id that a member without one gets: drawn by the caller, since a core draws nothing. */
  readonly newMemberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  /** In the member's order of preference. */
  readonly protocols: readonly JoinProtocol[];
  /** What the client says why it joins (KIP-800). */
  readonly reason: string | null;
  /** A dynamic member without an id is sent back with one (KIP-394; JoinGroup 4 and later). */
  readonly requiresMemberId: boolean;
  /** KIP-814; JoinGroup 9 and later. */
  readonly canSkipAssignment: boolean;
};

export type JoinedMember = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Buffer;
};

/** A refusal is a `code` here too, because some come with a member id. */
export type JoinReply = {
  readonly code: number;
  readonly why: string | null;
  readonly memberId: string;
  /** -1 with a refusal. */
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  /** Empty for all but the leader. */
  readonly members: readonly JoinedMember[];
};

type MemberOp = {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** The member epoch in a consumer group. */
  readonly generation: number;
};

export type SyncOp = MemberOp & {
  /** null in versions that do not say it. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** From the leader only. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
};
export type SyncReply = {
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
};

export type LeavingMember = {
  /** '' to remove a static member by its instance id alone. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly reason: string | null;
};
export type LeaveOp = { readonly groupId: string; readonly members: readonly LeavingMember[] };
export type LeaveReply = {
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly code: number;
  }[];
};

export type DescribedGroup = {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  /** '' unless stable. */
  readonly protocolName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    /** Empty unless the group is stable. */
    readonly metadata: Buffer;
    /** While the group rebalances, the one that the member had before. */
    readonly assignment: Buffer;
  }[];
};

/** Empty filters let everything through; words are compared without regard to case. */
export type ListOp = { readonly states: readonly string[]; readonly types: readonly string[] };
export type ListedGroup = {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: string;
  readonly type: string;
};

export type CommitOp = MemberOp & {
  /** How long the offsets are kept, milliseconds (OffsetCommit 2-4); -1: as the broker is configured. */
  readonly retentionMs: number;
  /** OffsetCommit 9 and later hear GROUP_ID_NOT_FOUND where older ones hear ILLEGAL_GENERATION. */
  readonly knowsGroupIdNotFound: boolean;
  readonly topics: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly offset: number;
      /** -1: not known. */
      readonly leaderEpoch: number;
      readonly metadata: string | null;
    }[];
  }[];
};

export type PartitionCodes = {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly code: number }[];
  }[];
};

export type FetchOp = {
  readonly groupId: string;
  /** null: all that the group has committed. `topicId` is the topic's id today, the zero uuid when unknown. */
  readonly topics:
    | readonly { readonly topic: string; readonly topicId: string; readonly partitions: readonly number[] }[]
    | null;
  /** Who asks (OffsetFetch 9 and later); null or left out, with an epoch below 0: an admin client. */
  readonly memberId?: string | null;
  readonly memberEpoch?: number;
};
export type FetchedPartition = {
  readonly partition: number;
  /** -1: nothing is committed. */
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly code: number;
};
export type FetchReply = {
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchedPartition[] }[];
};

export type DeleteOffsetsOp = {
  readonly groupId: string;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
};

/** Each op with its answer. Answers are outcomes: a refusal carries the code of the whole. */
export type GroupOps = ConsumerOps &
  InsightOps & {
    join: { op: JoinOp; reply: JoinReply };
    sync: { op: SyncOp; reply: SyncReply };
    heartbeat: { op: MemberOp; reply: null };
    leave: { op: LeaveOp; reply: LeaveReply };
    describe: { op: { readonly groupId: string }; reply: DescribedGroup };
    list: { op: ListOp; reply: readonly ListedGroup[] };
    delete: { op: { readonly groupId: string }; reply: null };
    commit: { op: CommitOp; reply: PartitionCodes };
    fetch: { op: FetchOp; reply: FetchReply };
    deleteOffsets: { op: DeleteOffsetsOp; reply: PartitionCodes };
    /** Topics that are no more: their offsets go, in every group. */
    topicsDeleted: { op: { readonly topics: readonly string[] }; reply: null };
  };
export type GroupOpKind = keyof GroupOps;
export type GroupOpOf<K extends GroupOpKind> = { readonly kind: K } & GroupOps[K]['op'];
export type GroupOp = { [K in GroupOpKind]: GroupOpOf<K> }[GroupOpKind];
export type GroupReply<K extends GroupOpKind> = GroupOps[K]['reply'];

export type MemberValue = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
};
/** What outlives a coordinator of a classic group. */
export type GroupValue = {
  /** '' for none. */
  readonly protocolType: string;
  readonly generation: number;
  readonly protocolName: string | null;
  readonly leader: string | null;
  /** -1 in records of old versions. */
  readonly stateSinceMs: number;
  readonly members: readonly MemberValue[];
};
export type OffsetValue = {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitMs: number;
  /** -1: as the broker is configured. */
  readonly expireMs: number;
  /** The zero uuid when it was not known. */
  readonly topicId: string;
};

/** A member of a consumer group: what it said of itself. */
export type ConsumerMemberValue = {
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
  /** null or '': it subscribes by names alone. */
  readonly subscribedTopicRegex: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
  /** Of a member that speaks the classic protocol (KIP-848 migration). */
  readonly classic: ClassicMemberValue | null;
};
export type ClassicMemberValue = { readonly sessionTimeoutMs: number; readonly protocols: readonly JoinProtocol[] };

/** Partitions with the member epochs in which they were assigned (KIP-1251), in the same order. */
export type AssignedPartitions = readonly {
  readonly topicId: string;
  readonly partitions: readonly number[];
  /** null in records of versions that did not keep them. */
  readonly assignmentEpochs: readonly number[] | null;
}[];
/** What a member owns, and is to give back before it owns anything new. */
export type CurrentAssignmentValue = {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  /** Kafka's number of the member's state. */
  readonly state: number;
  readonly assigned: AssignedPartitions;
  readonly revoking: AssignedPartitions;
};
export type ResolvedRegexValue = {
  readonly topics: readonly string[];
  /** Offset of the metadata that it was resolved against. */
  readonly metadataOffset: number;
  readonly resolvedMs: number;
};

/** Records of consumer groups (KIP-848). A null value deletes. */
export type ConsumerRecord =
  | {
      readonly kind: 'consumerGroup';
      readonly groupId: string;
      readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null;
    }
  | {
      /** Kafka 4.0 and older kept the topics themselves where later ones keep a hash: read, and only ever deleted. */
      readonly kind: 'consumerPartitionMetadata';
      readonly groupId: string;
      readonly value: ConsumerGroupPartitionMetadataValue | null;
    }
  | {
      readonly kind: 'consumerMember';
      readonly groupId: string;
      readonly memberId: string;
      readonly value: ConsumerMemberValue | null;
    }
  | {
      readonly kind: 'targetMetadata';
      readonly groupId: string;
      readonly value: { readonly assignmentEpoch: number; readonly assignedMs: number } | null;
    }
  | {
      readonly kind: 'targetMember';
      readonly groupId: string;
      readonly memberId: string;
      readonly value: TopicPartitions | null;
    }
  | {
      readonly kind: 'currentAssignment';
      readonly groupId: string;
      readonly memberId: string;
      readonly value: CurrentAssignmentValue | null;
    }
  | {
      readonly kind: 'resolvedRegex';
      readonly groupId: string;
      readonly regex: string;
      readonly value: ResolvedRegexValue | null;
    };

/** A null value deletes. */
export type GroupRecord =
  | ConsumerRecord
  | { readonly kind: 'group'; readonly groupId: string; readonly value: GroupValue | null }
  | {
      readonly kind: 'offset';
      readonly groupId: string;
      readonly topic: string;
      readonly partition: number;
      readonly value: OffsetValue | null;
    };

export type GroupTimer =
  | { readonly kind: 'session'; readonly groupId: string; readonly memberId: string }
  | { readonly kind: 'initialJoin'; readonly groupId: string; readonly delayMs: number; readonly remainingMs: number }
  | { readonly kind: 'join'; readonly groupId: string }
  | { readonly kind: 'sync'; readonly groupId: string; readonly generation: number }
  /** No heartbeat of a member within its session timeout. */
  | { readonly kind: 'consumerSession'; readonly groupId: string; readonly memberId: string }
  /** A member has not given back what it was asked to in that epoch within its rebalance timeout. */
  | { readonly kind: 'revocation'; readonly groupId: string; readonly memberId: string; readonly memberEpoch: number }
  /** A classic member in a consumer group did not join, or not ask for its assignment, in time. */
  | { readonly kind: 'classicJoin'; readonly groupId: string; readonly memberId: string }
  | { readonly kind: 'classicSync'; readonly groupId: string; readonly memberId: string }
  /** The assignment interval is over: a target that was put off is computed. */
  | { readonly kind: 'assign'; readonly groupId: string }
  | { readonly kind: 'refreshRegexes'; readonly groupId: string }
  | ({ readonly kind: 'expireOffsets' } & ExpiryRound)
  | ({ readonly kind: 'forgetTopics' } & ForgetRound)
  | ({ readonly kind: 'tellTopics' } & TopicsRound);

/** Where a round over all groups has come to. Left out: it begins. */
export type ExpiryRound = { readonly groupIds?: readonly string[]; readonly from?: number };
/** The op that is answered at the end, and the offsets of topics that are no more, as far as they were not looked at. */
export type ForgetRound = { readonly id: OpId; readonly rows: Iterator<OffsetRow | undefined, void> };
/** The op that is answered at the end, topics that changed, and the groups that have not heard of it. */
export type TopicsRound = {
  readonly id: OpId;
  readonly changed: ReadonlySet<string>;
  /** Of these, those that exist. */
  readonly existing: readonly string[];
  readonly groups: Iterator<ConsumerGroup>;
};

/** For log lines and metrics: why a group moves, in words for a person. */
export type GroupEvent =
  | ConsumerEvent
  | InsightEvent
  | {
      readonly kind: 'rebalanceStarted';
      readonly groupId: string;
      readonly generation: number;
      readonly members: number;
      readonly reason: RebalanceReason;
    }
  | {
      readonly kind: 'rebalanceJoined';
      readonly groupId: string;
      readonly generation: number;
      readonly members: number;
      readonly protocolName: string;
      readonly tookMs: number;
      /** Whose assignment is waited for from now on. */
      readonly leader: MemberName | null;
      /** Who came last. */
      readonly last: MemberName | null;
      /** The first rebalance of an empty group waits `group.initial.rebalance.delay.ms` for more members. */
      readonly initial: boolean;
      /** Members that did not come back in time. */
      readonly lost: readonly MemberName[];
    }
  | {
      readonly kind: 'rebalanceDone';
      readonly groupId: string;
      readonly generation: number;
      readonly tookMs: number;
      /** Partitions given to a member that did not own them before; -1 when the assignment cannot be read here. */
      readonly movedPartitions: number;
    }
  | { readonly kind: 'groupEmptied'; readonly groupId: string; readonly generation: number }
  | { readonly kind: 'groupDeleted'; readonly groupId: string; readonly why: string }
  | {
      readonly kind: 'offsetsExpired';
      readonly groupId: string;
      readonly topics: readonly string[];
      readonly count: number;
    };

export type GroupKinds = { op: GroupOp; record: GroupRecord; timer: GroupTimer; event: GroupEvent };
export type GroupOut = Out<GroupKinds>;
export type { OpId };
