/** The offsets that the groups of a shard have committed. */
import type { OffsetValue } from './kinds.ts';

export type OffsetRow = {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: OffsetValue;
};

type ByPartition = Map<number, OffsetValue>;
type ByTopic = Map<string, ByPartition>;

export class Offsets {
  readonly #groups = new Map<string, ByTopic>();
  /** Groups whose coming expiry was told. Not replicated: another coordinator tells once more. */
  readonly #warned = new Set<string>();

  get(groupId: string, topic: string, partition: number): OffsetValue | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition);
  }

  set(groupId: string, topic: string, partition: number, value: OffsetValue): void {
    let topics = this.#groups.get(groupId);
    if (topics === undefined) this.#groups.set(groupId, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    partitions.set(partition, value);
    this.#warned.delete(groupId);
  }

  delete(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined || !partitions.delete(partition)) return;
    if (partitions.size > 0) return;
    topics.delete(topic);
    if (topics.size > 0) return;
    this.#groups.delete(groupId);
    this.#warned.delete(groupId);
  }

  /** @returns whether this is the first warning since the group's offsets were last out of danger */
  warn(groupId: string): boolean {
    if (this.#warned.has(groupId)) return false;
    this.#warned.add(groupId);
    return true;
  }

  unwarn(groupId: string): void {
    this.#warned.delete(groupId);
  }

  hasAny(groupId: string): boolean {
    return this.#groups.has(groupId);
  }

  /** The offsets of these topics in all groups; undefined for what was looked at in vain. Offsets may come and go while it is walked. */
  *ofTopics(topics: ReadonlySet<string>): Generator<OffsetRow | undefined, void> {
    for (const [groupId, byTopic] of this.#groups) {
      yield undefined;
      const byFewest = topics.size < byTopic.size ? topics : byTopic.keys();
      for (const topic of byFewest) {
        const partitions = topics.has(topic) ? byTopic.get(topic) : undefined;
        if (partitions === undefined) yield undefined;
        else for (const [partition, value] of partitions) yield { groupId, topic, partition, value };
      }
    }
  }

  /** All of a group, as a list that may be walked while offsets are deleted. */
  ofGroup(groupId: string): { topic: string; partition: number; value: OffsetValue }[] {
    const all: { topic: string; partition: number; value: OffsetValue }[] = [];
    for (const [topic, partitions] of this.#groups.get(groupId) ?? [])
      for (const [partition, value] of partitions) all.push({ topic, partition, value });
    return all;
  }

  topicsOf(groupId: string): ReadonlyMap<string, ReadonlyMap<number, OffsetValue>> {
    return this.#groups.get(groupId) ?? NO_TOPICS;
  }
}

const NO_TOPICS: ReadonlyMap<string, ReadonlyMap<number, OffsetValue>> = new Map();
