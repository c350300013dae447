import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { GroupBench, subscription } from '../../../testing/group-bench.ts';
import type { BenchMember } from '../../../testing/group-bench.ts';
import type { GroupOpOf } from '../kinds.ts';
import { classicStates, transition, transitions } from './states.ts';
import type { ClassicInput, ClassicState } from './states.ts';

const inputs = Object.keys(transitions) as ClassicInput[];
const pairs = inputs.flatMap((input) => classicStates.map((state) => [input, state] as const));

function outcomeOf(input: ClassicInput, state: ClassicState): string {
  try {
    return transition(state, input);
  } catch (bug) {
    return bug instanceof Error && bug.name === 'AssertionError' ? 'a bug' : 'something else';
  }
}

test.for(pairs)('states: %s in %s leads where the table says, or is a bug', ([input, state]) => {
  expect(outcomeOf(input, state)).toBe(transitions[input][state] ?? 'a bug');
});

test('states: every state but Dead can be left, and all are reached from Empty', () => {
  const reached = new Set<ClassicState>(['Empty']);
  for (let round = 0; round < classicStates.length; round += 1)
    for (const input of inputs)
      for (const state of classicStates) {
        const next = transitions[input][state];
        if (reached.has(state) && next !== undefined) reached.add(next);
      }
  expect([...reached].sort()).toEqual([...classicStates].sort());
  for (const state of classicStates) {
    const ways = inputs.filter(
      (input) => transitions[input][state] !== undefined && transitions[input][state] !== state,
    );
    expect(ways.length > 0).toBe(state !== 'Dead');
  }
});

type At = { bench: GroupBench; leader: BenchMember; follower: BenchMember };

/** A group of two in each state; in `Empty` and `Dead` both are known only to themselves. */
function groupIn(state: ClassicState): At {
  const bench = new GroupBench();
  const [leader, follower] = [bench.member('g', { name: 'l' }), bench.member('g', { name: 'f' })];
  leader.join();
  follower.join();
  bench.advance(0);
  leader.joined();
  follower.joined();
  if (state !== 'CompletingRebalance') {
    follower.sync();
    leader.sync();
  }
  if (state === 'PreparingRebalance') bench.member('g', { name: 'third' }).join();
  if (state === 'Empty' || state === 'Dead') {
    leader.leave();
    follower.leave();
    bench.advance(60_000);
  }
  if (state === 'Dead') bench.submit<'delete'>({ kind: 'delete', groupId: 'g' });
  expect(bench.stateOf()).toBe(state);
  return { bench, leader, follower };
}

const joinOp: GroupOpOf<'join'> = {
  kind: 'join',
  groupId: 'g',
  memberId: '',
  newMemberId: 'new-1',
  groupInstanceId: null,
  clientId: 'new',
  clientHost: '/127.0.0.1',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription(['orders']) }],
  reason: null,
  requiresMemberId: false,
  canSkipAssignment: true,
};
const simpleCommit: GroupOpOf<'commit'> = {
  kind: 'commit',
  groupId: 'g',
  memberId: '',
  groupInstanceId: null,
  generation: -1,
  retentionMs: -1,
  knowsGroupIdNotFound: true,
  topics: [],
};

/** What each request does to a group: sends it and tells its code, 'waits' when it is parked. */
const requests: Record<string, (at: At) => number | 'waits'> = {
  joinNew: ({ bench }) => codeOf(bench.submit<'join'>(joinOp)),
  joinNewWithoutId: ({ bench }) => codeOf(bench.submit<'join'>({ ...joinOp, requiresMemberId: true })),
  joinAgainFollower: ({ follower }) => codeOf(follower.join()),
  joinAgainLeader: ({ leader }) => codeOf(leader.join()),
  joinChanged: ({ follower }) => {
    follower.options = { ...follower.options, topics: ['payments'] };
    return codeOf(follower.join());
  },
  syncFollower: ({ follower }) => codeOf(follower.sync()),
  syncLeader: ({ leader }) => codeOf(leader.sync()),
  heartbeat: ({ follower }) => codeOf(follower.beat()),
  leave: ({ follower }) => follower.leave().value.members[0]?.code ?? -1,
  commit: ({ follower }) => codeOf(follower.commit(1)),
  simpleCommit: ({ bench }) => codeOf(bench.submit<'commit'>(simpleCommit)),
  fetch: ({ bench }) => codeOf(bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null })),
  describe: ({ bench }) => codeOf(bench.describe()),
  delete: ({ bench }) => codeOf(bench.submit<'delete'>({ kind: 'delete', groupId: 'g' })),
  deleteOffsets: ({ bench }) =>
    codeOf(bench.submit<'deleteOffsets'>({ kind: 'deleteOffsets', groupId: 'g', topics: [] })),
  topicsDeleted: ({ bench }) => codeOf(bench.submit<'topicsDeleted'>({ kind: 'topicsDeleted', topics: ['x'] })),
  sessionOver: ({ bench }) => {
    bench.advance(10_000);
    return 0;
  },
};

