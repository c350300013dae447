import { SimClock } from '@odradek/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualClock } from './virtual-clock.ts';

const DAY_MS = 86_400_000;

test('a virtual clock: runs with the machine, and goes on from where it was moved to', async () => {
  const machine = new SimClock();
  const clock = new VirtualClock(machine);
  const [wallMs, fromMs] = [clock.nowMs(), clock.monotonicMs()];
  await machine.advance(250);
  expect([clock.nowMs() - wallMs, clock.monotonicMs() - fromMs]).toEqual([250, 250]);
  await clock.advance('7d');
  await machine.advance(250);
  expect([clock.nowMs() - wallMs, clock.monotonicMs() - fromMs]).toEqual([7 * DAY_MS + 500, 7 * DAY_MS + 500]);
});

test('a virtual clock: the time of day moves by all that was advanced, though the machine tells it in whole milliseconds', async () => {
  let sinceStartMs = 123.9;
  const sim = new SimClock();
  const machine = {
    nowMs: () => Math.floor(1_700_000_000_000.4 + sinceStartMs),
    monotonicMs: () => sinceStartMs,
    after: sim.after.bind(sim),
  };
  const clock = new VirtualClock(machine);
  for (let round = 0; round < 20; round += 1) {
    const before = clock.nowMs();
    clock.after(DAY_MS, () => (sinceStartMs += 0.3));
    await clock.advance('7d');
    expect(clock.nowMs() - before).toBeGreaterThanOrEqual(7 * DAY_MS);
    sinceStartMs += 0.37;
  }
});

test('a virtual clock: without an advance, timers fire with the machine, once, in the order of their times', async () => {
  const machine = new SimClock();
  const clock = new VirtualClock(machine);
  const fired: string[] = [];
  clock.after(20, () => fired.push('b'));
  clock.after(10, () => fired.push('a'));
  clock.after(20, () => fired.push('c'));
  clock.after(15, () => fired.push('never')).cancel();
  await machine.advance(19);
  expect(fired).toEqual(['a']);
  await machine.advance(1);
  await clock.advance('1d');
  expect(fired).toEqual(['a', 'b', 'c']);
  expect(machine.timerCount).toBe(0);
});

test('a virtual clock: an advance fires what is due at its own time, and what that sets in turn', async () => {
  const clock = new VirtualClock(new SimClock());
  const fromMs = clock.monotonicMs();
  const fired: [string, number][] = [];
  const note = (name: string) => (): void => void fired.push([name, clock.monotonicMs() - fromMs]);
  clock.after(3 * DAY_MS, note('third day'));
  clock.after(DAY_MS, () => {
    note('first day')();
    clock.after(DAY_MS, note('second day'));
    // Someone who goes on after a promise and a turn sees the same time.
    void Promise.resolve().then(() => clock.after(0, note('its turn')));
  });
  clock.after(10 * DAY_MS, note('too late'));
  await clock.advance('4d');
  expect(fired).toEqual([
    ['first day', DAY_MS],
    ['its turn', DAY_MS],
    ['second day', 2 * DAY_MS],
    ['third day', 3 * DAY_MS],
  ]);
});

test('a virtual clock: a timer that comes every second does not make a year long', async () => {
  const clock = new VirtualClock(new SimClock());
  let beats = 0;
  const beat = (): void => {
    beats += 1;
    clock.after(1_000, beat);
  };
  beat();
  await clock.advance('60s');
  expect(beats).toBe(61);
  await clock.advance(365 * DAY_MS);
  expect(beats).toBeGreaterThan(4_000);
  expect(beats).toBeLessThan(10_000);
});

test('a virtual clock: advances that are asked for at once follow each other, and a failure is told to its own', async () => {
  const clock = new VirtualClock(new SimClock());
  const fromMs = clock.monotonicMs();
  clock.after(1_500, () => {
    throw new Error('a timer that fails');
  });
  const [first, second, third] = [clock.advance('1s'), clock.advance('1s'), clock.advance('1s')];
  await first;
  await expect(second).rejects.toThrow('a timer that fails');
  await third;
  expect(clock.monotonicMs() - fromMs).toBe(2_500); // the failed one ended where it failed
  expect(() => clock.advance('soon')).toThrow(/no span of time/);
});

test('a virtual clock: after any history of timers, advances and real time, each fired once, when due and in order', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('after' as const), ms: fc.integer({ min: 1, max: 500 }) }),
    fc.record({ kind: fc.constant('cancel' as const), ms: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 300 }) }),
    fc.record({ kind: fc.constant('real' as const), ms: fc.integer({ min: 0, max: 300 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const machine = new SimClock();
      const clock = new VirtualClock(machine);
      const timers: { dueMs: number; cancelled: boolean; cancel: () => void; firedMs: number[] }[] = [];
      const order: number[] = [];
      for (const { kind, ms } of steps) {
        if (kind === 'after') {
          const timer = {
            dueMs: clock.monotonicMs() + ms,
            cancelled: false,
            cancel: () => {},
            firedMs: [] as number[],
          };
          const handle = clock.after(ms, () => {
            timer.firedMs.push(clock.monotonicMs());
            order.push(timer.dueMs);
          });
          timer.cancel = () => {
            timer.cancelled = timer.firedMs.length === 0;
            handle.cancel();
          };
          timers.push(timer);
        } else if (kind === 'cancel') timers[ms]?.cancel();
        else if (kind === 'advance') await clock.advance(ms);
        else await machine.advance(ms);
      }
      for (const { dueMs, cancelled, firedMs } of timers) {
        expect(firedMs).toEqual(cancelled || dueMs > clock.monotonicMs() ? [] : [dueMs]);
      }
      expect(order).toEqual(order.toSorted((left, right) => left - right));
    }),
    { numRuns: 60 },
  );
});
