/** A member of a consumer group: what it said of itself, and what it owns. Values are replaced, never changed in place. */
import { assert } from '@odradek/base';
import type { AssignedPartitions, ConsumerMemberValue, CurrentAssignmentValue, MemberName } from '../kinds.ts';
import type { PartitionsByTopic } from '../assignors/types.ts';
import type { TopicPartitions } from './kinds.ts';
import { memberStateNumbers, memberStateOf } from './states.ts';
import type { MemberState } from './states.ts';

/** By topic id and partition: the member epoch in which it was assigned (KIP-1251). */
export type OwnedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

export type CurrentAssignment = {
  /** -2: a static member that is away for a while. */
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: OwnedPartitions;
  /** Not the member's to keep any more, but it has not said yet that it let go. */
  readonly revoking: OwnedPartitions;
};

export type ConsumerMember = {
  readonly memberId: string;
  value: ConsumerMemberValue;
  /** `value.subscribedTopicNames` */
  names: ReadonlySet<string>;
  current: CurrentAssignment;
  /** A classic member has been told to join again, and has not yet; forgotten on a restart. */
  isJoinAwaited: boolean;
};

export const JOINING_EPOCH = 0;
export const LEAVING_EPOCH = -1;
/** Of a static member that comes back within its session timeout. */
export const AWAY_EPOCH = -2;

export const NOTHING_OWNED: OwnedPartitions = new Map();
export const NOTHING_ASSIGNED: PartitionsByTopic = new Map();

export const newMemberValue: ConsumerMemberValue = {
  groupInstanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
  subscribedTopicRegex: '',
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classic: null,
};

export const newMemberCurrent: CurrentAssignment = {
  epoch: 0,
  previousEpoch: -1,
  state: 'stable',
  assigned: NOTHING_OWNED,
  revoking: NOTHING_OWNED,
};

/** Of a member whose assignment was deleted. */
export const noCurrent: CurrentAssignment = { ...newMemberCurrent, epoch: -1 };

export function nameOf(member: ConsumerMember): MemberName {
  const { groupInstanceId, clientId, clientHost } = member.value;
  return { memberId: member.memberId, groupInstanceId, clientId, clientHost };
}

export function regexOf(value: ConsumerMemberValue): string | undefined {
  const regex = value.subscribedTopicRegex;
  return regex === null || regex === '' ? undefined : regex;
}

export function toCurrentValue(current: CurrentAssignment): CurrentAssignmentValue {
  return {
    memberEpoch: current.epoch,
    previousMemberEpoch: current.previousEpoch,
    state: memberStateNumbers[current.state],
    assigned: toAssigned(current.assigned),
    revoking: toAssigned(current.revoking),
  };
}

export function fromCurrentValue(value: CurrentAssignmentValue): CurrentAssignment {
  // Records of versions that kept no epochs: assigned at the latest in the member's own.
  const epoch = Math.max(value.memberEpoch, 0);
  return {
    epoch: value.memberEpoch,
    previousEpoch: value.previousMemberEpoch,
    state: memberStateOf(value.state),
    assigned: fromAssigned(value.assigned, epoch),
    revoking: fromAssigned(value.revoking, epoch),
  };
}

function toAssigned(owned: OwnedPartitions): AssignedPartitions {
  return Array.from(owned, ([topicId, epochs]) => {
    const partitions = sorted(epochs.keys());
    return { topicId, partitions, assignmentEpochs: partitions.map((partition) => epochs.get(partition) ?? 0) };
  });
}

function fromAssigned(assigned: AssignedPartitions, defaultEpoch: number): OwnedPartitions {
  const owned = new Map<string, Map<number, number>>();
  for (const { topicId, partitions, assignmentEpochs } of assigned) {
    const epochs = new Map<number, number>();
    partitions.forEach((partition, at) => epochs.set(partition, assignmentEpochs?.[at] ?? defaultEpoch));
    owned.set(topicId, epochs);
  }
  return owned;
}

/** In the order of partitions; topics in the order of the map. */
export function toTopicPartitions(
  owned: ReadonlyMap<string, { keys(): Iterable<number> }>,
): { topicId: string; partitions: number[] }[] {
  return Array.from(owned, ([topicId, partitions]) => ({ topicId, partitions: sorted(partitions.keys()) }));
}

export function fromTopicPartitions(list: TopicPartitions): PartitionsByTopic {
  const byTopic = new Map<string, Set<number>>();
  for (const { topicId, partitions } of list) byTopic.set(topicId, new Set(partitions));
  return byTopic;
}

export function samePartitions(a: PartitionsByTopic, b: PartitionsByTopic): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partition of partitions) if (!others.has(partition)) return false;
  }
  return true;
}

export function countPartitions(byTopic: ReadonlyMap<string, { readonly size: number }>): number {
  let count = 0;
  for (const { size } of byTopic.values()) count += size;
  return count;
}

/** Mostly they are in order already: an assignor deals them out so. */
function sorted(partitions: Iterable<number>): number[] {
  const list: number[] = [];
  let isSorted = true;
  let last = -1;
  for (const partition of partitions) {
    isSorted &&= partition > last;
    last = partition;
    list.push(partition);
  }
  return isSorted ? list : list.sort((a, b) => a - b);
}

/** The protocol of a classic member that it likes best: what its join is answered with. Which one does not matter, the server assigns. */
export function preferredOf({ value }: ConsumerMember): { readonly name: string; readonly metadata: Buffer } {
  const preferred = value.classic?.protocols[0];
  assert(preferred !== undefined, 'a classic member has a protocol');
  return preferred;
}
