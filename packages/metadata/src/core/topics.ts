/** Topics and their partitions: found by name and by id in one step, since the data path asks for every request. */
import { assert } from '@odradek/base';
import type {
  ClearElrRecord,
  PartitionChangeRecord,
  PartitionRecord,
  RemoveTopicRecord,
  TopicRecord,
} from '@odradek/protocol';
import type { MetadataDelta } from './delta.ts';
import { PartitionIndex } from './partition-index.ts';
import { byText, record, type MetadataRecord } from './records.ts';
import { collisionKey } from './topic-names.ts';

export const NO_LEADER = -1;
/** In a PartitionChangeRecord: the leader, and with it the leader epoch, stays. */
export const NO_LEADER_CHANGE = -2;
export const NO_RECOVERY_CHANGE = -1;
/** Directory ids with a meaning of their own (KIP-858). */
export const DIRECTORY_UNASSIGNED = 'AAAAAAAAAAAAAAAAAAAAAA';
export const DIRECTORY_LOST = 'AAAAAAAAAAAAAAAAAAAAAQ';
export const DIRECTORY_MIGRATING = 'AAAAAAAAAAAAAAAAAAAAAg';

/** One partition. Never changed in place: a change makes a new one, so a holder of the old sees what was. */
export type PartitionImage = {
  readonly partition: number;
  readonly replicas: readonly number[];
  /** Directory id of each replica, in the order of `replicas` (KIP-858). */
  readonly directories: readonly string[];
  readonly isr: readonly number[];
  /** KIP-966: replicas out of the ISR that are still known to hold all that was acknowledged. */
  readonly elr: readonly number[];
  readonly lastKnownElr: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  /** `NO_LEADER` when offline. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly leaderRecoveryState: number;
};

export type TopicImage = {
  readonly name: string;
  readonly id: string;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[];
};
type MutableTopic = {
  readonly name: string;
  readonly id: string;
  readonly partitions: PartitionImage[];
  /** Of each partition in the index. */
  readonly places: number[];
};

export class Topics {
  readonly index = new PartitionIndex();
  readonly #byName = new Map<string, MutableTopic>();
  readonly #byId = new Map<string, MutableTopic>();
  readonly #byCollisionKey = new Map<string, Set<string>>();
  #partitionCount = 0;

  get size(): number {
    return this.#byName.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  byName(name: string): TopicImage | undefined {
    return this.#byName.get(name);
  }

  byId(id: string): TopicImage | undefined {
    return this.#byId.get(id);
  }

  partition(name: string, partition: number): PartitionImage | undefined {
    return this.#byName.get(name)?.partitions[partition];
  }

  /** A topic whose name differs only by `.` and `_`, or is the same. */
  collidingWith(name: string): string | undefined {
    const key = collisionKey(name);
    return key === undefined ? undefined : this.#byCollisionKey.get(key)?.values().next().value;
  }

  all(): IterableIterator<TopicImage> {
    return this.#byName.values();
  }

