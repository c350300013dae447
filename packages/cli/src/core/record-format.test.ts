import { expect, test } from 'vitest';
import {
  namedFormatter,
  propertyFormatter,
  tokenFormatter,
  type ConsumedRecord,
  type RecordFormatter,
} from './record-format.ts';

const record: ConsumedRecord = {
  topic: 'orders',
  partition: 3,
  offset: 42,
  timestampMs: 1_700_000_000_123,
  timestampType: 'CreateTime',
  key: Buffer.from('k'),
  value: Buffer.from('värde'),
  headers: [
    [Buffer.from('a'), Buffer.from('1')],
    [Buffer.from('b'), null],
  ],
};
const tombstone: ConsumedRecord = { ...record, key: null, value: null, headers: [], timestampType: 'NoTimestampType' };

function format(formatter: RecordFormatter, ...records: ConsumedRecord[]): string {
  const out: Buffer[] = [];
  for (const each of records) formatter(each, out);
  return Buffer.concat(out).toString();
}

test("format: the console consumer's properties print timestamp, partition, offset, headers, key and value in that order", () => {
  const all = ['timestamp', 'partition', 'offset', 'headers', 'key'].map((what) => [`print.${what}`, 'true'] as const);
  expect(format(propertyFormatter(new Map(all)), record, tombstone)).toBe(
    'CreateTime:1700000000123\tPartition:3\tOffset:42\ta:1,b:null\tk\tvärde\n' +
      'NO_TIMESTAMP\tPartition:3\tOffset:42\tNO_HEADERS\tnull\tnull\n',
  );
  const separators = new Map([
    ['print.key', 'true'],
    ['key.separator', ' => '],
    ['line.separator', '\\0'],
    ['null.literal', ''],
  ]);
  expect(format(propertyFormatter(separators), record, tombstone)).toBe('k => värde\0 => \0');
});

test("format: kcat's tokens and escapes", () => {
  expect(format(tokenFormatter('%t[%p]@%o %T %k(%K)=%s(%S) %h %%\\n'), record)).toBe(
    'orders[3]@42 1700000000123 k(1)=värde(6) a=1,b=NULL %\n',
  );
  expect(format(tokenFormatter('%K %S|%R'), tombstone)).toBe('-1 -1|\ufffd\ufffd\ufffd\ufffd');
  expect(() => tokenFormatter('%x')).toThrow("'%x' is unknown; known are %s");
  expect(() => tokenFormatter('100%')).toThrow("'%' is unknown");
});

test('format: raw is the value and a newline, byte for byte', () => {
  const bytes = Buffer.from([0, 255, 10]);
  const out: Buffer[] = [];
  namedFormatter('raw')({ ...record, value: bytes }, out);
  expect(Buffer.concat(out)).toEqual(Buffer.from([0, 255, 10, 10]));
  expect(format(namedFormatter('value'), record, record)).toBe('värdevärde');
});

test('format: json tells text as text and other bytes as base64', () => {
  const lines = format(namedFormatter('json'), record, { ...tombstone, value: Buffer.from([0xff, 0]) }).split('\n');
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    topic: 'orders',
    partition: 3,
    offset: 42,
    timestamp: 1_700_000_000_123,
    timestampType: 'CreateTime',
    headers: [
      { key: 'a', value: '1' },
      { key: 'b', value: null },
    ],
    key: 'k',
    value: 'värde',
  });
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ key: null, value: { base64: '/wA=' } });
});

test('format: hex and base64 keep key and value apart', () => {
  expect(format(namedFormatter('hex'), record)).toBe('6b\t76c3a4726465\n');
  expect(format(namedFormatter('base64'), tombstone)).toBe('\t\n');
});
