import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDatetime, parseDuration, showDuration, showInstant } from './time.ts';

const HOUR_MS = 3_600_000;
const datetime = (text: string): number => parseDatetime('--to-datetime', text);
const duration = (text: string): number => parseDuration('--by-duration', text);

test('datetimes: UTC without a zone, as in Kafka; with one it is taken off', () => {
  const at = Date.UTC(2026, 10, 21, 10, 0, 0, 123);
  expect(datetime('2026-11-21T10:00:00.123')).toBe(at);
  expect(datetime('2026-11-21T10:00:00.123Z')).toBe(at);
  expect(datetime('2026-11-21T10:00:00.123+02:00')).toBe(at - 2 * HOUR_MS);
  expect(datetime('2026-11-21T10:00:00.123+02')).toBe(at - 2 * HOUR_MS);
  expect(datetime('2026-11-21T10:00:00.123-0530')).toBe(at + 5.5 * HOUR_MS);
  expect(datetime('2026-1-1T1:1:1.500')).toBe(Date.UTC(2026, 0, 1, 1, 1, 1, 500));
  expect(datetime('2026-11-21T10:00:00')).toBe(at - 123);
  expect(datetime('2026-11-21T10:00')).toBe(at - 123);
});

test.each([
  ['2026-11-21', 'is not a date and time'],
  ['yesterday', 'is not a date and time'],
  ['2026-02-29T00:00:00.000', 'is no day of the calendar'],
  ['2026-13-01T00:00:00.000', 'is no day of the calendar'],
  ['2026-04-31T00:00:00.000', 'is no day of the calendar'],
  ['2026-11-21T24:00:00.000', 'is no time of the day'],
  ['2026-11-21T10:60:00.000', 'is no time of the day'],
  ['2026-11-21T10:00:00.5', 'has a fraction of other than three digits'],
  ['2026-11-21T10:00:00.000+24:00', 'has a zone that does not exist'],
  ['2026-11-21T10:00:00.000Zulu', 'is not a date and time'],
])('datetimes: %s is refused with the value, the reason and the form', (text, why) => {
  expect(() => datetime(text)).toThrow(`--to-datetime: '${text}' ${why}; write YYYY-MM-DDThh:mm:ss.sss`);
});

const instants = fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9999, 11, 31) });

test('datetimes: what the runtime writes is read back to the millisecond, leap days and centuries included', () => {
  fc.assert(
    fc.property(instants, (at) => {
      const iso = new Date(at).toISOString();
      expect(datetime(iso)).toBe(at);
      expect(datetime(iso.slice(0, -1))).toBe(at);
      expect(showInstant(at)).toBe(iso.replace('T', ' '));
    }),
  );
});

test('durations: as Java reads ISO 8601', () => {
  const cases: [string, number][] = [
    ['P1D', 24 * HOUR_MS],
    ['PT1H', HOUR_MS],
    ['pt1h', HOUR_MS],
    ['P1DT2H3M4.5S', 26 * HOUR_MS + 184_500],
    ['PT0.1234S', 123],
    ['PT-0.5S', -500],
    ['P-1DT5M', -24 * HOUR_MS + 300_000],
    ['-PT1H', -HOUR_MS],
    ['-P-1D', 24 * HOUR_MS],
    ['+P1D', 24 * HOUR_MS],
    ['PT0S', 0],
  ];
  for (const [text, ms] of cases) expect(duration(text), text).toBe(ms);
});

test('durations: what Java refuses is refused, and calendar units by name', () => {
  for (const text of ['', 'P', 'PT', 'P1DT', 'PT1H1H', '1h', 'PT1', 'P1D2H', 'PT0.1234567891S', 'P 1D']) {
    expect(() => duration(text), text).toThrow(`'${text}' is not a duration`);
  }
  for (const text of ['P1W', 'P1M', 'P1Y', 'P1Y2M']) expect(() => duration(text), text).toThrow('give days');
  expect(() => duration('P999999999999999D')).toThrow('longer than time can be counted');
});

test('durations: days, hours, minutes and seconds add up', () => {
  const part = fc.integer({ min: 0, max: 10_000 });
  fc.assert(
    fc.property(part, part, part, fc.integer({ min: 0, max: 9_999_999 }), (days, hours, minutes, ms) => {
      const seconds = `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`;
      const whole = ((days * 24 + hours) * 60 + minutes) * 60_000 + ms;
      expect(duration(`P${days}DT${hours}H${minutes}M${seconds}S`)).toBe(whole);
      expect(duration(`-P${days}DT${hours}H${minutes}M${seconds}S`)).toBe(0 - whole);
    }),
  );
});

test('durations for a column: two units at most, and never a space', () => {
  const cases: [number, string][] = [
    [0, '0'],
    [0.4, '0'],
    [350, '350ms'],
    [12_340, '12.3s'],
    [59_999, '59.9s'],
    [192_000, '3m12s'],
    [2 * HOUR_MS + 300_000, '2h05m'],
    [99 * HOUR_MS, '4d03h'],
    [-350, '-350ms'],
  ];
  for (const [ms, text] of cases) expect(showDuration(ms)).toBe(text);
});
