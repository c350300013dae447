import fc from 'fast-check';
import { expect, test } from 'vitest';
import { becomeLeader, effectiveMinIsr, hasEnoughReplicas, isHighWatermarkLagging, step } from './leader.ts';
import type { LeaderEffect, LeaderInput, LeaderStart, LeaderState } from './leader.ts';

const start: LeaderStart = {
  self: 1,
  leaderEpoch: 4,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  minInsyncReplicas: 2,
  logEnd: 100,
  highWatermark: 90,
};

function leaderAt(change: Partial<LeaderStart> = {}): { s: LeaderState; effects: LeaderEffect[] } {
  const effects: LeaderEffect[] = [];
  return { s: becomeLeader({ ...start, ...change }, effects), effects };
}

function after(s: LeaderState, ...inputs: LeaderInput[]): LeaderEffect[] {
  const effects: LeaderEffect[] = [];
  for (const input of inputs) step(s, input, effects);
  return effects;
}

test('leader: alone in its in-sync set, what is appended is committed at once', () => {
  const { s, effects } = leaderAt({ replicas: [1], isr: [1] });
  expect(effects).toEqual([{ kind: 'highWatermark', offset: 100 }]);
  expect(after(s, { kind: 'appended', logEnd: 105 })).toEqual([{ kind: 'highWatermark', offset: 105 }]);
});

test('leader: with followers in sync, an append is committed when the slowest of them has fetched beyond it', () => {
  const { s, effects } = leaderAt();
  expect(effects).toEqual([]);
  expect(after(s, { kind: 'appended', logEnd: 110 }, { kind: 'fetched', replica: 2, offset: 110 })).toEqual([]);
  expect(after(s, { kind: 'fetched', replica: 3, offset: 104 })).toEqual([{ kind: 'highWatermark', offset: 104 }]);
  expect(after(s, { kind: 'fetched', replica: 3, offset: 110 })).toEqual([{ kind: 'highWatermark', offset: 110 }]);
});

test('leader: a replica that leaves the in-sync set no longer holds back what is committed', () => {
  const { s } = leaderAt();
  after(s, { kind: 'fetched', replica: 2, offset: 100 });
  expect(after(s, { kind: 'assigned', replicas: [1, 2, 3], isr: [1, 2] })).toEqual([
    { kind: 'highWatermark', offset: 100 },
  ]);
});

test('leader: a follower that goes back does not move the high watermark back', () => {
  const { s } = leaderAt({ replicas: [1, 2], isr: [1, 2] });
  after(s, { kind: 'fetched', replica: 2, offset: 100 });
  expect(after(s, { kind: 'fetched', replica: 2, offset: 20 })).toEqual([]);
  expect(s.highWatermark).toBe(100);
});

test('leader: the fetch of a replica that is not assigned counts for nothing', () => {
  const { s } = leaderAt({ replicas: [1, 2], isr: [1, 2] });
  after(s, { kind: 'fetched', replica: 9, offset: 100 });
  expect(s.followerEnds).toBeUndefined();
  expect(s.highWatermark).toBe(90);
});

test('leader: a replica that was unassigned and comes back starts from nothing', () => {
  const { s } = leaderAt({ replicas: [1, 2], isr: [1, 2] });
  after(s, { kind: 'fetched', replica: 2, offset: 100 }, { kind: 'assigned', replicas: [1], isr: [1] });
  expect(after(s, { kind: 'assigned', replicas: [1, 2], isr: [1, 2] }, { kind: 'appended', logEnd: 101 })).toEqual([]);
});

test('leader: min.insync.replicas beyond the number of replicas asks for all of them', () => {
  const { s } = leaderAt({ replicas: [1], isr: [1], minInsyncReplicas: 2 });
  expect(effectiveMinIsr(s)).toBe(1);
  expect(hasEnoughReplicas(s)).toBe(true);
});

test('leader: fewer replicas in sync than min.insync.replicas are not enough, until it is lowered', () => {
  const { s } = leaderAt({ isr: [1] });
  expect(hasEnoughReplicas(s)).toBe(false);
  after(s, { kind: 'reconfigured', minInsyncReplicas: 1 });
  expect(hasEnoughReplicas(s)).toBe(true);
});

test('leader: until all of earlier epochs is committed the high watermark lags', () => {
  const { s } = leaderAt({ replicas: [1, 2], isr: [1, 2] });
  expect(isHighWatermarkLagging(s)).toBe(true);
  after(s, { kind: 'fetched', replica: 2, offset: 100 });
  expect(isHighWatermarkLagging(s)).toBe(false);
});

test('leader: a log that gets shorter, and an in-sync set without the leader, are bugs', () => {
  const { s } = leaderAt();
  expect(() => after(s, { kind: 'appended', logEnd: 99 })).toThrow('never gets shorter');
  expect(() => after(s, { kind: 'assigned', replicas: [1, 2], isr: [2] })).toThrow('own in-sync set');
});

const inputs = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('appended' as const), by: fc.nat(20) }),
    fc.record({ kind: fc.constant('fetched' as const), replica: fc.constantFrom(2, 3), offset: fc.nat(300) }),
    fc.record({
      kind: fc.constant('assigned' as const),
      isr: fc.constantFrom([1], [1, 2], [1, 3], [1, 2, 3]),
    }),
  ),
  { maxLength: 60 },
);

test('leader: whatever happens, nothing is committed that an in-sync replica has not got, and nothing becomes uncommitted', () => {
  fc.assert(
    fc.property(inputs, (steps) => {
      const { s } = leaderAt({ logEnd: 0, highWatermark: 0 });
      const has = new Map<number, number>();
      for (const each of steps) {
        const before = s.highWatermark;
        if (each.kind === 'appended') after(s, { kind: 'appended', logEnd: s.logEnd + each.by });
        else if (each.kind === 'assigned') after(s, { kind: 'assigned', replicas: [1, 2, 3], isr: each.isr });
        else {
          after(s, each);
          has.set(each.replica, Math.min(each.offset, s.logEnd));
        }
        const slowest = Math.min(s.logEnd, ...s.isr.filter((id) => id !== 1).map((id) => has.get(id) ?? 0));
        expect(s.highWatermark).toBe(Math.max(before, slowest));
      }
    }),
  );
});
