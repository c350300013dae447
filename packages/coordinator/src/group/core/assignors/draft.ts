/**
 * An assignment in the making. Members and topics are numbered in a fixed order (static members first, since their ids outlive restarts), and
 * so are partitions over all topics, so that who owns what is one array of numbers.
 */
import { assert } from '@odradek/base';
import type { AssignMember, AssignSpec, AssignTopics, PartitionsByTopic } from './types.ts';

export const NOBODY = -1;

export type DraftTopic = {
  readonly id: string;
  readonly count: number;
  /** Number of its partition 0. */
  readonly first: number;
  /** Members, ascending. */
  readonly subscribers: number[];
};

export class Draft {
  readonly memberIds: readonly string[];
  readonly members: readonly AssignMember[];
  readonly topics: readonly DraftTopic[];
  /** The member that owns each partition. */
  readonly owners: Int32Array;
  /** Partitions that each member owns. */
  readonly loads: Int32Array;
  /** Racks decide among partitions only when members name any. */
  readonly minding: boolean;
  readonly #changed: Uint8Array;
  readonly #topicNumbers = new Map<string, number>();
  readonly #racksOf: AssignTopics['racksOf'];
  readonly #racks: (readonly string[] | undefined)[] = [];

  constructor(spec: AssignSpec, topics: AssignTopics) {
    const entries = Array.from(spec.members).sort(inOrder);
    this.memberIds = entries.map(([memberId]) => memberId);
    this.members = entries.map(([, member]) => member);
    this.minding = this.members.some(({ rackId }) => rackId !== null);
    this.topics = this.#number(spec, topics);
    const last = this.topics.at(-1);
    this.owners = new Int32Array(last === undefined ? 0 : last.first + last.count).fill(NOBODY);
    this.loads = new Int32Array(this.members.length);
    this.#changed = new Uint8Array(this.members.length);
    this.#racksOf = topics.racksOf.bind(topics);
  }

  #number(spec: AssignSpec, topics: AssignTopics): DraftTopic[] {
    const subscribers = new Map<string, number[]>();
    this.members.forEach(({ subscribedTopicIds }, member) => {
      if (spec.homogeneous && member > 0) return;
      for (const topicId of subscribedTopicIds) {
        const known = subscribers.get(topicId);
        if (known === undefined) subscribers.set(topicId, [member]);
        else known.push(member);
      }
    });
    const everybody = spec.homogeneous ? this.members.map((_, member) => member) : undefined;
    const numbered: DraftTopic[] = [];
    let first = 0;
    for (const id of Array.from(subscribers.keys()).sort(byText)) {
      const count = topics.partitionCount(id);
      if (count <= 0) continue;
      this.#topicNumbers.set(id, numbered.length);
      numbered.push({ id, count, first, subscribers: everybody ?? subscribers.get(id) ?? [] });
      first += count;
    }
    return numbered;
  }

  topicOf(topicId: string): DraftTopic | undefined {
    const number = this.#topicNumbers.get(topicId);
    return number === undefined ? undefined : this.topics[number];
  }

  /** Lets members keep what they have, of topics that they still subscribe to. */
  keep(): void {
    this.members.forEach(({ assigned, subscribedTopicIds }, member) => {
      for (const [topicId, partitions] of assigned) {
        const topic = subscribedTopicIds.has(topicId) ? this.topicOf(topicId) : undefined;
        if (topic === undefined || partitions.size === 0) {
          this.#changed[member] = 1;
          continue;
        }
        for (const partition of partitions) {
          const number = topic.first + partition;
          if (partition < topic.count && this.owners[number] === NOBODY) this.#own(number, member);
          else this.#changed[member] = 1;
        }
      }
    });
  }

  give(partition: number, member: number): void {
    this.take(partition);
    this.#own(partition, member);
    this.#changed[member] = 1;
  }

  take(partition: number): void {
    const owner = this.owners[partition] ?? NOBODY;
    if (owner === NOBODY) return;
    this.owners[partition] = NOBODY;
    this.loads[owner] = this.load(owner) - 1;
    this.#changed[owner] = 1;
  }

  #own(partition: number, member: number): void {
    this.owners[partition] = member;
    this.loads[member] = this.load(member) + 1;
  }

  load(member: number): number {
    return this.loads[member] ?? 0;
  }

  rackOf(member: number): string | null {
    return this.members[member]?.rackId ?? null;
  }

  racksOf(topic: DraftTopic, partition: number): readonly string[] {
    return (this.#racks[partition] ??= this.#racksOf(topic.id, partition - topic.first));
  }

  /** Whether a replica of the partition is in the member's rack; not so when it is in none. */
  isNear(topic: DraftTopic, partition: number, member: number): boolean {
    const rack = this.rackOf(member);
    return rack !== null && this.racksOf(topic, partition).includes(rack);
  }

  /** What each member has in the end: its old assignment itself where nothing changed. */
  done(): Map<string, PartitionsByTopic> {
    const made = this.members.map(({ assigned }, member) =>
      this.#changed[member] === 1 ? new Map<string, Set<number>>() : assigned,
    );
    for (const topic of this.topics) {
      const sets = new Map<number, Set<number>>();
      for (let partition = 0; partition < topic.count; partition += 1) {
        const owner = this.owners[topic.first + partition] ?? NOBODY;
        assert(owner !== NOBODY, 'every partition that somebody subscribes to has an owner');
        if (this.#changed[owner] !== 1) continue;
        const set = sets.get(owner);
        if (set === undefined) sets.set(owner, new Set([partition]));
        else set.add(partition);
      }
      for (const [owner, set] of sets) (made[owner] as Map<string, Set<number>>).set(topic.id, set);
    }
    return new Map(this.memberIds.map((memberId, member) => [memberId, made[member] ?? NOTHING]));
  }
}

const NOTHING: PartitionsByTopic = new Map();

/** Static members first, by instance id, then the others, by member id. */
function inOrder([idA, a]: [string, AssignMember], [idB, b]: [string, AssignMember]): number {
  if (a.instanceId === null && b.instanceId === null) return byText(idA, idB);
  if (a.instanceId === null) return 1;
  return b.instanceId === null ? -1 : byText(a.instanceId, b.instanceId);
}

export function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
