import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { BrokerView, Follower, IsrMember, Proposal } from './isr.ts';
import {
  becomeLeader,
  effectiveMinIsr,
  hasEnoughReplicas,
  isHighWatermarkLagging,
  lowWatermark,
  step,
  wasReplicatedEnough,
} from './leader.ts';
import type { LeaderEffect, LeaderInput, LeaderStart, LeaderState } from './leader.ts';

const LAG_MS = 30_000;
const JOIN_WAIT_MS = 250;

/** Brokers 1, 2, 3 with epochs 11, 12, 13, of which a test takes some away. */
class Brokers implements BrokerView {
  readonly fenced = new Set<number>();
  readonly stopping = new Set<number>();
  readonly epochs = new Map([
    [1, 11],
    [2, 12],
    [3, 13],
  ]);
  epochOf(id: number): number | undefined {
    return this.epochs.get(id);
  }
  isAlive(id: number): boolean {
    return this.epochs.has(id) && !this.fenced.has(id);
  }
  isActive(id: number): boolean {
    return this.isAlive(id) && !this.stopping.has(id);
  }
}

const start: LeaderStart = {
  leaderEpoch: 4,
  partitionEpoch: 7,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  minInsyncReplicas: 2,
  logEnd: 100,
  highWatermark: 90,
  isRecovering: false,
  nowMs: 0,
};

class Leader {
  readonly brokers = new Brokers();
  readonly s: LeaderState;
  readonly effects: LeaderEffect[] = [];
  nowMs = 0;

  constructor(change: Partial<LeaderStart> = {}, former?: LeaderState) {
    const terms = { self: 1, brokers: this.brokers, lagMaxMs: LAG_MS, joinWaitMs: JOIN_WAIT_MS };
    this.s = becomeLeader(terms, { ...start, ...change }, former, this.effects);
  }

  /** The effects of one input. */
  on(input: LeaderInput): LeaderEffect[] {
    const effects: LeaderEffect[] = [];
    step(this.s, input, effects);
    return effects;
  }

  append(logEnd: number): LeaderEffect[] {
    return this.on({ kind: 'appended', logEnd, nowMs: this.nowMs });
  }

  followed(replica: number, endOffset: number, brokerEpoch = 10 + replica): LeaderEffect[] {
    return this.on({ kind: 'followed', replica, brokerEpoch, endOffset, logStartOffset: 0, nowMs: this.nowMs });
  }

  has(replica: number, endOffset: number, how: { epoch?: number; logStart?: number } = {}): LeaderEffect[] {
    const { epoch: brokerEpoch = 10 + replica, logStart: logStartOffset = 0 } = how;
    return this.on({ kind: 'fetched', replica, brokerEpoch, endOffset, logStartOffset, nowMs: this.nowMs });
  }

  tick(nowMs: number): LeaderEffect[] {
    this.nowMs = nowMs;
    return this.on({ kind: 'tick', nowMs });
  }

  assign(
    isr: readonly number[],
    partitionEpoch = this.s.partitionEpoch + 1,
    replicas = this.s.replicas,
  ): LeaderEffect[] {
    return this.on({ kind: 'assigned', replicas, isr, partitionEpoch, nowMs: this.nowMs });
  }

  /** The controller's answer to what is pending. */
  answer(code: number, change: { isr?: number[]; partitionEpoch?: number; leaderEpoch?: number } = {}): LeaderEffect[] {
    const proposal = this.s.pending;
    if (proposal === undefined) throw new Error('nothing is pending');
    const isr = change.isr ?? proposal.isr.map(({ brokerId }) => brokerId);
    const { partitionEpoch = this.s.partitionEpoch + 1, leaderEpoch = this.s.leaderEpoch } = change;
    const answer = { code, isr, partitionEpoch, leaderEpoch };
    return this.on({ kind: 'answered', proposal, answer, nowMs: this.nowMs });
  }

  follower(id: number): Follower {
    const found = this.s.followers.find((each) => each.id === id);
    if (found === undefined) throw new Error(`no follower ${id}`);
    return found;
  }
}

const highWatermark = (effects: readonly LeaderEffect[]): number | undefined =>
  effects.find((effect) => effect.kind === 'highWatermark')?.offset;
const proposal = (effects: readonly LeaderEffect[]): Proposal | undefined =>
  effects.find((effect) => effect.kind === 'propose')?.proposal;
