import { ErrorCode, errorName } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';
import type { Ask } from '../../../testing/group-bench.ts';
import type { GroupOpKind } from '../kinds.ts';
import { reconcile } from './reconcile.ts';
import type { ReconcileInput } from './reconcile.ts';
import {
  groupStates,
  memberStateNumbers,
  memberStateOf,
  memberStates,
  memberSteps,
  served,
  stateOf,
} from './states.ts';
import type { ConsumerGroupState, Grip, MemberState, News, Step } from './states.ts';

const INTERVAL_MS = 1_000;
const SESSION_MS = 45_000;
const settings = { sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: 5_000, assignmentIntervalMs: INTERVAL_MS };

type At = { bench: GroupBench; owner: BenchConsumer; other: BenchConsumer };

/** A group of two in each state; in `Empty` and `Dead` both are known only to themselves. `owner` came first. */
function groupIn(state: ConsumerGroupState): At {
  const bench = new GroupBench({ consumer: { ...benchConfig.consumer, ofGroup: () => settings } });
  bench.topics.set('orders', 4);
  const [owner, other] = [bench.consumer('g', { name: 'owner' }), bench.consumer('g', { name: 'other' })];
  owner.join();
  other.join();
  if (state !== 'Assigning') bench.advance(INTERVAL_MS);
  if (state !== 'Assigning' && state !== 'Reconciling') {
    for (let round = 0; round < 3; round += 1) for (const consumer of [owner, other]) consumer.beat();
    bench.advance(INTERVAL_MS);
  }
  if (state === 'Empty' || state === 'Dead') {
    const epochs = [owner.epoch, other.epoch];
    owner.leave();
    other.leave();
    [owner.epoch = 0, other.epoch = 0] = epochs;
  }
  if (state === 'Dead') bench.submit<'delete'>({ kind: 'delete', groupId: 'g' });
  expect(bench.stateOf()).toBe(state);
  return { bench, owner, other };
}

const codeOf = (ask: Ask<GroupOpKind>): number => ask.code;
const stranger = { memberId: 'nobody' };
const ofTopic = (topic: string) =>
  ({ kind: 'deleteOffsets', groupId: 'g', topics: [{ topic, partitions: [0] }] }) as const;

/** What each request does to a group: sends it and tells its code. */
const requests: Record<string, (at: At) => number> = {
  join: ({ bench }) => codeOf(bench.consumer('g', { name: 'third' }).join()),
  rejoin: ({ owner }) => codeOf(owner.join()),
  beat: ({ owner }) => codeOf(owner.beat()),
  beatOfStranger: ({ owner }) => codeOf(owner.beat(stranger)),
  beatAhead: ({ owner }) => codeOf(owner.beat({ memberEpoch: owner.epoch + 9 })),
  changeSubscription: ({ owner }) => codeOf(owner.subscribe(['payments'])),
  leave: ({ owner }) => codeOf(owner.ask({ memberEpoch: -1 })),
  leaveOfStranger: ({ owner }) => codeOf(owner.ask({ ...stranger, memberEpoch: -1 })),
  awayOfDynamic: ({ owner }) => codeOf(owner.ask({ memberEpoch: -2 })),
  awayOfStranger: ({ owner }) => codeOf(owner.ask({ ...stranger, memberEpoch: -2, groupInstanceId: 'i' })),
  commit: ({ owner }) => codeOf(owner.commit(1)),
  commitOfStranger: ({ owner }) => codeOf(owner.commit(1, {}, stranger)),
  simpleCommit: ({ owner }) => codeOf(owner.commit(1, {}, { memberId: '', generation: -1 })),
  fetch: ({ bench }) => codeOf(bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null })),
  fetchOfMember: ({ bench, owner: { memberId, epoch: memberEpoch } }) =>
    codeOf(bench.submit<'fetch'>({ kind: 'fetch', groupId: 'g', topics: null, memberId, memberEpoch })),
  deleteOffsets: ({ bench }) => codeOf(bench.submit<'deleteOffsets'>(ofTopic('orders'))),
  consumerDescribe: ({ bench }) => codeOf(bench.submit<'consumerDescribe'>({ kind: 'consumerDescribe', groupId: 'g' })),
  describe: ({ bench }) => codeOf(bench.describe()),
  delete: ({ bench }) => codeOf(bench.submit<'delete'>({ kind: 'delete', groupId: 'g' })),
  topicsChanged: ({ bench, owner }) => {
    bench.topics.set('orders', 6);
    const code = codeOf(bench.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['orders'] }));
    owner.beat();
    return code;
  },
  topicsDeleted: ({ bench }) => codeOf(bench.submit<'topicsDeleted'>({ kind: 'topicsDeleted', topics: ['orders'] })),
  regexResolved: ({ bench }) =>
    codeOf(bench.submit<'regexResolved'>({ kind: 'regexResolved', groupId: 'g', metadataOffset: 1, resolved: [] })),
  intervalOver: ({ bench }) => {
    bench.advance(INTERVAL_MS);
    return ErrorCode.NONE;
  },
  sessionsOver: ({ bench }) => {
    bench.advance(SESSION_MS);
    return ErrorCode.NONE;
  },
};

