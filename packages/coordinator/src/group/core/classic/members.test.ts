import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { GroupBench, stabilize, subscription } from '../../../testing/group-bench.ts';
import type { BenchMember } from '../../../testing/group-bench.ts';

function stable(bench: GroupBench, names: readonly string[], options = {}): BenchMember[] {
  const members = names.map((name) => bench.member('g', { name, ...options }));
  stabilize(bench, members);
  return members;
}

test('heartbeat: keeps a session, and says when to join again', () => {
  const bench = new GroupBench();
  const [a, b] = stable(bench, ['a', 'b']);
  for (let beat = 0; beat < 5; beat += 1) {
    bench.advance(9_999);
    expect([a?.beat().code, b?.beat().code]).toEqual([0, 0]);
  }
  a?.join();
  expect(b?.beat().code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
});

test('heartbeat: wrong generation, unknown member, unknown and empty group have their own codes', () => {
  const bench = new GroupBench();
  const [a] = stable(bench, ['a']);
  expect(a?.beat({ generation: 7 }).code).toBe(ErrorCode.ILLEGAL_GENERATION);
  expect(a?.beat({ memberId: 'ghost' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(a?.beat({ groupId: 'other' }).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(a?.beat({ groupId: '' }).code).toBe(ErrorCode.INVALID_GROUP_ID);
});

test('session: a silent member is out after its session timeout, and the others are told to join again', () => {
  const bench = new GroupBench();
  const [a, silent] = stable(bench, ['a', 'silent']);
  bench.advance(9_999);
  a?.beat();
  expect(bench.stateOf()).toBe('Stable');
  bench.advance(1);
  expect(bench.stateOf()).toBe('PreparingRebalance');
  a?.join();
  expect(a?.joined()).toMatchObject({ generation: 2 });
  expect(silent?.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('session: the last member gone leaves an empty group, whose record says so', () => {
  const bench = new GroupBench();
  stable(bench, ['a']);
  bench.advance(10_000);
  expect(bench.stateOf()).toBe('Empty');
  expect(bench.written()).toEqual([
    {
      kind: 'group',
      groupId: 'g',
      value: {
        protocolType: 'consumer',
        generation: 2,
        protocolName: null,
        leader: null,
        stateSinceMs: bench.nowMs,
        members: [],
      },
    },
  ]);
});

test('session: a member that waits for others to join does not expire, however long they take', () => {
  const bench = new GroupBench();
  const [a, slow] = stable(bench, ['a', 'slow'], { rebalanceTimeoutMs: 300_000 });
  a?.join();
  for (let beat = 0; beat < 20; beat += 1) {
    bench.advance(9_000);
    slow?.beat();
  }
  expect(a?.joinAsk?.answered).toBe(false);
  slow?.join();
  expect(a?.joined().generation).toBe(2);
});

test('session: a new member that waits in its first join is given up after five minutes', () => {
  const bench = new GroupBench();
  const [a] = stable(bench, ['a'], { rebalanceTimeoutMs: 600_000 });
  const late = bench.member('g', { name: 'late', rebalanceTimeoutMs: 600_000 });
  late.join();
  for (let passedMs = 0; passedMs < 300_000; passedMs += 5_000) {
    expect(late.joinAsk?.answered).toBe(false);
    a?.beat();
    bench.advance(5_000);
  }
  expect(late.joinAsk?.value).toMatchObject({ code: ErrorCode.UNKNOWN_MEMBER_ID, memberId: '' });
});

test('commit: keeps a session too', () => {
  const bench = new GroupBench();
  const [a] = stable(bench, ['a']);
  bench.advance(9_000);
  a?.commit(1);
  bench.advance(9_000);
  expect(a?.beat().code).toBe(ErrorCode.NONE);
});

test('leave: the others are told to join again, the one that left is unknown', () => {
  const bench = new GroupBench();
  const [a, b] = stable(bench, ['a', 'b']);
  expect(b?.leave().value).toEqual({ members: [{ memberId: b?.memberId, groupInstanceId: null, code: 0 }] });
  expect(a?.beat().code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  expect(b?.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('leave: several at once, each with its own code; one rebalance for all', () => {
  const bench = new GroupBench();
  const [a, b, c] = stable(bench, ['a', 'b', 'c']);
  const members = [b?.memberId ?? '', 'ghost', c?.memberId ?? ''];
  const ask = bench.submit<'leave'>({
    kind: 'leave',
    groupId: 'g',
    members: members.map((memberId) => ({ memberId, groupInstanceId: null, reason: 'scaled down' })),
  });
  expect(ask.value.members.map(({ code }) => code)).toEqual([0, ErrorCode.UNKNOWN_MEMBER_ID, 0]);
  expect(bench.events.filter(({ kind }) => kind === 'rebalanceStarted').length).toBe(2);
  expect(bench.events.at(-1)).toMatchObject({
    reason: { cause: 'left', who: { clientId: 'b' }, why: expect.stringContaining('client: scaled down') as string },
  });
  a?.join();
  expect(a?.joined().generation).toBe(2);
});

test('leave: one that waits to join or for its assignment is answered', () => {
  const bench = new GroupBench();
  const [a, b] = stable(bench, ['a', 'b']);
  const join = a?.join();
  a?.leave();
  expect(join?.value).toMatchObject({ code: ErrorCode.UNKNOWN_MEMBER_ID, memberId: '' });
  b?.join();
  expect(b?.joined().generation).toBe(2);
  const late = bench.member('g', { name: 'late' });
  late.join();
  b?.join();
  [b, late].forEach((member) => member?.joined());
  const sync = late.sync();
  late.leave();
  expect(sync.code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('leave: one that was given an id and did not join with it leaves the group as it is', () => {
  const bench = new GroupBench();
  const [a] = stable(bench, ['a']);
  const { memberId } = givenId(bench);
  const leave = bench.submit<'leave'>({
    kind: 'leave',
    groupId: 'g',
    members: [{ memberId, groupInstanceId: null, reason: null }],
  });
  expect([leave.value.members[0]?.code, bench.stateOf(), a?.beat().code]).toEqual([0, 'Stable', 0]);
  const late = bench.member('g', { name: 'p' });
  late.memberId = memberId;
  expect(late.join().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('session: one that was given an id and does not come back is not waited for longer than its session timeout', () => {
  const bench = new GroupBench();
  const [a] = stable(bench, ['a']);
  givenId(bench);
  a?.join();
  bench.advance(9_999);
  expect(a?.joinAsk?.answered).toBe(false);
  bench.advance(1);
  expect(a?.joined().generation).toBe(2);
});

test('leave: unknown groups and empty ids', () => {
  const bench = new GroupBench();
  expect(bench.member('none').leave().value.members[0]?.code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(bench.member('').leave().code).toBe(ErrorCode.INVALID_GROUP_ID);
});

test('static members: one that comes back takes its old place and nobody rebalances', () => {
  const bench = new GroupBench();
  const members = ['i1', 'i2'].map((instance) => bench.member('g', { instance }));
  stabilize(bench, members);
  const [leader, follower] = members;
  const oldId = follower?.memberId ?? '';
  const back = bench.member('g', { instance: 'i2' });
  back.join();
  expect(back.joined()).toMatchObject({ generation: 1, leader: leader?.memberId, members: [], skipAssignment: false });
  expect(back.memberId).not.toBe(oldId);
  expect([bench.stateOf(), back.sync().value.assignment]).toEqual(['Stable', Buffer.from([1])]);
  expect(bench.written()).toMatchObject([
    { kind: 'group', value: { members: [{ groupInstanceId: 'i1' }, { memberId: back.memberId }] } },
  ]);
  expect(follower?.beat().code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  expect(follower?.commit(1).code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  expect(follower?.sync().code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  expect(follower?.join().value.code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  expect(follower?.leave().value.members[0]?.code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  bench.advance(9_999);
  expect(back.beat().code).toBe(ErrorCode.NONE);
});

test('static members: a leader that comes back need not assign (version 9), or is told that its old self leads', () => {
  const bench = new GroupBench();
  const members = ['i1', 'i2'].map((instance) => bench.member('g', { instance }));
  stabilize(bench, members);
  const oldId = members[0]?.memberId;
  const back = bench.member('g', { instance: 'i1', canSkipAssignment: true });
  back.join();
  expect(back.joined()).toMatchObject({ generation: 1, leader: back.memberId, skipAssignment: true });
  expect(back.joined().members.length).toBe(2);
  const older = bench.member('g', { instance: 'i1', canSkipAssignment: false });
  older.join();
  expect(older.joined()).toMatchObject({ generation: 1, leader: back.memberId, skipAssignment: false, members: [] });
  expect(oldId).not.toBe(back.memberId);
});

test('static members: one that comes back with another protocol rebalances', () => {
  const bench = new GroupBench();
  stabilize(bench, [bench.member('g', { instance: 'i1', protocols: ['range', 'sticky'] })]);
  const back = bench.member('g', { instance: 'i1', protocols: ['sticky'] });
  back.join();
  expect(back.joined()).toMatchObject({ generation: 2, protocolName: 'sticky' });
});

test('static members: one that comes back while others join is in the same rebalance; its old wait is fenced', () => {
  const bench = new GroupBench();
  const members = ['i1', 'i2'].map((instance) => bench.member('g', { instance }));
  stabilize(bench, members);
  const first = members[0]?.join();
  const back = bench.member('g', { instance: 'i1' });
  back.join();
  expect(first?.value.code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  members[1]?.join();
  expect([back.joined().generation, members[1]?.joined().generation]).toEqual([2, 2]);
});

test('static members: one that comes back while assignments are awaited starts over', () => {
  const bench = new GroupBench();
  const members = ['i1', 'i2'].map((instance) => bench.member('g', { instance }));
  for (const member of members) member.join();
  bench.advance(0);
  for (const member of members) member.joined();
  const waiting = members[1]?.sync();
  const back = bench.member('g', { instance: 'i2' });
  back.join();
  expect(waiting?.code).toBe(ErrorCode.FENCED_INSTANCE_ID);
  members[0]?.join();
  expect([members[0]?.joined().generation, back.joined().generation]).toEqual([2, 2]);
});

test('static members: a rebalance leaves those that do not come back in their place until their session ends', () => {
  const bench = new GroupBench();
  const away = bench.member('g', { instance: 'away', sessionTimeoutMs: 600_000, rebalanceTimeoutMs: 20_000 });
  const here = bench.member('g', { instance: 'here', rebalanceTimeoutMs: 20_000 });
  stabilize(bench, [away, here]);
  here.options = { ...here.options, topics: ['other'] };
  here.join();
  bench.advance(20_000);
  expect(here.joined()).toMatchObject({ generation: 2, leader: here.memberId });
  expect(here.joined().members.length).toBe(2);
});

test('static members: removed by instance id alone', () => {
  const bench = new GroupBench();
  const members = ['i1', 'i2'].map((instance) => bench.member('g', { instance }));
  stabilize(bench, members);
  const remove = (instance: string): number | undefined =>
    bench.submit<'leave'>({
      kind: 'leave',
      groupId: 'g',
      members: [{ memberId: '', groupInstanceId: instance, reason: null }],
    }).value.members[0]?.code;
  expect([remove('i2'), remove('i3')]).toEqual([0, ErrorCode.UNKNOWN_MEMBER_ID]);
  expect(members[1]?.beat().code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(members[0]?.beat().code).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
});

test('timers: members and groups that are gone leave none behind', () => {
  const bench = new GroupBench();
  const idle = bench.timers();
  const members = ['a', 'b', 'c'].map((name) => bench.member('g', { name }));
  stabilize(bench, members);
  expect(bench.timers()).toBe(idle + members.length);
  givenId(bench);
  for (const member of members) member.leave();
  bench.advance(60_000);
  expect([bench.stateOf(), bench.timers()]).toEqual(['Empty', idle]);
});

/** A member that was sent back with an id and has not come again. */
function givenId(bench: GroupBench): { memberId: string } {
  const ask = bench.submit<'join'>({
    kind: 'join',
    groupId: 'g',
    memberId: '',
    newMemberId: 'p-9',
    groupInstanceId: null,
    clientId: 'p',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(['orders']) }],
    reason: null,
    requiresMemberId: true,
    canSkipAssignment: true,
  });
  expect(ask.code).toBe(ErrorCode.MEMBER_ID_REQUIRED);
  return ask.value;
}

test('leave: a group whose last member goes while ids are given out is empty at once, and who has such an id may come', () => {
  const bench = new GroupBench();
  const member = bench.member('g', { name: 'last' });
  stabilize(bench, [member]);
  const pending = bench.member('g', { name: 'pending', requiresMemberId: true });
  const given = bench.submit<'join'>({
    kind: 'join',
    groupId: 'g',
    memberId: '',
    newMemberId: 'pending-1',
    groupInstanceId: null,
    clientId: 'pending',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(['orders']) }],
    reason: null,
    requiresMemberId: true,
    canSkipAssignment: true,
  });
  expect(given.code).toBe(ErrorCode.MEMBER_ID_REQUIRED);
  member.leave();
  expect(bench.stateOf()).toBe('Empty');
  pending.memberId = 'pending-1';
  pending.join();
  bench.advance(0);
  expect(pending.joined()).toMatchObject({ code: ErrorCode.NONE, generation: 3 });
});

test('rebalance timeout: one of nothing does not keep the shard busy while static members alone are waited for', () => {
  const bench = new GroupBench();
  const [fixed] = stable(bench, ['fixed'], { instance: 'i', sessionTimeoutMs: 60_000 });
  const guest = bench.member('g', { name: 'guest', rebalanceTimeoutMs: 0 });
  guest.join();
  fixed?.join({ rebalanceTimeoutMs: 0 });
  for (const member of [fixed, guest]) member?.joined();
  guest.leave();
  expect(bench.stateOf()).toBe('PreparingRebalance');
  bench.advance(30_000);
  expect([bench.stateOf(), fixed?.beat().code]).toEqual(['PreparingRebalance', ErrorCode.REBALANCE_IN_PROGRESS]);
  fixed?.join();
  bench.advance(1);
  expect(fixed?.joined().code).toBe(ErrorCode.NONE);
});
