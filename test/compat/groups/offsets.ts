/** Committing, fetching and deleting offsets, in every state of a group and with every bad input. */
import { ApiKey } from '@odradek/protocol';
import {
  alone,
  assigns,
  bytes,
  commit,
  deleteGroups,
  deleteOffsets,
  describe,
  fetch,
  getId,
  join,
  leave,
  list,
  named,
  offset,
  pair,
  pairWithoutAssignment,
  scenario,
  sendJoin,
  simpleCommit,
  sync,
  untilState,
  upTo,
  GROUP,
  ORDERS,
  PAYMENTS,
  SHORT_MS,
} from './words.ts';
import { call, type Scenario } from './scenario.ts';

const NO_TOPIC = 'diff-absent';
const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAEQ';
const ofAllOrders = (version: number) => [{ ...named(ORDERS, version), partitionIndexes: [0, 1, 2] }];
const asGroup = (version: number, topics: { readonly partitionIndexes: readonly number[] }[] | null) =>
  (version >= 8 ? { group: { topics } } : { topics }) as object;

const versions: Scenario[] = [
  ...upTo(10, 2).map((version) =>
    scenario(
      `OffsetCommit ${version}: of a member, and simple`,
      alone(),
      commit(
        'a',
        1,
        [offset(0, 5, 'note'), { ...offset(1, 6, null), ...(version >= 6 ? { committedLeaderEpoch: 3 } : {}) }],
        {
          version,
        },
      ),
      commit('a', 0, [offset(0, 9)], { version }),
      commit('a', -1, [offset(0, 9)], { version }),
      commit('a', 1, [offset(0, 9)], { version, memberId: 'nobody' }),
      simpleCommit([offset(0, 9)], { version }),
      simpleCommit([offset(0, 9)], { version, groupId: '<group.other>' }),
      fetch(),
      fetch({ group: { groupId: '<group.other>' } }),
    ),
  ),
  ...upTo(10, 1).map((version) =>
    scenario(
      `OffsetFetch ${version}: named partitions, and all`,
      simpleCommit([offset(0, 5, 'note'), { ...offset(1, 6, null), committedLeaderEpoch: 3 }]),
      fetch({ version, ...asGroup(version, ofAllOrders(version)) }),
      fetch({ version, ...asGroup(version, []) }),
      version >= 2 ? fetch({ version, ...asGroup(version, null) }) : [],
      version >= 7 ? fetch({ version, ...asGroup(version, null), requireStable: true }) : [],
      version < 8
        ? fetch({ version, groupId: '<group.absent>', topics: [{ name: ORDERS, partitionIndexes: [0] }] })
        : [],
      version >= 8 ? fetch({ version, group: { groupId: '<group.absent>', topics: ofAllOrders(version) } }) : [],
      version >= 2
        ? fetch({
            version,
            ...(version < 8 ? { groupId: '<group.absent>', topics: null } : { group: { groupId: '<group.absent>' } }),
          })
        : [],
    ),
  ),
];

