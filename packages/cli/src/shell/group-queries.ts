/** What brokers tell of groups, whichever of the two protocols a group speaks and whichever versions the broker does. */
import { ok, refuse, type Outcome } from '@odradek/base';
import {
  AclOperation,
  ApiKey,
  CONSUMER_PROTOCOL_TYPE,
  decodeAssignment,
  ErrorCode,
  errorName,
  type ResponseOf,
} from '@odradek/protocol';
import type { Explained } from '../core/groups/explain.ts';
import { showType } from '../core/groups/filters.ts';
import type { Broker, Group, Member, PartitionFacts, TopicPartitions } from '../core/groups/kinds.ts';
import type { Listed } from '../core/groups/views.ts';
import { compareText } from '../core/groups/partitions.ts';
import { CommandError } from '../core/refusal.ts';
import type { AdminConnection } from './admin-connection.ts';
import { askUntilAnswered, coordinatorQuestion, type Asked, type Question } from './ask.ts';
import type { Cluster } from './cluster.ts';

/** Groups in one request: many enough to be quick, few enough that a coordinator is not held up. */
const GROUPS_PER_REQUEST = 200;
const STATES_SINCE_VERSION = 4;
const TYPES_SINCE_VERSION = 5;
const OPERATIONS_NOT_TOLD = -2_147_483_648;

export type Filters = { readonly states: readonly string[]; readonly types: readonly string[] };

/** Groups of consumers, sorted. Those of other tools (Connect's workers, share groups) have commands of their own. */
export async function listGroups(cluster: Cluster, filters: Filters): Promise<Listed[]> {
  const everyGroup = await listEveryGroup(cluster, filters);
  return everyGroup
    .filter(({ protocolType, type }) => {
      const ofConsumers = protocolType === '' || protocolType === CONSUMER_PROTOCOL_TYPE;
      return ofConsumers && (type === '-' || type === 'Classic' || type === 'Consumer');
    })
    .toSorted((left, right) => compareText(left.groupId, right.groupId));
}

export async function listEveryGroup(cluster: Cluster, filters: Filters): Promise<Listed[]> {
  const brokers = new Map((await cluster.brokers()).map((broker) => [String(broker.nodeId), broker]));
  const asked = await askUntilAnswered(cluster, [...brokers.keys()], {
    noun: 'the groups of broker',
    keysPerRequest: 1,
    find: async (keys) => new Map(keys.map((key) => [key, foundBroker(brokers.get(key))])),
    ask: async (connection, [key = '']) => new Map([[key, await groupsOf(connection, filters)]]),
  });
  const lists = [...asked].map(([key, { outcome }]) => {
    if (outcome.ok) return outcome.value;
    throw new CommandError(`cannot list the groups of broker ${key}: ${errorName(outcome.code)}`);
  });
  return lists.flat();
}

function foundBroker(broker: Broker | undefined): Outcome<Broker> {
  return broker === undefined ? refuse(ErrorCode.BROKER_NOT_AVAILABLE, 'the broker is gone') : ok(broker);
}

async function groupsOf(connection: AdminConnection, filters: Filters): Promise<Outcome<Listed[]>> {
  const version = connection.versionOf(ApiKey.ListGroups);
  if (version < STATES_SINCE_VERSION && filters.states.length > 0) {
    throw new CommandError(`the broker at ${connection.address} does not tell states of groups; leave out --state`);
  }
  const response = await connection.call(ApiKey.ListGroups, {
    ...(version >= STATES_SINCE_VERSION ? { statesFilter: [...filters.states] } : {}),
    ...(version >= TYPES_SINCE_VERSION ? { typesFilter: [...filters.types] } : {}),
  });
  if (response.errorCode !== ErrorCode.NONE) return refuse(response.errorCode, '');
  const groups = response.groups.map(({ groupId, protocolType, groupType, groupState }) => ({
    groupId,
    protocolType,
    // Brokers that do not tell the type know of no other.
    type: showType(version >= TYPES_SINCE_VERSION ? groupType : 'classic'),
    state: groupState,
  }));
  const { types } = filters;
  return ok(types.length === 0 ? groups : groups.filter(({ type }) => types.includes(type)));
}

export type DescribeOptions = {
  readonly authorizedOperations?: boolean;
  readonly answered?: (count: number) => void;
};

