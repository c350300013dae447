/** Groups of the consumer protocol from client bytes to the records of `__consumer_offsets`: a whole simulated node. Codes are Kafka 4.3.1's. */
import { limits as allLimits } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { RequestInput } from '@odradek/protocol';
import { afterEach, expect, test } from 'vitest';
import { allowAll } from '../core/authorizer.ts';
import type { Needs } from '../core/authorizer.ts';
import {
  beatBody,
  findCoordinator,
  GROUP,
  join,
  joinBody,
  MEMBER,
  nextAssignment,
  startGroupWorld,
} from '../testing/consumer-groups.ts';
import type { GroupWorld } from '../testing/consumer-groups.ts';
import { createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimNodeOptions } from '../testing/sim-client.ts';

const open: GroupWorld[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await ends(world);
});

async function started(options: SimNodeOptions = {}): Promise<GroupWorld> {
  const world = await startGroupWorld(options);
  open.push(world);
  return world;
}

async function ends({ node, clock }: GroupWorld): Promise<void> {
  const closing = node.close();
  await clock.advance(10_000);
  await closing;
  expect(node.bugs).toEqual([]);
}

const versions = (min: number, max: number): number[] => Array.from({ length: max - min + 1 }, (_, at) => min + at);

test.for([0, 1])(
  'consumer groups: a member joins, is described, and leaves: ConsumerGroupHeartbeat version %i',
  async (version) => {
    const { client, topicId } = await started();
    const memberId = version === 0 ? '' : MEMBER;
    const joined = await client.ask(68, joinBody({ memberId }), version);
    expect(joined).toMatchObject({
      errorCode: 0,
      errorMessage: null,
      heartbeatIntervalMs: 5_000,
      assignment: { topicPartitions: [{ topicId, partitions: [0, 1] }] },
    });
    expect(joined.memberId).toMatch(version === 0 ? /^[A-Za-z0-9_-]{22}$/ : /^m$/);
    const id = joined.memberId ?? '';
    const owned = joined.assignment?.topicPartitions ?? null;
    const beaten = await client.ask(
      68,
      beatBody(joined.memberEpoch, { memberId: id, topicPartitions: owned }),
      version,
    );
    expect(beaten).toMatchObject({ errorCode: 0, memberEpoch: joined.memberEpoch, assignment: null });
    for (const describe of [0, 1]) {
      const { groups } = await client.ask(69, { groupIds: [GROUP], includeAuthorizedOperations: true }, describe);
      const assignment = { topicPartitions: [{ topicId, topicName: 'orders', partitions: [0, 1] }] };
      expect(groups).toEqual([
        {
          errorCode: 0,
          errorMessage: null,
          groupId: GROUP,
          groupState: 'Stable',
          groupEpoch: joined.memberEpoch,
          assignmentEpoch: joined.memberEpoch,
          assignorName: 'uniform',
          members: [
            {
              memberId: id,
              instanceId: null,
              rackId: null,
              memberEpoch: joined.memberEpoch,
              clientId: 'client',
              clientHost: '/127.0.0.1',
              subscribedTopicNames: ['orders'],
              subscribedTopicRegex: '',
              assignment,
              targetAssignment: assignment,
              memberType: describe === 0 ? -1 : 1,
            },
          ],
          authorizedOperations: 3_400,
        },
      ]);
    }
    const left = await client.ask(68, beatBody(-1, { memberId: id }), version);
    expect(left).toMatchObject({ errorCode: 0, memberId: id, memberEpoch: -1 });
    const { groups } = await client.ask(69, { groupIds: [GROUP], includeAuthorizedOperations: false });
    expect(groups).toMatchObject([{ groupState: 'Empty', members: [], groupEpoch: joined.memberEpoch + 1 }]);
  },
);