const fetching: Scenario[] = [
  scenario(
    'topics and partitions that do not exist, fetched',
    simpleCommit([offset(0, 5)]),
    fetch({ group: { topics: [{ name: NO_TOPIC, partitionIndexes: [0, 7] }] } }),
    fetch({ group: { topics: [{ name: ORDERS, partitionIndexes: [7, -1] }] } }),
    fetch({ group: { topics: [{ name: '', partitionIndexes: [0] }] } }),
    fetch({ group: { topics: [{ name: ORDERS, partitionIndexes: [0, 0] }] } }),
    fetch({ group: { topics: [{ name: ORDERS, partitionIndexes: [] }] } }),
    fetch({ version: 10, group: { topics: [{ topicId: NO_TOPIC_ID, partitionIndexes: [0, 7] }] } }),
    fetch({ version: 10, group: { topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitionIndexes: [0] }] } }),
    fetch({ version: 10, group: { topics: [{ topicId: `<${ORDERS}>`, partitionIndexes: [7] }] } }),
  ),
  scenario(
    'several groups in one fetch',
    simpleCommit([offset(0, 5)]),
    simpleCommit([offset(1, 6)], { groupId: '<group.b>' }),
    ...[8, 9, 10].map((version) =>
      call('admin', [ApiKey.OffsetFetch, version], {
        groups: [
          { groupId: GROUP, topics: null },
          { groupId: '<group.b>', topics: ofAllOrders(version) },
          { groupId: '<group.absent>', topics: null },
        ],
      }),
    ),
    call('admin', [ApiKey.OffsetFetch, 9], { groups: [] }),
  ),
  scenario(
    'a member id and an epoch in the fetch of a classic group',
    alone(),
    commit('a', 1, [offset(0, 5)]),
    fetch({ group: { memberId: '<a>', memberEpoch: 1 } }),
    fetch({ group: { memberId: '<a>', memberEpoch: 9 } }),
    fetch({ group: { memberId: 'nobody', memberEpoch: 1 } }),
    fetch({ group: { memberId: 'nobody', memberEpoch: -1 } }),
    fetch({ group: { memberId: null, memberEpoch: 5 } }),
    fetch({ group: { groupId: '<group.absent>', memberId: 'nobody', memberEpoch: 1 } }),
  ),
];

const states: Scenario[] = [
  scenario(
    'commits while a group waits for joins',
    alone(),
    getId('b'),
    sendJoin('b', 'b.join', { memberId: '<b>' }),
    untilState('PreparingRebalance'),
    commit('a', 1, [offset(0, 5)]),
    commit('a', 0, [offset(0, 6)]),
    commit('a', 2, [offset(0, 6)]),
    commit('a', -1, [offset(0, 6)]),
    simpleCommit([offset(0, 7)]),
    commit('admin', 1, [offset(1, 8)], { memberId: '<b>' }),
    fetch(),
  ),
  scenario(
    'commits while a group waits for assignments',
    pairWithoutAssignment(),
    commit('a', 2, [offset(0, 5)]),
    commit('a', 1, [offset(0, 5)]),
    commit('b', 2, [offset(0, 5)], { version: 5 }),
    simpleCommit([offset(0, 7)]),
    commit('a', -1, [offset(0, 7)]),
    fetch(),
  ),
  scenario(
    'commits into a stable group',
    pair(),
    commit('b', 2, [offset(0, 5)]),
    commit('a', 2, [offset(0, 6)]),
    commit('a', 1, [offset(0, 7)]),
    commit('a', 3, [offset(0, 7)]),
    commit('a', -1, [offset(0, 7)]),
    commit('a', 2, [offset(0, 7)], { memberId: '' }),
    commit('a', -1, [offset(0, 7)], { memberId: 'nobody' }),
    simpleCommit([offset(0, 7)]),
    simpleCommit([offset(0, 7)], { groupInstanceId: 'i-x' }),
    fetch(),
  ),
  scenario(
    'commits into a group that has emptied',
    alone(),
    leave('a', [{ memberId: '<a>' }]),
    untilState('Empty'),
    commit('a', 1, [offset(0, 5)]),
    commit('a', 2, [offset(0, 5)]),
    commit('a', -1, [offset(0, 5)]),
    commit('a', -2, [offset(1, 5)]),
    simpleCommit([offset(0, 7)]),
    simpleCommit([offset(0, 8)], { groupInstanceId: 'i-x' }),
    fetch(),
  ),
  scenario(
    'commits into a group that does not exist',
    commit('a', 1, [offset(0, 5)], { memberId: 'nobody' }),
    commit('a', 1, [offset(0, 5)], { memberId: 'nobody', version: 8 }),
    commit('a', 0, [offset(0, 5)], { memberId: '' }),
    commit('a', -1, [offset(0, 5)], { memberId: 'nobody', groupId: '<group.b>' }),
    commit('a', -1, [offset(0, 5)], { memberId: '', groupInstanceId: 'i-x', groupId: '<group.c>' }),
    commit('a', -7, [offset(0, 5)], { memberId: '', groupId: '<group.d>' }),
    fetch(),
    fetch({ group: { groupId: '<group.b>' } }),
    describe(6, { groups: [GROUP, '<group.b>', '<group.c>', '<group.d>'] }),
  ),
  scenario(
    'a commit is a sign of life',
    alone('a', { sessionTimeoutMs: SHORT_MS }),
    commit('a', 1, [offset(0, 5)]),
    untilState('Empty'),
    fetch(),
  ),
];

