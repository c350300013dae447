import { encodeAssignment } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupBench, stabilize } from '../../../testing/group-bench.ts';
import type { BenchMember } from '../../../testing/group-bench.ts';
import type { GroupEvent, MemberName } from '../kinds.ts';
import { findings } from './findings.ts';
import { RebalanceHistory } from './history.ts';
import type { HistoryLimits } from './history.ts';
import type { Rebalance } from './rebalance.ts';

const LIMITS: HistoryLimits = { groupRebalancesKeptMax: 3, rebalancesKeptMax: 7, rebalanceDetailsMax: 2 };
const PARTITION = 0;

/** A shard whose events are told to a history as they are committed. */
class Told {
  readonly bench: GroupBench;
  readonly history: RebalanceHistory;
  readonly ended: Rebalance[] = [];
  #seen = 0;

  constructor(config: ConstructorParameters<typeof GroupBench>[0] = {}, limits: Partial<HistoryLimits> = {}) {
    this.bench = new GroupBench(config);
    this.history = new RebalanceHistory({ ...LIMITS, rebalanceDetailsMax: 8, ...limits });
    this.history.loaded(PARTITION, this.bench.nowMs);
  }

  hear(): void {
    for (const event of this.bench.events.slice(this.#seen)) {
      this.ended.push(...this.history.told(PARTITION, event, this.bench.nowMs));
    }
    this.#seen = this.bench.events.length;
  }

  stabilize(members: readonly BenchMember[]): void {
    stabilize(this.bench, members);
    this.hear();
  }

  advance(ms: number): void {
    this.bench.advance(ms);
    this.hear();
  }

  newest(groupId = 'g'): Rebalance {
    this.hear();
    const [newest] = this.history.explain(PARTITION, groupId, 1)?.rebalances ?? [];
    if (newest === undefined) throw new Error('no rebalance is remembered');
    return newest;
  }
}

test('history: a first rebalance names who joined, the wait for more members, and the leader', () => {
  const told = new Told({ initialRebalanceDelayMs: 3_000 });
  const [a, b] = [told.bench.member('g', { name: 'a' }), told.bench.member('g', { name: 'b' })];
  a.join();
  told.hear();
  told.advance(1_000);
  b.join();
  told.advance(2_000);
  told.advance(3_000);
  a.joined();
  b.joined();
  told.advance(250);
  for (const member of [b, a]) member.sync();
  expect(told.newest()).toMatchObject({
    outcome: 'stable',
    groupType: 'classic',
    epoch: 1,
    assignor: 'range',
    membersBefore: 0,
    membersAfter: 2,
    causes: [
      { cause: 'joined', clientId: 'a', memberId: 'a-1', clientHost: '/127.0.0.1' },
      { cause: 'joined', clientId: 'b' },
    ],
    phases: [
      { name: 'waiting for members', tookMs: 6_000, done: true, who: { clientId: null } },
      { name: "waiting for the leader's assignment", tookMs: 250, done: true, who: { clientId: 'a' } },
    ],
    lost: [],
  });
  expect(told.newest().phases[0]?.detail).toContain('group.initial.rebalance.delay.ms');
});

test('history: a silent member is the cause of the next rebalance, with advice', () => {
  const told = new Told();
  const [a, gone] = [
    told.bench.member('g', { name: 'a', sessionTimeoutMs: 60_000 }),
    told.bench.member('g', { name: 'gone' }),
  ];
  told.stabilize([a, gone]);
  told.advance(10_000);
  expect(told.newest()).toMatchObject({
    outcome: 'ongoing',
    endedMs: -1,
    causes: [
      { cause: 'silent', clientId: 'gone', why: expect.stringContaining('session timeout of 10000 ms') as string },
    ],
  });
  expect(told.newest().causes[0]?.hint).toContain('session.timeout.ms');
});

test('history: who does not come back within the rebalance timeout is named as the one waited for, and as lost', () => {
  const told = new Told();
  const options = { sessionTimeoutMs: 120_000, rebalanceTimeoutMs: 30_000 };
  const [a, slow] = [
    told.bench.member('g', { name: 'a', ...options }),
    told.bench.member('g', { name: 'slow', ...options }),
  ];
  told.stabilize([a, slow]);
  a.options = { ...a.options, topics: ['other'] };
  a.join();
  told.hear();
  told.advance(30_000);
  a.joined();
  a.sync();
  expect(told.newest()).toMatchObject({
    outcome: 'stable',
    membersBefore: 2,
    membersAfter: 1,
    causes: [{ cause: 'subscription', clientId: 'a' }],
    phases: [{ name: 'waiting for members', tookMs: 30_000, who: { clientId: 'slow' } }, {}],
    lost: [{ clientId: 'slow', why: expect.stringContaining('rebalance timeout') as string }],
  });
});

test('history: a member that leaves gives its own reason; the last one leaves an empty group', () => {
  const told = new Told();
  const [a] = [told.bench.member('g', { name: 'a' })];
  told.stabilize([a]);
  const reason = 'deployed anew: consumer poll timeout has expired.';
  const member = { memberId: a.memberId, groupInstanceId: null, reason };
  told.bench.submit({ kind: 'leave', groupId: 'g', members: [member] });
  expect(told.newest()).toMatchObject({
    outcome: 'empty',
    membersAfter: 0,
    causes: [
      {
        cause: 'left',
        clientId: 'a',
        why: expect.stringContaining('deployed anew') as string,
        hint: expect.stringContaining('max.poll.interval.ms') as string,
      },
    ],
  });
});

test('history: a leader that does not assign in time is named, and the rebalance that it began is superseded', () => {
  const told = new Told();
  const options = { sessionTimeoutMs: 120_000, rebalanceTimeoutMs: 20_000 };
  const leader = told.bench.member('g', { name: 'leader', ...options });
  leader.join();
  told.advance(0);
  leader.joined();
  told.advance(20_000);
  const [, superseded] = told.history.explain(PARTITION, 'g', -1)?.rebalances ?? [];
  expect(superseded).toMatchObject({
    outcome: 'superseded',
    phases: [
      {},
      { name: "waiting for the leader's assignment", tookMs: 20_000, done: false, who: { clientId: 'leader' } },
    ],
  });
  expect(told.newest()).toMatchObject({ outcome: 'empty', causes: [{ cause: 'late', clientId: 'leader' }] });
});

test('history: partitions that change hands are counted where consumers say who owns what', () => {
  const told = new Told();
  const [a, b] = [told.bench.member('g', { name: 'a' }), told.bench.member('g', { name: 'b' })];
  const owns = (partitions: number[]): Buffer =>
    encodeAssignment(0, { assignedPartitions: [{ topic: 'orders', partitions }] });
  a.join();
  told.advance(0);
  a.joined();
  a.sync({ assignments: [{ memberId: a.memberId, assignment: owns([0, 1, 2, 3]) }] });
  expect(told.newest().movedPartitions).toBe(4);
  b.join();
  a.join();
  a.joined();
  b.joined();
  a.sync({
    assignments: [
      { memberId: a.memberId, assignment: owns([0, 1]) },
      { memberId: b.memberId, assignment: owns([2, 3]) },
    ],
  });
  expect(told.newest()).toMatchObject({ movedPartitions: 2, membersAfter: 2, outcome: 'stable' });
});

test('history: a coordinator that starts over interrupts what went on; a deleted group is forgotten, a moved shard too', () => {
  const history = new RebalanceHistory(LIMITS);
  history.loaded(1, 1_000);
  const begin = (groupId: string): void =>
    void history.told(1, { kind: 'rebalanceStarted', groupId, generation: 1, members: 1, reason: joined }, 2_000);
  begin('a');
  expect(history.loaded(1, 3_000)).toMatchObject([
    { groupId: 'a', rebalance: { outcome: 'interrupted', endedMs: 3_000 } },
  ]);
  expect(history.explain(1, 'a', -1)).toMatchObject({
    sinceMs: 1_000,
    count: 1,
    rebalances: [{ outcome: 'interrupted' }],
  });
  history.told(1, { kind: 'groupDeleted', groupId: 'a', why: 'asked' }, 4_000);
  expect(history.explain(1, 'a', -1)).toEqual({ sinceMs: 1_000, count: 0, rebalances: [] });
  begin('b');
  history.loaded(1, 5_000);
  history.unloaded(1);
  expect([history.explain(1, 'b', -1), history.size]).toEqual([undefined, 0]);
  history.loaded(1, 9_000);
  expect(history.explain(1, 'b', -1)).toEqual({ sinceMs: 9_000, count: 0, rebalances: [] });
});

test('history: a consumer group is in one rebalance from the first new epoch until all own what they are to own', () => {
  const history = new RebalanceHistory({ ...LIMITS, rebalanceDetailsMax: 8 });
  history.loaded(1, 0);
  const bump = (groupEpoch: number, members: number, nowMs: number, memberId: string): Rebalance[] =>
    history.told(
      1,
      {
        kind: 'groupEpochBumped',
        groupId: 'g',
        groupEpoch,
        members,
        memberId,
        clientId: memberId,
        why: 'joined',
        cause: 'joined',
      },
      nowMs,
    );
  const assign = (groupEpoch: number, members: number, nowMs: number): void =>
    void history.told(
      1,
      {
        kind: 'targetAssigned',
        groupId: 'g',
        groupEpoch,
        assignorName: 'uniform',
        members,
        movedPartitions: 3,
        tookMs: 0,
      },
      nowMs,
    );
  bump(1, 1, 100, 'a');
  assign(1, 1, 150);
  bump(2, 2, 200, 'b');
  assign(2, 2, 210);
  const [done] = history.told(
    1,
    { kind: 'groupReconciled', groupId: 'g', groupEpoch: 2, tookMs: 400, slowestMemberId: 'a' },
    500,
  );
  expect(done).toMatchObject({
    outcome: 'stable',
    epoch: 2,
    assignor: 'uniform',
    membersBefore: 0,
    membersAfter: 2,
    movedPartitions: 6,
    causes: [{ memberId: 'a' }, { memberId: 'b' }],
    phases: [
      { name: 'computing the assignment', tookMs: 50, done: true },
      { name: 'moving partitions', tookMs: 350, done: true, who: { memberId: 'a' } },
    ],
  });
  history.told(1, { kind: 'memberLost', groupId: 'g', memberId: 'b', clientId: 'b', why: 'silent' }, 600);
  bump(3, 1, 600, 'b');
  history.told(1, { kind: 'groupConverted', groupId: 'g', to: 'classic', why: 'the last consumer left' }, 700);
  expect(history.explain(1, 'g', -1)?.rebalances[0]).toMatchObject({
    outcome: 'converted',
    lost: [{ memberId: 'b' }],
    causes: [{ cause: 'joined' }, { cause: 'converted' }],
  });
  expect(bump(4, 0, 800, 'a')).toMatchObject([{ outcome: 'empty', membersAfter: 0 }]);
});

test('findings: the same client behind several rebalances is named with advice; a quiet history says nothing', () => {
  const told = new Told({}, { groupRebalancesKeptMax: 20, rebalancesKeptMax: 20 });
  const steady = told.bench.member('g', { name: 'steady', sessionTimeoutMs: 1_000_000 });
  told.stabilize([steady]);
  expect(findings(told.history.explain(PARTITION, 'g', -1)?.rebalances ?? [], told.bench.nowMs)).toEqual([]);
  for (let round = 0; round < 3; round += 1) {
    const shaky = told.bench.member('g', { name: 'shaky' });
    told.stabilize([steady, shaky]);
    told.advance(10_000);
    told.stabilize([steady]);
  }
  const found = findings(told.history.explain(PARTITION, 'g', -1)?.rebalances ?? [], told.bench.nowMs);
  expect(found.find((sentence) => sentence.includes('client shaky'))).toContain('session.timeout.ms');
  expect(found.find((sentence) => sentence.includes('rebalances within the last'))).toBeDefined();
});

const joined = { cause: 'joined', who: person('m'), why: 'm joined' } as const;

function person(memberId: string): MemberName {
  return { memberId, groupInstanceId: null, clientId: 'client', clientHost: '/h' };
}

/** Any event of any group, in any order: what a history hears is not its own doing. */
const events: fc.Arbitrary<GroupEvent> = fc
  .record({ groupId: fc.constantFrom('a', 'b', 'c', 'd'), who: fc.constantFrom('x', 'y'), count: fc.nat(5) })
  .chain(({ groupId, who, count }) =>
    fc.constantFrom<GroupEvent>(
      { kind: 'rebalanceStarted', groupId, generation: count, members: count, reason: joined },
      { kind: 'rebalanceJoining', groupId, reason: { ...joined, who: person(who) } },
      {
        kind: 'rebalanceJoined',
        groupId,
        generation: count,
        members: count,
        protocolName: 'range',
        tookMs: count,
        leader: person(who),
        last: null,
        initial: false,
        lost: Array.from({ length: count }, () => person(who)),
      },
      { kind: 'rebalanceDone', groupId, generation: count, tookMs: count, movedPartitions: count },
      { kind: 'groupEmptied', groupId, generation: count },
      { kind: 'groupDeleted', groupId, why: 'asked' },
      { kind: 'groupEpochBumped', groupId, groupEpoch: count, members: count, memberId: who, clientId: null, why: 'w' },
      {
        kind: 'targetAssigned',
        groupId,
        groupEpoch: count,
        assignorName: 'u',
        members: count,
        movedPartitions: count,
        tookMs: 1,
      },
      { kind: 'groupReconciled', groupId, groupEpoch: count, tookMs: 1, slowestMemberId: who },
      { kind: 'memberLost', groupId, memberId: who, clientId: who, why: 'silent' },
      { kind: 'groupConverted', groupId, to: count > 2 ? 'classic' : 'consumer', why: 'w' },
    ),
  );
type Step =
  | { readonly event: GroupEvent; readonly partition: number; readonly waitMs: number }
  | { readonly reload: number };
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ event: events, partition: fc.nat(1), waitMs: fc.integer({ min: -5, max: 50 }) }),
  },
  { weight: 1, arbitrary: fc.record({ reload: fc.nat(1) }) },
);