function codeOf(ask: { answered: boolean; code: number }): number | 'waits' {
  return ask.answered ? ask.code : 'waits';
}

const E = ErrorCode;
const unknown = E.UNKNOWN_MEMBER_ID;
const moving = E.REBALANCE_IN_PROGRESS;
/** Written down from Kafka's behaviour, not from the tables: [code, state afterwards] in Empty, Preparing, Completing, Stable, Dead. */
const expected: Record<string, readonly (readonly [number | 'waits', ClassicState])[]> = {
  joinNew: [
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
  ],
  joinNewWithoutId: [
    [E.MEMBER_ID_REQUIRED, 'Empty'],
    [E.MEMBER_ID_REQUIRED, 'PreparingRebalance'],
    [E.MEMBER_ID_REQUIRED, 'CompletingRebalance'],
    [E.MEMBER_ID_REQUIRED, 'Stable'],
    [E.MEMBER_ID_REQUIRED, 'Empty'],
  ],
  joinAgainFollower: [
    [unknown, 'Empty'],
    ['waits', 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  joinAgainLeader: [
    [unknown, 'Empty'],
    ['waits', 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    ['waits', 'PreparingRebalance'],
    [unknown, 'Dead'],
  ],
  joinChanged: [
    [unknown, 'Empty'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    ['waits', 'PreparingRebalance'],
    [unknown, 'Dead'],
  ],
  syncFollower: [
    [unknown, 'Empty'],
    [moving, 'PreparingRebalance'],
    ['waits', 'CompletingRebalance'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  syncLeader: [
    [unknown, 'Empty'],
    [moving, 'PreparingRebalance'],
    [0, 'Stable'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  heartbeat: [
    [unknown, 'Empty'],
    [moving, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [unknown, 'Dead'],
  ],
  leave: [
    [unknown, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'PreparingRebalance'],
    [0, 'PreparingRebalance'],
    [unknown, 'Dead'],
  ],
  commit: [
    [unknown, 'Empty'],
    [0, 'PreparingRebalance'],
    [moving, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  simpleCommit: [
    [0, 'Empty'],
    [unknown, 'PreparingRebalance'],
    [unknown, 'CompletingRebalance'],
    [unknown, 'Stable'],
    [0, 'Dead'],
  ],
  fetch: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  describe: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  delete: [
    [0, 'Dead'],
    [E.NON_EMPTY_GROUP, 'PreparingRebalance'],
    [E.NON_EMPTY_GROUP, 'CompletingRebalance'],
    [E.NON_EMPTY_GROUP, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  deleteOffsets: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [E.GROUP_ID_NOT_FOUND, 'Dead'],
  ],
  topicsDeleted: [
    [0, 'Empty'],
    [0, 'PreparingRebalance'],
    [0, 'CompletingRebalance'],
    [0, 'Stable'],
    [0, 'Dead'],
  ],
  // The third member's join waits without a heartbeat; with both others gone the rebalance is complete. A silent pair leaves an empty group.
  sessionOver: [
    [0, 'Empty'],
    [0, 'CompletingRebalance'],
    [0, 'Empty'],
    [0, 'Empty'],
    [0, 'Dead'],
  ],
};

const walk = Object.keys(requests).flatMap((request) =>
  classicStates.map((state, at) => [request, state, at] as const),
);

test('states: every request has an expectation for every state', () => {
  expect(Object.keys(expected).sort()).toEqual(Object.keys(requests).sort());
  for (const row of Object.values(expected)) expect(row.length).toBe(classicStates.length);
});

test.for(walk)('group: %s in %s', ([request, state, at]) => {
  const group = groupIn(state);
  const code = requests[request]?.(group);
  expect([code, group.bench.stateOf()]).toEqual(expected[request]?.[at]);
});