const badCommits: Scenario[] = [
  scenario(
    'metadata at and above the limit',
    simpleCommit([offset(0, 1, 'x'.repeat(4_096)), offset(1, 1, 'x'.repeat(4_097)), offset(2, 1, '')]),
    simpleCommit([offset(0, 2, 'é'.repeat(4_096)), offset(1, 2, 'é'.repeat(4_097))]),
    fetch({ group: { topics: [{ name: ORDERS, partitionIndexes: [1, 2] }] } }),
  ),
  scenario(
    'offsets and epochs below zero',
    simpleCommit([offset(0, -1), offset(1, -2), offset(2, -100)]),
    simpleCommit([{ ...offset(0, 4), committedLeaderEpoch: -7 }], { topic: PAYMENTS }),
    fetch(),
  ),
  scenario(
    'topics and partitions that do not exist, committed',
    simpleCommit([offset(0, 1)], { topic: NO_TOPIC }),
    simpleCommit([offset(0, 1), offset(3, 1), offset(-1, 1)]),
    simpleCommit([offset(0, 1)], { topic: '' }),
    call('admin', [ApiKey.OffsetCommit, 10], {
      groupId: GROUP,
      memberId: '',
      topics: [
        { topicId: NO_TOPIC_ID, partitions: [offset(0, 1)] },
        { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [offset(0, 1)] },
        { topicId: `<${ORDERS}>`, partitions: [offset(1, 1), offset(7, 1)] },
      ],
    }),
    fetch(),
  ),
  scenario(
    'topics and partitions that do not exist, committed by a member that is none',
    alone(),
    commit('a', 9, [offset(0, 1), offset(7, 1)]),
    commit('a', 1, [offset(0, 1)], { topic: NO_TOPIC, memberId: 'nobody' }),
    call('a', [ApiKey.OffsetCommit, 9], {
      groupId: GROUP,
      generationIdOrMemberEpoch: 9,
      memberId: '<a>',
      topics: [
        { name: NO_TOPIC, partitions: [offset(0, 1)] },
        { name: ORDERS, partitions: [offset(0, 1), offset(9, 1)] },
      ],
    }),
  ),
  scenario(
    'a partition twice in one commit, and no topic at all',
    simpleCommit([offset(0, 1), offset(0, 2)]),
    fetch(),
    call('admin', [ApiKey.OffsetCommit, 9], { groupId: GROUP, memberId: '', topics: [] }),
    call('admin', [ApiKey.OffsetCommit, 9], { groupId: '<group.b>', memberId: '', topics: [] }),
    call('admin', [ApiKey.OffsetCommit, 9], {
      groupId: GROUP,
      memberId: '',
      topics: [
        { name: ORDERS, partitions: [offset(1, 3)] },
        { name: ORDERS, partitions: [offset(2, 4)] },
      ],
    }),
    fetch(),
    describe(6, { groups: ['<group.b>'] }),
  ),
];