type Outcomes = Record<ConsumerGroupState, readonly [code: number, next: ConsumerGroupState]>;
const { NONE, UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND, FENCED_MEMBER_EPOCH, INVALID_REQUEST, NON_EMPTY_GROUP } =
  ErrorCode;

/** The same code in every state, and no state changes. */
const noChange = (code: number, dead: number = code): Outcomes => ({
  Empty: [code, 'Empty'],
  Assigning: [code, 'Assigning'],
  Reconciling: [code, 'Reconciling'],
  Stable: [code, 'Stable'],
  Dead: [dead, 'Dead'],
});

/** Written down from Kafka 4.3.1's behaviour. */
const outcomes: Record<string, Outcomes> = {
  join: {
    Empty: [NONE, 'Stable'],
    Assigning: [NONE, 'Assigning'],
    // The last target is younger than the assignment interval.
    Reconciling: [NONE, 'Assigning'],
    Stable: [NONE, 'Reconciling'],
    Dead: [NONE, 'Stable'],
  },
  rejoin: {
    Empty: [NONE, 'Stable'],
    Assigning: [NONE, 'Assigning'],
    // It comes back with nothing, so what it was to give back is free; the other one has not heard of it yet.
    Reconciling: [NONE, 'Reconciling'],
    Stable: [NONE, 'Stable'],
    Dead: [NONE, 'Stable'],
  },
  beat: { ...noChange(NONE), Empty: [UNKNOWN_MEMBER_ID, 'Empty'], Dead: [GROUP_ID_NOT_FOUND, 'Dead'] },
  beatOfStranger: noChange(UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND),
  beatAhead: {
    ...noChange(FENCED_MEMBER_EPOCH),
    Empty: [UNKNOWN_MEMBER_ID, 'Empty'],
    Dead: [GROUP_ID_NOT_FOUND, 'Dead'],
  },
  changeSubscription: {
    Empty: [UNKNOWN_MEMBER_ID, 'Empty'],
    Assigning: [NONE, 'Assigning'],
    Reconciling: [NONE, 'Assigning'],
    Stable: [NONE, 'Reconciling'],
    Dead: [GROUP_ID_NOT_FOUND, 'Dead'],
  },
  leave: {
    Empty: [UNKNOWN_MEMBER_ID, 'Empty'],
    Assigning: [NONE, 'Assigning'],
    Reconciling: [NONE, 'Assigning'],
    Stable: [NONE, 'Assigning'],
    Dead: [GROUP_ID_NOT_FOUND, 'Dead'],
  },
  leaveOfStranger: noChange(UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND),
  awayOfDynamic: noChange(INVALID_REQUEST),
  awayOfStranger: noChange(UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND),
  commit: { ...noChange(NONE), Empty: [UNKNOWN_MEMBER_ID, 'Empty'], Dead: [GROUP_ID_NOT_FOUND, 'Dead'] },
  commitOfStranger: noChange(UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND),
  // An offset without a group makes a simple one, of the classic kind.
  simpleCommit: { ...noChange(UNKNOWN_MEMBER_ID), Empty: [NONE, 'Empty'], Dead: [NONE, 'Empty'] },
  fetch: noChange(NONE),
  fetchOfMember: { ...noChange(NONE), Empty: [UNKNOWN_MEMBER_ID, 'Empty'] },
  deleteOffsets: noChange(NONE, GROUP_ID_NOT_FOUND),
  consumerDescribe: noChange(NONE, GROUP_ID_NOT_FOUND),
  describe: noChange(GROUP_ID_NOT_FOUND),
  delete: { ...noChange(NON_EMPTY_GROUP), Empty: [NONE, 'Dead'], Dead: [GROUP_ID_NOT_FOUND, 'Dead'] },
  topicsChanged: {
    ...noChange(NONE),
    Reconciling: [NONE, 'Assigning'],
    Stable: [NONE, 'Reconciling'],
  },
  topicsDeleted: noChange(NONE),
  regexResolved: noChange(NONE),
  intervalOver: { ...noChange(NONE), Assigning: [NONE, 'Reconciling'] },
  sessionsOver: {
    Empty: [NONE, 'Empty'],
    Assigning: [NONE, 'Empty'],
    Reconciling: [NONE, 'Empty'],
    Stable: [NONE, 'Empty'],
    Dead: [NONE, 'Dead'],
  },
};

