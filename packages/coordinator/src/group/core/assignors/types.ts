/** What an assignor is asked and answers: a pure function from members and topics to who is to own what. Source: KIP-848. */

/** Partitions by topic id. */
export type PartitionsByTopic = ReadonlyMap<string, ReadonlySet<number>>;

export type AssignMember = {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  /** Topics that exist and that the member subscribes to, by name or by regular expression. */
  readonly subscribedTopicIds: ReadonlySet<string>;
  /** The member's last target: an assignor that is sticky keeps what it can of it. Empty for a new member. */
  readonly assigned: PartitionsByTopic;
};

export type AssignSpec = {
  readonly members: ReadonlyMap<string, AssignMember>;
  /** All members subscribe to the same topics. */
  readonly homogeneous: boolean;
};

export type AssignTopics = {
  /** -1 for a topic that does not exist. */
  partitionCount(topicId: string): number;
  /** Racks of the partition's replicas; empty when none is known. */
  racksOf(topicId: string, partition: number): readonly string[];
};

/** A member that is given nothing may be left out. No partition is given twice, none of a topic that the member does not subscribe to. */
export type Assign = (spec: AssignSpec, topics: AssignTopics) => Map<string, Map<string, Set<number>>>;