const simple: Scenario[] = [
  scenario(
    'a group of a consumer that assigns partitions itself',
    simpleCommit([offset(0, 5)]),
    describe(),
    describe(5),
    list(5, ['Empty']),
    list(5, [], ['classic']),
    getId('a'),
    join('a', { memberId: '<a>' }),
    simpleCommit([offset(0, 6)]),
    sync('a', 1, { assignments: assigns('a') }),
    simpleCommit([offset(0, 6)]),
    commit('a', 1, [offset(1, 7)]),
    fetch(),
    leave('a', [{ memberId: '<a>' }]),
    untilState('Empty'),
    fetch(),
    describe(),
  ),
  scenario(
    'a simple group is deleted, with its offsets',
    simpleCommit([offset(0, 5)]),
    deleteGroups(),
    fetch(),
    describe(),
    list(5),
    deleteGroups(),
  ),
];

const nameless = { groupId: '' } as const;

/** Allowed for offsets alone. */
const withoutName: Scenario[] = [
  scenario(
    'the group without a name keeps offsets',
    upTo(10, 2).map((version) => simpleCommit([offset(0, version)], { version, ...nameless })),
    commit('a', 1, [offset(0, 9)], { memberId: 'nobody', ...nameless }),
    upTo(7, 1).map((version) => fetch({ version, ...nameless, topics: [{ name: ORDERS, partitionIndexes: [0] }] })),
    upTo(10, 8).map((version) => fetch({ version, group: { ...nameless, topics: ofAllOrders(version) } })),
    call('admin', [ApiKey.DescribeGroups, 6], { groups: [''] }),
    deleteOffsets(ORDERS, [0], nameless),
    call('admin', [ApiKey.DeleteGroups, 2], { groupsNames: [''] }),
  ),
];

const deleting: Scenario[] = [
  scenario(
    'offsets of a group that does not exist, or has no name',
    deleteOffsets(ORDERS, [0]),
    deleteOffsets(NO_TOPIC, [0]),
  ),
  scenario(
    'offsets of a group without members',
    simpleCommit([offset(0, 5), offset(1, 6)]),
    deleteOffsets(ORDERS, [0, 2]),
    fetch(),
    deleteOffsets(ORDERS, [7, -1]),
    deleteOffsets(NO_TOPIC, [0]),
    deleteOffsets('', [0]),
    deleteOffsets(ORDERS, []),
    deleteOffsets(ORDERS, [1]),
    fetch(),
    describe(),
  ),
  scenario(
    'offsets of a topic that members subscribe to, and of another',
    alone(),
    commit('a', 1, [offset(0, 5)]),
    commit('a', 1, [offset(0, 6)], { topic: PAYMENTS }),
    deleteOffsets(ORDERS, [0]),
    deleteOffsets(PAYMENTS, [0]),
    deleteOffsets(NO_TOPIC, [0]),
    deleteOffsets(ORDERS, [7]),
    fetch(),
  ),
  scenario(
    'offsets while a group waits for joins, and for assignments',
    alone(),
    commit('a', 1, [offset(0, 5)]),
    commit('a', 1, [offset(0, 6)], { topic: PAYMENTS }),
    getId('b'),
    sendJoin('b', 'b.join', { memberId: '<b>' }),
    untilState('PreparingRebalance'),
    deleteOffsets(ORDERS, [0]),
    deleteOffsets(PAYMENTS, [0]),
    join('a', { memberId: '<a>' }),
    deleteOffsets(ORDERS, [0]),
    deleteOffsets(PAYMENTS, [0]),
    fetch(),
  ),
  scenario(
    'offsets of members that are no consumers',
    alone('a', { protocolType: 'connect', protocols: [{ name: 'range', metadata: bytes('x') }] }).slice(0, 2),
    deleteOffsets(ORDERS, [0]),
  ),
  scenario(
    'offsets of consumers whose metadata nobody can read',
    alone('a', { protocols: [{ name: 'range', metadata: bytes('x') }] }),
    commit('a', 1, [offset(0, 5)]),
    deleteOffsets(ORDERS, [0]),
    deleteOffsets(PAYMENTS, [0]),
  ),
];

export const offsets: readonly Scenario[] = [
  ...versions,
  ...fetching,
  ...states,
  ...badCommits,
  ...simple,
  ...withoutName,
  ...deleting,
];
