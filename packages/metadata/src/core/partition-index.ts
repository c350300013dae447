/**
 * Which partitions a broker leads, is in sync with, may still lead; which have no leader, not their preferred one, or move: asked when
 * a broker comes or goes, so that nobody looks at all partitions for that. Each partition has a place (a small number) as long as it
 * lives, and each set is one bit a place: 100,000 partitions are 12 KiB a set.
 */
import { assert } from '@odradek/base';
import type { PartitionImage, TopicImage } from './topics.ts';

/** Places of partitions, in an order that is the same for the same history. */
export interface PartitionSet {
  readonly size: number;
  /** The first place from `from` on; undefined: there is none. */
  next(from: number): number | undefined;
  has(place: number): boolean;
}

const WORD_BITS = 32;

class Places implements PartitionSet {
  #words = new Uint32Array(4);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(place: number): boolean {
    return ((this.#words[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0;
  }

  set(place: number, isMember: boolean): void {
    const at = place >>> 5;
    if (at >= this.#words.length) {
      if (!isMember) return;
      const grown = new Uint32Array(Math.max(at + 1, 2 * this.#words.length));
      grown.set(this.#words);
      this.#words = grown;
    }
    const before = this.#words[at] ?? 0;
    const after = isMember ? before | (1 << (place & 31)) : before & ~(1 << (place & 31));
    if (after === (before | 0)) return;
    this.#words[at] = after;
    this.#size += isMember ? 1 : -1;
  }

  next(from: number): number | undefined {
    if (this.#size === 0) return undefined;
    let at = from >>> 5;
    let word = (this.#words[at] ?? 0) & (-1 << (from & 31));
    while (word === 0) {
      at += 1;
      if (at >= this.#words.length) return undefined;
      word = this.#words[at] ?? 0;
    }
    return at * WORD_BITS + (31 - Math.clz32(word & -word));
  }
}

const NOTHING: PartitionSet = new Places();

export class PartitionIndex {
  readonly #leaderless = new Places();
  readonly #imbalanced = new Places();
  readonly #reassigning = new Places();
  readonly #led = new Map<number, Places>();
  readonly #inSync = new Map<number, Places>();
  readonly #eligible = new Map<number, Places>();
  readonly #topics: (TopicImage | undefined)[] = [];
  readonly #partitions: number[] = [];
  readonly #free: number[] = [];

  get leaderless(): PartitionSet {
    return this.#leaderless;
  }

  /** Not led by their preferred leader, or by nobody. */
  get imbalanced(): PartitionSet {
    return this.#imbalanced;
  }

  /** Replicas are being added or removed. */
  get reassigning(): PartitionSet {
    return this.#reassigning;
  }

  ledBy(brokerId: number): PartitionSet {
    return this.#led.get(brokerId) ?? NOTHING;
  }

  /** The broker is in the ISR. */
  inSyncOn(brokerId: number): PartitionSet {
    return this.#inSync.get(brokerId) ?? NOTHING;
  }

  /** The broker is in the ELR (KIP-966). */
  eligibleOn(brokerId: number): PartitionSet {
    return this.#eligible.get(brokerId) ?? NOTHING;
  }

  topicAt(place: number): TopicImage {
    const topic = this.#topics[place];
    assert(topic !== undefined, 'a place that is asked for is taken');
    return topic;
  }

  partitionAt(place: number): PartitionImage {
    const partition = this.topicAt(place).partitions[this.#partitions[place] ?? -1];
    assert(partition !== undefined, 'a place is of a partition that is there');
    return partition;
  }

  /** @returns the place of a new partition, which is kept until it is given back */
  take(topic: TopicImage, partition: number): number {
    const place = this.#free.pop() ?? this.#topics.length;
    this.#topics[place] = topic;
    this.#partitions[place] = partition;
    return place;
  }

  giveBack(place: number, before: PartitionImage): void {
    this.#note(place, before, undefined);
    this.#topics[place] = undefined;
    this.#free.push(place);
  }

  changed(place: number, before: PartitionImage | undefined, after: PartitionImage): void {
    this.#note(place, before, after);
  }

  #note(place: number, before: PartitionImage | undefined, after: PartitionImage | undefined): void {
    if (before?.leader !== after?.leader) {
      if (before !== undefined && isLed(before)) setIn(this.#led, before.leader, place, false);
      if (after !== undefined && isLed(after)) setIn(this.#led, after.leader, place, true);
      this.#leaderless.set(place, after !== undefined && !isLed(after));
    }
    this.#imbalanced.set(place, after !== undefined && after.leader !== after.replicas[0]);
    this.#reassigning.set(place, after !== undefined && isReassigning(after));
    noteMembers(this.#inSync, place, before?.isr ?? NOBODY, after?.isr ?? NOBODY);
    noteMembers(this.#eligible, place, before?.elr ?? NOBODY, after?.elr ?? NOBODY);
  }
}

const NOBODY: readonly number[] = [];

/** `NO_LEADER` is below every broker id. */
function isLed(partition: PartitionImage): boolean {
  return partition.leader >= 0;
}

function isReassigning(partition: PartitionImage): boolean {
  return partition.addingReplicas.length > 0 || partition.removingReplicas.length > 0;
}

function noteMembers(
  sets: Map<number, Places>,
  place: number,
  before: readonly number[],
  after: readonly number[],
): void {
  if (before === after) return;
  for (const brokerId of before) if (!after.includes(brokerId)) setIn(sets, brokerId, place, false);
  for (const brokerId of after) if (!before.includes(brokerId)) setIn(sets, brokerId, place, true);
}

function setIn(sets: Map<number, Places>, brokerId: number, place: number, isMember: boolean): void {
  let places = sets.get(brokerId);
  if (places === undefined) {
    places = new Places();
    sets.set(brokerId, places);
  }
  places.set(place, isMember);
}