test.for<[string, Partial<RequestInput<68>>, number]>([
  ['no group id', { groupId: '' }, ErrorCode.INVALID_REQUEST],
  ['no member id', { memberId: '' }, ErrorCode.INVALID_REQUEST],
  ['an empty instance id', { instanceId: '' }, ErrorCode.INVALID_REQUEST],
  ['an empty rack', { rackId: '' }, ErrorCode.INVALID_REQUEST],
  ['no rebalance timeout', { rebalanceTimeoutMs: -1 }, ErrorCode.INVALID_REQUEST],
  ['no subscription', { subscribedTopicNames: null }, ErrorCode.INVALID_REQUEST],
  [
    'partitions it cannot own yet',
    { topicPartitions: [{ topicId: 'b3JkZXJzb3JkZXJzb3JkZQ', partitions: [0] }] },
    ErrorCode.INVALID_REQUEST,
  ],
  ['an epoch without a meaning', { memberEpoch: -5 }, ErrorCode.INVALID_REQUEST],
  ['leaving for a while without an instance id', { memberEpoch: -2 }, ErrorCode.INVALID_REQUEST],
  ['an assignor that is not there', { serverAssignor: 'sticky' }, ErrorCode.UNSUPPORTED_ASSIGNOR],
  [
    'a pattern that is none',
    { subscribedTopicNames: null, subscribedTopicRegex: '(' },
    ErrorCode.INVALID_REGULAR_EXPRESSION,
  ],
  ['an epoch of a group that does not exist', { memberEpoch: 3 }, ErrorCode.GROUP_ID_NOT_FOUND],
  ['leaving a group that does not exist', { memberEpoch: -1 }, ErrorCode.GROUP_ID_NOT_FOUND],
])('consumer groups: a heartbeat with %s is refused with its code and a sentence', async ([, change, code]) => {
  const { client } = await started();
  const refused = await client.ask(68, joinBody(change));
  expect(refused).toMatchObject({ errorCode: code, memberId: null, memberEpoch: 0, assignment: null });
  expect(refused.errorMessage).toMatch(/\w+ \w+/);
});

