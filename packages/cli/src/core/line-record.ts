/** A line of input as a record: Kafka's console producer properties (`parse.key`, `key.separator`, `parse.headers`, …). */
import { booleanProperty, onlyKnown, unescape } from './options.ts';
import { usageError } from './refusal.ts';

export type LineRecord = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer | null])[];
};

const KNOWN = [
  'parse.key',
  'key.separator',
  'parse.headers',
  'headers.delimiter',
  'headers.separator',
  'headers.key.separator',
  'null.marker',
  'ignore.error',
];

/** A line that does not have the parts that the properties ask for. */
export class LineRefused extends Error {}

/** @returns a function from a line (and its number, from 1) to a record; `undefined` when `ignore.error` skips it */
export function lineParser(
  properties: ReadonlyMap<string, string>,
): (line: Buffer, number: number) => LineRecord | undefined {
  onlyKnown(properties, KNOWN);
  const separator = (key: string, byDefault: string): Buffer => {
    const bytes = unescape(properties.get(key) ?? byDefault);
    if (bytes.length === 0) throw usageError(`--property ${key}: must not be empty`);
    return bytes;
  };
  const parseKey = booleanProperty(properties, 'parse.key', false);
  const parseHeaders = booleanProperty(properties, 'parse.headers', false);
  const ignoreError = booleanProperty(properties, 'ignore.error', false);
  const keySeparator = separator('key.separator', '\t');
  const delimiter = separator('headers.delimiter', '\t');
  const headersSeparator = separator('headers.separator', ',');
  const headerKeySeparator = separator('headers.key.separator', ':');
  const marker = properties.get('null.marker');
  const nullMarker = marker === undefined ? undefined : Buffer.from(marker);
  const orNull = (bytes: Buffer): Buffer | null =>
    nullMarker !== undefined && bytes.equals(nullMarker) ? null : bytes;

  const headersOf = (bytes: Buffer, number: number): [Buffer, Buffer | null][] => {
    if (bytes.length === 0 || orNull(bytes) === null) return [];
    return cut(bytes, headersSeparator).map((part) => {
      const at = part.indexOf(headerKeySeparator);
      if (at < 0)
        throw new LineRefused(`line ${number}: header '${part.toString()}' has no '${headerKeySeparator.toString()}'`);
      return [part.subarray(0, at), orNull(part.subarray(at + headerKeySeparator.length))];
    });
  };

  const parse = (line: Buffer, number: number): LineRecord => {
    let rest = line;
    let headers: [Buffer, Buffer | null][] = [];
    let key: Buffer | null = null;
    if (parseHeaders) {
      const at = rest.indexOf(delimiter);
      if (at < 0) throw new LineRefused(`line ${number}: no headers delimiter ${JSON.stringify(delimiter.toString())}`);
      headers = headersOf(rest.subarray(0, at), number);
      rest = rest.subarray(at + delimiter.length);
    }
    if (parseKey) {
      const at = rest.indexOf(keySeparator);
      if (at < 0) throw new LineRefused(`line ${number}: no key separator ${JSON.stringify(keySeparator.toString())}`);
      key = orNull(rest.subarray(0, at));
      rest = rest.subarray(at + keySeparator.length);
    }
    return { key, value: orNull(rest), headers };
  };

  return (line, number) => {
    try {
      return parse(line, number);
    } catch (error) {
      if (ignoreError && error instanceof LineRefused) return undefined;
      throw error;
    }
  };
}

function cut(bytes: Buffer, separator: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(separator); at >= 0; at = bytes.indexOf(separator, from)) {
    parts.push(bytes.subarray(from, at));
    from = at + separator.length;
  }
  parts.push(bytes.subarray(from));
  return parts;
}
