/** What a group shard knows of the cluster's topics: the committed metadata, as far as groups need it. The broker stands behind it. */

export type GroupTopic = {
  readonly name: string;
  readonly id: string;
  readonly partitionCount: number;
  /** Racks of the partition's replicas, each once, without those of brokers that name none. */
  racksOf(partition: number): readonly string[];
};

/** Reads answer from one committed state; the next call may see a later one. */
export interface GroupTopics {
  byName(name: string): GroupTopic | undefined;
  byId(id: string): GroupTopic | undefined;
}