test('consumer groups: who is not a member, and who has another epoch than the coordinator knows, is refused', async () => {
  const world = await started();
  const { client } = world;
  const me = await join(world);
  const code = async (epoch: number, change: Partial<RequestInput<68>> = {}): Promise<number> =>
    (await client.ask(68, beatBody(epoch, change))).errorCode;
  expect(await code(me.memberEpoch, { memberId: 'stranger' })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(await code(me.memberEpoch + 7)).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  await world.clock.advance(45_001);
  expect(await code(me.memberEpoch)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

/** The commit of one offset, and what its partition is answered. */
async function commitCode(world: GroupWorld, version: number, change: Partial<RequestInput<8>>): Promise<number> {
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: 'note' }];
  const topics = [{ ...(version >= 10 ? { topicId: world.topicId } : { name: 'orders' }), partitions }];
  const answer = await world.client.ask(8, { groupId: GROUP, memberId: MEMBER, topics, ...change }, version);
  return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
}

test('consumer groups: commits are of a member and its epoch; older versions cannot carry that', async () => {
  const world = await started();
  const { memberEpoch } = await join(world);
  const mine = { generationIdOrMemberEpoch: memberEpoch };
  for (const version of versions(2, 10)) {
    const carries = version >= 9;
    expect(await commitCode(world, version, mine), `version ${version}`).toBe(
      carries ? 0 : ErrorCode.UNSUPPORTED_VERSION,
    );
    const stale = carries ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.UNSUPPORTED_VERSION;
    for (const generationIdOrMemberEpoch of [0, memberEpoch + 7])
      expect(await commitCode(world, version, { generationIdOrMemberEpoch })).toBe(stale);
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID;
    expect(await commitCode(world, version, { ...mine, memberId: 'stranger' })).toBe(unknown);
    expect(await commitCode(world, version, { memberId: '', generationIdOrMemberEpoch: -1 })).toBe(unknown);
    const noGroup = carries ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
    expect(await commitCode(world, version, { ...mine, groupId: 'none' })).toBe(noGroup);
  }
  const committedMetadata = 'x'.repeat(4_097);
  const long = [{ topicId: world.topicId, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata }] }];
  expect(await commitCode(world, 10, { ...mine, topics: long })).toBe(ErrorCode.OFFSET_METADATA_TOO_LARGE);
  await world.client.ask(68, beatBody(-1));
  expect(await commitCode(world, 10, mine)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(await commitCode(world, 10, { memberId: '', generationIdOrMemberEpoch: -1 })).toBe(0);
});

test('consumer groups: fetches of offsets are of a member and its epoch, or of nobody', async () => {
  const world = await started();
  const { memberEpoch } = await join(world);
  await commitCode(world, 9, { generationIdOrMemberEpoch: memberEpoch });
  const stored = { partitionIndex: 0, committedOffset: 7, metadata: 'note', errorCode: 0 };
  for (const version of [9, 10]) {
    const topic = version >= 10 ? { topicId: world.topicId } : { name: 'orders' };
    const fetch = async (asker: object, topics: readonly object[] | null = [{ ...topic, partitionIndexes: [0] }]) => {
      const groups = [
        { groupId: GROUP, topics, ...asker },
        { groupId: 'none', topics: null },
      ] as RequestInput<9>['groups'];
      const answer = await world.client.ask(9, { groups: groups ?? [], requireStable: true }, version);
      expect(answer.groups[1]).toMatchObject({ groupId: 'none', errorCode: 0, topics: [] });
      return answer.groups[0];
    };
    for (const asker of [{ memberId: MEMBER, memberEpoch }, { memberId: null, memberEpoch: -1 }, {}]) {
      expect(await fetch(asker)).toMatchObject({ errorCode: 0, topics: [{ ...topic, partitions: [stored] }] });
      expect(await fetch(asker, null)).toMatchObject({ errorCode: 0, topics: [{ ...topic, partitions: [stored] }] });
    }
    const refused = async (asker: object): Promise<unknown> => {
      const group = await fetch(asker);
      return [group?.errorCode, group?.topics];
    };
    for (const epoch of [0, memberEpoch + 7, -1])
      expect(await refused({ memberId: MEMBER, memberEpoch: epoch })).toEqual([ErrorCode.STALE_MEMBER_EPOCH, []]);
    expect(await refused({ memberId: 'stranger', memberEpoch })).toEqual([ErrorCode.UNKNOWN_MEMBER_ID, []]);
  }
});

test('consumer groups: the other APIs know them: listed by state and type, dead to DescribeGroups, deleted once empty', async () => {
  const world = await started();
  const { client, topicId } = world;
  const { memberEpoch } = await join(world);
  await commitCode(world, 10, { generationIdOrMemberEpoch: memberEpoch });
  for (const version of versions(0, 5)) {
    const { groups } = await client.ask(16, {}, version);
    const told = { groupState: version >= 4 ? 'Stable' : '', groupType: version >= 5 ? 'consumer' : '' };
    expect(groups).toEqual([{ groupId: GROUP, protocolType: 'consumer', ...told }]);
  }
  const listed = async (statesFilter: string[], typesFilter: string[]): Promise<number> =>
    (await client.ask(16, { statesFilter, typesFilter })).groups.length;
  const filters = [
    listed(['sTABLE'], []),
    listed([], ['Consumer']),
    listed(['assigning'], []),
    listed([], ['classic']),
  ];
  expect(await Promise.all(filters)).toEqual([1, 1, 0, 0]);
  for (const version of [5, 6]) {
    const { groups } = await client.ask(15, { groups: [GROUP] }, version);
    expect(groups).toMatchObject([{ errorCode: version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : 0, groupState: 'Dead' }]);
  }
  const described = await client.ask(69, { groupIds: ['none', '', 'none'], includeAuthorizedOperations: true });
  expect(described.groups.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual([
    ['none', ErrorCode.GROUP_ID_NOT_FOUND],
    ['', ErrorCode.INVALID_GROUP_ID],
  ]);
  const remove = async (): Promise<unknown> => (await client.ask(42, { groupsNames: [GROUP] })).results[0]?.errorCode;
  const forget = async (): Promise<unknown> => {
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }];
    return (await client.ask(47, { groupId: GROUP, topics })).topics[0]?.partitions[0]?.errorCode;
  };
  expect([await remove(), await forget()]).toEqual([ErrorCode.NON_EMPTY_GROUP, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
  await client.ask(68, beatBody(-1));
  expect([await forget(), await remove(), await remove()]).toEqual([0, 0, ErrorCode.GROUP_ID_NOT_FOUND]);
  const fetched = await client.ask(9, { groups: [{ groupId: GROUP, topics: [{ topicId, partitionIndexes: [0] }] }] });
  expect(fetched.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(-1);
});

test('consumer groups: topics that are made, grow or match a pattern reach members with their heartbeats', async () => {
  const world = await started();
  const { client } = world;
  const subscription = { subscribedTopicNames: ['later'], subscribedTopicRegex: 'audit-.*' };
  const joined = await join(world, subscription);
  expect(joined.assignment?.topicPartitions).toEqual([]);
  const later = await createTopic(client, 'later', { partitions: 1 });
  let member = await nextAssignment(world, joined.memberEpoch);
  expect(member.assignment?.topicPartitions).toEqual([{ topicId: later, partitions: [0] }]);
  const audit = await createTopic(client, 'audit-eu', { partitions: 2 });
  await world.clock.advance(10_001);
  member = await nextAssignment(world, member.memberEpoch, { topicPartitions: [{ topicId: later, partitions: [0] }] });
  const owned = (count: number) => [
    { topicId: later, partitions: versions(0, count - 1) },
    { topicId: audit, partitions: [0, 1] },
  ];
  expect(member.assignment?.topicPartitions.toSorted(byId(later))).toEqual(owned(1));
  await client.ask(37, {
    topics: [{ name: 'later', count: 3, assignments: null }],
    timeoutMs: 1_000,
    validateOnly: false,
  });
  member = await nextAssignment(world, member.memberEpoch, { topicPartitions: owned(1) });
  expect(member.assignment?.topicPartitions.toSorted(byId(later))).toEqual(owned(3));
});

const byId = (first: string) => (a: { topicId: string }) => (a.topicId === first ? -1 : 1);

test('consumer groups: a shard that had no room to hear of a new topic is told again', async () => {
  const limits = { ...allLimits.production, coordinatorQueuedOpsMax: 1 };
  const world = await started({ limits, config: { 'offsets.topic.num.partitions': '1' } });
  const { client, clock } = world;
  const joined = await join(world, { subscribedTopicNames: ['later'] });
  const protocols = [{ name: 'range', metadata: Buffer.alloc(6) }];
  const classic = { groupId: 'classic', protocolType: 'consumer', sessionTimeoutMs: 10_000, memberId: '', protocols };
  await client.ask(11, { ...classic, rebalanceTimeoutMs: 10_000 }, 3);
  // Its members do not come back, so this join waits, and with it the only place of the shard is taken.
  const other = await world.connect('other');
  other.send(11, 3, { ...classic, rebalanceTimeoutMs: 10_000 });
  await clock.advance(0);
  const later = await createTopic(client, 'later');
  expect((await client.ask(68, beatBody(joined.memberEpoch))).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  await clock.advance(12_000);
  const member = await nextAssignment(world, joined.memberEpoch);
  expect(member.assignment?.topicPartitions).toEqual([{ topicId: later, partitions: [0] }]);
});

test('consumer groups: what is set for one group counts from its next heartbeat on', async () => {
  const world = await started();
  const { client, clock } = world;
  const joined = await join(world);
  const set = async (name: string, value: string): Promise<unknown> => {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType: 32, resourceName: GROUP, configs }];
    return (await client.ask(44, { resources, validateOnly: false })).responses[0]?.errorCode;
  };
  expect(await set('consumer.heartbeat.interval.ms', '6000')).toBe(0);
  expect(await set('consumer.session.timeout.ms', '60000')).toBe(0);
  expect(await set('consumer.session.timeout.ms', '60001')).toBe(ErrorCode.INVALID_CONFIG);
  expect((await client.ask(68, beatBody(joined.memberEpoch))).heartbeatIntervalMs).toBe(6_000);
  await clock.advance(59_000);
  expect((await client.ask(68, beatBody(joined.memberEpoch))).errorCode).toBe(0);
  const listed = await client.ask(74, { resourceTypes: [32] });
  expect(listed.configResources).toEqual([{ resourceName: GROUP, resourceType: 32 }]);
  const resources = [{ resourceType: 32, resourceName: GROUP, configurationKeys: ['consumer.session.timeout.ms'] }];
  const described = await client.ask(32, { resources, includeSynonyms: true });
  expect(described.results[0]?.configs[0]).toMatchObject({
    value: '60000',
    configSource: 8,
    synonyms: [
      { name: 'consumer.session.timeout.ms', value: '60000', source: 8 },
      { name: 'group.consumer.session.timeout.ms', value: '45000', source: 5 },
    ],
  });
});

async function setGroupVersion({ client }: GroupWorld, level: number, version = 2): Promise<unknown> {
  const upgrade = version === 0 ? {} : { upgradeType: level === 0 ? 2 : 1 };
  const featureUpdates = [{ feature: 'group.version', maxVersionLevel: level, ...upgrade }];
  const answer = await client.ask(57, { featureUpdates }, version);
  return [answer.errorCode, answer.results];
}

test('consumer groups: at group.version 0, and when the broker does not offer them, they are UNSUPPORTED_VERSION', async () => {
  const world = await started();
  const codes = async ({ client }: GroupWorld): Promise<unknown> => [
    await client.ask(68, joinBody()).then((answer) => [answer.errorCode, answer.errorMessage]),
    (await client.ask(69, { groupIds: [GROUP], includeAuthorizedOperations: false })).groups[0]?.errorCode,
  ];
  const off = [[ErrorCode.UNSUPPORTED_VERSION, null], ErrorCode.UNSUPPORTED_VERSION];
  expect(await setGroupVersion(world, 0)).toEqual([0, []]);
  expect(await codes(world)).toEqual(off);
  for (const version of [0, 1])
    expect(await setGroupVersion(world, 1, version)).toEqual([
      0,
      [{ feature: 'group.version', errorCode: 0, errorMessage: 'NONE' }],
    ]);
  expect(await codes(world)).toEqual([[0, null], 0]);
  expect(await setGroupVersion(world, 9, 1)).toEqual([ErrorCode.INVALID_UPDATE_VERSION, []]);
  const classic = await started({ config: { 'group.coordinator.rebalance.protocols': 'classic' } });
  expect(await codes(classic)).toEqual(off);
});

test('consumer groups: topics and groups that the caller may not see are refused as a whole', async () => {
  let denied: (needs: Needs) => boolean = () => false;
  const world = await started({ authorizer: { ...allowAll, allows: (_principal, _host, needs) => !denied(needs) } });
  const { client } = world;
  await join(world);
  const heartbeat = async (): Promise<number> => (await client.ask(68, joinBody({ memberId: 'other' }))).errorCode;
  const describe = async (): Promise<unknown> => {
    const { groups } = await client.ask(69, { groupIds: [GROUP], includeAuthorizedOperations: true });
    return [groups[0]?.errorCode, groups[0]?.members.length];
  };
  denied = ({ resource, operation }) => resource === 'topic' && operation === 'describe';
  expect(await heartbeat()).toBe(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  expect(await describe()).toEqual([ErrorCode.TOPIC_AUTHORIZATION_FAILED, 0]);
  denied = ({ resource }) => resource === 'group';
  expect(await heartbeat()).toBe(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  expect(await describe()).toEqual([ErrorCode.GROUP_AUTHORIZATION_FAILED, 0]);
  denied = ({ resource }) => resource === 'cluster';
  expect(await setGroupVersion(world, 0)).toEqual([ErrorCode.CLUSTER_AUTHORIZATION_FAILED, []]);
});

test('consumer groups: outlive a restart with their members, epochs, assignments and offsets', async () => {
  const world = await started();
  const { memberEpoch, assignment } = await join(world);
  await commitCode(world, 10, { generationIdOrMemberEpoch: memberEpoch });
  const { store } = world.node;
  open.splice(0);
  await ends(world);
  const node = await startSimNode({ files: world.files, store });
  const client = await node.connect('client');
  const after = { ...node, client, topicId: world.topicId };
  open.push(after);
  await findCoordinator(client);
  const topicPartitions = assignment?.topicPartitions ?? null;
  const beat = await client.ask(68, beatBody(memberEpoch, { topicPartitions }));
  expect(beat).toMatchObject({ errorCode: 0, memberEpoch });
  const fetched = await client.ask(9, { groups: [{ groupId: GROUP, memberId: MEMBER, memberEpoch, topics: null }] });
  expect(fetched.groups[0]?.topics[0]?.partitions).toMatchObject([{ partitionIndex: 0, committedOffset: 7 }]);
  await after.clock.advance(45_001);
  expect((await client.ask(68, beatBody(memberEpoch))).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});
