/** What admin clients ask: describing, listing and deleting groups, and finding their coordinator. */
import { ApiKey } from '@odradek/protocol';
import {
  alone,
  commit,
  deleteGroups,
  describe,
  fetch,
  getId,
  join,
  leave,
  list,
  offset,
  pair,
  pairWithoutAssignment,
  scenario,
  sendJoin,
  simpleCommit,
  toldOnce,
  untilState,
  upTo,
  GROUP,
} from './words.ts';
import { call, type Scenario } from './scenario.ts';

const describing: Scenario[] = [
  ...upTo(6).map((version) =>
    scenario(
      `DescribeGroups ${version}: stable, empty, simple, missing`,
      pair(),
      simpleCommit([offset(0, 1)], { groupId: '<group.simple>' }),
      describe(version),
      describe(version, { groups: ['<group.simple>'] }),
      describe(version, { groups: ['<group.absent>'] }),
      describe(version, { groups: [GROUP, '<group.absent>', '<group.simple>', ''] }),
      describe(version, { groups: [GROUP, GROUP], ours: toldOnce }),
      describe(version, { groups: [] }),
      version >= 3
        ? describe(version, { groups: [GROUP, '<group.absent>', ''], includeAuthorizedOperations: true })
        : [],
    ),
  ),
  scenario(
    'a group in every state, described',
    describe(),
    getId('a'),
    describe(),
    join('a', { memberId: '<a>' }),
    describe(),
    getId('b'),
    sendJoin('b', 'b.join', { memberId: '<b>' }),
    untilState('PreparingRebalance'),
    describe(),
    leave('a', [{ memberId: '<a>' }, { memberId: '<b>' }]),
    untilState('Empty'),
    describe(),
  ),
];

const listing: Scenario[] = [
  scenario(
    'groups by state and by type',
    pair(),
    alone('x', { groupId: '<group.x>' }).slice(0, 2),
    simpleCommit([offset(0, 1)], { groupId: '<group.simple>' }),
    getId('y', { groupId: '<group.y>' }),
    upTo(5).map((version) => list(version)),
    list(4, ['Stable']),
    list(5, ['Stable']),
    list(5, ['stable', 'EMPTY']),
    list(5, ['CompletingRebalance']),
    list(5, ['completingrebalance']),
    list(5, ['Dead']),
    list(5, ['Nonsense']),
    list(5, ['Nonsense', 'Stable']),
    list(5, ['']),
    list(5, [], ['classic']),
    list(5, [], ['CLASSIC']),
    list(5, [], ['consumer']),
    list(5, [], ['share']),
    list(5, [], ['nonsense']),
    list(5, [], ['nonsense', 'classic']),
    list(5, [], ['']),
    list(5, ['Stable'], ['classic']),
    list(5, ['Empty'], ['consumer']),
    list(5, ['Assigning', 'Reconciling'], []),
  ),
];

const deleting: Scenario[] = [
  ...upTo(2).map((version) =>
    scenario(
      `DeleteGroups ${version}: empty, missing and with members`,
      alone(),
      simpleCommit([offset(0, 1)], { groupId: '<group.simple>' }),
      deleteGroups([GROUP, '<group.simple>', '<group.absent>', ''], version),
      deleteGroups([GROUP], version),
      deleteGroups([], version),
      leave('a', [{ memberId: '<a>' }]),
      untilState('Empty'),
      deleteGroups([GROUP, '<group.simple>'], version),
      describe(),
    ),
  ),
  scenario(
    'groups in every state, deleted',
    getId('a'),
    deleteGroups(),
    join('a', { memberId: '<a>' }),
    pairWithoutAssignment({ groupId: '<group.b>' }).slice(0, 0),
    deleteGroups(),
  ),
  scenario(
    'a group that waits for joins or assignments, deleted',
    alone(),
    getId('b'),
    sendJoin('b', 'b.join', { memberId: '<b>' }),
    untilState('PreparingRebalance'),
    deleteGroups(),
    join('a', { memberId: '<a>' }),
    deleteGroups(),
  ),
  scenario(
    'a group comes again after it was deleted: nothing is left of it',
    alone(),
    commit('a', 1, [offset(0, 5)]),
    leave('a', [{ memberId: '<a>' }]),
    untilState('Empty'),
    describe(),
    deleteGroups(),
    fetch(),
    getId('b'),
    join('b', { memberId: '<b>' }),
    describe(),
  ),
];

const finding: Scenario[] = upTo(6).map((version) =>
  scenario(
    `FindCoordinator ${version}`,
    call('admin', [ApiKey.FindCoordinator, version], {
      ...(version >= 1 ? { keyType: 0 } : {}),
      ...(version >= 4 ? { coordinatorKeys: [GROUP] } : { key: GROUP }),
    }),
    call('admin', [ApiKey.FindCoordinator, version], {
      ...(version >= 1 ? { keyType: 0 } : {}),
      ...(version >= 4 ? { coordinatorKeys: [''] } : { key: '' }),
    }),
    version >= 1
      ? call('admin', [ApiKey.FindCoordinator, version], {
          keyType: 7,
          ...(version >= 4 ? { coordinatorKeys: [GROUP, '<group.b>'] } : { key: GROUP }),
        })
      : [],
    version >= 4
      ? [
          call('admin', [ApiKey.FindCoordinator, version], { keyType: 0, coordinatorKeys: [] }),
          call('admin', [ApiKey.FindCoordinator, version], {
            keyType: 0,
            coordinatorKeys: [GROUP, GROUP, '<group.b>'],
          }),
        ]
      : [],
  ),
);

export const admin: readonly Scenario[] = [...describing, ...listing, ...deleting, ...finding];
