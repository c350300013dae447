import { buildBatch, CompressionType } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { headerLine, progressLine, totalLine } from './consumer-lines.ts';
import { countRecords, nextOffset } from './count.ts';
import { Pace } from './pace.ts';
import { countedPayloads, filePayloads, randomPayloads } from './payloads.ts';
import { consumerSettings, mergedProperties, producerSettings } from './properties.ts';
import { ProducerStats } from './stats.ts';

describe('statistics of a producer', () => {
  test('a window is told when it is over, and the whole in the end', () => {
    const stats = new ProducerStats(4, { nowMs: 0, intervalMs: 1_000 });
    expect(stats.record(10.9, 1_048_576, 500)).toEqual([]);
    expect(stats.record(20, 1_048_576, 1_000)).toEqual([
      '2 records sent, 2.0 records/sec (2.00 MB/sec), 15.0 ms avg latency, 20.0 ms max latency.',
    ]);
    stats.record(30, 0, 1_500);
    stats.record(40, 0, 1_600);
    expect(stats.totalLine(2_000)).toBe(
      '4 records sent, 2.000000 records/sec (1.00 MB/sec), 25.00 ms avg latency, 40.00 ms max latency, ' +
        '30 ms 50th, 40 ms 95th, 40 ms 99th, 40 ms 99.9th.',
    );
  });

  test('a steady state says so with its first window, and a silent one says nothing', () => {
    const steady = new ProducerStats(2, { nowMs: 0, intervalMs: 100, isSteady: true });
    expect(steady.record(1, 1, 100)[0]).toBe('In steady state.');
    expect(steady.record(1, 1, 300)).toHaveLength(1);
    expect(steady.totalLine(400)).toMatch(/^2 steady state records sent, 5\.000000 records/);
    const silent = new ProducerStats(1, { nowMs: 0, intervalMs: 1 });
    silent.isSilent = true;
    expect(silent.record(1, 1, 100)).toEqual([]);
  });

  test('nothing sent is no number', () => {
    expect(new ProducerStats(1, { nowMs: 0, intervalMs: 1 }).totalLine(10)).toContain(
      'NaN ms avg latency, 0.00 ms max',
    );
  });

  test('percentiles of more records than are kept are those of a sample', () => {
    const stats = new ProducerStats(1_000_000, { nowMs: 0, intervalMs: 1e9 });
    for (let at = 0; at < 1_000_000; at += 1) stats.record(at / 10_000, 1, 1);
    expect(stats.totals(2).percentilesMs).toEqual([50, 95, 99, 99]);
  });
});

test('a pace waits for whole milliseconds, never long, and never when it is behind', () => {
  const pace = new Pace(1_000, 0);
  expect(pace.waitMs(1, 0.5)).toBe(0);
  expect(pace.waitMs(10, 5)).toBe(5);
  expect(pace.waitMs(10_000, 5)).toBe(100);
  expect(pace.waitMs(10, 500)).toBe(0);
  expect(new Pace(-1, 0).waitMs(1e9, 0)).toBe(0);
});

describe('payloads', () => {
  test('letters, alike in every test and never the same twice', () => {
    const payloads = randomPayloads(50);
    const [one, two] = [payloads(0).toString(), payloads(1).toString()];
    expect(one).toMatch(/^[A-Z]{50}$/);
    expect(two).not.toBe(one);
    expect(randomPayloads(50)(0).toString()).toBe(one);
  });

  test('numbers, and lines of a file', () => {
    expect(countedPayloads()(41).toString()).toBe('41');
    const { payloads, count } = filePayloads('a\nb\nc\n', '\\n', () => 0.5);
    expect(count).toBe(3);
    expect(payloads(0).toString()).toBe('b');
    expect(() => filePayloads('', '\\n', () => 0)).toThrow('empty');
  });
});