const ids = (isr: readonly IsrMember[] | undefined): readonly number[] | undefined =>
  isr?.map(({ brokerId }) => brokerId);

/** With all three in sync and at the log end. */
function settled(change: Partial<LeaderStart> = {}): Leader {
  const leader = new Leader(change);
  for (const id of [2, 3]) leader.followed(id, leader.s.logEnd);
  return leader;
}

test('leader: alone, what is appended is committed at once', () => {
  const leader = new Leader({ replicas: [1], isr: [1] });
  expect(highWatermark(leader.effects)).toBe(100);
  expect(highWatermark(leader.append(105))).toBe(105);
});

test('leader: with followers in sync, an append is committed when the slowest of them has it', () => {
  const leader = settled();
  expect(leader.s.highWatermark).toBe(100);
  expect(highWatermark(leader.append(110))).toBeUndefined();
  expect(highWatermark(leader.has(2, 110))).toBeUndefined();
  expect(highWatermark(leader.has(3, 104))).toBe(104);
  expect(highWatermark(leader.has(3, 110))).toBe(110);
});

test('leader: an in-sync replica that has not told its end yet holds everything back', () => {
  const leader = new Leader();
  leader.followed(2, 100);
  expect(leader.s.highWatermark).toBe(90);
  expect(highWatermark(leader.followed(3, 100))).toBe(100);
});

test('leader: a replica that leaves the committed set no longer holds back what is committed', () => {
  const leader = settled();
  leader.append(110);
  leader.has(2, 110);
  leader.brokers.fenced.add(3);
  expect(highWatermark(leader.assign([1, 2]))).toBe(110);
});

test('leader: acknowledgements move the high watermark forward only', () => {
  const leader = settled();
  expect(leader.followed(2, 20).filter(({ kind }) => kind === 'highWatermark')).toEqual([]);
  expect(leader.s.highWatermark).toBe(100);
});

test('leader: what a replica says counts only once it follows, in the life in which it began, of the assigned ones', () => {
  const leader = new Leader({ replicas: [1, 2], isr: [1, 2] });
  leader.has(2, 100);
  expect(leader.s.highWatermark).toBe(90);
  leader.followed(2, 95);
  leader.has(2, 100, { epoch: 99 });
  leader.has(9, 100);
  expect(leader.s.highWatermark).toBe(95);
  leader.on({ kind: 'unfollowed', replica: 2, nowMs: 0 });
  leader.has(2, 100);
  expect(leader.s.highWatermark).toBe(95);
});

test('leader: a life that is over is not heard (KIP-903)', () => {
  const leader = new Leader({ replicas: [1, 2], isr: [1, 2] });
  leader.followed(2, 95);
  leader.brokers.epochs.set(2, 20);
  leader.has(2, 100);
  leader.followed(2, 100, 12);
  expect(leader.s.highWatermark).toBe(95);
  expect(highWatermark(leader.followed(2, 100, 20))).toBe(100);
});

test('leader: below min.insync.replicas nothing becomes committed, until there are enough again (KIP-966)', () => {
  const leader = settled();
  for (const id of [2, 3]) leader.brokers.fenced.add(id);
  leader.assign([1]);
  leader.append(110);
  expect(leader.s.highWatermark).toBe(100);
  expect(hasEnoughReplicas(leader.s)).toBe(false);
  leader.on({ kind: 'reconfigured', minInsyncReplicas: 1, nowMs: 0 });
  expect(leader.s.highWatermark).toBe(110);
});

test('leader: min.insync.replicas beyond the number of replicas asks for all of them', () => {
  const leader = new Leader({ replicas: [1], isr: [1], minInsyncReplicas: 2 });
  expect([effectiveMinIsr(leader.s), hasEnoughReplicas(leader.s)]).toEqual([1, true]);
});

test('leader: until all of earlier epochs is committed the high watermark lags (KIP-207)', () => {
  const leader = new Leader({ replicas: [1, 2], isr: [1, 2] });
  expect(isHighWatermarkLagging(leader.s)).toBe(true);
  leader.followed(2, 100);
  expect(isHighWatermarkLagging(leader.s)).toBe(false);
});

