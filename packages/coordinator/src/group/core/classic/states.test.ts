import { expect, test } from 'vitest';
import { GroupBench, subscription } from '../../../testing/group-bench.ts';
import type { BenchMember } from '../../../testing/group-bench.ts';
import { stateAnswers } from '../../../testing/state-answers.ts';
import type { GroupOpKind, GroupOpOf } from '../kinds.ts';
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

const consumerJoin: GroupOpOf<'consumerHeartbeat'> = {
  kind: 'consumerHeartbeat',
  groupId: 'g',
  memberId: 'consumer',
  newMemberId: 'unused',
  memberEpoch: 0,
  groupInstanceId: null,
  rackId: null,
  clientId: 'consumer',
  clientHost: '/127.0.0.1',
  rebalanceTimeoutMs: 60_000,
  subscribedTopicNames: ['orders'],
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: [],
  requiresMemberId: true,
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
  topicsChanged: ({ bench }) => codeOf(bench.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['orders'] })),
  regexResolved: ({ bench }) =>
    codeOf(bench.submit<'regexResolved'>({ kind: 'regexResolved', groupId: 'g', metadataOffset: 1, resolved: [] })),
  list: ({ bench }) => codeOf(bench.submit<'list'>({ kind: 'list', states: [], types: [] })),
  lag: ({ bench }) => codeOf(bench.submit<'lag'>({ kind: 'lag', groupId: 'g', stable: false })),
  joinStatic: ({ bench }) => codeOf(bench.submit<'join'>({ ...joinOp, groupInstanceId: 'i-new' })),
  pendingLeaves: ({ bench }) => {
    const { memberId } = bench.submit<'join'>({ ...joinOp, requiresMemberId: true }).value;
    const members = [{ memberId, groupInstanceId: null, reason: null }];
    return bench.submit<'leave'>({ kind: 'leave', groupId: 'g', members }).value.members[0]?.code ?? -1;
  },
  peek: ({ bench }) => codeOf(bench.submit<'peek'>({ kind: 'peek', groupId: 'g' })),
  consumerJoins: ({ bench }) => codeOf(bench.submit<'consumerHeartbeat'>(consumerJoin)),
  consumerBeats: ({ bench }) => codeOf(bench.submit<'consumerHeartbeat'>({ ...consumerJoin, memberEpoch: 1 })),
  consumerDescribe: ({ bench }) => codeOf(bench.submit<'consumerDescribe'>({ kind: 'consumerDescribe', groupId: 'g' })),
  sessionOver: ({ bench }) => {
    bench.advance(10_000);
    return 0;
  },
  pendingOver: ({ bench }) => {
    const join = { ...joinOp, requiresMemberId: true, sessionTimeoutMs: 6_000 };
    const { memberId } = bench.submit<'join'>(join).value;
    bench.advance(6_000);
    return codeOf(bench.submit<'join'>({ ...join, memberId }));
  },
  /** Both show that they live, and do nothing else. */
  rebalanceTimeOver: ({ bench, leader, follower }) => {
    for (let at = 0; at < 60_000; at += 5_000) {
      leader.beat();
      follower.beat();
      bench.advance(5_000);
    }
    return codeOf(follower.beat());
  },
  offsetsExpire: ({ bench }) => {
    bench.submit<'commit'>({ ...simpleCommit, groupId: 'other' });
    bench.advance(bench.config.offsetsRetentionCheckIntervalMs);
    return 0;
  },
  restart: (at) => {
    at.bench = at.bench.reloaded();
    return 0;
  },
};

/** Which rows of the walk are for which op; those of consumer groups alone are walked beside them. */
const walkedBy: Record<GroupOpKind, readonly string[]> = {
  join: ['joinNew', 'joinNewWithoutId', 'joinAgainFollower', 'joinAgainLeader', 'joinChanged', 'joinStatic'],
  sync: ['syncFollower', 'syncLeader'],
  heartbeat: ['heartbeat'],
  leave: ['leave', 'pendingLeaves'],
  commit: ['commit', 'simpleCommit'],
  fetch: ['fetch'],
  describe: ['describe'],
  list: ['list'],
  delete: ['delete'],
  deleteOffsets: ['deleteOffsets'],
  topicsDeleted: ['topicsDeleted'],
  peek: ['peek'],
  lag: ['lag'],
  consumerHeartbeat: ['consumerJoins', 'consumerBeats'],
  consumerDescribe: ['consumerDescribe'],
  regexResolved: ['regexResolved'],
  topicsChanged: ['topicsChanged'],
};
/** And for which timer of a classic group. */
const walkedByTime: Record<'session' | 'initialJoin' | 'join' | 'sync' | 'expireOffsets', readonly string[]> = {
  session: ['sessionOver', 'pendingOver'],
  initialJoin: ['rebalanceTimeOver'],
  join: ['rebalanceTimeOver'],
  sync: ['rebalanceTimeOver'],
  expireOffsets: ['offsetsExpire'],
};

function codeOf(ask: { answered: boolean; code: number }): number | 'waits' {
  return ask.answered ? ask.code : 'waits';
}

const walk = Object.keys(requests).flatMap((request) =>
  classicStates.map((state, at) => [request, state, at] as const),
);

test('states: every request has an expectation for every state', () => {
  expect(Object.keys(stateAnswers).sort()).toEqual(Object.keys(requests).sort());
  for (const row of Object.values(stateAnswers)) expect(row.length).toBe(classicStates.length);
  const walked = [...Object.values(walkedBy), ...Object.values(walkedByTime), ['restart']].flat();
  expect([...new Set(walked)].sort()).toEqual(Object.keys(requests).sort());
});

test.for(walk)('group: %s in %s', ([request, state, at]) => {
  const group = groupIn(state);
  const code = requests[request]?.(group);
  expect([code, group.bench.stateOf()]).toEqual(stateAnswers[request]?.[at]);
});
