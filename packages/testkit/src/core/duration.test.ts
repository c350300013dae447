import { expect, test } from 'vitest';
import { durationMs } from './duration.ts';

test.each([
  [1_500, 1_500],
  ['250ms', 250],
  ['45s', 45_000],
  ['1.5h', 5_400_000],
  ['7d', 604_800_000],
  ['2 w', 1_209_600_000],
])('a duration: %s is %i ms', (given, ms) => {
  expect(durationMs(given)).toBe(ms);
});

test.each([-1, Number.NaN, '', '7', '7 days', 'd', '-3s'])(
  'a duration: %s is refused with what is allowed',
  (given) => {
    expect(() => durationMs(given)).toThrow(/is no span of time: give milliseconds, or a number with/);
  },
);
