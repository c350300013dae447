import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { GroupBench, stabilize, subscription } from '../../../testing/group-bench.ts';
import type { BenchMember } from '../../../testing/group-bench.ts';

/** Members that have joined and know their generation, the first of them the leader. */
function joined(bench: GroupBench, names: readonly string[]): BenchMember[] {
  const members = names.map((name) => bench.member('g', { name }));
  for (const member of members) member.join();
  bench.advance(0);
  for (const member of members) member.joined();
  return members;
}

test('sync: followers wait for the leader, then each hears its own assignment, and the group is one record', () => {
  const bench = new GroupBench();
  const [leader, a, b] = joined(bench, ['l', 'a', 'b']);
  a?.sync();
  b?.sync();
  expect([a?.syncAsk?.answered, b?.syncAsk?.answered]).toEqual([false, false]);
  expect(bench.written()).toEqual([]);
  leader?.sync();
  expect([leader, a, b].map((member) => member?.synced())).toEqual(
    [0, 1, 2].map((n) => ({ protocolType: 'consumer', protocolName: 'range', assignment: Buffer.from([n]) })),
  );
  const member = (name: BenchMember | undefined, n: number): object => ({
    memberId: name?.memberId,
    groupInstanceId: null,
    clientId: name?.options.name,
    clientHost: '/127.0.0.1',
    rebalanceTimeoutMs: 60_000,
    sessionTimeoutMs: 10_000,
    subscription: subscription(['orders']),
    assignment: Buffer.from([n]),
  });
  expect(bench.written()).toEqual([
    {
      kind: 'group',
      groupId: 'g',
      value: {
        protocolType: 'consumer',
        generation: 1,
        protocolName: 'range',
        leader: leader?.memberId,
        stateSinceMs: bench.nowMs,
        members: [member(leader, 0), member(a, 1), member(b, 2)],
      },
    },
  ]);
});

test('sync: nobody hears an assignment before it is committed', () => {
  const bench = new GroupBench();
  const [leader, follower] = joined(bench, ['l', 'f']);
  follower?.sync();
  bench.holdCommits();
  leader?.sync();
  const beat = follower?.beat();
  expect([leader?.syncAsk?.answered, follower?.syncAsk?.answered, beat?.answered]).toEqual([false, false, false]);
  bench.releaseCommits();
  expect([leader?.syncAsk?.code, follower?.syncAsk?.code, beat?.code]).toEqual([0, 0, 0]);
});

test('sync: a member that the leader forgot gets an empty assignment', () => {
  const bench = new GroupBench();
  const [leader, follower] = joined(bench, ['l', 'f']);
  follower?.sync();
  leader?.sync({ assignments: [{ memberId: leader.memberId, assignment: Buffer.from('mine') }] });
  expect(follower?.synced().assignment).toEqual(Buffer.alloc(0));
});

test('sync: late followers of a stable group hear their assignment at once', () => {
  const bench = new GroupBench();
  const [leader, follower] = joined(bench, ['l', 'f']);
  leader?.sync();
  expect(follower?.sync().value.assignment).toEqual(Buffer.from([1]));
});

test('sync: wrong generation, unknown member, other protocol and empty group id have their own codes', () => {
  const bench = new GroupBench();
  const [leader] = joined(bench, ['l']);
  expect(leader?.sync({ generation: 2 }).code).toBe(ErrorCode.ILLEGAL_GENERATION);
  expect(leader?.sync({ memberId: 'ghost' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(leader?.sync({ protocolType: 'connect' }).code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(leader?.sync({ protocolName: 'sticky' }).code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(leader?.sync({ groupId: '' }).code).toBe(ErrorCode.INVALID_GROUP_ID);
  expect(leader?.sync({ groupId: 'other' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(leader?.sync({ protocolType: 'consumer', protocolName: 'range' }).code).toBe(ErrorCode.NONE);
});

test('sync: members that never ask for their assignment are out after the rebalance timeout', () => {
  const bench = new GroupBench();
  const [leader, silent] = joined(bench, ['l', 's']);
  leader?.sync();
  for (let beat = 0; beat < 12; beat += 1) {
    bench.advance(5_000);
    leader?.beat();
    silent?.beat();
  }
  expect(bench.stateOf()).toBe('PreparingRebalance');
  leader?.join();
  expect(leader?.joined().members.map(({ memberId }) => memberId)).toEqual([leader?.memberId]);
  expect(silent?.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('sync: a leader that vanishes before assigning does not freeze the group', () => {
  const bench = new GroupBench();
  const [leader, follower] = joined(bench, ['l', 'f']);
  const waiting = follower?.sync();
  bench.advance(10_000);
  expect(waiting?.code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  follower?.join();
  expect(follower?.joined()).toMatchObject({ generation: 2, leader: follower?.memberId });
  expect(leader?.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('sync: a group whose record would not fit is refused and rebalances; nothing is written', () => {
  const bench = new GroupBench({ recordBytesMax: 1_000 });
  const [leader, follower] = joined(bench, ['l', 'f']);
  follower?.sync();
  leader?.sync({ assignments: [{ memberId: leader.memberId, assignment: Buffer.alloc(2_000) }] });
  expect([leader?.syncAsk?.code, follower?.syncAsk?.code]).toEqual([-1, -1]);
  expect([bench.stateOf(), bench.written()]).toEqual(['PreparingRebalance', []]);
});

test('sync: a second sync of the same member answers the first', () => {
  const bench = new GroupBench();
  const [leader, follower] = joined(bench, ['l', 'f']);
  const first = follower?.sync();
  const second = follower?.sync();
  expect(first?.code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  leader?.sync();
  expect(second?.code).toBe(ErrorCode.NONE);
});

test('sync: a restarted coordinator knows members, generation and assignments, and begins their sessions anew', () => {
  const before = new GroupBench();
  const [leader, follower] = [before.member('g', { name: 'l' }), before.member('g', { name: 'f' })];
  stabilize(before, [leader, follower]);
  const bench = before.reloaded();
  expect(bench.describe().value).toEqual(before.describe().value);
  const { memberId, generation } = follower;
  const member = { groupId: 'g', memberId, generation, groupInstanceId: null };
  bench.advance(9_999);
  expect(bench.submit<'heartbeat'>({ kind: 'heartbeat', ...member }).code).toBe(ErrorCode.NONE);
  bench.advance(1);
  expect(bench.submit<'heartbeat'>({ kind: 'heartbeat', ...member }).code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
});