/** @returns each group, or why not: GROUP_ID_NOT_FOUND for one that nobody knows */
export async function describeGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: DescribeOptions = {},
): Promise<Map<string, Outcome<Group>>> {
  const includeAuthorizedOperations = options.authorizedOperations === true;
  const described = new Map<string, Outcome<Group>>();
  const take = (asked: Map<string, Asked<Described>>): void => {
    for (const [groupId, { broker, outcome }] of asked) {
      if (!outcome.ok || broker === undefined) described.set(groupId, outcome.ok ? unknownGroup() : outcome);
      else described.set(groupId, ok({ ...outcome.value, coordinator: broker }));
    }
    options.answered?.([...asked.values()].filter(({ outcome }) => outcome.ok).length);
  };
  if ((await cluster.any()).speaks(ApiKey.ConsumerGroupDescribe)) {
    const ask = async (connection: AdminConnection, ids: readonly string[]) => {
      const request = { groupIds: [...ids], includeAuthorizedOperations };
      const { groups } = await connection.call(ApiKey.ConsumerGroupDescribe, request);
      return new Map(groups.map((group) => [group.groupId, consumerGroup(group)]));
    };
    take(await askGroups(cluster, groupIds, ask));
  }
  const classic = groupIds.filter((groupId) => isMaybeClassic(described.get(groupId)));
  take(await askGroups(cluster, classic, (connection, ids) => describeClassic(connection, ids, options)));
  return described;
}

function isMaybeClassic(outcome: Outcome<Group> | undefined): boolean {
  if (outcome === undefined) return true;
  if (outcome.ok) return false;
  return outcome.code === ErrorCode.GROUP_ID_NOT_FOUND || outcome.code === ErrorCode.UNSUPPORTED_VERSION;
}

function unknownGroup(): Outcome<Group> {
  return refuse(ErrorCode.GROUP_ID_NOT_FOUND, '');
}

export type GroupAsking = { readonly groupsPerRequest?: number; readonly answered?: (count: number) => void };

/** Asks the coordinator of each group. @param ask one request, for at most `groupsPerRequest` groups of one coordinator */
export function askGroups<T>(
  cluster: Cluster,
  groupIds: readonly string[],
  ask: Question<T>['ask'],
  { groupsPerRequest = GROUPS_PER_REQUEST, ...asking }: GroupAsking = {},
): Promise<Map<string, Asked<T>>> {
  const question = { ...asking, keysPerRequest: groupsPerRequest, ask };
  return askUntilAnswered(cluster, groupIds, coordinatorQuestion(cluster, question));
}

/** All but who told it. */
type Described = Omit<Group, 'coordinator'>;
type ConsumerGroup = ResponseOf<typeof ApiKey.ConsumerGroupDescribe>['groups'][number];
type ClassicGroup = ResponseOf<typeof ApiKey.DescribeGroups>['groups'][number];

function consumerGroup(group: ConsumerGroup): Outcome<Described> {
  if (group.errorCode !== ErrorCode.NONE) return refuse(group.errorCode, group.errorMessage ?? '');
  const memberTypes: Record<number, boolean> = { 0: false, 1: true };
  return ok({
    groupId: group.groupId,
    type: 'consumer',
    state: group.groupState,
    assignor: group.assignorName,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    authorizedOperations: operationNames(group.authorizedOperations),
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId ?? undefined,
      rackId: member.rackId ?? undefined,
      clientId: member.clientId,
      host: member.clientHost,
      assignment: topicsOf(member.assignment),
      target: topicsOf(member.targetAssignment),
      epoch: member.memberEpoch,
      upgraded: memberTypes[member.memberType],
      subscribedTopics: member.subscribedTopicNames,
      subscribedRegex: member.subscribedTopicRegex ?? undefined,
    })),
  });
}

function topicsOf(assignment: ConsumerGroup['members'][number]['assignment']): TopicPartitions[] {
  return assignment.topicPartitions.map(({ topicName, partitions }) => ({ topic: topicName, partitions }));
}

async function describeClassic(
  connection: AdminConnection,
  ids: readonly string[],
  options: DescribeOptions,
): Promise<Map<string, Outcome<Described>>> {
  const wanted = options.authorizedOperations === true && connection.versionOf(ApiKey.DescribeGroups) >= 3;
  const { groups } = await connection.call(ApiKey.DescribeGroups, {
    groups: [...ids],
    ...(wanted ? { includeAuthorizedOperations: true } : {}),
  });
  return new Map(groups.map((group) => [group.groupId, classicGroup(group)]));
}

