import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { PENDING_JOINS_MAX } from '../config.ts';
import { GroupBench, stabilize, subscription } from '../../../testing/group-bench.ts';

test('join: a member without an id is sent back with one, and is in with that (version 4 and later)', () => {
  const bench = new GroupBench();
  const member = bench.member('g', { requiresMemberId: true });
  const first = bench.submit<'join'>({
    kind: 'join',
    groupId: 'g',
    memberId: '',
    newMemberId: 'client-77',
    groupInstanceId: null,
    clientId: 'client',
    clientHost: '/h',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(['orders']) }],
    reason: null,
    requiresMemberId: true,
    canSkipAssignment: true,
  });
  expect(first.value).toMatchObject({ code: ErrorCode.MEMBER_ID_REQUIRED, memberId: 'client-77', generation: -1 });
  member.memberId = 'client-77';
  member.join();
  bench.advance(0);
  expect(member.joined()).toMatchObject({
    code: ErrorCode.NONE,
    memberId: 'client-77',
    generation: 1,
    leader: 'client-77',
  });
  expect(bench.written()).toEqual([]);
});

test('join: ids that are given out and not used are bounded; the oldest is forgotten, and who comes with it asks again', () => {
  const bench = new GroupBench();
  const giveId = (newMemberId: string): void => {
    bench.submit<'join'>({ ...joinOp(), requiresMemberId: true, newMemberId });
  };
  for (let n = 0; n <= PENDING_JOINS_MAX; n += 1) giveId(`asks-${n}`);
  expect(bench.timers()).toBe(PENDING_JOINS_MAX + 1);
  expect(bench.submit<'join'>({ ...joinOp(), memberId: 'asks-0' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(bench.submit<'join'>({ ...joinOp(), memberId: 'asks-1' }).answered).toBe(false);
});

test('join: an id that was given out is forgotten after the session timeout, and the group made for it with it', () => {
  const bench = new GroupBench();
  const ask = bench.member('g', { requiresMemberId: true, sessionTimeoutMs: 10_000 });
  ask.memberId = '';
  bench.submit<'join'>({ ...joinOp(), requiresMemberId: true, newMemberId: 'late-1' });
  expect(bench.stateOf()).toBe('Empty');
  bench.advance(10_000);
  expect(bench.stateOf()).toBe('Dead');
  ask.memberId = 'late-1';
  expect(ask.join().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('join: before version 4 a member is in at once', () => {
  const bench = new GroupBench();
  const member = bench.member();
  expect(member.join().answered).toBe(false);
  bench.advance(0);
  const { memberId } = member.joined();
  expect(member.joined()).toEqual({
    code: ErrorCode.NONE,
    why: null,
    memberId,
    generation: 1,
    protocolType: 'consumer',
    protocolName: 'range',
    leader: memberId,
    skipAssignment: false,
    members: [{ memberId, groupInstanceId: null, metadata: subscription(['orders']) }],
  });
});

test('join: the first rebalance waits for the delay, and longer while members keep coming, up to the rebalance timeout', () => {
  const bench = new GroupBench({ initialRebalanceDelayMs: 3_000 });
  const members = [1, 2, 3].map((n) => bench.member('g', { name: `c${n}`, rebalanceTimeoutMs: 7_000 }));
  members[0]?.join();
  bench.advance(2_999);
  members[1]?.join();
  bench.advance(1);
  expect(members[0]?.joinAsk?.answered).toBe(false);
  bench.advance(2_000);
  members[2]?.join();
  bench.advance(1_000);
  expect(members[0]?.joinAsk?.answered).toBe(false);
  bench.advance(1_000);
  expect(members.map((member) => member.joined().generation)).toEqual([1, 1, 1]);
});

test('join: only the leader hears who is in the group', () => {
  const bench = new GroupBench();
  const members = [1, 2, 3].map((n) => bench.member('g', { name: `c${n}` }));
  for (const member of members) member.join();
  bench.advance(0);
  expect(members.map((member) => member.joined().members.length)).toEqual([3, 0, 0]);
  expect(new Set(members.map((member) => member.joined().leader)).size).toBe(1);
});

test('join: the protocol most preferred of those that all understand is chosen', () => {
  const bench = new GroupBench();
  const members = [
    ['sticky', 'range'],
    ['range', 'sticky'],
    ['range', 'sticky'],
    ['roundrobin', 'range', 'sticky'],
  ].map((protocols, n) => bench.member('g', { name: `c${n}`, protocols }));
  for (const member of members) member.join();
  bench.advance(0);
  expect(members.map((member) => member.joined().protocolName)).toEqual(['range', 'range', 'range', 'range']);
});

test('join: a protocol that not all understand is refused, and so are other types and no protocols at all', () => {
  const bench = new GroupBench();
  stabilize(bench, [bench.member('g', { protocols: ['range', 'sticky'] })]);
  expect(bench.member('g', { protocols: ['roundrobin'] }).join().code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(bench.member('g', { protocolType: 'connect' }).join().code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(bench.member('g', { protocols: [] }).join().code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(bench.member('new', { protocols: [] }).join().code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(bench.member('new', { protocolType: '' }).join().code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(bench.stateOf('new')).toBe('Dead');
});

test('join: session timeouts outside the limits, empty group ids and unknown members are refused', () => {
  const bench = new GroupBench();
  expect(bench.member('g', { sessionTimeoutMs: 5_999 }).join().code).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
  expect(bench.member('g', { sessionTimeoutMs: 1_800_001 }).join().code).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
  expect(bench.member('').join().code).toBe(ErrorCode.INVALID_GROUP_ID);
  expect(bench.submit<'join'>({ ...joinOp(), memberId: 'ghost' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  stabilize(bench, [bench.member()]);
  expect(bench.submit<'join'>({ ...joinOp(), memberId: 'ghost' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('join: group.max.size keeps further members out, not those that are in', () => {
  const bench = new GroupBench({ groupMaxSize: 2 });
  const members = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b' })];
  stabilize(bench, members);
  expect(bench.member('g', { name: 'c' }).join().code).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  expect(members[0]?.join().answered).toBe(false);
  expect(members[1]?.join().answered).toBe(true);
  expect(members.map((member) => member.joined().generation)).toEqual([2, 2]);
});

test('join: after group.max.size was lowered, the last to come back are out and the others do not wait for them', () => {
  const before = new GroupBench();
  const members = ['a', 'b', 'c'].map((name) => before.member('g', { name }));
  stabilize(before, members);
  const bench = before.reloaded({ groupMaxSize: 2 });
  expect(bench.stateOf()).toBe('PreparingRebalance');
  const again = members.map((member) => {
    const copy = bench.member('g', member.options);
    copy.memberId = member.memberId;
    return copy;
  });
  again.forEach((member) => member.join());
  expect(again[2]?.joinAsk?.code).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  expect(again.slice(0, 2).map((member) => member.joined().generation)).toEqual([2, 2]);
});

test('join: a follower that joins again with nothing new hears the current generation; the leader starts a rebalance', () => {
  const bench = new GroupBench();
  const [leader, follower] = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b' })];
  stabilize(bench, [leader, follower]);
  expect(follower.join().value).toMatchObject({ generation: 1, leader: leader.memberId, members: [] });
  expect(bench.stateOf()).toBe('Stable');
  expect(leader.join().answered).toBe(false);
  expect(bench.stateOf()).toBe('PreparingRebalance');
  follower.join();
  expect(leader.joined().generation).toBe(2);
});

test('join: a follower that subscribes to something else starts a rebalance', () => {
  const bench = new GroupBench();
  const [leader, follower] = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b' })];
  stabilize(bench, [leader, follower]);
  follower.options = { ...follower.options, topics: ['orders', 'payments'] };
  expect(follower.join().answered).toBe(false);
  leader.join();
  expect(leader.joined().members.map(({ metadata }) => metadata)).toEqual([
    subscription(['orders']),
    subscription(['orders', 'payments']),
  ]);
});

test('join: while assignments are awaited, a repeated join hears the same generation, a changed one starts over', () => {
  const bench = new GroupBench();
  const [leader, follower] = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b' })];
  leader.join();
  follower.join();
  bench.advance(0);
  leader.joined();
  follower.joined();
  expect(leader.join().value).toMatchObject({ generation: 1 });
  expect(leader.joined().members.length).toBe(2);
  const waiting = follower.sync();
  leader.options = { ...leader.options, topics: ['payments'] };
  leader.join();
  expect(waiting.code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  follower.join();
  expect([leader.joined().generation, follower.joined().generation]).toEqual([2, 2]);
});

test('join: a member may drop protocols, but not come with only such that were not understood before', () => {
  const bench = new GroupBench();
  const member = bench.member('g', { protocols: ['range', 'sticky'] });
  stabilize(bench, [member]);
  const { options } = member;
  member.options = { ...options, protocols: ['roundrobin'] };
  expect(member.join().code).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  member.options = { ...options, protocols: ['roundrobin', 'sticky'] };
  expect(member.join().value).toMatchObject({ code: ErrorCode.NONE, generation: 2, protocolName: 'roundrobin' });
});

test('join: a retried join takes the place of the one that waits, which is answered too', () => {
  const bench = new GroupBench();
  const [a, b] = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b' })];
  stabilize(bench, [a, b]);
  const first = a.join();
  const second = a.join();
  expect(first.code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  expect(second.answered).toBe(false);
  b.join();
  expect(second.value.generation).toBe(2);
});

test('join: members that come one after another are all in, none is lost', () => {
  const bench = new GroupBench();
  const members = Array.from({ length: 8 }, (_, n) => bench.member('g', { name: `c${n}`, requiresMemberId: true }));
  const inside: typeof members = [];
  for (const member of members) {
    member.join();
    bench.advance(0);
    for (const other of inside) {
      expect(other.beat().code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
      other.join();
    }
    inside.push(member);
    const generations = inside.map((other) => other.joined().generation);
    expect(new Set(generations).size).toBe(1);
    const leaders = inside.filter(({ leads }) => leads);
    expect(leaders.length).toBe(1);
    expect(leaders[0]?.joinAsk?.value.members.length).toBe(inside.length);
    for (const other of inside.filter(({ leads }) => !leads)) other.sync();
    leaders[0]?.sync();
    expect(inside.map((other) => other.syncAsk?.code)).toEqual(inside.map(() => ErrorCode.NONE));
  }
  expect(bench.stateOf()).toBe('Stable');
});

test('join: members that join while a rebalance is under way are in its generation', () => {
  const bench = new GroupBench();
  const first = bench.member('g', { name: 'a' });
  stabilize(bench, [first]);
  const late = ['b', 'c', 'd'].map((name) => bench.member('g', { name }));
  late[0]?.join();
  late[1]?.join();
  late[2]?.join();
  expect(late.map((member) => member.joinAsk?.answered)).toEqual([false, false, false]);
  first.join();
  expect([first, ...late].map((member) => member.joined().generation)).toEqual([2, 2, 2, 2]);
});

test('join: a member that went away in the middle does not freeze the group', () => {
  const bench = new GroupBench();
  const [a, b, gone] = ['a', 'b', 'gone'].map((name) =>
    bench.member('g', { name, rebalanceTimeoutMs: 30_000, sessionTimeoutMs: 60_000 }),
  );
  if (a === undefined || b === undefined || gone === undefined) throw new Error('three members');
  stabilize(bench, [a, b, gone]);
  a.join();
  b.join();
  bench.advance(29_999);
  expect(a.joinAsk?.answered).toBe(false);
  bench.advance(1);
  expect([a.joined().generation, b.joined().generation]).toEqual([2, 2]);
  expect(gone.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(bench.events.at(-1)).toMatchObject({
    kind: 'rebalanceJoined',
    members: 2,
    lost: [{ memberId: gone.memberId, clientId: 'gone' }],
    tookMs: 30_000,
  });
});

test('join: a leader that does not come back gives way to a member that has', () => {
  const bench = new GroupBench();
  const [leader, follower] = [bench.member('g', { name: 'a' }), bench.member('g', { name: 'b', topics: ['x'] })];
  stabilize(bench, [leader, follower]);
  follower.options = { ...follower.options, topics: ['y'] };
  follower.join();
  bench.advance(60_000);
  expect(follower.joined()).toMatchObject({ generation: 2, leader: follower.memberId });
});

function joinOp(): Parameters<typeof GroupBench.prototype.submit<'join'>>[0] {
  return {
    kind: 'join',
    groupId: 'g',
    memberId: '',
    newMemberId: 'drawn-1',
    groupInstanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(['orders']) }],
    reason: null,
    requiresMemberId: false,
    canSkipAssignment: true,
  };
}
