/**
 * Sentences for people in answers quote what clients have sent, and a client may send texts as long as a string can be. An answer that
 * became too long by that is told with its sentences cut.
 */

/** Longer than any sentence that quotes what an honest client sends. */
const CHARS_MAX = 1_000;

/** @returns the same answer with every `errorMessage` cut to a length that travels in every version; the value itself is not changed */
export function withShortMessages<T>(answer: T): T {
  return shortened(answer) as T;
}

function shortened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] =>
    name === 'errorMessage' && typeof inner === 'string' ? [name, cut(inner)] : [name, shortened(inner)],
  );
  return Object.fromEntries(entries);
}

function cut(text: string): string {
  if (text.length <= CHARS_MAX) return text;
  // Not in the middle of a character of two parts.
  return `${text.slice(0, CHARS_MAX).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
