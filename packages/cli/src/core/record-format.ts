/**
 * How a consumed record is written: Kafka's console consumer properties, kcat's `-f` format string, or a named format. A formatter is
 * made once and then appends bytes for each record, so that keys and values pass through untouched.
 */
import { booleanProperty, onlyKnown, unescape } from './options.ts';
import { usageError } from './refusal.ts';

export type ConsumedRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch; -1 when the record has none. */
  readonly timestampMs: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime' | 'NoTimestampType';
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer | null])[];
};

/** Appends the record's bytes to `out`. */
export type RecordFormatter = (record: ConsumedRecord, out: Buffer[]) => void;

export const formats = ['raw', 'json', 'hex', 'base64', 'value'] as const;
export type FormatName = (typeof formats)[number];

const KNOWN = [
  'print.timestamp',
  'print.key',
  'print.offset',
  'print.partition',
  'print.headers',
  'print.value',
  'key.separator',
  'line.separator',
  'headers.separator',
  'null.literal',
];

/** Kafka's console format: timestamp, partition, offset, headers, key, value, each when asked for. */
export function propertyFormatter(properties: ReadonlyMap<string, string>): RecordFormatter {
  onlyKnown(properties, KNOWN);
  const print = (what: string, byDefault: boolean): boolean => booleanProperty(properties, `print.${what}`, byDefault);
  const text = (key: string, byDefault: string): Buffer => unescape(properties.get(key) ?? byDefault);
  const separator = text('key.separator', '\t');
  const lineEnd = text('line.separator', '\n');
  const headersSeparator = text('headers.separator', ',');
  const nullLiteral = text('null.literal', 'null');
  const columns: ((record: ConsumedRecord, out: Buffer[]) => void)[] = [];
  if (print('timestamp', false)) {
    columns.push((record, out) => {
      const shown =
        record.timestampType === 'NoTimestampType' ? 'NO_TIMESTAMP' : `${record.timestampType}:${record.timestampMs}`;
      out.push(Buffer.from(shown));
    });
  }
  if (print('partition', false)) columns.push((record, out) => out.push(Buffer.from(`Partition:${record.partition}`)));
  if (print('offset', false)) columns.push((record, out) => out.push(Buffer.from(`Offset:${record.offset}`)));
  if (print('headers', false)) {
    columns.push((record, out) =>
      pushHeaders(record, { separator: headersSeparator, between: COLON, nullLiteral }, out),
    );
  }
  if (print('key', false)) columns.push((record, out) => out.push(record.key ?? nullLiteral));
  if (print('value', true)) columns.push((record, out) => out.push(record.value ?? nullLiteral));
  return (record, out) => {
    for (let index = 0; index < columns.length; index++) {
      if (index > 0) out.push(separator);
      columns[index]?.(record, out);
    }
    out.push(lineEnd);
  };
}

const COLON = Buffer.from(':');
const EQUALS = Buffer.from('=');
const COMMA = Buffer.from(',');
const NEWLINE = Buffer.from('\n');
const NOTHING = Buffer.alloc(0);

type HeaderStyle = { readonly separator: Buffer; readonly between: Buffer; readonly nullLiteral: Buffer };

function pushHeaders(record: ConsumedRecord, style: HeaderStyle, out: Buffer[]): void {
  if (record.headers.length === 0 && style.between === COLON) {
    out.push(Buffer.from('NO_HEADERS'));
    return;
  }
  record.headers.forEach(([key, value], index) => {
    if (index > 0) out.push(style.separator);
    out.push(key, style.between, value ?? style.nullLiteral);
  });
}

type Piece = (record: ConsumedRecord, out: Buffer[]) => void;

const tokens: Record<string, Piece> = {
  s: (record, out) => out.push(record.value ?? NOTHING),
  S: (record, out) => out.push(Buffer.from(String(record.value?.length ?? -1))),
  R: (record, out) => out.push(bigEndian(record.value?.length ?? -1)),
  k: (record, out) => out.push(record.key ?? NOTHING),
  K: (record, out) => out.push(Buffer.from(String(record.key?.length ?? -1))),
  t: (record, out) => out.push(Buffer.from(record.topic)),
  p: (record, out) => out.push(Buffer.from(String(record.partition))),
  o: (record, out) => out.push(Buffer.from(String(record.offset))),
  T: (record, out) => out.push(Buffer.from(String(record.timestampMs))),
  h: (record, out) => pushHeaders(record, { separator: COMMA, between: EQUALS, nullLiteral: Buffer.from('NULL') }, out),
  '%': (_record, out) => out.push(Buffer.from('%')),
};

function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length);
  return bytes;
}

/** kcat's tokens: `%s` value, `%S` its length, `%R` the length as 4 bytes, `%k %K` key, `%t %p %o %T` topic, partition, offset, time, `%h` headers. */
export function tokenFormatter(format: string): RecordFormatter {
  const pieces: Piece[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal === '') return;
    const bytes = unescape(literal);
    literal = '';
    pieces.push((_record, out) => out.push(bytes));
  };
  for (let at = 0; at < format.length; at++) {
    const char = format.charAt(at);
    if (char !== '%') {
      literal += char;
      continue;
    }
    at += 1;
    const token = format.charAt(at);
    const piece = tokens[token];
    if (piece === undefined) {
      throw usageError(
        `-f: '%${token}' is unknown; known are ${Object.keys(tokens)
          .map((name) => `%${name}`)
          .join(' ')}`,
      );
    }
    flush();
    pieces.push(piece);
  }
  flush();
  return (record, out) => {
    for (const piece of pieces) piece(record, out);
  };
}

/**
 * - `raw`: the value and a newline; a tombstone is an empty line. `value`: the value alone, nothing between records.
 * - `json`: one object a line; keys and values as text, or `{"base64":…}` where they are not UTF-8.
 * - `hex`, `base64`: key and value encoded, a tab between them.
 */
export function namedFormatter(name: FormatName): RecordFormatter {
  if (name === 'raw') return (record, out) => out.push(record.value ?? NOTHING, NEWLINE);
  if (name === 'value') return (record, out) => out.push(record.value ?? NOTHING);
  if (name === 'json') return (record, out) => out.push(Buffer.from(`${JSON.stringify(jsonRecord(record))}\n`));
  return (record, out) => {
    const show = (bytes: Buffer | null): string => bytes?.toString(name) ?? '';
    out.push(Buffer.from(`${show(record.key)}\t${show(record.value)}\n`));
  };
}

type JsonBytes = string | null | { readonly base64: string };

export function jsonRecord(record: ConsumedRecord): object {
  return {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    timestampType: record.timestampType,
    headers: record.headers.map(([key, value]) => ({ key: key.toString(), value: jsonBytes(value) })),
    key: jsonBytes(record.key),
    value: jsonBytes(record.value),
  };
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonBytes(bytes: Buffer | null): JsonBytes {
  if (bytes === null) return null;
  try {
    return strict.decode(bytes);
  } catch {
    return { base64: bytes.toString('base64') };
  }
}
