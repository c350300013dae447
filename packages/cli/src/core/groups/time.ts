/**
 * Points in time and durations as Kafka's tools read them, and as people read them. Where Kafka misreads in silence (fractions that
 * are not three digits, `+0530` as `+05`), the text is refused or read as ISO 8601 says.
 */
import { usageError } from '../refusal.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DATETIME =
  /^(\d{4})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/;

/**
 * `2026-11-21T10:00:00.000`, with `Z`, `+02`, `+0200`, `+02:00` or no zone (UTC, as in Kafka). Seconds and milliseconds may be left out.
 * @returns milliseconds since the epoch
 */
export function parseDatetime(option: string, text: string): number {
  const refuse = (why: string): never => {
    throw usageError(
      `${option}: '${text}' ${why}; write YYYY-MM-DDThh:mm:ss.sss, with Z or +hh:mm after it, else it is UTC`,
    );
  };
  const match = DATETIME.exec(text);
  if (match === null) return refuse('is not a date and time');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const fraction = match[7];
  if (fraction !== undefined && fraction.length !== 3) return refuse('has a fraction of other than three digits');
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return refuse('is no day of the calendar');
  if (hour > 23 || minute > 59 || second > 59) return refuse('is no time of the day');
  const zone = zoneMs(match[8] ?? 'Z');
  if (zone === undefined) return refuse('has a zone that does not exist');
  const time = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + Number(fraction ?? 0);
  return dayNumber(year, month, day) * DAY_MS + time - zone;
}

function zoneMs(text: string): number | undefined {
  if (text === 'Z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(3).replace(':', ''));
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * HOUR_MS + minutes * MINUTE_MS);
}

function daysOf(year: number, month: number): number {
  return dayNumber(month === 12 ? year + 1 : year, month === 12 ? 1 : month + 1, 1) - dayNumber(year, month, 1);
}

/** Days since 1970-01-01 in the Gregorian calendar, years counted from March so that the leap day is the last of its year. */
function dayNumber(year: number, month: number, day: number): number {
  const fromMarch = month > 2 ? month - 3 : month + 9;
  const counted = month > 2 ? year : year - 1;
  const leaps = Math.floor(counted / 4) - Math.floor(counted / 100) + Math.floor(counted / 400);
  return counted * 365 + leaps + Math.floor((153 * fromMarch + 2) / 5) + day - 1 - 719_468;
}

const DURATION = /^([+-])?P(?:([+-]?\d+)D)?(T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?)(\d+)(?:[.,](\d{0,9}))?S)?)?$/i;

/** ISO 8601 as Java's Duration reads it: `P1DT2H3M4.5S`, any part left out, signs allowed. @returns milliseconds */
export function parseDuration(option: string, text: string): number {
  const match = DURATION.exec(text);
  const [, sign, days, time, hours, minutes, secondSign, seconds, fraction] = match ?? [];
  const empty = days === undefined && hours === undefined && minutes === undefined && seconds === undefined;
  const openTime = time !== undefined && time.length === 1;
  if (match === null || empty || openTime) {
    const weeks = /[YW]|^[^T]*\dM/i.test(text) ? ' (years, months and weeks have no fixed length: give days)' : '';
    throw usageError(`${option}: '${text}' is not a duration${weeks}; write PnDTnHnMnS, as P7D, PT30M or P1DT12H`);
  }
  // Digits rather than a fraction: 8.43 s is not 8430 ms in binary.
  const secondMs = Number(seconds ?? 0) * SECOND_MS + Number((fraction ?? '').slice(0, 3).padEnd(3, '0'));
  const durationMs =
    Number(days ?? 0) * DAY_MS +
    Number(hours ?? 0) * HOUR_MS +
    Number(minutes ?? 0) * MINUTE_MS +
    (secondSign === '-' ? 0 - secondMs : secondMs);
  if (!Number.isSafeInteger(durationMs)) throw usageError(`${option}: '${text}' is longer than time can be counted`);
  return sign === '-' ? 0 - durationMs : durationMs;
}

/** A duration for a column: `0`, `350ms`, `12.3s`, `3m12s`, `2h05m`, `4d03h`: no spaces, so that columns can be cut. */
export function showDuration(durationMs: number): string {
  if (durationMs < 0) return `-${showDuration(-durationMs)}`;
  const ms = Math.round(durationMs);
  if (ms === 0) return '0';
  if (ms < SECOND_MS) return `${ms}ms`;
  if (ms < MINUTE_MS) return `${Math.floor(ms / 100) / 10}s`;
  if (ms < HOUR_MS) return pair(ms, MINUTE_MS, SECOND_MS, 'm', 's');
  if (ms < DAY_MS) return pair(ms, HOUR_MS, MINUTE_MS, 'h', 'm');
  return pair(ms, DAY_MS, HOUR_MS, 'd', 'h');
}

function pair(ms: number, large: number, small: number, ...names: [string, string]): string {
  const rest = String(Math.floor((ms % large) / small)).padStart(2, '0');
  return `${Math.floor(ms / large)}${names[0]}${rest}${names[1]}`;
}

/** `2026-11-21 10:00:00.123Z`, as the dates of the command line: always UTC, so that two machines tell one story. */
export function showInstant(epochMs: number): string {
  const days = Math.floor(epochMs / DAY_MS);
  const ms = epochMs - days * DAY_MS;
  const { year, month, day } = civil(days);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const time = `${two(ms / HOUR_MS)}:${two((ms % HOUR_MS) / MINUTE_MS)}:${two((ms % MINUTE_MS) / SECOND_MS)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${time}.${String(ms % SECOND_MS).padStart(3, '0')}Z`;
}

/** The inverse of {@link dayNumber}. */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}
