/**
 * The uniform assignor: as many partitions for one member as for another, and what members have they keep as far as that allows. In this
 * order: balance, stickiness, racks: balance and stickiness decide who gains and who loses, racks which partitions it is, and so does the
 * spread of one topic over many members. Kafka's servers (4.3) do not look at racks and fill one member after another.
 */
import { Draft, NOBODY, byText } from './draft.ts';
import type { DraftTopic } from './draft.ts';
import { Pool } from './pool.ts';
import type { Assign } from './types.ts';
import { balance } from './uniform-mixed.ts';

export const UNIFORM = 'uniform';

export const uniform: Assign = (spec, topics) => {
  const draft = new Draft(spec, topics);
  draft.keep();
  if (spec.homogeneous) share(draft);
  else balance(draft);
  return draft.done();
};

/** All subscribe to the same: who loses, who gains and how many is plain arithmetic. */
function share(draft: Draft): void {
  const quotas = quotasOf(draft);
  quotas.forEach((quota, member) => {
    const surplus = draft.load(member) - quota;
    if (surplus > 0) giveUp(draft, member, surplus);
  });
  const free: number[] = [];
  draft.owners.forEach((owner, partition) => {
    if (owner === NOBODY) free.push(partition);
  });
  const topicAt = topicFinder(draft);
  const pool = new Pool(free, draft.minding ? (partition) => draft.racksOf(topicAt(partition), partition) : undefined);
  if (draft.minding) deal(draft, quotas, (member) => pool.takeNear(draft.rackOf(member)));
  deal(draft, quotas, () => pool.take());
}

/** One each in turn, to all that are below their quota, so that a topic's partitions are spread. */
function deal(draft: Draft, quotas: readonly number[], next: (member: number) => number | undefined): void {
  let open = quotas.flatMap((quota, member) => (draft.load(member) < quota ? [member] : []));
  while (open.length > 0) {
    const still: number[] = [];
    for (const member of open) {
      const partition = next(member);
      if (partition === undefined) continue;
      draft.give(partition, member);
      if (draft.load(member) < (quotas[member] ?? 0)) still.push(member);
    }
    open = still;
  }
}

/** The partition more that some members have when it cannot be even is left to those that have it. */
function quotasOf(draft: Draft): number[] {
  const { length } = draft.members;
  if (length === 0) return [];
  const least = Math.floor(draft.owners.length / length);
  let extra = draft.owners.length % length;
  const quotas = new Array<number>(length).fill(least);
  for (const keeps of [true, false])
    for (let member = 0; member < length && extra > 0; member += 1)
      if (draft.load(member) > least === keeps) {
        quotas[member] = least + 1;
        extra -= 1;
      }
  return quotas;
}

/** First what is in no rack of the member's, then of the topics that it has most of. */
function giveUp(draft: Draft, member: number, surplus: number): void {
  const far: number[][] = [];
  const near: number[][] = [];
  for (const [topicId, partitions] of Array.from(draft.members[member]?.assigned ?? []).sort(([a], [b]) =>
    byText(a, b),
  )) {
    const topic = draft.topicOf(topicId);
    if (topic === undefined) continue;
    const held = Array.from(partitions)
      .filter((partition) => partition < topic.count)
      .map((partition) => topic.first + partition)
      .filter((partition) => draft.owners[partition] === member)
      .sort((a, b) => a - b);
    if (!draft.minding || draft.rackOf(member) === null) {
      near.push(held);
      continue;
    }
    far.push(held.filter((partition) => !draft.isNear(topic, partition, member)));
    near.push(held.filter((partition) => draft.isNear(topic, partition, member)));
  }
  const left = surplus - level(draft, far, surplus);
  level(draft, near, left);
}

/** Takes up to `wanted` partitions, the last of the longest lists first, so that lists end even. @returns how many */
function level(draft: Draft, lists: readonly (readonly number[])[], wanted: number): number {
  if (wanted <= 0) return 0;
  const above = (height: number): number => lists.reduce((sum, { length }) => sum + Math.max(0, length - height), 0);
  let low = 0;
  let high = lists.reduce((most, { length }) => Math.max(most, length), 0);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (above(middle) >= wanted) low = middle;
    else high = middle - 1;
  }
  let spare = above(low) - wanted;
  let taken = 0;
  for (const list of lists) {
    let height = low;
    if (spare > 0 && list.length > low) {
      height += 1;
      spare -= 1;
    }
    for (const partition of list.slice(height)) {
      draft.take(partition);
      taken += 1;
    }
  }
  return taken;
}

/** For partitions that are asked for in ascending order or at random: the topic that each is of. */
function topicFinder(draft: Draft): (partition: number) => DraftTopic {
  const { topics } = draft;
  return (partition) => {
    let low = 0;
    let high = topics.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((topics[middle]?.first ?? 0) <= partition) low = middle;
      else high = middle - 1;
    }
    const topic = topics[low];
    if (topic === undefined) throw new RangeError(`no topic has partition number ${partition}`);
    return topic;
  };
}