test('leader: who has the committed and the start of this epoch is proposed, with the lives of all', () => {
  const leader = new Leader({ isr: [1, 2] });
  leader.followed(2, 100);
  leader.append(110);
  expect(proposal(leader.followed(3, 99))).toBeUndefined();
  leader.append(120);
  expect(proposal(leader.has(3, 109))).toBeUndefined();
  expect(proposal(leader.has(3, 110))).toEqual({
    kind: 'expand',
    leaderEpoch: 4,
    partitionEpoch: 7,
    isr: [
      { brokerId: 1, brokerEpoch: 11 },
      { brokerId: 2, brokerEpoch: 12 },
      { brokerId: 3, brokerEpoch: 13 },
    ],
  });
});

test('leader: nobody joins before this epoch began for it, however low the high watermark is', () => {
  const leader = new Leader({ isr: [1, 2], highWatermark: 10 });
  expect(proposal(leader.followed(3, 99))).toBeUndefined();
  expect(ids(proposal(leader.has(3, 100))?.isr)).toEqual([1, 2, 3]);
});

test.for([
  ['fenced', (leader: Leader) => leader.brokers.fenced.add(3)],
  ['about to stop', (leader: Leader) => leader.brokers.stopping.add(3)],
  ['unknown', (leader: Leader) => leader.brokers.epochs.delete(3)],
  ['not heard of in this life', (leader: Leader) => leader.brokers.epochs.set(3, 5)],
] as const)('leader: who is %s is not proposed, and holds nothing back', ([, make]) => {
  const leader = new Leader({ isr: [1, 2] });
  make(leader);
  leader.followed(2, 100);
  expect(proposal(leader.followed(3, 100))).toBeUndefined();
  leader.append(110);
  expect(highWatermark(leader.has(2, 110))).toBe(110);
});

test('leader: who was fenced is proposed when metadata lets it in', () => {
  const leader = new Leader({ isr: [1, 2] });
  leader.brokers.fenced.add(3);
  leader.followed(3, 100);
  leader.brokers.fenced.delete(3);
  expect(ids(proposal(leader.on({ kind: 'brokersChanged', nowMs: 0 }))?.isr)).toEqual([1, 2, 3]);
});

test('leader: who is proposed holds back the high watermark before it is committed, and counts for acknowledging (KIP-497)', () => {
  const leader = new Leader({ isr: [1, 2], minInsyncReplicas: 3 });
  leader.followed(2, 100);
  leader.followed(3, 100);
  expect([hasEnoughReplicas(leader.s), wasReplicatedEnough(leader.s)]).toEqual([false, true]);
  leader.on({ kind: 'reconfigured', minInsyncReplicas: 2, nowMs: 0 });
  leader.append(110);
  leader.nowMs = LAG_MS;
  expect(highWatermark(leader.has(2, 110))).toBeUndefined();
  expect(highWatermark(leader.has(3, 110))).toBe(110);
});

test('leader: who is proposed to leave goes on holding back the high watermark until that is committed (KIP-497)', () => {
  const leader = settled();
  leader.append(110);
  leader.has(2, 110);
  expect(ids(proposal(leader.tick(LAG_MS + 1))?.isr)).toEqual([1, 2]);
  expect(leader.s.highWatermark).toBe(100);
  const effects = leader.answer(ErrorCode.NONE);
  expect(effects).toContainEqual({ kind: 'isrCommitted', change: 'shrink' });
  expect(highWatermark(effects)).toBe(110);
});

test('leader: a proposal is committed by the metadata that it made, when that comes before the answer', () => {
  for (const [isr, times] of [[[1, 2], 1] as const, [[1, 3], 0] as const]) {
    const leader = new Leader({ isr: [1] });
    leader.followed(2, 100);
    expect(leader.assign(isr).filter(({ kind }) => kind === 'isrCommitted')).toHaveLength(times);
  }
});

test('leader: one proposal at a time', () => {
  const leader = new Leader({ isr: [1] });
  expect(ids(proposal(leader.followed(2, 100))?.isr)).toEqual([1, 2]);
  expect(proposal(leader.followed(3, 100))).toBeUndefined();
  expect(ids(proposal(leader.answer(ErrorCode.NONE))?.isr)).toEqual([1, 2, 3]);
});

test('leader: who keeps a batch behind under load without a pause stays in sync', () => {
  const leader = settled();
  for (let at = 1; at <= 1_000; at += 1) {
    leader.nowMs = at * 100;
    leader.append(100 + at);
    // Several batches are under way: an acknowledgement never covers what was there when the one before it came.
    for (const id of [2, 3]) leader.has(id, Math.max(100, 100 + at - 5));
    expect(proposal(leader.tick(leader.nowMs))).toBeUndefined();
  }
});

