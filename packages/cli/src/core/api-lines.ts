/** Versions of APIs that a broker speaks, beside those that are spoken here, as kafka-broker-api-versions prints them. */
import { apiByKey, apis, type Listener } from '@odradek/protocol';

export type SpokenApi = { readonly apiKey: number; readonly minVersion: number; readonly maxVersion: number };

export type ApiRow = {
  readonly key: number;
  /** `UNKNOWN` for a key that is not known here. */
  readonly name: string;
  /** Undefined: the broker does not speak it. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** The newest version that both sides speak; or why there is none. Undefined for keys that one side does not know. */
  readonly usable: number | 'node too new' | 'node too old' | undefined;
};

/** By key: what the broker speaks, and what only clients of this project know. */
export function apiRows(spoken: readonly SpokenApi[], listener: Listener): ApiRow[] {
  const theirs = new Set(spoken.map(({ apiKey }) => apiKey));
  // That another Kafka lacks what is this project's own says nothing.
  const missing = apis
    .filter(({ key, listeners, own }) => !own && !theirs.has(key) && listeners.includes(listener))
    .map(({ key, name }): ApiRow => ({ key, name, min: undefined, max: undefined, usable: undefined }));
  return [...spoken.map(spokenRow), ...missing].toSorted((left, right) => left.key - right.key);
}

function spokenRow({ apiKey, minVersion, maxVersion }: SpokenApi): ApiRow {
  const row = apiByKey(apiKey);
  const name = row?.name ?? 'UNKNOWN';
  const known = { key: apiKey, name, min: minVersion, max: maxVersion };
  if (row === undefined) return { ...known, usable: undefined };
  if (minVersion > row.maxStable) return { ...known, usable: 'node too new' };
  if (maxVersion < row.min) return { ...known, usable: 'node too old' };
  return { ...known, usable: Math.min(maxVersion, row.maxStable) };
}

export function apiLine({ key, name, min, max, usable }: ApiRow): string {
  if (min === undefined || max === undefined) return `${name}(${key}): UNSUPPORTED`;
  const range = min === max ? `${min}` : `${min} to ${max}`;
  if (usable === undefined) return `${name}(${key}): ${range}`;
  return `${name}(${key}): ${range} ${typeof usable === 'number' ? `[usable: ${usable}]` : `[unusable: ${usable}]`}`;
}

/** A node and its rows in brackets. */
export function nodeLines(node: string, rows: readonly ApiRow[]): string {
  return `${node} -> (\n${rows.map((row) => `\t${apiLine(row)}`).join(',\n')}\n)`;
}
