/**
 * The range assignor: every topic is cut into one run of partitions a subscriber, and topics with as many partitions and the same
 * subscribers are cut alike, so that a member has the same partition numbers of each (co-partitioning). Static members come first, so that
 * their runs stay theirs. Where members and replicas name racks, a member's share is first of the partition numbers that are in its rack in
 * all of these topics; Kafka's servers (4.3) do not look at racks.
 */
import { Draft } from './draft.ts';
import type { DraftTopic } from './draft.ts';
import { Pool } from './pool.ts';
import type { Assign } from './types.ts';

export const RANGE = 'range';

export const range: Assign = (spec, topics) => {
  const draft = new Draft(spec, topics);
  draft.keep();
  for (const alike of cutAlike(draft, spec.homogeneous)) {
    const [pattern] = alike;
    if (pattern !== undefined) cut(draft, alike, pattern);
  }
  return draft.done();
};

/** Topics in sets that are cut in the same places. */
function cutAlike(draft: Draft, homogeneous: boolean): readonly (readonly DraftTopic[])[] {
  const byShape = new Map<string, DraftTopic[][]>();
  for (const topic of draft.topics) {
    const { count, subscribers } = topic;
    const shape = `${count} ${subscribers.length} ${subscribers[0]} ${subscribers.at(-1)}`;
    let sets = byShape.get(shape);
    if (sets === undefined) byShape.set(shape, (sets = []));
    const set = sets.find(
      ([head]) => homogeneous || (head !== undefined && sameMembers(head.subscribers, subscribers)),
    );
    if (set === undefined) sets.push([topic]);
    else set.push(topic);
  }
  return Array.from(byShape.values()).flat();
}

function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || a.every((member, at) => member === b[at]);
}

function cut(draft: Draft, alike: readonly DraftTopic[], { count, subscribers }: DraftTopic): void {
  const least = Math.floor(count / subscribers.length);
  const more = count % subscribers.length;
  const left = subscribers.map((_, at) => (at < more ? least + 1 : least));
  const numbers = Array.from({ length: count }, (_, partition) => partition);
  const pool = new Pool(numbers, draft.minding ? (partition) => commonRacks(draft, alike, partition) : undefined);
  const fill = (next: (member: number) => number | undefined): void =>
    subscribers.forEach((member, at) => {
      for (; (left[at] ?? 0) > 0; left[at] = (left[at] ?? 0) - 1) {
        const partition = next(member);
        if (partition === undefined) return;
        for (const { first } of alike)
          if (draft.owners[first + partition] !== member) draft.give(first + partition, member);
      }
    });
  if (draft.minding) fill((member) => pool.takeNear(draft.rackOf(member)));
  fill(() => pool.take());
}

/** Racks in which every one of the topics has a replica of this partition. */
function commonRacks(draft: Draft, alike: readonly DraftTopic[], partition: number): readonly string[] {
  const [head, ...others] = alike.map((topic) => draft.racksOf(topic, topic.first + partition));
  return head?.filter((rack) => others.every((racks) => racks.includes(rack))) ?? [];
}
