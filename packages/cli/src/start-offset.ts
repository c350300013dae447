/** Where a consumer begins: Kafka's and kcat's words for it. */
import { parseWhole } from './core/options.ts';
import { usageError } from './core/refusal.ts';

export type StartOffset =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  /** So many records before the end. */
  | { readonly kind: 'last'; readonly count: number }
  /** The first record with at least this timestamp (milliseconds since the epoch). */
  | { readonly kind: 'time'; readonly timestampMs: number };

/** `earliest|beginning`, `latest|end`, `N`, `-N` (from the end), `@MS` or `s@MS`, or a date as `2026-11-21T10:00:00Z` after `@`. */
export function parseStartOffset(text: string): StartOffset {
  if (text === 'earliest' || text === 'beginning') return { kind: 'earliest' };
  if (text === 'latest' || text === 'end') return { kind: 'latest' };
  const time = /^s?@(.+)$/.exec(text)?.[1];
  if (time !== undefined) return { kind: 'time', timestampMs: parseTime(time) };
  if (/^-\d+$/.test(text)) return { kind: 'last', count: parseWhole('--offset', text.slice(1), 1) };
  if (/^\d+$/.test(text)) return { kind: 'offset', offset: parseWhole('--offset', text, 0) };
  throw usageError(
    `--offset: '${text}' is none of earliest, latest, N, -N (from the end), @TIME (milliseconds or a date)`,
  );
}

function parseTime(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isSafeInteger(ms)) throw usageError(`--offset: '@${text}' is neither milliseconds nor a date`);
  return ms;
}
