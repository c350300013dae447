/** Replication quotas: the rate that comes out of them, and whom they hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplicationQuota, throttledReplicas } from './throttle.ts';

const windows = { count: 11, lengthMs: 1_000 };

describe('a quota', () => {
  test('has room until a second of its rate is spent, and again when that is paid for', () => {
    const quota = new ReplicationQuota(windows, 1_000);
    quota.record(1_000, 0);
    expect(quota.waitMs(0)).toBe(0);
    quota.record(500, 10);
    expect(quota.waitMs(10)).toBe(500);
    expect(quota.waitMs(1_499)).toBe(1);
    expect(quota.waitMs(1_500)).toBe(0);
  });

  test('without a limit always has room, with a limit of 0 none once something was counted', () => {
    const free = new ReplicationQuota(windows, Infinity);
    free.record(1e12, 0);
    expect(free.waitMs(0)).toBe(0);
    const shut = new ReplicationQuota(windows, 0);
    shut.record(1, 0);
    expect(shut.waitMs(5_000)).toBeGreaterThan(0);
  });

  test('a higher limit counts at once', () => {
    const quota = new ReplicationQuota(windows, 10);
    quota.record(1_000, 0);
    expect(quota.waitMs(0)).toBeGreaterThan(1_000);
    quota.limit(1_000);
    expect(quota.waitMs(0)).toBe(0);
  });

  test('however it is used, what goes through is its rate, give or take one piece and one window', () => {
    const given = fc.record({
      rate: fc.integer({ min: 100, max: 1_000_000 }),
      pieces: fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 200 }),
    });
    fc.assert(
      fc.property(given, ({ rate, pieces }) => {
        const quota = new ReplicationQuota(windows, rate);
        let nowMs = 0;
        let sent = 0;
        for (const piece of pieces) {
          for (let waitMs = quota.waitMs(nowMs); waitMs > 0; waitMs = quota.waitMs(nowMs)) nowMs += waitMs;
          // Beyond what a window forgets a piece is let through, as in Kafka: pieces here stay within what the windows remember.
          if (piece > rate * windows.count) continue;
          expect(sent).toBeLessThanOrEqual((rate * (nowMs + windows.lengthMs)) / 1_000 + rate * windows.count);
          quota.record(piece, nowMs);
          sent += piece;
        }
      }),
    );
  });
});

test.each([
  ['*', 'all'],
  ['', 'none'],
  ['none', 'none'],
  ['0:1,3:2, 4:1', new Set([0, 4])],
  ['0:2', 'none'],
] as const)('the list %j throttles on broker 1: %j', (value, expected) => {
  expect(throttledReplicas(value, 1)).toEqual(expected);
});
