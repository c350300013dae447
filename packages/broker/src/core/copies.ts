/**
 * Which copies are missing, as far as health is concerned: those of this broker that have not been level with their leaders since it started
 * (it is not ready before), and those of others (while some are missing, this broker should not stop as well).
 */
import { NO_LEADER } from '@odradek/metadata';
import type { MetadataImage, PartitionImage } from '@odradek/metadata';

/** @property example one of them, as `topic-partition`; '' when there is none */
export type SomePartitions = { readonly count: number; readonly example: string };

export type IsOffline = (topic: string, partition: number) => boolean;

type Awaited = { readonly topicId: string; readonly partition: number };

/** What a broker that has just been unfenced has to catch up with. Once it has, it has for good: what falls behind later is no start. */
export class CatchingUp {
  readonly #nodeId: number;
  #awaited: readonly Awaited[];

  constructor(nodeId: number, { topics }: MetadataImage) {
    this.#nodeId = nodeId;
    const awaited: Awaited[] = [];
    for (const { id, partitions } of topics.all())
      for (const each of partitions)
        if (isAwaited(each, nodeId)) awaited.push({ topicId: id, partition: each.partition });
    this.#awaited = awaited;
  }

  /**
   * Copies that are still behind. One whose partition has no leader, or whose log has failed here, waits for nobody: it does not count, and
   * is looked at again as long as others do.
   */
  behind({ topics }: MetadataImage, isOffline: IsOffline): SomePartitions {
    if (this.#awaited.length === 0) return none;
    let count = 0;
    let example = '';
    this.#awaited = this.#awaited.filter(({ topicId, partition }) => {
      const topic = topics.byId(topicId);
      const found = topic?.partitions[partition];
      if (topic === undefined || found === undefined || !isAwaited(found, this.#nodeId)) return false;
      if (found.leader === NO_LEADER || isOffline(topic.name, partition)) return true;
      if (count === 0) example = `${topic.name}-${partition}`;
      count += 1;
      return true;
    });
    if (count === 0) this.#awaited = [];
    return { count, example };
  }
}

/** A replica that is being added belongs to a move, and one that is being removed to nobody: no start waits for them. */
function isAwaited({ replicas, isr, addingReplicas, removingReplicas }: PartitionImage, nodeId: number): boolean {
  if (!replicas.includes(nodeId) || isr.includes(nodeId)) return false;
  return !addingReplicas.includes(nodeId) && !removingReplicas.includes(nodeId);
}

/** Partitions that another broker than `nodeId` lacks a copy of, or that nobody leads. */
export function shortOfOthers({ topics }: MetadataImage, nodeId: number): SomePartitions {
  let count = 0;
  let example = '';
  for (const { name, partitions } of topics.all())
    for (const each of partitions) {
      if (!isShort(each, nodeId)) continue;
      if (count === 0) example = `${name}-${each.partition}`;
      count += 1;
    }
  return { count, example };
}

function isShort(partition: PartitionImage, nodeId: number): boolean {
  if (partition.leader === NO_LEADER) return true;
  return partition.replicas.some((id) => id !== nodeId && isAwaited(partition, id));
}

const none: SomePartitions = { count: 0, example: '' };
