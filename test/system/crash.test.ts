/** kill -9 of a real process under load, again and again: the system lives on, so nothing that was acknowledged may be missing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import kafkajs from 'kafkajs';
import { freePort, spawnKafka, type KafkaProcess } from '@odradek/testkit';
import { must, odradek } from '../support/run.ts';
import { eventually } from '../support/target.ts';

const { Kafka, logLevel } = kafkajs;

const PARTITIONS = 3;
const BATCH = 20;
const KILLS = 5;
/** Acknowledged batches between kills. */
const BATCHES_BETWEEN = 120;
const TOPIC = 'crash';
/** Makes a few hundred batches fill several segments. */
const PADDING = 'x'.repeat(2_000);
const numberOf = (value: string): number => Number(value.split(' ')[0]);

let directory: string;
let port: number;
let node: KafkaProcess;

/** Small segments, so that kills meet rolls, indexes and several files. */
const config = {
  'group.initial.rebalance.delay.ms': '0',
  'log.segment.bytes': '1048576',
  'log.index.interval.bytes': '4096',
};
const start = (): Promise<KafkaProcess> => spawnKafka({ directory, port, config });
const client = (retries: number) =>
  new Kafka({
    brokers: [`localhost:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries, initialRetryTime: 50, maxRetryTime: 200 },
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-crash-'));
  port = await freePort();
  node = await start();
  const place = ['--topic', TOPIC, '--bootstrap-server', node.bootstrap];
  await must(odradek('topics', 'create', '--partitions', String(PARTITIONS), ...place));
});

/** kill -9, and the next life. Nothing of what a node meets here may be an error to it. */
async function killAndStart(): Promise<void> {
  await node.kill();
  expectNoErrors();
  node = await start();
}

function expectNoErrors(): void {
  const errors = node
    .output()
    .split('\n')
    .filter((line) => line.includes('"level":"error"'));
  if (errors.length > 0) throw new Error(`the node logged errors:\n${errors.join('\n')}`);
}

afterEach(async () => {
  await node?.kill();
  rmSync(directory, { recursive: true, force: true });
});

type Acknowledged = { readonly partition: number; readonly baseOffset: number; readonly first: number };

/** Writes numbered values to every partition in turn until it is stopped; one that is not acknowledged is sent again by the client. */
class Writer {
  readonly acknowledged: Acknowledged[] = [];
  /** The next number of each partition: all below it were sent. */
  readonly sent = Array.from({ length: PARTITIONS }, () => 0);
  #stopping = false;
  readonly #producer = client(500).producer({ idempotent: true, maxInFlightRequests: 1 });

  async run(): Promise<void> {
    await this.#producer.connect();
    for (let round = 0; !this.#stopping; round++) {
      const partition = round % PARTITIONS;
      const first = this.sent[partition] ?? 0;
      const messages = Array.from({ length: BATCH }, (_, index) => ({
        partition,
        value: `${first + index} ${PADDING}`,
      }));
      this.sent[partition] = first + BATCH;
      const [answer] = await this.#producer.send({ topic: TOPIC, acks: -1, messages });
      this.acknowledged.push({ partition, baseOffset: Number(answer?.baseOffset), first });
    }
    await this.#producer.disconnect();
  }

  stop(): void {
    this.#stopping = true;
  }
}

type Read = { readonly partition: number; readonly offset: number; readonly value: string };

async function readAll(): Promise<Read[]> {
  const args = ['--topic', TOPIC, '--from-beginning', '--exit-at-end', '--json', '--bootstrap-server', node.bootstrap];
  const lines = (await must(odradek('consume', ...args))).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Read);
}

test('kill -9 under load: every acknowledged record stays at its offset, none twice, none invented, and offsets have no gaps', async () => {
  const writer = new Writer();
  const writing = writer.run();
  for (let kill = 1; kill <= KILLS; kill++) {
    await eventually('the writer is acknowledged', () => writer.acknowledged.length >= kill * BATCHES_BETWEEN, 60_000);
    await killAndStart();
  }
  await eventually('writes go on', () => writer.acknowledged.length >= (KILLS + 1) * BATCHES_BETWEEN, 60_000);
  writer.stop();
  await writing;
  const records = await readAll();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = records
      .filter((record) => record.partition === partition)
      .toSorted((left, right) => left.offset - right.offset);
    // The writer sends a partition's numbers in order and again until acknowledged: without loss or doubles, offset and number agree.
    expect(own.map(({ offset }) => offset)).toEqual(own.map((_, index) => index));
    expect(own.map(({ value }) => numberOf(value))).toEqual(own.map((_, index) => index));
    expect(own.length).toBe(writer.sent[partition]);
  }
  for (const { baseOffset, first } of writer.acknowledged) expect(baseOffset).toBe(first);
  expectNoErrors();
});

test('kill -9 under a consumer: its group and commits survive, and it goes on to the end', async () => {
  const groupId = 'survivor';
  const seen = Array.from({ length: PARTITIONS }, () => new Set<number>());
  const count = (): number => seen.reduce((sum, offsets) => sum + offsets.size, 0);
  const consumer = client(500).consumer({
    groupId,
    sessionTimeout: 10_000,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 100,
    eachMessage: ({ partition, message }) => {
      seen[partition]?.add(Number(message.offset));
      return Promise.resolve();
    },
  });
  const writer = new Writer();
  const writing = writer.run();
  await eventually('the consumer reads', () => count() >= BATCHES_BETWEEN * BATCH, 60_000);
  await killAndStart();
  const before = writer.acknowledged.length;
  await eventually('writes go on', () => writer.acknowledged.length >= before + BATCHES_BETWEEN, 60_000);
  writer.stop();
  await writing;
  const total = writer.sent.reduce((sum, sent) => sum + sent, 0);
  await eventually('the consumer has read all of it', () => count() === total, 60_000);
  const admin = client(10).admin();
  await admin.connect();
  const committed = async (): Promise<number[] | undefined> => {
    const [of] = await admin.fetchOffsets({ groupId, topics: [TOPIC] });
    const ordered = of?.partitions.toSorted((left, right) => left.partition - right.partition);
    return ordered?.map(({ offset }) => Number(offset));
  };
  // What it has read it commits a moment later.
  await expect.poll(committed).toEqual(writer.sent);
  await consumer.disconnect();
  expect(await committed()).toEqual(writer.sent);
  await admin.disconnect();
});

test('a stop on SIGTERM takes less than 2 s under load, loses nothing, and the next start skips the scan', async () => {
  const writer = new Writer();
  const writing = writer.run();
  await eventually('the writer is acknowledged', () => writer.acknowledged.length >= BATCHES_BETWEEN, 60_000);
  const stopped = await node.stop('SIGTERM');
  expect(stopped).toMatchObject({ code: 0, signal: null });
  node = await start();
  expect(node.output()).not.toMatch(/unclean|recover(ing|ed) log/i);
  const before = writer.acknowledged.length;
  await eventually('writes go on', () => writer.acknowledged.length > before + PARTITIONS, 60_000);
  writer.stop();
  await writing;
  const records = await readAll();
  expect(records.length).toBe(writer.sent.reduce((sum, sent) => sum + sent, 0));
  for (const { partition, offset, value } of records)
    expect(`${partition}:${numberOf(value)}`).toBe(`${partition}:${offset}`);
});