test('leader: who falls behind ever more leaves once it has lacked for too long what was there, and not before', () => {
  const leader = settled();
  let proposedMs: number | undefined;
  for (let at = 1; proposedMs === undefined; at += 1) {
    leader.nowMs = at * 1_000;
    leader.append(100 + at * 10);
    leader.has(2, 100 + at * 10);
    leader.has(3, 100 + at * 5);
    if (ids(proposal(leader.tick(leader.nowMs))?.isr)?.includes(3) === false) proposedMs = leader.nowMs;
    expect(at).toBeLessThan(200);
  }
  // At time t it has what was there at t/2.
  expect(proposedMs).toBeGreaterThan(LAG_MS);
  expect(proposedMs).toBeLessThan(4 * LAG_MS);
});

test('leader: a replica that was idle at the log end has the whole time of a lag once something is appended', () => {
  const leader = settled();
  expect(proposal(leader.tick(10 * LAG_MS))).toBeUndefined();
  leader.append(101);
  leader.has(2, 101);
  expect(proposal(leader.tick(11 * LAG_MS))).toBeUndefined();
  expect(ids(proposal(leader.tick(11 * LAG_MS + 1))?.isr)).toEqual([1, 2]);
});

test('leader: who has never told where it stands leaves after the time of a lag', () => {
  const leader = new Leader();
  leader.followed(2, 100);
  expect(proposal(leader.tick(LAG_MS))).toBeUndefined();
  expect(ids(proposal(leader.tick(LAG_MS + 1))?.isr)).toEqual([1, 2]);
});

test('leader: who hangs leaves and stays out, although nothing more was committed than it has', () => {
  const leader = settled({ replicas: [1, 2], isr: [1, 2] });
  leader.append(110);
  leader.tick(LAG_MS + 1);
  const effects = leader.answer(ErrorCode.NONE);
  expect([leader.s.isr, proposal(effects), proposal(leader.tick(2 * LAG_MS))]).toEqual([[1], undefined, undefined]);
});

test('leader: a member that begins anew below what is committed has lost it and is proposed to leave at once', () => {
  const leader = settled();
  expect(ids(proposal(leader.followed(2, 50))?.isr)).toEqual([1, 3]);
});

test.for([
  [ErrorCode.INELIGIBLE_REPLICA, 'reverts'],
  [ErrorCode.OPERATION_NOT_ATTEMPTED, 'reverts'],
  [ErrorCode.FENCED_LEADER_EPOCH, 'awaits metadata'],
  [ErrorCode.INVALID_UPDATE_VERSION, 'awaits metadata'],
  [ErrorCode.INVALID_REQUEST, 'awaits metadata'],
  [ErrorCode.NEW_LEADER_ELECTED, 'awaits metadata'],
  [ErrorCode.UNKNOWN_TOPIC_ID, 'awaits metadata'],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'awaits metadata'],
  [ErrorCode.NOT_CONTROLLER, 'asks again'],
  [ErrorCode.UNKNOWN_SERVER_ERROR, 'asks again'],
] as const)('leader: an expansion refused with %i %s', ([code, what]) => {
  const leader = new Leader({ isr: [1, 2] });
  leader.followed(2, 100);
  leader.followed(3, 100);
  const { pending } = leader.s;
  const effects = leader.answer(code);
  expect(effects).toContainEqual({ kind: 'isrRefused', proposal: pending, code });
  expect(effects.some((effect) => effect.kind === 'propose' && effect.proposal === pending)).toBe(
    what === 'asks again',
  );
  expect(leader.s.pending).toBe(what === 'reverts' ? undefined : pending);
  expect(leader.follower(3).inMaximal).toBe(what !== 'reverts');
  expect(leader.s.isr).toEqual([1, 2]);
  leader.assign([1, 2, 3]);
  expect([leader.s.pending, leader.s.isr]).toEqual([undefined, [1, 2, 3]]);
});

test('leader: an answer that metadata has overtaken, or of another epoch, changes nothing', () => {
  const leader = new Leader({ isr: [1, 2] });
  leader.followed(2, 100);
  leader.followed(3, 100);
  leader.answer(ErrorCode.NONE, { leaderEpoch: 5 });
  expect(leader.s.isr).toEqual([1, 2]);
  leader.answer(ErrorCode.NONE, { partitionEpoch: 6 });
  expect(leader.s.isr).toEqual([1, 2]);
  const { pending } = leader.s;
  leader.assign([1, 2], 9);
  if (pending === undefined) throw new Error('it was pending');
  const answer = { code: 0, isr: [1, 2, 3], partitionEpoch: 8, leaderEpoch: 4 };
  leader.on({ kind: 'answered', proposal: pending, answer, nowMs: 0 });
  expect([leader.s.isr, leader.s.partitionEpoch]).toEqual([[1, 2], 9]);
});

