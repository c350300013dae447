/** The requests of the scenarios, each with what most of them say. */
import { AlterConfigOp, ApiKey, ConfigResourceType, encodeSubscription, type RequestInput } from '@odradek/protocol';
import { answered, call, quietly, send, until, type Chosen, type Json, type Scenario, type Step } from './scenario.ts';

export const GROUP = '<group>';
export const ORDERS = 'diff-orders';
export const PAYMENTS = 'diff-payments';
export const PAIR = 'diff-pair';
const LONG_MS = 60_000;
/** What a scenario waits for to be over; longer than a machine at work stands still between two of its requests. */
export const SHORT_MS = 4_000;

export const subscription = (...topics: string[]): Buffer => encodeSubscription(0, { topics });
export const bytes = (text: string): Buffer => Buffer.from(text);
export const upTo = (last: number, first = 0): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

export function scenario(name: string, ...steps: readonly (Step | readonly Step[])[]): Scenario {
  return { name, steps: steps.flat() };
}

type Join = RequestInput<11>;
type Rest<T> = Partial<T> & { readonly version?: number; readonly as?: string; readonly ours?: Chosen };

function options({ as, ours }: { readonly as?: string; readonly ours?: Chosen }) {
  return { ...(as === undefined ? {} : { as }), ...(ours === undefined ? {} : { ours }) };
}

function joinBody(change: Rest<Join>): Join {
  const { version = 9, as: _as, ours: _ours, ...rest } = change;
  return {
    groupId: GROUP,
    sessionTimeoutMs: LONG_MS,
    ...(version >= 1 ? { rebalanceTimeoutMs: LONG_MS } : {}),
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(ORDERS) }],
    ...rest,
  };
}

export function join(on: string, change: Rest<Join> = {}): Step {
  return call(on, [ApiKey.JoinGroup, change.version ?? 9], joinBody(change), options(change));
}

export function sendJoin(on: string, as: string, change: Rest<Join> = {}): Step {
  return send(on, [ApiKey.JoinGroup, change.version ?? 9], joinBody(change), as);
}

type Sync = RequestInput<14>;

