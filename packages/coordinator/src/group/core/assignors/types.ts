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

/**
 * An entry for every member: its `assigned` itself where nothing changes, and no topic without a partition. Every partition of a topic that
 * somebody subscribes to is given to one subscriber. The order of members and topics in the input changes nothing.
 */
export type Assign = (spec: AssignSpec, topics: AssignTopics) => ReadonlyMap<string, PartitionsByTopic>;
