/** Static members (KIP-345): returning, being fenced, and what the others hear of it. */
import {
  assigns,
  beat,
  bytes,
  commit,
  describe,
  getId,
  join,
  leave,
  offset,
  scenario,
  sendJoin,
  sendSync,
  staticPair,
  subscription,
  sync,
  untilState,
  ORDERS,
  PAYMENTS,
  SHORT_MS,
} from './words.ts';
import { answered, type Chosen, type Scenario } from './scenario.ts';

const metadata = subscription(ORDERS);
/** Kafka tells the client id of the client that was there first. */
const there = (path: string, clientId: string): Chosen => ({
  because: 'whoever looks for the client of a static member wants the one that is there now',
  answers: { [`${path}.clientId`]: clientId },
});
const A = { groupInstanceId: 'i-a' } as const;
const B = { groupInstanceId: 'i-b' } as const;

const returning: Scenario[] = [9, 8, 6, 5].map((version) =>
  scenario(
    `JoinGroup ${version}: a static leader comes back to a stable group`,
    staticPair(),
    join('a2', { version, as: 'a2', ...A }),
    describe(6, { ours: there('groups.0.members.0', 'a2') }),
    sync('a2', 2, A),
    sync('a2', 2, { ...A, assignments: assigns('a2', 'b') }),
    beat('a2', 2, A),
    beat('b', 2, B),
    beat('a', 2, A),
    sync('a', 2, A),
    commit('a', 2, [offset(0, 1)], A),
    leave('a', [{ memberId: '<a>', ...A }]),
    join('a', { memberId: '<a>', ...A }),
    beat('a', 2),
  ),
);

