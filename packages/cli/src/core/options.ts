/** Values of the command line: `key=value` properties, numbers, sizes, addresses. Each mistake is told with the value and what is allowed. */
import { usageError } from './refusal.ts';

export type Address = { readonly host: string; readonly port: number };

/** `host:port,host:port`, IPv6 in brackets; the port may be left out (9092). */
export function parseBootstrap(text: string, option = '--bootstrap-server'): Address[] {
  const addresses = text.split(',').filter((part) => part.trim() !== '');
  if (addresses.length === 0) throw usageError(`${option} is empty: expected host:port[,host:port]`);
  return addresses.map((part) => {
    const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(part.trim());
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3] ?? '9092');
    if (host === undefined || port < 1 || port > 65_535) {
      throw usageError(`${option}: '${part.trim()}' is not host:port`);
    }
    return { host, port };
  });
}

export function showAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

export function parseWhole(option: string, text: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw usageError(`${option}: '${text}' is not a whole number ${range}`);
  }
  return value;
}

/** Collects a repeatable `key=value` option; a value may hold further `=` signs and may be empty. */
export function collectProperty(option: string): (text: string, before: Map<string, string>) => Map<string, string> {
  return (text, before) => {
    const at = text.indexOf('=');
    if (at < 1) throw usageError(`${option}: '${text}' is not key=value`);
    return new Map(before).set(text.slice(0, at), text.slice(at + 1));
  };
}

/** Takes a repeated option as it is, commas included. */
export function collectEach(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

export function collectList(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').filter((part) => part !== '')];
}

/** A boolean property of Kafka's console tools: `true` or `false` in any case. */
export function booleanProperty(properties: ReadonlyMap<string, string>, key: string, byDefault: boolean): boolean {
  const text = properties.get(key);
  if (text === undefined) return byDefault;
  const lower = text.trim().toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw usageError(`--property ${key}: '${text}' is neither true nor false`);
  return lower === 'true';
}

/** Refuses keys that nothing reads: a misspelt property would be ignored in silence otherwise. */
export function onlyKnown(properties: ReadonlyMap<string, string>, known: readonly string[]): void {
  for (const key of properties.keys()) {
    if (!known.includes(key)) throw usageError(`--property ${key}: unknown; known are ${known.join(', ')}`);
  }
}

const escapes: Record<string, number> = { n: 10, t: 9, r: 13, '0': 0, '\\': 92, a: 7, e: 27 };

/** `\n \t \r \0 \\ \a \e \xHH` as in a C string; any other backslash stays. Bytes, because `\xff` is one byte and not a character. */
export function unescape(text: string): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const match of text.matchAll(/\\(?:x([0-9a-fA-F]{2})|([ntr0\\ae]))/g)) {
    parts.push(Buffer.from(text.slice(from, match.index)));
    const letter = match[2];
    parts.push(Buffer.from([letter === undefined ? Number.parseInt(match[1] ?? '0', 16) : (escapes[letter] ?? 0)]));
    from = match.index + match[0].length;
  }
  parts.push(Buffer.from(text.slice(from)));
  return Buffer.concat(parts);
}
