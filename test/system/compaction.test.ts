/** Compaction in a real process, in a thread of its own, while clients write and read. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import kafkajs from 'kafkajs';
import { spawnKafka } from '@odradek/testkit';
import { kafkaTool, run } from '../support/run.ts';
import { eventually } from '../support/target.ts';

const { Kafka, logLevel } = kafkajs;

const KEYS = 200;
const BATCH = 100;
const PADDING = 'x'.repeat(500);
/** So that a few hundred commits fill segments. */
const METADATA = 'm'.repeat(4_000);
const config = {
  'group.initial.rebalance.delay.ms': '0',
  'log.cleaner.backoff.ms': '100',
  'log.segment.delete.delay.ms': '100',
  'log.index.interval.bytes': '4096',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.segment.bytes': '1048576',
  'log.cleaner.min.cleanable.ratio': '0.2',
};
const dump = kafkaTool();

function bytesOf(directory: string): number {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

const read = dump.missing === undefined ? "also by Kafka's own tool" : `the files not looked at: ${dump.missing}`;

test(`compaction: a compacted topic and the committed offsets stay small while clients go on, and every last value is read (${read})`, async () => {
  await using node = await spawnKafka({ config });
  const kafka = new Kafka({ brokers: [node.bootstrap], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'segment.bytes', value: '1048576' },
    { name: 'delete.retention.ms', value: '0' },
  ];
  await admin.createTopics({ topics: [{ topic: 'table', numPartitions: 1, configEntries }] });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const last = new Map<string, string | null>();
  const data = join(node.directory, 'data');
  let written = 0;
  const write = async (): Promise<void> => {
    const messages = Array.from({ length: BATCH }, (_, index) => {
      const key = `k${(written + index * 7) % KEYS}`;
      const value = (written + index) % 97 === 0 ? null : `${written + index} ${PADDING}`;
      last.set(key, value);
      return { key, value };
    });
    await producer.send({ topic: 'table', messages });
    written += BATCH;
  };
  while (written < 20_000) await write();
  await eventually('the topic shrinks while clients write', async () => {
    await write();
    return bytesOf(join(data, 'table-0')) < 3 * 1_048_576;
  });
  expect(written * PADDING.length).toBeGreaterThan(9_000_000);

  // Commits of one group, again and again: only the last of each partition counts.
  const consumer = kafka.consumer({ groupId: 'readers' });
  await consumer.connect();
  await consumer.subscribe({ topic: 'table', fromBeginning: true });
  const found = new Map<string, string | null>();
  const end = Number((await admin.fetchTopicOffsets('table'))[0]?.high);
  let position = 0;
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const { key, value, offset } of batch.messages) {
        found.set(String(key), value === null ? null : String(value));
        position = Number(offset) + 1;
      }
      return Promise.resolve();
    },
  });
  await eventually('the consumer reads to the end', () => position === end);
  for (const [key, value] of last) expect(found.get(key) ?? null, key).toBe(value);

  const offsets = join(data, '__consumer_offsets-0');
  let commits = 0;
  const commit = async (): Promise<void> => {
    commits += 1;
    await consumer.commitOffsets([{ topic: 'table', partition: 0, offset: String(commits), metadata: METADATA }]);
  };
  while (commits < 1_500) await commit();
  await eventually('the committed offsets are compacted', async () => {
    await commit();
    return bytesOf(offsets) < (commits * METADATA.length) / 2;
  });
  await consumer.disconnect();
  await producer.disconnect();
  const committed = await admin.fetchOffsets({ groupId: 'readers', topics: ['table'] });
  expect(committed[0]?.partitions[0]?.offset).toBe(String(commits));
  await admin.disconnect();
  await node.stop();
  const output = node.output().split('\n');
  expect(output.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  expect(output.some((line) => line.includes('log compacted') && line.includes('__consumer_offsets'))).toBe(true);

  const [shortest] = readdirSync(offsets).filter((name) => name.endsWith('.log'));
  expect(shortest).toBe('00000000000000000000.log');
  if (dump.use === undefined) return;
  for (const directory of [join(data, 'table-0'), offsets]) {
    for (const args of [
      ['.log', '--deep-iteration'],
      ['.index', '--verify-index-only'],
      ['.timeindex', '--verify-index-only'],
    ]) {
      const [ending = '', ...flags] = args;
      const files = readdirSync(directory)
        .filter((name) => name.endsWith(ending))
        .map((name) => join(directory, name));
      const said = await run(dump.use('org.apache.kafka.tools.DumpLogSegments', '--files', files.join(','), ...flags));
      const text = said.stdout.toString() + said.stderr;
      expect(said.code, text).toBe(0);
      expect(text).not.toMatch(/isvalid: false|mismatch|not found|Exception|corrupt|Found timestamp|out of order/i);
    }
  }
});