const followers: Scenario[] = [
  scenario(
    'a static follower comes back to a stable group',
    staticPair(),
    join('b2', { as: 'b2', ...B }),
    sync('b2', 2, B),
    beat('b2', 2, B),
    beat('a', 2, A),
    describe(6, { ours: there('groups.0.members.1', 'b2') }),
  ),
  scenario(
    'a static follower comes back with other metadata and the same protocol',
    staticPair(),
    join('b2', { as: 'b2', ...B, protocols: [{ name: 'range', metadata: subscription(PAYMENTS) }] }),
    describe(6, { ours: there('groups.0.members.1', 'b2') }),
    beat('a', 2, A),
  ),
  scenario(
    'a static follower comes back so that another protocol is chosen',
    staticPair({
      protocols: [
        { name: 'range', metadata },
        { name: 'other', metadata },
      ],
    }),
    sendJoin('b2', 'b2', { ...B, protocols: [{ name: 'other', metadata }] }),
    untilState('PreparingRebalance'),
    beat('a', 2, A),
    join('a', {
      memberId: '<a>',
      ...A,
      protocols: [
        { name: 'range', metadata },
        { name: 'other', metadata },
      ],
    }),
    answered('b2'),
  ),
  scenario(
    'a static member comes back with protocols that the others do not have',
    staticPair(),
    join('b2', { ...B, protocols: [{ name: 'sticky', metadata }] }),
    join('b2', { ...B, protocolType: 'connect' }),
    beat('b', 2, B),
  ),
  scenario(
    'a static member alone comes back with another protocol',
    join('a', { as: 'a', ...A }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    join('a2', { as: 'a2', ...A, protocols: [{ name: 'sticky', metadata }] }),
    join('a3', { as: 'a3', ...A, protocolType: 'connect' }),
  ),
];

const moving: Scenario[] = [
  scenario(
    'a static member comes back while the group waits for joins: its own waiting join is fenced',
    join('a', { as: 'a', ...A }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    sendJoin('b', 'b', B),
    untilState('PreparingRebalance'),
    sendJoin('b2', 'b2', B),
    answered('b'),
    join('a', { memberId: '<a>', ...A }),
    answered('b2'),
    beat('b2', 2, B),
  ),
  scenario(
    'a static member comes back while the group waits for assignments: all begin again',
    join('a', { as: 'a', ...A }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    sendJoin('b', 'b', B),
    untilState('PreparingRebalance'),
    join('a', { memberId: '<a>', ...A }),
    answered('b'),
    sendSync('b', 2, 'b.sync', B),
    untilState('CompletingRebalance'),
    sendJoin('b2', 'b2', B),
    answered('b.sync'),
    untilState('PreparingRebalance'),
    join('a', { memberId: '<a>', ...A }),
    answered('b2'),
  ),
  scenario(
    'a static leader comes back while the group waits for assignments',
    join('a', { as: 'a', ...A }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    sendJoin('b', 'b', B),
    untilState('PreparingRebalance'),
    join('a', { memberId: '<a>', ...A }),
    answered('b'),
    sendJoin('a2', 'a2', A),
    untilState('PreparingRebalance'),
    join('b', { memberId: '<b>', ...B }),
    answered('a2'),
    describe(6, { ours: there('groups.0.members.0', 'a2') }),
  ),
  scenario(
    'a static member rejoins with the id that it has',
    staticPair(),
    join('b', { memberId: '<b>', ...B }),
    sendJoin('a', 'a.join', { memberId: '<a>', ...A }),
    untilState('PreparingRebalance'),
    join('b', { memberId: '<b>', ...B }),
    answered('a.join'),
  ),
  scenario(
    'a static member that does not come back in time keeps its place',
    join('a', { as: 'a', ...A, rebalanceTimeoutMs: SHORT_MS }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    sendJoin('b', 'b', { ...B, rebalanceTimeoutMs: SHORT_MS }),
    untilState('PreparingRebalance'),
    answered('b'),
    describe(),
  ),
  scenario(
    'a silent static member loses its place after its session timeout',
    join('a', { as: 'a', ...A, sessionTimeoutMs: SHORT_MS }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    untilState('Empty'),
    beat('a', 1, A),
    join('a', { memberId: '<a>', ...A }),
  ),
];

const leaving: Scenario[] = [
  scenario(
    'static members are taken out by their instance ids',
    staticPair(),
    leave('admin', [
      { memberId: '', groupInstanceId: 'i-b', reason: 'moved' },
      { memberId: '', groupInstanceId: 'i-x' },
    ]),
    describe(),
    beat('b', 2, B),
    beat('a', 2, A),
  ),
  scenario(
    'static members are taken out with a wrong member id, or as if they were dynamic',
    staticPair(),
    leave('admin', [{ memberId: 'nobody', groupInstanceId: 'i-b' }]),
    leave('admin', [{ memberId: '<a>', groupInstanceId: 'i-b' }]),
    leave('admin', [{ memberId: '<b>', groupInstanceId: 'i-x' }]),
    describe(),
    leave('admin', [{ memberId: '<b>' }], { version: 2 }),
    describe(),
  ),
  scenario(
    'static and dynamic members in one group',
    join('a', { as: 'a', ...A }),
    sync('a', 1, { ...A, assignments: assigns('a') }),
    getId('b'),
    sendJoin('b', 'b.join', { memberId: '<b>' }),
    untilState('PreparingRebalance'),
    beat('a', 1),
    join('a', { memberId: '<a>', ...A }),
    answered('b.join'),
    sendSync('b', 2, 'b.sync'),
    sync('a', 2, { ...A, assignments: assigns('a', 'b') }),
    answered('b.sync'),
    join('b', { memberId: '<b>', groupInstanceId: 'i-b' }),
    beat('b', 2, { groupInstanceId: 'i-a' }),
    commit('b', 2, [offset(0, 3)], { groupInstanceId: 'i-a' }),
    describe(),
  ),
  scenario(
    'a member id that is not of the instance',
    staticPair(),
    join('x', { memberId: 'nobody', ...A }),
    sync('x', 2, { memberId: 'nobody', ...A }),
    sync('x', 9, { memberId: 'nobody', ...A }),
    beat('x', 2, { memberId: 'nobody', ...A }),
    beat('x', 9, { memberId: '<b>', ...A }),
    commit('x', 2, [offset(0, 1)], { memberId: 'nobody', ...A }),
    beat('x', 2, { memberId: '<a>', groupInstanceId: 'i-x' }),
    beat('x', 2, { memberId: '<a>', groupInstanceId: '' }),
    commit('x', 2, [offset(0, 1)], { memberId: '<a>', groupInstanceId: 'i-x' }),
  ),
  scenario(
    'an empty instance id',
    join('a', { as: 'a', groupInstanceId: '' }),
    sync('a', 1, { groupInstanceId: '', assignments: [{ memberId: '<a>', assignment: bytes('x') }] }),
    describe(),
  ),
];

export const statics: readonly Scenario[] = [...returning, ...followers, ...moving, ...leaving];
