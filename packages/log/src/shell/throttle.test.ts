import { SimClock } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';

/** @returns how long a rest takes that follows on so many bytes; undefined when it is not over within an hour */
async function restMs(clock: SimClock, throttle: Throttle, bytes: number): Promise<number | undefined> {
  const startMs = clock.nowMs();
  let endMs: number | undefined;
  throttle.spend(bytes);
  void throttle.rest().then(() => (endMs = clock.nowMs()));
  for (let step = 0; endMs === undefined && step < 3_600; step += 1) await clock.advance(step < 200 ? 10 : 1_000);
  return endMs === undefined ? undefined : endMs - startMs;
}

test('throttle: what is spent is waited for at the rate, in however many parts', async () => {
  const clock = new SimClock();
  const throttle = new Throttle(clock, 1_000);
  expect(await restMs(clock, throttle, 1_000)).toBe(1_000);
  expect(await restMs(clock, throttle, 500)).toBe(500);
  throttle.spend(100);
  expect(await restMs(clock, throttle, 100)).toBe(200);
  const unlimited = new Throttle(clock, Infinity);
  unlimited.spend(1e12);
  await unlimited.rest(); // no time has to pass
});

test('throttle: a pause is made up for by a tenth of a second, not by a burst', async () => {
  const clock = new SimClock();
  const throttle = new Throttle(clock, 1_000);
  await clock.advance(60_000);
  expect(await restMs(clock, throttle, 1_000)).toBe(900);
});

test('throttle: a change of the rate holds for who waits: the bytes that are left go at the new one', async () => {
  const clock = new SimClock();
  const throttle = new Throttle(clock, 1_000);
  let isOver = false;
  throttle.spend(10_100);
  void throttle.rest().then(() => (isOver = true));
  await clock.advance(5_000);
  throttle.limit(10_000);
  await clock.advance(490);
  expect(isOver).toBe(false);
  await clock.advance(20);
  expect(isOver).toBe(true);
});

test('throttle: once released nobody waits', async () => {
  const clock = new SimClock();
  const throttle = new Throttle(clock, 1);
  throttle.spend(1_000_000);
  const waiting = throttle.rest();
  throttle.release();
  await waiting;
  throttle.spend(1_000_000);
  await throttle.rest();
  expect(clock.timerCount).toBe(0);
});
