/** The cluster's topics as the group coordinator sees them: the committed metadata, and what a change of it means for groups. */
import type { GroupTopic, GroupTopics } from '@odradek/coordinator';
import type { MetadataDelta, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';

export class ImageTopics implements GroupTopics {
  readonly #image: () => MetadataImage;

  constructor(image: () => MetadataImage) {
    this.#image = image;
  }

  byName(name: string): GroupTopic | undefined {
    const image = this.#image();
    const topic = image.topics.byName(name);
    return topic === undefined ? undefined : seen(topic, image);
  }

  byId(id: string): GroupTopic | undefined {
    const image = this.#image();
    const topic = image.topics.byId(id);
    return topic === undefined ? undefined : seen(topic, image);
  }
}

function seen(topic: TopicImage, image: MetadataImage): GroupTopic {
  return {
    name: topic.name,
    id: topic.id,
    partitionCount: topic.partitions.length,
    racksOf: (partition) => racksOf(topic.partitions[partition], image),
  };
}

function racksOf(partition: PartitionImage | undefined, { cluster }: MetadataImage): string[] {
  const racks = new Set<string>();
  for (const id of partition?.replicas ?? []) {
    const rack = cluster.broker(id)?.rack;
    if (rack !== undefined && rack !== null) racks.add(rack);
  }
  return [...racks];
}

/** Names of the topics that were made, deleted, or whose partitions or racks changed: what assignments are made from. */
export function topicsChangedFor(delta: MetadataDelta, image: MetadataImage): string[] {
  const names = new Set<string>();
  for (const topic of delta.topicsCreated.values()) names.add(topic.name);
  for (const topic of delta.topicsDeleted.values()) names.add(topic.name);
  for (const { topic, before, after } of delta.partitions())
    if (before === undefined || !sameReplicas(before, after)) names.add(topic.name);
  const moved = movedBrokers(delta, image);
  if (moved.size > 0)
    for (const { name, partitions } of image.topics.all())
      if (partitions.some(({ replicas }) => replicas.some((id) => moved.has(id)))) names.add(name);
  return [...names];
}

function sameReplicas(before: PartitionImage, after: PartitionImage): boolean {
  return (
    before.replicas === after.replicas ||
    (before.replicas.length === after.replicas.length && before.replicas.every((id, at) => id === after.replicas[at]))
  );
}

/** Brokers that stand in another rack than before. One that is new holds no replicas yet; one that came back may. */
function movedBrokers(delta: MetadataDelta, { cluster }: MetadataImage): Set<number> {
  const moved = new Set<number>();
  for (const [id, before] of delta.brokers)
    if ((before?.rack ?? null) !== (cluster.broker(id)?.rack ?? null)) moved.add(id);
  return moved;
}
