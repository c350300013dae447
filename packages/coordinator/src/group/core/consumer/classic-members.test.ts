/** What each request of the classic protocol meets in a consumer group, for a member in every situation that it can be in. */
import { ErrorCode } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import type { BenchClassic } from '../../../testing/bench-classic.ts';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig, subscription } from '../../../testing/group-bench.ts';
import type { GroupOpOf, SyncReply } from '../kinds.ts';
import { decodeAssignment } from '../consumer-protocol.ts';

const {
  NONE,
  FENCED_INSTANCE_ID,
  GROUP_MAX_SIZE_REACHED,
  ILLEGAL_GENERATION,
  INCONSISTENT_GROUP_PROTOCOL,
  INVALID_SESSION_TIMEOUT,
  MEMBER_ID_REQUIRED,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} = ErrorCode;

const SESSION_MS = 10_000;
const REBALANCE_MS = 30_000;

const newBench = (partitions = 4): GroupBench => {
  const bench = new GroupBench();
  bench.topics.set('orders', partitions);
  return bench;
};

/** A group with one member of the consumer protocol that owns everything. */
const withOwner = (partitions = 4): { bench: GroupBench; owner: BenchConsumer } => {
  const bench = newBench(partitions);
  const owner = bench.consumer('g', { name: 'owner' });
  owner.join();
  owner.beat();
  expect(owner.ownedNames()).toHaveLength(partitions);
  return { bench, owner };
};

/** A classic member that keeps what it owns while it joins, so that each request can be sent by itself. */
const classic = (bench: GroupBench, options: { instance?: string; topics?: readonly string[] } = {}): BenchClassic =>
  bench.classic('g', {
    protocols: ['cooperative-sticky'],
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
    ...options,
  });

const heartbeat = (member: BenchClassic, change: Partial<GroupOpOf<'heartbeat'>> = {}): number =>
  member.bench.submit<'heartbeat'>({
    kind: 'heartbeat',
    groupId: 'g',
    memberId: member.memberId,
    generation: member.generation,
    groupInstanceId: member.options.instance ?? null,
    ...change,
  }).code;

const sync = (member: BenchClassic, change: Partial<GroupOpOf<'sync'>> = {}) =>
  member.bench.submit<'sync'>({
    kind: 'sync',
    groupId: 'g',
    memberId: member.memberId,
    generation: member.generation,
    groupInstanceId: member.options.instance ?? null,
    protocolType: 'consumer',
    protocolName: 'cooperative-sticky',
    assignments: [],
    ...change,
  });

const assigned = ({ assignment }: SyncReply): number[] =>
  (decodeAssignment(assignment)?.partitions ?? []).flatMap(({ partitions }) => partitions);

const leave = (member: BenchClassic, memberId = member.memberId): number | undefined =>
  member.bench
    .submit<'leave'>({
      kind: 'leave',
      groupId: 'g',
      members: [{ memberId, groupInstanceId: member.options.instance ?? null, reason: null }],
    })
    .value.members.at(0)?.code;

/** Situations of a classic member, each made by what really leads to it. */
const situations = {
  /** It owns what it is to own. */
  stable: () => {
    const { bench, owner } = withOwner(6);
    const member = classic(bench);
    for (let round = 0; round < 6; round += 1) {
      owner.live();
      member.live();
    }
    expect(member.ownedNames()).toHaveLength(3);
    return member;
  },
  /** Another member came, and there is a new target. */
  behind: () => {
    const member = situations.stable();
    member.bench.consumer('g', { name: 'third' }).join();
    return member;
  },
  /** It has joined again, and is to give back a partition. */
  unrevoked: () => {
    const member = situations.behind();
    member.join();
    return member;
  },
  /** What it is to own is another's still. */
  waiting: () => {
    const { bench } = withOwner();
    const member = classic(bench);
    member.live();
    expect(member.ownedNames()).toEqual([]);
    return member;
  },
  /** What it waited for has been given back. */
  free: () => {
    const { bench, owner } = withOwner();
    const member = classic(bench);
    member.live();
    owner.beat();
    owner.beat();
    return member;
  },
  /** It speaks the consumer protocol now. */
  moved: () => {
    const member = situations.stable();
    const young = member.bench.consumer('g', { name: 'moved' });
    young.memberId = member.memberId;
    young.join();
    return member;
  },
} as const;

type Situation = keyof typeof situations;

