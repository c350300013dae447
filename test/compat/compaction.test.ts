/** Compacted segments under the eyes of Apache Kafka: its own tool reads them, and its own cleaner makes the same of the same log. */
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApacheKafka } from '../support/apache-kafka.ts';
import { kafkajsOf } from '../support/kafkajs.ts';
import { kafkaTool, run, title } from '../support/run.ts';
import {
  SEGMENT_BYTES,
  TOPIC,
  TableLog,
  batchesOf,
  markersOf,
  recordsOf,
  segmentEndsOf,
} from '../support/table-log.ts';
import { eventually } from '../support/target.ts';

const need = kafkaTool();
const TOPIC_ID = 'AAAAAAAAAAEAAAAAAAAAAg';
const COMPACTED_WITHIN_MS = 120_000;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-compaction-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Kafka's DumpLogSegments over every file of a log; fails on any complaint. */
async function dumped(log: string): Promise<string> {
  const kinds = [
    ['.log', '--deep-iteration'],
    ['.index', '--index-sanity-check'],
    ['.index', '--verify-index-only'],
    ['.timeindex', '--index-sanity-check'],
    ['.timeindex', '--verify-index-only'],
    ['.txnindex'],
    ['.snapshot'],
  ];
  let all = '';
  for (const [ending = '', ...flags] of kinds) {
    const files = readdirSync(log)
      .filter((name) => name.endsWith(ending))
      .map((name) => join(log, name));
    if (files.length === 0) continue;
    const command = need.use?.('org.apache.kafka.tools.DumpLogSegments', '--files', files.join(','), ...flags) ?? [];
    const said = await run(command, { withinMs: 120_000 });
    const text = said.stdout.toString() + said.stderr;
    expect(said.code, text.slice(-2_000)).toBe(0);
    const complaints = text
      .split('\n')
      .filter((line) => /isvalid: false|mismatch|not found|Exception|corrupt|Found timestamp|out of order/i.test(line));
    expect(complaints, `${ending} ${flags.join(' ')}`).toEqual([]);
    all += text;
  }
  return all;
}

describe.skipIf(need.missing !== undefined)(title('compaction beside Apache Kafka', need), () => {
  test('DumpLogSegments reads what compaction leaves, of every codec, with tombstones, markers and empty batches, without complaint', async () => {
    const table = await TableLog.open(directory, TOPIC_ID, 1);
    table.write(6 * SEGMENT_BYTES);
    await table.compact();
    table.write(2 * SEGMENT_BYTES);
    await table.compact();
    await table.close();
    const log = join(directory, `${TOPIC}-0`);
    const text = await dumped(log);
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      expect(text, codec).toMatch(new RegExp(`compresscodec: ${codec}`, 'i'));
    }
    expect(text).toMatch(/deleteHorizonMs: OptionalLong\[\d+\]/);
    expect(text).toMatch(/endTxnMarker: (COMMIT|ABORT)/);
    expect(text).toMatch(/count: 0 /);
  });

  test("Kafka's cleaner and ours leave the same records of the same log, in the pass that finds tombstones and in the one that removes them", async () => {
    await using kafka = await ApacheKafka.format(need.use ?? (() => []), join(directory, 'kafka'), {
      'log.cleaner.backoff.ms': '100',
      'log.cleaner.dedupe.buffer.size': '8388608',
    });
    const topicId = await topicOf(kafka);
    const theirs = join(kafka.data, `${TOPIC}-0`);
    const own = join(directory, 'own');
    const ours = join(own, `${TOPIC}-0`);

    const first = await TableLog.open(own, topicId, 7);
    first.write(6 * SEGMENT_BYTES);
    await first.close();
    const before = recordsOf(ours);
    // Kafka gets the very files, but for its own note of which topic this is.
    rmSync(theirs, { recursive: true });
    cpSync(ours, theirs, { recursive: true });
    await compactedByKafka(kafka, theirs);
    const again = await TableLog.open(own, topicId, 8);
    await again.compact();
    await again.close();
    expect(recordsOf(ours)).toEqual(recordsOf(theirs));
    expect(recordsOf(ours).length).toBeLessThan(before.length / 2);
    expectSameMarkers(ours, theirs);

    // Both logs get the same again, and now the time of the first tombstones is over.
    for (const place of [own, kafka.data]) {
      const more = await TableLog.open(place, topicId, 9);
      more.write(3 * SEGMENT_BYTES);
      await more.close();
    }
    const tombstones = recordsOf(ours).filter((record) => record.endsWith(' null'));
    await compactedByKafka(kafka, theirs);
    const last = await TableLog.open(own, topicId, 10);
    await last.compact();
    await last.close();
    const untimed = (directory: string): string[] => recordsOf(directory).map(withoutTime);
    expect(untimed(ours)).toEqual(untimed(theirs));
    expectSameMarkers(ours, theirs);
    const left = new Set(recordsOf(ours));
    expect(tombstones.filter((record) => left.has(record)).length).toBeLessThan(tombstones.length / 2);
    await dumped(ours);
  });
});

/** The second part was written twice, moments apart. */
function withoutTime(record: string): string {
  const [offset = '', , ...rest] = record.split(' ');
  return [offset, ...rest].join(' ');
}

/** Ours keeps a marker longer only where it tells where its segment ends; Kafka may lack such a batch. */
function expectSameMarkers(ours: string, theirs: string): void {
  const kept = new Set(markersOf(theirs));
  const own = markersOf(ours);
  const ends = segmentEndsOf(ours);
  expect(own.filter((offset) => !kept.has(offset) && !ends.has(offset))).toEqual([]);
  expect([...kept].filter((offset) => !own.includes(offset))).toEqual([]);
}

/** Makes the topic and stops Kafka again. @returns its id in base64 */
async function topicOf(kafka: ApacheKafka): Promise<string> {
  await kafka.start();
  const admin = kafkajsOf(kafka.bootstrap, 'compaction').admin();
  await admin.connect();
  const configEntries = Object.entries({
    'cleanup.policy': 'compact',
    'segment.bytes': String(SEGMENT_BYTES),
    'min.cleanable.dirty.ratio': '0.01',
    'delete.retention.ms': '0',
  }).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1, configEntries }] });
  const metadata = join(kafka.data, `${TOPIC}-0`, 'partition.metadata');
  await eventually('Kafka has made the topic', () => existsSync(metadata));
  await admin.disconnect();
  await kafka.stop();
  const id = /topic_id: (\S+)/.exec(readFileSync(metadata, 'utf8'))?.[1];
  if (id === undefined) throw new Error('Kafka has noted no topic id');
  return id;
}

/** Lets Kafka compact everything but the active segment. */
async function compactedByKafka(kafka: ApacheKafka, log: string): Promise<void> {
  const end = Math.max(...batchesOf(log).map(({ segment }) => segment));
  const checkpoint = join(kafka.data, 'cleaner-offset-checkpoint');
  await kafka.start();
  await eventually(
    'Kafka has compacted the log',
    () => {
      const text = existsSync(checkpoint) ? readFileSync(checkpoint, 'utf8') : '';
      return Number(new RegExp(`^${TOPIC} 0 (\\d+)$`, 'm').exec(text)?.[1] ?? 0) >= end;
    },
    COMPACTED_WITHIN_MS,
  );
  await kafka.stop();
}
