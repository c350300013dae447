/**
 * How many brokers hold an internal topic: as many as its key says, and never more than there are, so that the first group of a cluster that
 * still starts is served. As brokers join, whoever leads a partition asks for the copies that are missing. Every leader reckons over the whole
 * topic and in one order, so they all come to one plan, and each asks for its own part of it.
 */
import type { BrokerImage, MetadataImage, PartitionImage, TopicImage } from '@odradek/metadata';

/** @property replicas the preferred leader first */
export type MoreCopies = { readonly partition: number; readonly replicas: readonly number[] };
export type CopiesPlan = {
  readonly asked: readonly MoreCopies[];
  /** Some of ours are on their way to other brokers, and have too few copies: to be looked at again. */
  readonly isWaiting: boolean;
};

/** Copies that a topic of so many may have now; 0: no broker is there. */
export function copiesNow({ cluster }: MetadataImage, wanted: number): number {
  let active = 0;
  for (const { id } of cluster.brokers()) if (cluster.isActive(id)) active += 1;
  return Math.min(wanted, active);
}

/** What `nodeId` asks for as the leader of partitions of `topic`. */
export function moreCopies(
  image: MetadataImage,
  topic: TopicImage,
  { nodeId, wanted }: { readonly nodeId: number; readonly wanted: number },
): CopiesPlan {
  const count = copiesNow(image, wanted);
  const isShort = (partition: PartitionImage): boolean => stayingOf(partition).length < count;
  if (!topic.partitions.some((partition) => partition.leader === nodeId && isShort(partition)))
    return { asked: [], isWaiting: false };
  const spread = new Spread(image, topic, isShort);
  const asked: MoreCopies[] = [];
  let isWaiting = false;
  for (const partition of topic.partitions) {
    if (!isShort(partition)) continue;
    const isOurs = partition.leader === nodeId;
    // Somebody moves it: what he asked for comes first.
    if (partition.removingReplicas.length > 0) {
      isWaiting ||= isOurs;
      continue;
    }
    const replicas = spread.grown(partition, count);
    if (isOurs) asked.push({ partition: partition.partition, replicas });
  }
  return { asked, isWaiting };
}

/** The replicas that a partition has once what is under way is done. */
function stayingOf({ replicas, removingReplicas }: PartitionImage): readonly number[] {
  return removingReplicas.length === 0 ? replicas : replicas.filter((id) => !removingReplicas.includes(id));
}

/** Copies over the brokers that are there, first leaders over those that hold copies. */
class Spread {
  readonly #active: readonly BrokerImage[];
  readonly #copies = new Map<number, number>();
  readonly #leads = new Map<number, number>();

  constructor({ cluster }: MetadataImage, topic: TopicImage, isShort: (partition: PartitionImage) => boolean) {
    const active = Array.from(cluster.brokers()).filter(({ id }) => cluster.isActive(id));
    this.#active = active.toSorted((a, b) => a.id - b.id);
    for (const partition of topic.partitions) {
      for (const id of stayingOf(partition)) add(this.#copies, id);
      const [first] = partition.replicas;
      // Those that are short are given their first leader here.
      if (first !== undefined && !isShort(partition)) add(this.#leads, first);
    }
  }

  grown(partition: PartitionImage, count: number): readonly number[] {
    const replicas = [...partition.replicas];
    while (replicas.length < count) {
      const next = this.#next(replicas);
      if (next === undefined) break;
      add(this.#copies, next);
      replicas.push(next);
    }
    const first = least(replicas, this.#leads);
    add(this.#leads, first);
    return [first, ...replicas.filter((id) => id !== first)];
  }

  /** From a rack that holds none yet, if there is one; of those whoever holds the fewest. */
  #next(replicas: readonly number[]): number | undefined {
    const racks = new Set(this.#active.filter(({ id }) => replicas.includes(id)).map(({ rack }) => rack));
    const free = this.#active.filter(({ id }) => !replicas.includes(id));
    const elsewhere = free.filter(({ rack }) => rack !== null && !racks.has(rack));
    const ids = (elsewhere.length > 0 ? elsewhere : free).map(({ id }) => id);
    return ids.length === 0 ? undefined : least(ids, this.#copies);
  }
}

function add(counts: Map<number, number>, id: number): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}

/** The first of those with the smallest count. */
function least(ids: readonly number[], counts: ReadonlyMap<number, number>): number {
  return ids.reduce((best, id) => ((counts.get(id) ?? 0) < (counts.get(best) ?? 0) ? id : best));
}
