import { expect, test } from 'vitest';
import { inSync } from '../testing/asks.ts';
import { Harness, type HarnessOptions } from '../testing/harness.ts';

const INTERVAL_S = 10;
const BROKERS = [1, 2];

/** Four partitions that broker 1 should lead and broker 2 does. */
function unbalanced(options: HarnessOptions = {}): Harness {
  const properties = { 'leader.imbalance.check.interval.seconds': String(INTERVAL_S), ...options.properties };
  const harness = new Harness({ brokers: BROKERS, ...options, properties });
  harness.create({ name: 't', replicas: Array.from({ length: 4 }, () => [1, 2]) });
  harness.beat(1, { wantFence: true });
  harness.beat(1);
  for (const partition of [0, 1, 2, 3]) inSync(harness, 't', [1, 2], partition);
  return harness;
}

const leaders = (harness: Harness): number[] =>
  [0, 1, 2, 3].map((partition) => harness.partition('t', partition).leader);

test('balance: leaders go back to their preferred brokers when the interval has passed, and not before', () => {
  const harness = unbalanced();
  harness.passMs(INTERVAL_S * 1_000 - 500, BROKERS);
  expect(leaders(harness)).toEqual([2, 2, 2, 2]);
  harness.passMs(500, BROKERS);
  expect(leaders(harness)).toEqual([1, 1, 1, 1]);
});

test('balance: one step moves a bounded number, the next is due at once', () => {
  const harness = unbalanced({ electionsPerBalanceMax: 3 });
  harness.nowMs = INTERVAL_S * 1_000;
  for (const brokerId of BROKERS) harness.beat(brokerId);
  expect(harness.handle({ kind: 'tick' })).toEqual({ kind: 'balanced', leaders: 3 });
  expect(leaders(harness)).toEqual([1, 1, 1, 2]);
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(0);
  expect(harness.handle({ kind: 'tick' })).toEqual({ kind: 'balanced', leaders: 1 });
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBeGreaterThan(0);
});

test('balance: who is fenced or out of sync does not lead for being preferred', () => {
  const harness = unbalanced();
  harness.beat(1, { wantFence: true });
  harness.beat(1);
  inSync(harness, 't', [1, 2], 3);
  harness.passMs(INTERVAL_S * 1_000, BROKERS);
  expect(leaders(harness)).toEqual([2, 2, 2, 1]);
});

test('balance: with auto.leader.rebalance.enable=false leaders stay where they are', () => {
  const harness = unbalanced({ properties: { 'auto.leader.rebalance.enable': 'false' } });
  harness.passMs(3 * INTERVAL_S * 1_000, BROKERS);
  expect(leaders(harness)).toEqual([2, 2, 2, 2]);
});

test('balance: it goes on at every interval', () => {
  const harness = unbalanced();
  harness.passMs(INTERVAL_S * 1_000, BROKERS);
  harness.beat(1, { wantFence: true });
  harness.beat(1);
  for (const partition of [0, 1, 2, 3]) inSync(harness, 't', [1, 2], partition);
  expect(leaders(harness)).toEqual([2, 2, 2, 2]);
  harness.passMs(INTERVAL_S * 1_000, BROKERS);
  expect(leaders(harness)).toEqual([1, 1, 1, 1]);
});