describe('properties', () => {
  const given = (...texts: string[]): Map<string, string> => mergedProperties(undefined, texts);

  test('the line wins over the file; what has no effect is named', () => {
    const file = { path: 'f', text: 'acks=all\nlinger.ms=7\ninterceptor.classes=a.B' };
    const settings = producerSettings(mergedProperties(file, ['acks=1']));
    expect(settings).toMatchObject({ acks: 1, lingerMs: 7, isIdempotent: false, unused: ['interceptor.classes'] });
  });

  test('defaults are those of the Java producer', () => {
    expect(producerSettings(new Map())).toMatchObject({
      acks: -1,
      isIdempotent: true,
      batchBytes: 16_384,
      lingerMs: 5,
    });
    expect(producerSettings(given('max.in.flight.requests.per.connection=9')).isIdempotent).toBe(false);
    expect(consumerSettings(given('group.id=g', 'isolation.level=read_committed'))).toMatchObject({
      groupId: 'g',
      isCommittedOnly: true,
      maxBytes: 52_428_800,
    });
  });

  test.each([
    ['acks=2', 'none of all'],
    ['linger.ms=-1', 'linger.ms'],
    ['compression.type=zip', 'compression.type'],
    ['enable.idempotence=maybe', 'neither true nor false'],
    ['transactional.id=t', 'transactional.id: there are no transactions yet'],
    ['sasl.mechanism=PLAIN', 'without TLS and SASL'],
    ['security.protocol=SSL', 'without TLS and SASL'],
  ])('%s is refused', (text, why) => {
    expect(() => producerSettings(given(text))).toThrow(why);
  });

  test('what contradicts itself, or is no property, is refused', () => {
    expect(() => producerSettings(given('enable.idempotence=true', 'acks=1'))).toThrow('needs acks=all');
    expect(() => given('acks')).toThrow("'acks' is not key=value");
  });
});

describe('records in fetched bytes', () => {
  const record = (text: string) => ({ timestampMs: 1, key: Buffer.from('k'), value: Buffer.from(text) });
  const plain = buildBatch({ baseOffset: 10 }, [record('aa'), record('bbb')]);
  const packed = buildBatch({ baseOffset: 12, compression: CompressionType.GZIP }, [record('cccc')]);
  const marker = buildBatch({ baseOffset: 13, isControl: true, isTransactional: true }, [record('')]);

  test('keys and values are counted, markers and what was asked for before are not, a cut batch waits', () => {
    const fetched = Buffer.concat([plain, packed, marker, plain.subarray(0, 70)]);
    expect(nextOffset(fetched, 11)).toBe(14);
    const sum = { records: 0, bytes: 0 };
    countRecords(fetched, 11, sum);
    expect(sum).toEqual({ records: 2, bytes: 4 + 5 });
    expect(nextOffset(Buffer.alloc(0), 7)).toBe(7);
  });

  test('bytes that are no batch are refused', () => {
    expect(() => nextOffset(Buffer.alloc(100), 0)).toThrow('cannot be read');
  });
});

test('lines of a test of consumers', () => {
  const start = { records: 0, bytes: 0, atMs: 0 };
  const end = { records: 1_000, bytes: 2 * 1_048_576, atMs: 2_000 };
  const at = (ms: number): string => `t${ms}`;
  expect(headerLine(false)).toMatch(/^start\.time, end\.time, data\.consumed\.in\.MB, /);
  expect(headerLine(true)).toMatch(/^time, threadId, data/);
  expect(totalLine(start, end, 1_000, at)).toBe(
    't0, t2000, 2.0000, 1.0000, 1000, 500.0000, 1000, 1000, 2.0000, 1000.0000',
  );
  expect(progressLine(start, end, 0, at)).toBe('t2000, 0, 2.0000, 1.0000, 1000, 500.0000, 0, 2000, 1.0000, 500.0000');
  expect(progressLine(start, { ...end, atMs: 500 }, 600, at)).toMatch(/, 600, -100, 0\.0000, 0\.0000$/);
});
