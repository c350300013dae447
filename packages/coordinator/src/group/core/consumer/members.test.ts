import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { reconcileAll } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';

const SESSION_MS = 45_000;

function bench(partitions = 4): GroupBench {
  const made = new GroupBench();
  made.topics.set('orders', partitions);
  return made;
}

test('members: who is silent for its session timeout is out, and the others take over', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { name: 'a' }), made.consumer('g', { name: 'b' })];
  a.join();
  b.join();
  reconcileAll(made, [a, b], 5);
  made.advance(SESSION_MS - 5_000);
  a.beat();
  made.advance(5_000);
  expect(made.describeConsumer().members.map(({ memberId }) => memberId)).toEqual([a.memberId]);
  a.beat();
  expect(a.ownedNames()).toHaveLength(4);
  expect(b.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(made.takeEvents('memberLost')).toMatchObject([
    {
      memberId: b.memberId,
      cause: 'silent',
      why: `${b.memberId} was silent for longer than its session timeout of 45000 ms`,
    },
  ]);
});

test('members: each heartbeat begins the session anew, by the timeout of the group', () => {
  const made = new GroupBench({
    consumer: {
      ...benchConfig.consumer,
      ofGroup: (groupId) => ({
        sessionTimeoutMs: groupId === 'short' ? 10_000 : SESSION_MS,
        heartbeatIntervalMs: groupId === 'short' ? 1_000 : 5_000,
        assignmentIntervalMs: 0,
      }),
    },
  });
  const [short, long] = [made.consumer('short'), made.consumer('long')];
  expect([short.join().value.heartbeatIntervalMs, long.join().value.heartbeatIntervalMs]).toEqual([1_000, 5_000]);
  for (let round = 0; round < 3; round += 1) {
    made.advance(9_999);
    short.beat();
  }
  expect([made.stateOf('short'), made.stateOf('long')]).toEqual(['Stable', 'Stable']);
  made.advance(15_003);
  expect([made.stateOf('short'), made.stateOf('long')]).toEqual(['Empty', 'Empty']);
});

test('members: who does not give back within its rebalance timeout is out, though it beats', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { rebalanceTimeoutMs: 7_000 }), made.consumer('g')];
  a.join();
  b.join();
  const { owned } = a;
  a.ask({ topicPartitions: owned });
  made.advance(6_999);
  expect(a.ask({ topicPartitions: owned }).code).toBe(ErrorCode.NONE);
  made.advance(1);
  expect(a.ask({ topicPartitions: owned }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(made.takeEvents('memberLost')).toMatchObject([{ memberId: a.memberId, cause: 'late' }]);
  b.beat();
  expect(b.ownedNames()).toHaveLength(4);
});

test('members: who gives back in time stays', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { rebalanceTimeoutMs: 7_000 }), made.consumer('g')];
  a.join();
  b.join();
  a.beat();
  made.advance(6_000);
  a.beat();
  made.advance(2_000);
  expect([a.beat().code, made.takeEvents('memberLost')]).toEqual([ErrorCode.NONE, []]);
});

test('members: what a member that leaves owned is free at once; the last to leave empties the group', () => {
  const made = bench();
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  b.join();
  reconcileAll(made, [a, b], 5);
  a.leave();
  b.beat();
  expect(b.ownedNames()).toHaveLength(4);
  b.leave();
  expect([made.stateOf(), made.takeEvents('groupEmptied')]).toMatchObject(['Empty', [{ groupId: 'g' }]]);
  expect([a.ask({ memberEpoch: -1 }).code, a.ask({ memberEpoch: 3 }).code]).toEqual([
    ErrorCode.UNKNOWN_MEMBER_ID,
    ErrorCode.UNKNOWN_MEMBER_ID,
  ]);
});

test('members: a rebalance is told in its phases, with who and why and how long', () => {
  const settings = { sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: 5_000, assignmentIntervalMs: 1_000 };
  const made = new GroupBench({ consumer: { ...benchConfig.consumer, ofGroup: () => settings } });
  made.topics.set('orders', 4);
  const [a, b] = [made.consumer('g', { name: 'a' }), made.consumer('g', { name: 'b' })];
  a.join();
  made.events.length = 0;
  b.join();
  made.advance(1_000);
  a.beat();
  made.advance(500);
  a.beat();
  b.beat();
  expect(made.events).toMatchObject([
    { kind: 'groupEpochBumped', groupEpoch: 3, members: 2, memberId: b.memberId, clientId: 'b', cause: 'joined' },
    { kind: 'targetAssigned', groupEpoch: 3, assignorName: 'uniform', members: 2, movedPartitions: 2, tookMs: 1_000 },
    { kind: 'groupReconciled', groupEpoch: 3, tookMs: 1_500, slowestMemberId: b.memberId },
  ]);
});

test('members: one that gives up its own place for that of a static member who is away leaves nothing without an owner', () => {
  const made = bench();
  const [fixed, other] = [made.consumer('g', { instance: 'i' }), made.consumer('g', { name: 'other' })];
  fixed.join();
  other.join();
  reconcileAll(made, [fixed, other], 5);
  fixed.away();
  expect(other.join({ groupInstanceId: 'i' }).code).toBe(ErrorCode.NONE);
  other.options = { ...other.options, instance: 'i' };
  reconcileAll(made, [other], 3);
  expect([made.stateOf(), other.ownedNames().length]).toEqual(['Stable', 4]);
});
