/**
 * The next step of one member towards the target: what it is to own, and what it first has to give back. Nothing is given to a member
 * that another has not let go of, so no partition ever has two owners. Source: KIP-848 (reconciliation), KIP-1251 (assignment epochs).
 */
import type { PartitionsByTopic } from '../assignors/types.ts';
import type { TopicPartitions } from './kinds.ts';
import { NOTHING_OWNED } from './member.ts';
import type { CurrentAssignment, OwnedPartitions } from './member.ts';
import { memberSteps } from './states.ts';
import type { Grip, News } from './states.ts';

export type ReconcileInput = {
  readonly current: CurrentAssignment;
  readonly target: PartitionsByTopic;
  readonly targetEpoch: number;
  /** What the member says it owns; null when it does not say: then it is taken to own all that it had. */
  readonly owned: TopicPartitions | null;
  /** The member has just changed what it subscribes to. */
  readonly subscriptionChanged: boolean;
  /** Whether the topic exists and the member subscribes to it. */
  isSubscribed(topicId: string): boolean;
  /** Whether another member owns the partition or has not let go of it. What this one was giving back it may be given again. */
  isTaken(topicId: string, partition: number): boolean;
};

/** @returns `current` itself when nothing changes; undefined when the member has to join anew */
export function reconcile(input: ReconcileInput): CurrentAssignment | undefined {
  const { current } = input;
  const step = memberSteps[current.state][gripOf(input)][newsOf(input)];
  switch (step) {
    case 'keep':
      return current;
    case 'trim':
      return trim(input);
    case 'advance':
      return advance(input);
    case 'fence':
      return undefined;
  }
}

function gripOf({ current, owned }: ReconcileInput): Grip {
  if (current.state === 'unknown') return owned === null || owned.length > 0 ? 'holding' : 'released';
  return holdsAny(current.revoking, owned) ? 'holding' : 'released';
}

function newsOf({ current, targetEpoch, subscriptionChanged }: ReconcileInput): News {
  if (current.epoch === targetEpoch) return subscriptionChanged ? 'subscription' : 'nothing';
  return subscriptionChanged ? 'both' : 'target';
}

function holdsAny(revoking: OwnedPartitions, owned: TopicPartitions | null): boolean {
  if (owned === null) return true;
  for (const { topicId, partitions } of owned) {
    const asked = revoking.get(topicId);
    if (asked !== undefined) for (const partition of partitions) if (asked.has(partition)) return true;
  }
  return false;
}

/** Topics that the member has unsubscribed from go at once; the epoch stays. */
function trim(input: ReconcileInput): CurrentAssignment {
  const { current, owned } = input;
  const assigned = new Map(current.assigned);
  const revoking = new Map(current.revoking);
  for (const [topicId, partitions] of current.assigned) {
    if (input.isSubscribed(topicId)) continue;
    assigned.delete(topicId);
    revoking.set(topicId, new Map([...(revoking.get(topicId) ?? []), ...partitions]));
  }
  if (assigned.size === current.assigned.size) return current;
  const { epoch } = current;
  if (holdsAny(revoking, owned)) return { epoch, previousEpoch: epoch, state: 'unrevoked', assigned, revoking };
  // Given back already. What was asked for before is still held, or the member would have advanced.
  return { ...current, epoch, previousEpoch: epoch, assigned };
}

/** By topic: partitions that the member keeps, gives back, is given now, and cannot be given yet. */
type Difference = {
  readonly kept: Map<string, Map<number, number>>;
  readonly revoking: Map<string, Map<number, number>>;
  readonly given: Map<string, number[]>;
  unreleased: boolean;
};

function advance(input: ReconcileInput): CurrentAssignment {
  const { current, owned, targetEpoch } = input;
  const { epoch } = current;
  const difference: Difference = { kept: new Map(), revoking: new Map(), given: new Map(), unreleased: false };
  for (const topicId of new Set([...current.assigned.keys(), ...input.target.keys()]))
    compareTopic(input, topicId, difference);
  const { kept, revoking, given, unreleased } = difference;
  if (revoking.size > 0 && holdsAny(revoking, owned)) {
    return { epoch, previousEpoch: epoch, state: 'unrevoked', assigned: kept, revoking };
  }
  for (const [topicId, partitions] of given) {
    let epochs = kept.get(topicId);
    if (epochs === undefined) kept.set(topicId, (epochs = new Map()));
    for (const partition of partitions) epochs.set(partition, targetEpoch);
  }
  const state = unreleased ? 'unreleased' : 'stable';
  const next = { epoch: targetEpoch, previousEpoch: epoch, state, assigned: kept, revoking: NOTHING_OWNED } as const;
  return isSame(current, next) ? current : next;
}

function compareTopic(input: ReconcileInput, topicId: string, difference: Difference): void {
  const { current } = input;
  const target = input.isSubscribed(topicId) ? input.target.get(topicId) : undefined;
  const assigned = current.assigned.get(topicId);
  const kept = new Map<number, number>();
  const revoking = new Map<number, number>();
  for (const [partition, epoch] of assigned ?? [])
    (target?.has(partition) === true ? kept : revoking).set(partition, epoch);
  const given: number[] = [];
  for (const partition of target ?? []) {
    if (kept.has(partition)) continue;
    if (input.isTaken(topicId, partition)) difference.unreleased = true;
    else given.push(partition);
  }
  if (kept.size > 0) difference.kept.set(topicId, kept);
  if (revoking.size > 0) difference.revoking.set(topicId, revoking);
  if (given.length > 0) difference.given.set(topicId, given);
}

/**
 * A member that waits for partitions is looked at with every heartbeat; only what changed is written. That it has heard its epoch is a change: the
 * one before is not taken from it any more.
 */
function isSame(current: CurrentAssignment, next: CurrentAssignment): boolean {
  return (
    current.state === next.state &&
    current.epoch === next.epoch &&
    current.previousEpoch === next.previousEpoch &&
    current.revoking.size === 0 &&
    sameOwned(current.assigned, next.assigned)
  );
}

export function sameOwned(a: OwnedPartitions, b: OwnedPartitions): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false;
  }
  return true;
}
