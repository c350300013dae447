/** What a group looks like from outside, whichever of the two protocols its members speak. */
import { ApiKey, decodeAssignment, ErrorCode } from '@odradek/protocol';
import type { Calls } from './calls.ts';

export type GroupMember = {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  /** What the member owns, by topic; empty while a classic group rebalances. */
  readonly assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
};

export type Group = {
  readonly groupId: string;
  readonly type: string;
  /** Kafka's words: Stable, Empty, PreparingRebalance, CompletingRebalance, Assigning, Reconciling, Dead. */
  readonly state: string;
  readonly members: readonly GroupMember[];
};

export type GroupWait = {
  /** How many members there must be; any number when left out. */
  readonly members?: number;
  /** Left out: Stable, or Empty when no members are asked for. */
  readonly state?: string;
  /** Milliseconds until it throws; 30,000 when left out. */
  readonly timeoutMs?: number;
};

/** @param calls a `Wire`, or whoever makes requests. @returns undefined when no coordinator knows the group, or one cannot tell yet */
export async function describeGroup(calls: Pick<Calls, 'call'>, groupId: string): Promise<Group | undefined> {
  const { groups } = await calls.call(ApiKey.ListGroups, { statesFilter: [], typesFilter: [] });
  const listed = groups.find((group) => group.groupId === groupId);
  if (listed === undefined) return undefined;
  return listed.groupType.toLowerCase() === 'consumer' ? consumerGroup(calls, groupId) : classicGroup(calls, groupId);
}

async function classicGroup(calls: Pick<Calls, 'call'>, groupId: string): Promise<Group | undefined> {
  const answer = await calls.call(ApiKey.DescribeGroups, { groups: [groupId], includeAuthorizedOperations: false });
  const [group] = answer.groups;
  if (group === undefined || group.errorCode !== ErrorCode.NONE) return undefined;
  const members = group.members.map(({ memberId, groupInstanceId, clientId, memberAssignment }) => {
    const assigned = memberAssignment.length === 0 ? undefined : decodeAssignment(memberAssignment);
    const assignment = assigned?.ok === true ? assigned.value.assignedPartitions : [];
    return { memberId, groupInstanceId, clientId, assignment };
  });
  return { groupId, type: 'classic', state: group.groupState, members };
}

async function consumerGroup(calls: Pick<Calls, 'call'>, groupId: string): Promise<Group | undefined> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  const [group] = (await calls.call(ApiKey.ConsumerGroupDescribe, request)).groups;
  if (group === undefined || group.errorCode !== ErrorCode.NONE) return undefined;
  const members = group.members.map(({ memberId, instanceId, clientId, assignment }) => ({
    memberId,
    groupInstanceId: instanceId,
    clientId,
    assignment: assignment.topicPartitions.map(({ topicName, partitions }) => ({ topic: topicName, partitions })),
  }));
  return { groupId, type: 'consumer', state: group.groupState, members };
}

export function stateWanted({ members, state }: GroupWait): string {
  return state ?? (members === 0 ? 'Empty' : 'Stable');
}

export function isAsWanted(group: Group | undefined, wanted: GroupWait): group is Group {
  if (group === undefined) return false;
  if (wanted.members !== undefined && group.members.length !== wanted.members) return false;
  return group.state.toLowerCase() === stateWanted(wanted).toLowerCase();
}

/** The group in a few words: what a wait that failed last saw. */
export function shown(group: Group | undefined): string {
  return group === undefined ? 'no such group' : `${group.state} with ${group.members.length} members`;
}