test('history: whatever is told, bounds hold, and every rebalance that begins ends once or goes on', () => {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 20, maxLength: 120 }), (history) => {
      const kept = new RebalanceHistory(LIMITS);
      let nowMs = 1_000;
      for (const partition of [0, 1]) kept.loaded(partition, nowMs);
      const begun = new Set<Rebalance>();
      const ended = new Set<Rebalance>();
      const note = (rebalance: Rebalance): void => {
        expect(ended.has(rebalance)).toBe(false);
        begun.add(rebalance);
        ended.add(rebalance);
      };
      for (const step of history) {
        if ('reload' in step) for (const { rebalance } of kept.loaded(step.reload, nowMs)) note(rebalance);
        else {
          nowMs += step.waitMs;
          for (const rebalance of kept.told(step.partition, step.event, nowMs)) note(rebalance);
        }
        expect(kept.size).toBeLessThanOrEqual(LIMITS.rebalancesKeptMax);
        for (const partition of [0, 1])
          for (const groupId of ['a', 'b', 'c', 'd']) {
            const told = kept.explain(partition, groupId, -1);
            const [newest, ...older] = told?.rebalances ?? [];
            if (newest !== undefined) begun.add(newest);
            expect(told?.count).toBeGreaterThanOrEqual(told?.rebalances.length ?? 0);
            expect(told?.rebalances.filter(({ outcome }) => outcome !== 'ongoing').length).toBeLessThanOrEqual(
              LIMITS.groupRebalancesKeptMax,
            );
            for (const each of older) expect(each.outcome).not.toBe('ongoing');
            for (const each of told?.rebalances ?? []) checkRebalance(each, ended);
          }
      }
      for (const rebalance of begun) expect(ended.has(rebalance)).toBe(rebalance.outcome !== 'ongoing');
    }),
    { numRuns: 1_000 },
  );
});

function checkRebalance(rebalance: Rebalance, ended: ReadonlySet<Rebalance>): void {
  const { outcome, causes, lost, phases, startedMs, endedMs } = rebalance;
  expect(ended.has(rebalance)).toBe(outcome !== 'ongoing');
  expect(causes.length).toBeGreaterThan(0);
  expect(Math.max(causes.length, lost.length)).toBeLessThanOrEqual(LIMITS.rebalanceDetailsMax);
  expect(phases.length).toBeLessThanOrEqual(4);
  for (const { tookMs } of phases) expect(tookMs).toBeGreaterThanOrEqual(0);
  if (outcome === 'ongoing') expect(endedMs).toBe(-1);
  else expect(endedMs).toBeGreaterThanOrEqual(startedMs);
}
