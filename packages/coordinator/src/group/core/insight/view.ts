/** What lag and history ask of a group, of whichever type it is: its state, who owns what, and whom a rebalance waits for. */
import type { ClassicGroup } from '../classic/group.ts';
import { nameOf as nameOfClassic } from '../classic/group.ts';
import { CONSUMER_TYPE } from '../consumer/describe.ts';
import type { ConsumerGroup } from '../consumer/group.ts';
import { nameOf } from '../consumer/member.ts';
import type { GroupTopics } from '../topics.ts';
import type { Turn } from '../turn.ts';
import { assignedPartitions } from './assignments.ts';
import type { MemberName } from './kinds.ts';

/** By topic name and partition. */
export type Owners = ReadonlyMap<string, ReadonlyMap<number, MemberName>>;

export type GroupView = {
  readonly groupId: string;
  readonly state: string;
  /** As in ListGroups. */
  readonly type: string;
  owners(): Owners;
  waitingFor(): MemberName[];
};

export function viewOf(turn: Turn, groupId: string): GroupView | undefined {
  const consumers = turn.consumers.get(groupId);
  if (consumers !== undefined) {
    return {
      groupId,
      state: consumers.state,
      type: CONSUMER_TYPE,
      owners: () => ownersOfConsumers(consumers, turn.topics),
      waitingFor: () => unreconciled(consumers),
    };
  }
  const group = turn.groups.get(groupId);
  if (group === undefined) return undefined;
  return {
    groupId,
    state: group.state,
    type: CLASSIC_TYPE,
    owners: () => ownersOfClassic(group),
    waitingFor: () => missing(group),
  };
}

const CLASSIC_TYPE = 'classic';

/** Of protocols other than that of consumers nothing is known of who owns what. */
function ownersOfClassic(group: ClassicGroup): Owners {
  const owners = new Map<string, Map<number, MemberName>>();
  if (!group.isConsumerGroup) return owners;
  for (const member of group.members.values())
    for (const [topic, partitions] of assignedPartitions(member.assignment) ?? [])
      own(owners, topic, partitions, nameOfClassic(member));
  return owners;
}

function ownersOfConsumers(group: ConsumerGroup, topics: GroupTopics): Owners {
  const owners = new Map<string, Map<number, MemberName>>();
  for (const member of group.members.values())
    for (const [topicId, partitions] of member.current.assigned) {
      const name = topics.byId(topicId)?.name;
      if (name !== undefined) own(owners, name, partitions.keys(), nameOf(member));
    }
  return owners;
}

function own(
  owners: Map<string, Map<number, MemberName>>,
  topic: string,
  partitions: Iterable<number>,
  name: MemberName,
): void {
  let owned = owners.get(topic);
  if (owned === undefined) owners.set(topic, (owned = new Map()));
  for (const partition of partitions) owned.set(partition, name);
}

/** Members that have not come back yet; then the leader, whose assignment all others wait for. */
function missing(group: ClassicGroup): MemberName[] {
  const members = Array.from(group.members.values());
  if (group.state === 'PreparingRebalance')
    return members.filter(({ joining }) => joining === undefined).map((member) => nameOfClassic(member));
  if (group.state !== 'CompletingRebalance') return [];
  return members.filter(({ memberId }) => memberId === group.leaderId).map((member) => nameOfClassic(member));
}

/** Members that do not own yet, or not only, what they are to own. */
function unreconciled(group: ConsumerGroup): MemberName[] {
  return Array.from(group.members.values())
    .filter((member) => !group.isReconciled(member))
    .map((member) => nameOf(member));
}