describe('classic member of a consumer group', () => {
  test.for([
    ['stable', NONE, NONE],
    ['behind', REBALANCE_IN_PROGRESS, REBALANCE_IN_PROGRESS],
    ['unrevoked', REBALANCE_IN_PROGRESS, NONE],
    ['waiting', NONE, NONE],
    ['free', REBALANCE_IN_PROGRESS, NONE],
    ['moved', UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID],
  ] as const satisfies readonly (readonly [Situation, number, number])[])(
    '%s: a heartbeat hears %i, a sync %i, whoever names another generation or member is refused',
    ([situation, beats, syncs]) => {
      expect(heartbeat(situations[situation]())).toBe(beats);
      expect(sync(situations[situation]()).code).toBe(syncs);
      const member = situations[situation]();
      const wrong = situation === 'moved' ? UNKNOWN_MEMBER_ID : ILLEGAL_GENERATION;
      for (const by of [-1, 1]) {
        const generation = member.generation + by;
        expect([heartbeat(member, { generation }), sync(member, { generation }).code]).toEqual([wrong, wrong]);
      }
      const stranger = { memberId: 'nobody' };
      expect([heartbeat(member, stranger), sync(member, stranger).code]).toEqual([
        UNKNOWN_MEMBER_ID,
        UNKNOWN_MEMBER_ID,
      ]);
      expect(leave(member, 'nobody')).toBe(UNKNOWN_MEMBER_ID);
      expect(leave(member)).toBe(NONE);
      expect(heartbeat(member)).toBe(UNKNOWN_MEMBER_ID);
    },
  );

  test('a sync tells what the member owns now, and nothing that it is to give back', () => {
    expect(assigned(sync(situations.stable()).value)).toHaveLength(3);
    expect(assigned(sync(situations.unrevoked()).value)).toHaveLength(2);
    expect(assigned(sync(situations.waiting()).value)).toEqual([]);
  });

  test('a sync names the protocol that the join was answered with, or none', () => {
    const member = situations.stable();
    expect(sync(member, { protocolType: null, protocolName: null }).code).toBe(NONE);
    expect(sync(member, { protocolName: 'range' }).code).toBe(INCONSISTENT_GROUP_PROTOCOL);
    expect(sync(member, { protocolType: 'connect' }).code).toBe(INCONSISTENT_GROUP_PROTOCOL);
  });

  test('a join is answered at once: the generation is the epoch, and nobody leads', () => {
    const { bench, owner } = withOwner();
    const first = classic(bench).join();
    expect(first.value).toMatchObject({ code: MEMBER_ID_REQUIRED, generation: -1 });
    const { memberId } = first.value;
    const second = classic(bench).join({ memberId });
    expect(second.value).toEqual({
      code: NONE,
      why: null,
      memberId,
      generation: bench.describeConsumer().groupEpoch,
      protocolType: 'consumer',
      protocolName: 'cooperative-sticky',
      leader: '',
      skipAssignment: false,
      members: [],
    });
    // A client that cannot be asked to come twice is in at once, and so is a static one.
    expect(classic(bench).join({ requiresMemberId: false }).code).toBe(NONE);
    expect(classic(bench, { instance: 'i' }).join().code).toBe(NONE);
    owner.beat();
    expect(bench.describeConsumer().members.map(({ isClassic }) => isClassic)).toEqual([false, true, true, true]);
  });

  test('joins that do not fit are refused, and nothing is written', () => {
    const { bench } = withOwner();
    const inside = classic(bench);
    inside.live();
    bench.written();
    const range = [{ name: 'range', metadata: subscription(['orders']) }];
    const unreadable = [{ name: 'cooperative-sticky', metadata: Buffer.from('x') }];
    for (const [change, code] of [
      [{ sessionTimeoutMs: 1 }, INVALID_SESSION_TIMEOUT],
      [{ protocolType: 'connect' }, INCONSISTENT_GROUP_PROTOCOL],
      [{ protocols: [] }, INCONSISTENT_GROUP_PROTOCOL],
      [{ protocols: range }, INCONSISTENT_GROUP_PROTOCOL],
      [{ protocols: unreadable, requiresMemberId: false }, INCONSISTENT_GROUP_PROTOCOL],
      [{ memberId: 'nobody', groupInstanceId: 'i' }, UNKNOWN_MEMBER_ID],
    ] as const)
      expect(classic(bench).join(change).value).toMatchObject({ code, generation: -1, protocolName: null });
    expect(bench.written()).toEqual([]);
    expect(bench.describeConsumer().members).toHaveLength(2);
  });

  test('group.consumer.max.size counts classic members too; who is in may come again', () => {
    const bench = new GroupBench({ consumer: { ...benchConfig.consumer, maxSize: 2 } });
    bench.topics.set('orders', 2);
    bench.consumer().join();
    const inside = classic(bench, { instance: 'i' });
    inside.live();
    expect(classic(bench).join().code).toBe(GROUP_MAX_SIZE_REACHED);
    expect(inside.join().code).toBe(NONE);
    expect(classic(bench, { instance: 'i' }).join().code).toBe(NONE);
  });

  test('under the policy disabled no classic member joins, those that are in beat on', () => {
    const policy = { now: 'bidirectional' as 'bidirectional' | 'disabled' };
    const consumer = {
      ...benchConfig.consumer,
      get migrationPolicy() {
        return policy.now;
      },
    };
    const bench = new GroupBench({ consumer });
    bench.topics.set('orders', 2);
    bench.consumer().join();
    const inside = classic(bench);
    inside.live();
    policy.now = 'disabled';
    expect(classic(bench).join().code).toBe(INCONSISTENT_GROUP_PROTOCOL);
    expect(inside.join().code).toBe(INCONSISTENT_GROUP_PROTOCOL);
    expect(heartbeat(inside)).toBe(NONE);
  });

  test('a static member that comes back takes the place and the partitions of the one before, which is fenced', () => {
    const { bench, owner } = withOwner();
    const before = classic(bench, { instance: 'i' });
    for (let round = 0; round < 6; round += 1) {
      owner.live();
      before.live();
    }
    const owned = before.ownedNames();
    const epoch = bench.describeConsumer().groupEpoch;
    const after = classic(bench, { instance: 'i' });
    after.live();
    expect(after.ownedNames()).toEqual(owned);
    expect(bench.describeConsumer().groupEpoch).toBe(epoch);
    expect([heartbeat(before), sync(before).code, leave(before)]).toEqual(Array(3).fill(FENCED_INSTANCE_ID));
    expect(before.join().code).toBe(FENCED_INSTANCE_ID);
    expect(heartbeat(after)).toBe(NONE);
    // An admin client needs no member id.
    expect(leave(after, '')).toBe(NONE);
    expect(heartbeat(after)).toBe(UNKNOWN_MEMBER_ID);
  });

  test('members that leave together move partitions once', () => {
    const { bench, owner } = withOwner();
    const [a, b] = [classic(bench), classic(bench)];
    for (let round = 0; round < 8; round += 1) for (const one of [owner, a, b]) one.live();
    const { groupEpoch } = bench.describeConsumer();
    const members = [a, b].map(({ memberId }) => ({ memberId, groupInstanceId: null, reason: 'scaled in' }));
    bench.submit<'leave'>({ kind: 'leave', groupId: 'g', members });
    expect(bench.describeConsumer()).toMatchObject({ groupEpoch: groupEpoch + 1, members: [{ isClassic: false }] });
    expect(bench.takeEvents('groupEpochBumped').at(-1)?.why).toContain('(client: scaled in)');
  });

  test('a classic member that subscribes to something else bumps the epoch and hears of its partitions', () => {
    const member = situations.stable();
    const { bench } = member;
    bench.topics.set('payments', 1);
    const { groupEpoch } = bench.describeConsumer();
    member.subscribe(['payments']);
    member.live();
    expect(bench.describeConsumer().groupEpoch).toBe(groupEpoch + 1);
    for (let round = 0; round < 4; round += 1) member.live();
    expect(member.ownedNames()).toEqual(['payments-0']);
  });

  test.for([
    ['is silent', 'stable', SESSION_MS, () => undefined],
    ['is told to join again and only beats', 'behind', REBALANCE_MS, heartbeat],
    ['has joined and only beats', 'unrevoked', REBALANCE_MS, heartbeat],
  ] as const)('a member that %s is out in its time', ([, situation, limitMs, lives]) => {
    const member = situations[situation]();
    const { bench } = member;
    const others = bench.describeConsumer().members.filter(({ memberId }) => memberId !== member.memberId);
    const isIn = (): boolean => bench.describeConsumer().members.some(({ memberId }) => memberId === member.memberId);
    // Members of the consumer protocol have longer sessions.
    expect(others.every(({ isClassic }) => !isClassic)).toBe(true);
    lives(member);
    for (let passedMs = 0; passedMs + 1_000 < limitMs; passedMs += 1_000) {
      bench.advance(1_000);
      lives(member);
    }
    expect(isIn()).toBe(true);
    bench.advance(1_001);
    expect(isIn()).toBe(false);
    expect(bench.takeEvents('memberLost').map(({ memberId }) => memberId)).toEqual([member.memberId]);
  });

  test('one that joins again in time stays', () => {
    const member = situations.behind();
    const { bench } = member;
    expect(heartbeat(member)).toBe(REBALANCE_IN_PROGRESS);
    for (let round = 0; round < 40; round += 1) {
      member.live();
      bench.advance(1_000);
    }
    expect(bench.describeConsumer().members.map(({ memberId }) => memberId)).toContain(member.memberId);
  });
});