function classicGroup(group: ClassicGroup): Outcome<Described> {
  const { groupId, errorCode, groupState, protocolType } = group;
  if (errorCode !== ErrorCode.NONE) return refuse(errorCode, group.errorMessage ?? '');
  // Before version 6 a group that nobody knows is told as a dead one.
  if (groupState === 'Dead') return refuse(ErrorCode.GROUP_ID_NOT_FOUND, '');
  if (protocolType !== '' && protocolType !== CONSUMER_PROTOCOL_TYPE) {
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, `it is of '${protocolType}', not a group of consumers`);
  }
  return ok({
    groupId,
    type: 'classic',
    state: groupState,
    assignor: group.protocolData,
    groupEpoch: undefined,
    assignmentEpoch: undefined,
    authorizedOperations: operationNames(group.authorizedOperations),
    members: group.members.map((member): Member => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId ?? undefined,
      rackId: undefined,
      clientId: member.clientId,
      host: member.clientHost,
      assignment: classicAssignment(groupId, member.memberId, member.memberAssignment),
      target: undefined,
      epoch: undefined,
      upgraded: undefined,
      subscribedTopics: undefined,
      subscribedRegex: undefined,
    })),
  });
}

function classicAssignment(groupId: string, memberId: string, bytes: Buffer): readonly TopicPartitions[] {
  if (bytes.length === 0) return [];
  const decoded = decodeAssignment(bytes);
  if (!decoded.ok)
    throw new CommandError(`the assignment of ${memberId} in group '${groupId}' cannot be read: ${decoded.why}`);
  return decoded.value.assignedPartitions;
}

function operationNames(bits: number): string[] | undefined {
  if (bits === OPERATIONS_NOT_TOLD) return undefined;
  return Object.entries(AclOperation)
    .filter(([, operation]) => (bits & (1 << operation)) !== 0)
    .map(([name]) => name);
}

/** Lag as the coordinator measures it in one step. @returns undefined: the broker does not know this API of ours */
export async function groupLag(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<Map<string, Outcome<PartitionFacts[]>> | undefined> {
  if (!(await cluster.any()).speaks(ApiKey.DescribeGroupLag)) return undefined;
  const asked = await askGroups(cluster, groupIds, async (connection, ids) => {
    const { groups } = await connection.call(ApiKey.DescribeGroupLag, { groupIds: [...ids] });
    return new Map(groups.map((group) => [group.groupId, lagOf(group)]));
  });
  return new Map([...asked].map(([groupId, { outcome }]) => [groupId, outcome]));
}

type GroupLag = ResponseOf<typeof ApiKey.DescribeGroupLag>['groups'][number];

function lagOf(group: GroupLag): Outcome<PartitionFacts[]> {
  if (group.errorCode !== ErrorCode.NONE) return refuse(group.errorCode, group.errorMessage ?? '');
  const known = (value: number): number | undefined => (value < 0 ? undefined : value);
  return ok(
    group.topics.flatMap(({ topicName, partitions }) =>
      partitions.map((each) => ({
        topic: topicName,
        partition: each.partitionIndex,
        committedOffset: known(each.committedOffset),
        committedLeaderEpoch: known(each.committedLeaderEpoch),
        logEndOffset: known(each.highWatermark),
        lag: known(each.lagRecords),
        lagMs: known(each.lagMs),
        note: each.note ?? undefined,
      })),
    ),
  );
}

/** @returns undefined: the broker does not know this API of ours */
export async function explainGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  limit: number,
): Promise<Map<string, Outcome<Explained>> | undefined> {
  if (!(await cluster.any()).speaks(ApiKey.ExplainGroups)) return undefined;
  const asked = await askGroups(cluster, groupIds, async (connection, ids) => {
    const { groups } = await connection.call(ApiKey.ExplainGroups, { groupIds: [...ids], limit });
    return new Map(
      groups.map((group): [string, Outcome<Explained>] => {
        const good = group.errorCode === ErrorCode.NONE;
        return [group.groupId, good ? ok(group) : refuse(group.errorCode, group.errorMessage ?? '')];
      }),
    );
  });
  return new Map([...asked].map(([groupId, { outcome }]) => [groupId, outcome]));
}