const pairs = Object.keys(requests).flatMap((request) => groupStates.map((state) => [request, state] as const));

test('states: every request has its row', () => {
  expect(Object.keys(outcomes).sort()).toEqual(Object.keys(requests).sort());
});

test.for(pairs)('states: %s in %s meets and leads to what the table says', ([request, state]) => {
  const at = groupIn(state);
  const code = requests[request]?.(at) ?? -1;
  const [expected, next] = outcomes[request]?.[state] ?? [-1, 'Dead'];
  expect([errorName(code), at.bench.stateOf()]).toEqual([errorName(expected), next]);
});

test.for(groupStates)('states: what is served in %s is what the requests meet', (state) => {
  expect({
    join: outcomes['join']?.[state][0],
    strangersBeat: outcomes['beatOfStranger']?.[state][0],
    simpleCommit: outcomes['simpleCommit']?.[state][0],
    describe: outcomes['consumerDescribe']?.[state][0],
    delete: outcomes['delete']?.[state][0],
  }).toEqual({
    join: served.join[state],
    strangersBeat: served.strangersBeat[state],
    simpleCommit: served.simpleCommit[state],
    describe: served.describe[state],
    delete: served.delete[state],
  });
});

test('states: a group without members is Empty; with some it is Assigning until there is a target, Reconciling until all own it', () => {
  const facts = (['none', 'some'] as const).flatMap((members) =>
    (['behind', 'current'] as const).flatMap((target) =>
      (['none', 'some'] as const).map((unreconciled) => [members, target, unreconciled] as const),
    ),
  );
  expect(facts.map(([members, target, unreconciled]) => stateOf[members][target][unreconciled])).toEqual([
    'Empty',
    'Empty',
    'Empty',
    'Empty',
    'Assigning',
    'Assigning',
    'Stable',
    'Reconciling',
  ]);
});

test('states: members keep their states across records, and one of a later version is not known', () => {
  expect(memberStates.map((state) => memberStateOf(memberStateNumbers[state]))).toEqual(memberStates);
  expect([0, 1, 2, 3, 127].map(memberStateOf)).toEqual(['stable', 'unrevoked', 'unreleased', 'unknown', 'unknown']);
});

const grips: Grip[] = ['holding', 'released'];
const news: News[] = ['nothing', 'subscription', 'target', 'both'];
const cells = memberStates.flatMap((state) =>
  grips.flatMap((grip) => news.map((what) => [state, grip, what] as const)),
);

/**
 * A member at epoch 5 owns 0 and 1 of a topic and 7 of one that it has unsubscribed from, and is to give back 2; the target, of epoch 5 or
 * 6, is 1 and 3.
 */
function memberIn(state: MemberState, grip: Grip, what: News): ReconcileInput {
  const revoking = state === 'unrevoked' ? new Map([['t', new Map([[2, 4]])]]) : new Map<string, Map<number, number>>();
  const released = state === 'unknown' ? [] : [{ topicId: 't', partitions: [0, 1] }];
  return {
    current: {
      epoch: 5,
      previousEpoch: 4,
      state,
      assigned: new Map([
        ['t', new Map([0, 1].map((partition) => [partition, 4] as const))],
        ['gone', new Map([[7, 4]])],
      ]),
      revoking,
    },
    target: new Map([['t', new Set([1, 3])]]),
    targetEpoch: what === 'target' || what === 'both' ? 6 : 5,
    owned: grip === 'holding' ? null : released,
    subscriptionChanged: what === 'subscription' || what === 'both',
    isSubscribed: (topicId) => topicId === 't',
    isTaken: () => false,
  };
}

/** What shows that a member has taken a step. */
function stepTaken(input: ReconcileInput): Step {
  const next = reconcile(input);
  if (next === undefined) return 'fence';
  if (next === input.current) return 'keep';
  return next.assigned.get('t')?.has(0) === true ? 'trim' : 'advance';
}

test.for(cells)('member states: %s, %s, new: %s takes the step of the table', ([state, grip, what]) => {
  expect(stepTaken(memberIn(state, grip, what))).toBe(memberSteps[state][grip][what]);
});