  createTopic(created: TopicRecord, delta: MetadataDelta): void {
    assert(!this.#byName.has(created.name), 'a topic name is created once', created);
    assert(!this.#byId.has(created.topicId), 'a topic id is created once', created);
    const topic: MutableTopic = { name: created.name, id: created.topicId, partitions: [], places: [] };
    this.#byName.set(topic.name, topic);
    this.#byId.set(topic.id, topic);
    const key = collisionKey(topic.name);
    if (key !== undefined) {
      const names = this.#byCollisionKey.get(key);
      if (names === undefined) this.#byCollisionKey.set(key, new Set([topic.name]));
      else names.add(topic.name);
    }
    delta.noteTopicCreated(topic);
  }

  /** @returns the topic that went */
  removeTopic(removed: RemoveTopicRecord, delta: MetadataDelta): TopicImage {
    const topic = this.#byId.get(removed.topicId);
    assert(topic !== undefined, 'a removed topic exists', removed);
    this.#byId.delete(topic.id);
    this.#byName.delete(topic.name);
    const key = collisionKey(topic.name);
    const names = key === undefined ? undefined : this.#byCollisionKey.get(key);
    names?.delete(topic.name);
    if (key !== undefined && names?.size === 0) this.#byCollisionKey.delete(key);
    this.#partitionCount -= topic.partitions.length;
    for (const partition of topic.partitions) this.index.giveBack(placeOf(topic, partition.partition), partition);
    delta.noteTopicDeleted(topic);
    return topic;
  }

  setPartition(set: PartitionRecord, delta: MetadataDelta): void {
    const topic = this.#byId.get(set.topicId);
    assert(topic !== undefined, 'a partition belongs to a topic that exists', set);
    const before = topic.partitions[set.partitionId];
    assert(before !== undefined || set.partitionId === topic.partitions.length, 'partitions have no gaps', set);
    if (before === undefined) {
      this.#partitionCount += 1;
      topic.places.push(this.index.take(topic, set.partitionId));
    }
    this.#put(topic, partitionOf(set), before, delta);
  }

  changePartition(change: PartitionChangeRecord, delta: MetadataDelta): void {
    const topic = this.#byId.get(change.topicId);
    assert(topic !== undefined, 'a changed partition belongs to a topic that exists', change);
    const before = topic.partitions[change.partitionId];
    assert(before !== undefined, 'a changed partition exists', change);
    this.#put(topic, changed(before, change), before, delta);
  }

  /**
   * KIP-966: forgets the eligible leaders of one topic, or of all when the name is empty. Those of a partition that nobody is in sync with
   * stay: nothing was committed without them, and nobody else could lead it.
   */
  clearElr(cleared: ClearElrRecord, delta: MetadataDelta): void {
    const topic = this.#byName.get(cleared.topicName);
    assert(topic !== undefined || cleared.topicName === '', 'a topic whose ELR is cleared exists', cleared);
    for (const each of topic === undefined ? this.#byName.values() : [topic]) {
      for (const before of each.partitions) {
        if (before.isr.length === 0 || (before.elr.length === 0 && before.lastKnownElr.length === 0)) continue;
        const after = { ...before, elr: [], lastKnownElr: [], partitionEpoch: before.partitionEpoch + 1 };
        this.#put(each, after, before, delta);
      }
    }
  }

  toRecords(out: MetadataRecord[]): void {
    for (const topic of [...this.#byName.values()].sort((a, b) => byText(a.name, b.name))) {
      out.push(record('TopicRecord', { name: topic.name, topicId: topic.id }));
      for (const partition of topic.partitions)
        out.push(record('PartitionRecord', partitionRecordOf(topic.id, partition)));
    }
  }

  /** What is there now, as records that are made when they are asked for. */
  capture(): Iterable<MetadataRecord> {
    const topics: TopicImage[] = [];
    for (const { name, id, partitions } of this.#byName.values())
      topics.push({ name, id, partitions: [...partitions] });
    return recordsOf(topics);
  }

  #put(topic: MutableTopic, after: PartitionImage, before: PartitionImage | undefined, delta: MetadataDelta): void {
    assert(after.directories.length === after.replicas.length, 'each replica has a directory', after);
    assert(after.leader === NO_LEADER || after.isr.includes(after.leader), 'the leader is in the ISR', after);
    topic.partitions[after.partition] = after;
    this.index.changed(placeOf(topic, after.partition), before, after);
    delta.notePartition(topic, after.partition, before);
  }
}

function* recordsOf(topics: readonly TopicImage[]): Iterable<MetadataRecord> {
  for (const topic of topics) {
    yield record('TopicRecord', { name: topic.name, topicId: topic.id });
    for (const partition of topic.partitions) yield record('PartitionRecord', partitionRecordOf(topic.id, partition));
  }
}

function placeOf(topic: MutableTopic, partition: number): number {
  const place = topic.places[partition];
  assert(place !== undefined, 'each partition has a place', { topic: topic.name, partition });
  return place;
}

/** Where each replica of a partition lies when nobody has said: unassigned, as a version 0 record leaves it. */
function directoriesOf(directories: readonly string[], replicas: readonly number[]): readonly string[] {
  return directories.length === 0 ? replicas.map(() => DIRECTORY_MIGRATING) : directories;
}

function partitionOf(set: PartitionRecord): PartitionImage {
  return {
    partition: set.partitionId,
    replicas: set.replicas,
    directories: directoriesOf(set.directories, set.replicas),
    isr: set.isr,
    elr: set.eligibleLeaderReplicas ?? [],
    lastKnownElr: set.lastKnownElr ?? [],
    addingReplicas: set.addingReplicas,
    removingReplicas: set.removingReplicas,
    leader: set.leader,
    leaderEpoch: set.leaderEpoch,
    partitionEpoch: set.partitionEpoch,
    leaderRecoveryState: set.leaderRecoveryState,
  };
}

/**
 * The partition as it is after `change`: every change moves the partition epoch, a named leader (even the same) the
 * leader epoch.
 */
export function changed(before: PartitionImage, change: PartitionChangeRecord): PartitionImage {
  const newLeader = change.leader !== NO_LEADER_CHANGE;
  const recovers = change.leaderRecoveryState !== NO_RECOVERY_CHANGE;
  return {
    partition: before.partition,
    replicas: change.replicas ?? before.replicas,
    directories: change.directories ?? before.directories,
    isr: change.isr ?? before.isr,
    elr: change.eligibleLeaderReplicas ?? before.elr,
    lastKnownElr: change.lastKnownElr ?? before.lastKnownElr,
    addingReplicas: change.addingReplicas ?? before.addingReplicas,
    removingReplicas: change.removingReplicas ?? before.removingReplicas,
    leader: newLeader ? change.leader : before.leader,
    leaderEpoch: newLeader ? before.leaderEpoch + 1 : before.leaderEpoch,
    partitionEpoch: before.partitionEpoch + 1,
    leaderRecoveryState: recovers ? change.leaderRecoveryState : before.leaderRecoveryState,
  };
}

export function partitionRecordOf(topicId: string, partition: PartitionImage): PartitionRecord {
  return {
    partitionId: partition.partition,
    topicId,
    replicas: partition.replicas,
    isr: partition.isr,
    removingReplicas: partition.removingReplicas,
    addingReplicas: partition.addingReplicas,
    leader: partition.leader,
    leaderRecoveryState: partition.leaderRecoveryState,
    leaderEpoch: partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch,
    directories: partition.directories,
    eligibleLeaderReplicas: partition.elr.length === 0 ? null : partition.elr,
    lastKnownElr: partition.lastKnownElr.length === 0 ? null : partition.lastKnownElr,
  };
}