function syncBody(on: string, generationId: number, change: Rest<Sync>): Sync {
  const { version = 5, as: _as, ours: _ours, ...rest } = change;
  return {
    groupId: GROUP,
    generationId,
    memberId: `<${on}>`,
    ...(version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
    assignments: [],
    ...rest,
  };
}

export function sync(on: string, generationId: number, change: Rest<Sync> = {}): Step {
  return call(on, [ApiKey.SyncGroup, change.version ?? 5], syncBody(on, generationId, change), options(change));
}

export function sendSync(on: string, generationId: number, as: string, change: Rest<Sync> = {}): Step {
  return send(on, [ApiKey.SyncGroup, change.version ?? 5], syncBody(on, generationId, change), as);
}

/** What a leader says: each member's assignment is its own name. */
export const assigns = (...members: string[]): Sync['assignments'] =>
  members.map((name) => ({ memberId: `<${name}>`, assignment: bytes(`for ${name}`) }));

export function beat(on: string, generationId: number, change: Rest<RequestInput<12>> = {}): Step {
  const { version = 4, as: _as, ours: _ours, ...rest } = change;
  const body = { groupId: GROUP, generationId, memberId: `<${on}>`, ...rest };
  return call(on, [ApiKey.Heartbeat, version], body, options(change));
}

type Leaving = { readonly memberId: string; readonly groupInstanceId?: string | null; readonly reason?: string };

export function leave(on: string, members: readonly Leaving[], change: Rest<RequestInput<13>> = {}): Step {
  const { version = 5, as: _as, ours: _ours, ...rest } = change;
  const who = version >= 3 ? { members } : { memberId: members[0]?.memberId ?? '' };
  return call(on, [ApiKey.LeaveGroup, version], { groupId: GROUP, ...who, ...rest }, options(change));
}

type Commit = RequestInput<8>;
export type CommitPartition = Commit['topics'][number]['partitions'][number];

export const offset = (
  partitionIndex: number,
  committedOffset: number,
  metadata: string | null = '',
): CommitPartition => ({
  partitionIndex,
  committedOffset,
  committedMetadata: metadata,
});

/** A topic of a request in a version that names it, or in one that has its id. */
export const named = (topic: string, version: number): { readonly name: string } | { readonly topicId: string } =>
  version >= 10 ? { topicId: `<${topic}>` } : { name: topic };

export function commit(
  on: string,
  generation: number,
  partitions: readonly CommitPartition[],
  change: Rest<Commit> & { readonly topic?: string } = {},
): Step {
  const { version = 9, topic = ORDERS, as: _as, ours: _ours, ...rest } = change;
  const body = {
    groupId: GROUP,
    generationIdOrMemberEpoch: generation,
    memberId: `<${on}>`,
    topics: [{ ...named(topic, version), partitions }],
    ...rest,
  };
  return call(on, [ApiKey.OffsetCommit, version], body, options(change));
}

/** Of a consumer that assigns partitions itself, and of admin clients. */
export const simpleCommit = (
  partitions: readonly CommitPartition[],
  change: Rest<Commit> & { readonly topic?: string } = {},
): Step => commit('admin', -1, partitions, { memberId: '', ...change });

type Fetch = RequestInput<9>;
type FetchGroup = NonNullable<Fetch['groups']>[number];

export function fetch(change: Rest<Fetch> & { readonly group?: Partial<FetchGroup> } = {}): Step {
  const { version = 9, group = {}, as: _as, ours: _ours, ...rest } = change;
  const body: Fetch =
    version >= 8 ? { groups: [{ groupId: GROUP, topics: null, ...group }], ...rest } : { groupId: GROUP, ...rest };
  return call('admin', [ApiKey.OffsetFetch, version], body, options(change));
}

/** For requests that name a group more than once. */
export const toldOnce: Chosen = {
  because: 'a small request must not make an answer without bound: a group that is named again is told once',
  answers: {},
  once: 'groups',
};

export function describe(version = 6, change: Rest<RequestInput<15>> = {}): Step {
  const { as: _as, ours: _ours, ...rest } = change;
  return call('admin', [ApiKey.DescribeGroups, version], { groups: [GROUP], ...rest }, options(change));
}

export const untilState = (state: string): Step =>
  until([ApiKey.DescribeGroups, 5], { groups: [GROUP] }, ['groups.0.groupState', state]);
export const untilMembers = (count: number): Step =>
  until([ApiKey.DescribeGroups, 5], { groups: [GROUP] }, ['groups.0.members.length', count]);

export function list(version: number, states: readonly string[] = [], types: readonly string[] = []): Step {
  return call('admin', [ApiKey.ListGroups, version], {
    ...(version >= 4 ? { statesFilter: states } : {}),
    ...(version >= 5 ? { typesFilter: types } : {}),
  });
}

export function deleteGroups(groupsNames: readonly string[] = [GROUP], version = 2): Step {
  return call('admin', [ApiKey.DeleteGroups, version], { groupsNames });
}

export function deleteOffsets(
  topic: string,
  partitions: readonly number[],
  change: Partial<RequestInput<47>> & { readonly ours?: Chosen } = {},
): Step {
  const { ours, ...rest } = change;
  const indexes = partitions.map((partitionIndex) => ({ partitionIndex }));
  const body = { groupId: GROUP, topics: [{ name: topic, partitions: indexes }], ...rest };
  return call('admin', [ApiKey.OffsetDelete, 0], body, options(ours === undefined ? {} : { ours }));
}

/** A dynamic member gets its id: MEMBER_ID_REQUIRED. */
export const getId = (on: string, change: Rest<Join> = {}): Step => join(on, { as: on, ...change });

/** Alone, stable at generation 1. */
export const alone = (on = 'a', change: Rest<Join> = {}): Step[] =>
  quietly(getId(on, change), join(on, { memberId: `<${on}>`, ...change }), sync(on, 1, { assignments: assigns(on) }));

/** `a` leads, `b` follows, both stable at generation 2. */
export const pair = (change: Rest<Join> = {}): Step[] =>
  quietly(
    ...alone('a', change),
    getId('b', change),
    sendJoin('b', 'b.join', { memberId: '<b>', ...change }),
    untilState('PreparingRebalance'),
    join('a', { memberId: '<a>', ...change }),
    answered('b.join'),
    sendSync('b', 2, 'b.sync'),
    sync('a', 2, { assignments: assigns('a', 'b') }),
    answered('b.sync'),
  );

/** `a` leads and `b` follows at generation 2, and neither has its assignment. */
export const pairWithoutAssignment = (change: Rest<Join> = {}): Step[] =>
  quietly(
    ...alone('a', change),
    getId('b', change),
    sendJoin('b', 'b.join', { memberId: '<b>', ...change }),
    untilState('PreparingRebalance'),
    join('a', { memberId: '<a>', ...change }),
    answered('b.join'),
  );

/** Static: `a` is instance i-a and leads, `b` is i-b, both stable at generation 2. */
export const staticPair = (change: Rest<Join> = {}): Step[] =>
  quietly(
    join('a', { as: 'a', groupInstanceId: 'i-a', ...change }),
    sync('a', 1, { assignments: assigns('a'), groupInstanceId: 'i-a' }),
    sendJoin('b', 'b', { groupInstanceId: 'i-b', ...change }),
    untilState('PreparingRebalance'),
    join('a', { memberId: '<a>', groupInstanceId: 'i-a', ...change }),
    answered('b'),
    sendSync('b', 2, 'b.sync', { groupInstanceId: 'i-b' }),
    sync('a', 2, { assignments: assigns('a', 'b'), groupInstanceId: 'i-a' }),
    answered('b.sync'),
  );

type Heartbeat = RequestInput<68>;

/** What a member of a consumer group says first, in full. */
const enters = {
  memberEpoch: 0,
  rebalanceTimeoutMs: LONG_MS,
  subscribedTopicNames: [PAIR],
  topicPartitions: [],
} as const;

/** A member's heartbeat: `m-a` is the id that the client `a` has made for itself (version 1). */
export function tell(on: string, memberEpoch: number, change: Rest<Heartbeat> = {}): Step {
  const { version = 1, as: _as, ours: _ours, ...rest } = change;
  const body = { groupId: GROUP, memberId: `m-${on}`, memberEpoch, ...rest };
  return call(on, [ApiKey.ConsumerGroupHeartbeat, version], body, options(change));
}

export const enter = (on: string, change: Rest<Heartbeat> = {}): Step => tell(on, 0, { ...enters, ...change });

/** Beats until the answer says so; for what the coordinator does in the background. */
export function tellUntil(
  on: string,
  memberEpoch: number,
  [path, is]: readonly [string, Json],
  change: Partial<Heartbeat> = {},
): Step {
  const body = { groupId: GROUP, memberId: `m-${on}`, memberEpoch, ...change };
  return { kind: 'until', on, key: ApiKey.ConsumerGroupHeartbeat, version: 1, body, path, is };
}

/** Partitions that a member owns. */
export const owns = (topic: string, ...partitions: number[]): Heartbeat['topicPartitions'] =>
  partitions.length === 0 ? [] : [{ topicId: `<${topic}>`, partitions }];

export function describeConsumers(change: Rest<RequestInput<69>> = {}): Step {
  const { version = 1, as: _as, ours: _ours, ...rest } = change;
  const body = { groupIds: [GROUP], includeAuthorizedOperations: false, ...rest };
  return call('admin', [ApiKey.ConsumerGroupDescribe, version], body, options(change));
}

export const untilConsumers = (path: string, is: Json): Step =>
  until([ApiKey.ConsumerGroupDescribe, 1], { groupIds: [GROUP], includeAuthorizedOperations: false }, [
    `groups.0.${path}`,
    is,
  ]);

/** Sets keys of the group (KIP-848's group configs). */
export const configure = (values: Readonly<Record<string, string>>): Step =>
  call('admin', [ApiKey.IncrementalAlterConfigs, 1], {
    resources: [
      {
        resourceType: ConfigResourceType.GROUP,
        resourceName: GROUP,
        configs: Object.entries(values).map(([name, value]) => ({ name, configOperation: AlterConfigOp.SET, value })),
      },
    ],
    validateOnly: false,
  });

export const noGroup: Chosen = {
  because: 'a request that was refused leaves no group behind, so that bad clients do not fill the memory',
  answers: {
    'groups.0.errorCode': 'GROUP_ID_NOT_FOUND',
    'groups.0.errorMessage': '<text>',
    'groups.0.groupState': 'Dead',
  },
};
