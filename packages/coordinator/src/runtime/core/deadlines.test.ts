import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deadlines } from './deadlines.ts';

test('deadlines: fire in the order of their times, once, unless cancelled or pushed back', () => {
  const deadlines = new Deadlines<string>();
  deadlines.set('b', 20, 'second');
  deadlines.set('a', 10, 'first');
  deadlines.set('c', 15, 'never');
  deadlines.cancel('c');
  deadlines.set('a', 30, 'pushed back');
  expect(deadlines.due(29)).toEqual({ key: 'b', input: 'second' });
  expect(deadlines.due(29)).toBeUndefined();
  expect(deadlines.nextMs()).toBe(30);
  expect(deadlines.due(30)).toEqual({ key: 'a', input: 'pushed back' });
  expect([deadlines.due(1_000), deadlines.nextMs(), deadlines.size]).toEqual([undefined, undefined, 0]);
});

test('deadlines: setting one key again and again, or cancelling and setting, holds no more than a bounded heap', () => {
  const deadlines = new Deadlines<number>();
  for (let n = 0; n < 100_000; n += 1) {
    deadlines.set('session', n + 45_000, n);
    deadlines.set('join', n + 60_000, n);
    deadlines.cancel('join');
  }
  expect(deadlines.size).toBe(1);
  expect(deadlines.due(99_999 + 45_000)).toEqual({ key: 'session', input: 99_999 });
  let looked = 0;
  while (deadlines.nextMs() !== undefined && looked < 200) {
    deadlines.due(1e9);
    looked += 1;
  }
  expect(looked).toBeLessThanOrEqual(1);
});

type Step = { kind: 'set' | 'cancel'; key: number; at: number } | { kind: 'pass'; by: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set' as const, 'cancel' as const), key: fc.nat(8), at: fc.nat(100) }),
  fc.record({ kind: fc.constant('pass' as const), by: fc.nat(30) }),
);

test('deadlines: after any history the same timers fire as in a plain map, and never late', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const deadlines = new Deadlines<number>();
      const model = new Map<string, number>();
      let nowMs = 0;
      for (const each of steps) {
        if (each.kind === 'pass') nowMs += each.by;
        else if (each.kind === 'cancel') {
          deadlines.cancel(`k${each.key}`);
          model.delete(`k${each.key}`);
        } else {
          deadlines.set(`k${each.key}`, nowMs + each.at, nowMs + each.at);
          model.set(`k${each.key}`, nowMs + each.at);
        }
        const fired: string[] = [];
        let lastMs = -1;
        for (let due = deadlines.due(nowMs); due !== undefined; due = deadlines.due(nowMs)) {
          expect(due.input).toBeGreaterThanOrEqual(lastMs);
          lastMs = due.input;
          fired.push(due.key);
        }
        const expected = [...model].filter(([, atMs]) => atMs <= nowMs).map(([key]) => key);
        for (const key of expected) model.delete(key);
        expect(fired.sort()).toEqual(expected.sort());
        const earliestMs = Math.min(...model.values());
        expect(deadlines.nextMs() ?? Infinity).toBeLessThanOrEqual(earliestMs);
      }
    }),
    { numRuns: 300 },
  );
});
