/** The form of a check: one kind of finding, how bad it is, and who finds it. What a person reads is made here and nowhere else. */
import type { Area, Facts } from './facts.ts';

/** error: something does not work, or will not survive the next fault. warning: it may hurt. note: worth knowing. */
export type Severity = 'error' | 'warning' | 'note';

/**
 * What was found.
 * @property what a sentence with the value
 * @property advice what to do, as an order
 * @property of all that it is about, when that is more than the sentence names
 */
export type Seen = { readonly what: string; readonly advice: string; readonly of?: readonly string[] };

export type Check = {
  readonly kind: string;
  /** What is wrong, of whichever cluster it is. */
  readonly about: string;
  readonly area: Area;
  readonly severity: Severity;
  readonly find: (facts: Facts) => readonly Seen[];
};

export type Finding = Seen & Omit<Check, 'find' | 'about'>;

const NAMED_MAX = 5;

/** `a, b, c and 4 more`. */
export function some(names: readonly string[]): string {
  const named = names.slice(0, NAMED_MAX);
  const more = names.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

/** One finding over many things, or none over nothing. */
export function together(of: readonly string[], tell: (named: string) => Omit<Seen, 'of'>): Seen[] {
  return of.length === 0 ? [] : [{ ...tell(some(of)), of }];
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

const KIB = 1024;
const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < units.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit] ?? ''}`;
}

const spans = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** A time as people say it: `3 min`, `1.5 s`, `40 ms`. */
export function showSpan(ms: number): string {
  const [size, unit] = spans.find(([each]) => ms >= each) ?? [1, 'ms'];
  const value = ms / size;
  return `${value < 10 && size > 1 ? Number(value.toFixed(1)) : Math.round(value)} ${unit}`;
}
