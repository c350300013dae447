/**
 * What a run of records changed, so that a broker touches only what it must. Made by `MetadataImage.apply`, read once,
 * thrown away.
 */
import type { TopicImage, PartitionImage } from './topics.ts';
import type { BrokerImage } from './cluster.ts';

export type PartitionDelta = {
  readonly topic: TopicImage;
  readonly partition: number;
  /** undefined: the partition is new. */
  readonly before: PartitionImage | undefined;
  readonly after: PartitionImage;
};

export class MetadataDelta {
  /** By topic id. A topic created and deleted within the same run is in neither map. */
  readonly topicsCreated = new Map<string, TopicImage>();
  readonly topicsDeleted = new Map<string, TopicImage>();
  /** What a broker's registration was before; undefined when it is new. The image holds what it is now. */
  readonly brokers = new Map<number, BrokerImage | undefined>();
  /** Resource type to the names whose configs changed; '' is the default of the whole cluster. */
  readonly configs = new Map<number, Set<string>>();
  readonly features = new Set<string>();
  producerIdsChanged = false;
  aclsChanged = false;
  quotasChanged = false;
  scramChanged = false;
  readonly #partitionsBefore = new Map<string, Map<number, PartitionImage | undefined>>();
  readonly #topics = new Map<string, TopicImage>();

  /**
   * Every partition that was added or changed (leader, replicas, ISR, ELR, directories), of topics that are still
   * there.
   */
  *partitions(): Generator<PartitionDelta> {
    for (const [topicId, partitions] of this.#partitionsBefore) {
      const topic = this.#topics.get(topicId);
      if (topic === undefined) continue;
      for (const [partition, before] of partitions) {
        const after = topic.partitions[partition];
        if (after !== undefined) yield { topic, partition, before, after };
      }
    }
  }

  get empty(): boolean {
    return (
      this.topicsCreated.size === 0 &&
      this.topicsDeleted.size === 0 &&
      this.brokers.size === 0 &&
      this.configs.size === 0 &&
      this.features.size === 0 &&
      this.#partitionsBefore.size === 0 &&
      !this.producerIdsChanged &&
      !this.aclsChanged &&
      !this.quotasChanged &&
      !this.scramChanged
    );
  }

  noteTopicCreated(topic: TopicImage): void {
    this.topicsCreated.set(topic.id, topic);
  }

  noteTopicDeleted(topic: TopicImage): void {
    if (!this.topicsCreated.delete(topic.id)) this.topicsDeleted.set(topic.id, topic);
    this.#partitionsBefore.delete(topic.id);
    this.#topics.delete(topic.id);
  }

  /** Keeps the first `before` of the run. */
  notePartition(topic: TopicImage, partition: number, before: PartitionImage | undefined): void {
    let partitions = this.#partitionsBefore.get(topic.id);
    if (partitions === undefined) {
      partitions = new Map();
      this.#partitionsBefore.set(topic.id, partitions);
      this.#topics.set(topic.id, topic);
    }
    if (!partitions.has(partition)) partitions.set(partition, before);
  }

  noteBroker(id: number, before: BrokerImage | undefined): void {
    if (!this.brokers.has(id)) this.brokers.set(id, before);
  }

  noteConfig(resourceType: number, resourceName: string): void {
    const names = this.configs.get(resourceType);
    if (names === undefined) this.configs.set(resourceType, new Set([resourceName]));
    else names.add(resourceName);
  }
}
