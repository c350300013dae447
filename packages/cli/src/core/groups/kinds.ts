/** What the group commands know of a group, whichever protocol and version told it. */

export type Broker = { readonly nodeId: number; readonly host: string; readonly port: number };

export type TopicPartition = { readonly topic: string; readonly partition: number };

export type TopicPartitions = { readonly topic: string; readonly partitions: readonly number[] };

export type GroupType = 'classic' | 'consumer';

export type Member = {
  readonly memberId: string;
  /** `group.instance.id` of a static member. */
  readonly instanceId: string | undefined;
  readonly rackId: string | undefined;
  readonly clientId: string;
  readonly host: string;
  readonly assignment: readonly TopicPartitions[];
  /** Where the coordinator wants the member to get to; consumer groups only. */
  readonly target: readonly TopicPartitions[] | undefined;
  readonly epoch: number | undefined;
  /** False: a member of the classic protocol inside a consumer group. Undefined: not told. */
  readonly upgraded: boolean | undefined;
  readonly subscribedTopics: readonly string[] | undefined;
  readonly subscribedRegex: string | undefined;
};

export type Group = {
  readonly groupId: string;
  readonly type: GroupType;
  /** Kafka's names: Stable, Empty, PreparingRebalance, … */
  readonly state: string;
  readonly coordinator: Broker;
  /** '' while none is chosen. */
  readonly assignor: string;
  readonly groupEpoch: number | undefined;
  readonly assignmentEpoch: number | undefined;
  readonly members: readonly Member[];
  /** Names of operations that the caller may do with it; undefined when they were not asked for. */
  readonly authorizedOperations: readonly string[] | undefined;
};

/** What is known of one partition that a group reads. Undefined: not known. */
export type PartitionFacts = TopicPartition & {
  readonly committedOffset: number | undefined;
  readonly committedLeaderEpoch: number | undefined;
  readonly logEndOffset: number | undefined;
  /** Records between the two; never negative. */
  readonly lag: number | undefined;
  /** Milliseconds since the first unread record was written. */
  readonly lagMs: number | undefined;
  /** What is odd about it, for a person. */
  readonly note: string | undefined;
};
