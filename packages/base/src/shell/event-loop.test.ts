import { expect, test } from 'vitest';
import { production } from '../limits.ts';
import { silent } from '../observe/log.ts';
import { MetricsRegistry } from '../observe/registry.ts';
import { SimClock } from '../testing/index.ts';
import { watchEventLoop } from './event-loop.ts';

function watched() {
  const clock = new SimClock();
  const metrics = new MetricsRegistry();
  const lines: { fields: object; message: string }[] = [];
  const log = { ...silent, warn: (fields: object, message: string) => void lines.push({ fields, message }) };
  // The loop as it is when nothing else runs: every timer is taken when it is due, but for what a test holds back.
  let heldMs = 0;
  const late = {
    monotonicMs: () => clock.monotonicMs() + heldMs,
    nowMs: () => clock.nowMs(),
    after: (delayMs: number, act: () => void) => clock.after(delayMs, act),
  };
  watchEventLoop({ clock: late, metrics, log, limits: production });
  const sum = () =>
    metrics.family('odradek_event_loop_delay_seconds').samples.find(({ suffix }) => suffix === '_sum')?.value;
  return { clock, metrics, lines, sum, hold: (ms: number) => (heldMs += ms) };
}

test('event loop: one that is never late has no delay, and nothing is said', async () => {
  const { clock, lines, sum, metrics } = watched();
  await clock.advance(1_000);
  const { samples } = metrics.family('odradek_event_loop_delay_seconds');
  expect(samples.find(({ suffix }) => suffix === '_count')?.value).toBe(1_000 / production.eventLoopLookMs);
  expect([sum(), lines]).toEqual([0, []]);
});

test('event loop: a second without it is told once, with how long it was', async () => {
  const { clock, lines, sum, hold } = watched();
  await clock.advance(250);
  hold(production.eventLoopAlarmMs - 1);
  await clock.advance(100);
  expect(lines).toEqual([]);
  hold(2_500);
  await clock.advance(1_000);
  expect(sum()).toBeCloseTo(3.499, 6);
  expect(lines.map(({ fields }) => fields)).toEqual([{ delayMs: 2_500 }]);
  expect(lines[0]?.message).toContain('nothing was done for 2.5 s');
});

test('event loop: the time at work grows with the work', () => {
  const { metrics } = watched();
  const active = () => metrics.value('odradek_event_loop_active_seconds_total', {});
  const before = active();
  expect(before).toBeGreaterThan(0);
  expect(active()).toBeGreaterThanOrEqual(before);
});