test('leader: metadata that an answer was ahead of does not undo it, nor what was proposed since', () => {
  const leader = new Leader({ isr: [1] });
  leader.followed(2, 100);
  leader.answer(ErrorCode.NONE);
  leader.followed(3, 100);
  const { pending } = leader.s;
  expect(pending?.partitionEpoch).toBe(8);
  leader.assign([1, 2], 8);
  expect([leader.s.isr, leader.s.pending]).toEqual([[1, 2], pending]);
});

test('leader: under load a replica that is about to join is waited for, and never longer than it may take', () => {
  const leader = new Leader({ replicas: [1, 2], isr: [1], minInsyncReplicas: 1 });
  leader.brokers.fenced.add(2);
  leader.followed(2, 100);
  leader.brokers.fenced.delete(2);
  const effects = leader.append(110);
  expect([highWatermark(effects), effects.some(({ kind }) => kind === 'heldBack')]).toEqual([undefined, true]);
  expect(highWatermark(leader.on({ kind: 'recheck', nowMs: JOIN_WAIT_MS }))).toBeUndefined();
  expect(highWatermark(leader.on({ kind: 'recheck', nowMs: JOIN_WAIT_MS + 1 }))).toBe(110);
});

test('leader: a stream that ends ends the waiting for its replica to join', () => {
  const leader = new Leader({ replicas: [1, 2], isr: [1], minInsyncReplicas: 1 });
  leader.brokers.fenced.add(2);
  leader.followed(2, 100);
  leader.brokers.fenced.delete(2);
  leader.append(110);
  expect(highWatermark(leader.on({ kind: 'unfollowed', replica: 2, nowMs: 1 }))).toBe(110);
});

test('leader: a replica that was unassigned and comes back starts from nothing', () => {
  const leader = settled({ replicas: [1, 2], isr: [1, 2] });
  leader.assign([1], 8, [1]);
  leader.assign([1, 2], 9, [1, 2]);
  expect(leader.follower(2)).toMatchObject({ endOffset: -1, follows: false, inIsr: true });
});

test('leader: at another epoch its followers have what they had, and must follow anew before they say more', () => {
  const before = settled();
  const leader = new Leader({ leaderEpoch: 5, highWatermark: 100 }, before.s);
  expect(leader.s.highWatermark).toBe(100);
  leader.append(110);
  for (const id of [2, 3]) leader.has(id, 110);
  expect(leader.s.highWatermark).toBe(100);
  for (const id of [2, 3]) leader.followed(id, 110);
  expect(leader.s.highWatermark).toBe(110);
});

test('leader: elected uncleanly it says that it has recovered, and goes on meanwhile (KIP-704)', () => {
  const leader = new Leader({ isr: [1], isRecovering: true, minInsyncReplicas: 1 });
  expect(proposal(leader.effects)).toMatchObject({ kind: 'recover', isr: [{ brokerId: 1, brokerEpoch: 11 }] });
  expect(leader.s.highWatermark).toBe(100);
  expect(leader.answer(ErrorCode.NONE)).toContainEqual({ kind: 'isrCommitted', change: 'recover' });
});

test('leader: the low watermark is the least log start of replicas whose brokers live (KIP-107)', () => {
  const leader = settled();
  expect(lowWatermark(leader.s, 40)).toBe(0);
  expect(leader.has(2, 100, { logStart: 40 })).toContainEqual({ kind: 'lowWatermark' });
  leader.has(3, 100, { logStart: 30 });
  expect(lowWatermark(leader.s, 40)).toBe(30);
  leader.brokers.fenced.add(3);
  expect(lowWatermark(leader.s, 40)).toBe(40);
  expect(leader.on({ kind: 'brokersChanged', nowMs: 0 })).toContainEqual({ kind: 'lowWatermark' });
});

test('leader: a log that gets shorter, and a committed set without the leader, are bugs', () => {
  const leader = new Leader();
  expect(() => leader.append(99)).toThrow('never gets shorter');
  expect(() => leader.assign([2])).toThrow('own in-sync set');
});
