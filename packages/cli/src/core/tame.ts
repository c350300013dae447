/** Texts of others on the terminal of whoever looks: none may colour, clear or retitle it, or pass for a line of its own. */

/** Control characters (C0, DEL, C1) and what else ends a line, as `\u001b`; everything else as it is. */
export function tame(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, escaped);
}

/** The same for the text of a JSON document, which stays the same document: its own line ends are left. */
export function tameJson(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
}

/** The same for every text inside a value. */
export function tameAll<T>(value: T): T {
  return tamed(value) as T;
}

function tamed(value: unknown): unknown {
  if (typeof value === 'string') return tame(value);
  if (Array.isArray(value)) return value.map(tamed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tamed(inner)]));
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
