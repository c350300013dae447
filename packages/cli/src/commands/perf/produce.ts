/** `odradek perf produce`, as kafka-producer-perf-test: writes records as fast as it is told, and tells how long each took. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { collectEach, parseWhole } from '../../core/options.ts';
import { Pace } from '../../core/perf/pace.ts';
import { countedPayloads, filePayloads, randomPayloads, type Payloads } from '../../core/perf/payloads.ts';
import {
  mergedProperties,
  noTransactions,
  producerSettings,
  type ProducerSettings,
} from '../../core/perf/properties.ts';
import { ProducerStats } from '../../core/perf/stats.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { BOOTSTRAP_DEFAULT } from '../../shell/bootstrap.ts';
import { Cluster } from '../../shell/cluster.ts';
import { PerfProducer } from '../../shell/perf/producer.ts';
import { note, print, printJson } from '../../shell/terminal.ts';
import { readTextFile } from '../../shell/text-file.ts';

type Options = {
  bootstrapServer?: string;
  topic: string;
  numRecords: string;
  recordSize?: string;
  payloadFile?: string;
  payloadMonotonic?: boolean;
  payloadDelimiter: string;
  throughput: string;
  producerProps: string[];
  commandProperty: string[];
  commandConfig?: string;
  printMetrics?: boolean;
  transactionalId?: string;
  transactionDurationMs?: string;
  warmupRecords: string;
  reportingInterval: string;
  json?: boolean;
};

const RECORD_BYTES_MAX = 1024 * 1024 * 1024;
/** After so many records whatever has arrived is looked at. */
const RECORDS_A_TURN = 256;

export function produceCommand(): Command {
  return new Command('produce')
    .description('write records, and tell how many a second and how long they took')
    .requiredOption('--topic <name>', 'the topic to write to')
    .requiredOption('--num-records <n>', 'how many records')
    .requiredOption('--throughput <n>', 'about so many records a second; -1 for as many as it goes')
    .option('--record-size <bytes>', 'letters at random, so many in each record')
    .option('--payload-file <file>', 'lines of a file, one at random each time')
    .option('--payload-monotonic', 'the number of the record')
    .option('--payload-delimiter <regex>', 'what stands between the payloads of a file', '\\n')
    .option(
      '-b, --bootstrap-server <host:port,...>',
      `brokers to connect to; ${BOOTSTRAP_DEFAULT} when nothing says any`,
    )
    .option('--producer-props <key=value...>', 'properties of a producer, as acks=1 linger.ms=10', collectEach, [])
    .option('--command-property <key=value...>', 'the same', collectEach, [])
    .option('--command-config, --producer.config <file>', 'the same from a properties file; what the line says wins')
    .option('--print-metrics', 'without effect: there are no metrics of a Java client')
    .option('--transactional-id <id>', 'refused: there are no transactions yet')
    .option('--transaction-duration-ms <ms>', 'refused: there are no transactions yet')
    .option('--warmup-records <n>', 'the first so many are told apart from the rest', '0')
    .option('--reporting-interval <ms>', 'how often progress is told', '5000')
    .option('--json', 'print JSON in the end, and no progress')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => perfProduce(options));
}

const EXAMPLES = `
Properties with an effect: bootstrap.servers, acks, enable.idempotence, batch.size, linger.ms, buffer.memory, compression.type,
max.in.flight.requests.per.connection, request.timeout.ms, delivery.timeout.ms. Defaults are those of the Java producer.

Examples:
  $ odradek perf produce --topic test --num-records 1000000 --record-size 100 --throughput -1 --producer-props acks=1 batch.size=65536
  $ odradek perf produce --topic test --num-records 60000 --record-size 1000 --throughput 1000 --reporting-interval 1000`;

async function perfProduce(options: Options): Promise<void> {
  const count = parseWhole('--num-records', options.numRecords, 1);
  const warmup = parseWhole('--warmup-records', options.warmupRecords, 0, count - 1);
  const intervalMs = parseWhole('--reporting-interval', options.reportingInterval, 1);
  const perSecond = throughputOf(options.throughput);
  const settings = settingsOf(options);
  const payloads = payloadsOf(options);
  const cluster = await Cluster.open(bootstrapOf(options, settings), settings.requestTimeoutMs);
  try {
    const test = new Test({ count, warmup, intervalMs, isQuiet: options.json === true });
    const producer = await PerfProducer.open(cluster, options.topic, settings, (...batch) =>
      test.acknowledged(...batch),
    );
    try {
      await write(producer, payloads, test, perSecond);
    } finally {
      producer.close();
    }
    test.tell();
    const failed = [...producer.failed];
    if (failed.length > 0)
      throw new CommandError(`not written: ${failed.map(([why, n]) => `${n} records (${why})`).join(', ')}`);
  } finally {
    cluster.close();
  }
}

async function write(producer: PerfProducer, payloads: Payloads, test: Test, perSecond: number): Promise<void> {
  const pace = new Pace(perSecond, performance.now());
  for (let index = 0; index < test.count; index += 1) {
    test.begins(index);
    const full = producer.send(payloads(index), performance.now());
    if (full !== undefined) await full;
    else if (index % RECORDS_A_TURN === RECORDS_A_TURN - 1) await turn();
    const waitMs = pace.waitMs(index + 1, performance.now());
    if (waitMs > 0) await sleep(waitMs);
  }
  await producer.flush();
}

type TestOptions = {
  readonly count: number;
  readonly warmup: number;
  readonly intervalMs: number;
  readonly isQuiet: boolean;
};

/** The statistics of one run: of all of it, and of what comes after the warmup. */
class Test {
  readonly count: number;
  private readonly options: TestOptions;
  private readonly all: ProducerStats;
  private steady: ProducerStats | undefined;
  /** Batches that hold records of before the steady state count for the whole alone. */
  private steadyFromMs = Number.POSITIVE_INFINITY;

  constructor(options: TestOptions) {
    this.options = options;
    this.count = options.count;
    this.all = new ProducerStats(options.count, { nowMs: performance.now(), intervalMs: options.intervalMs });
    this.all.isSilent = options.isQuiet;
    if (options.warmup > 0 && !options.isQuiet) {
      const told = 'Steady state results will print after the complete test summary.';
      print(`Warmup first ${options.warmup} records. ${told}`);
    }
  }

  /** The record with this number is about to be written. */
  begins(index: number): void {
    const { warmup, count, intervalMs, isQuiet } = this.options;
    if (warmup === 0 || index !== warmup) return;
    const nowMs = performance.now();
    this.all.isSilent = true;
    this.steadyFromMs = nowMs;
    this.steady = new ProducerStats(count - warmup, { nowMs, intervalMs, isSteady: true });
    this.steady.isSilent = isQuiet;
  }

  acknowledged(writtenMs: readonly number[], values: readonly Buffer[], nowMs: number): void {
    for (const [at, value] of values.entries()) {
      const from = writtenMs[at] ?? nowMs;
      for (const line of this.all.record(nowMs - from, value.length, nowMs)) print(line);
      if (from < this.steadyFromMs || this.steady === undefined) continue;
      for (const line of this.steady.record(nowMs - from, value.length, nowMs)) print(line);
    }
  }

  tell(): void {
    const nowMs = performance.now();
    if (this.options.isQuiet) {
      printJson({ ...this.all.totals(nowMs), steady: this.steady === undefined ? null : this.steady.totals(nowMs) });
      return;
    }
    print(this.all.totalLine(nowMs));
    if (this.steady !== undefined) print(this.steady.totalLine(nowMs));
  }
}

function throughputOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value === 0) {
    throw usageError(`--throughput: '${text}' is neither a number of records a second nor -1`);
  }
  return value;
}

function settingsOf(options: Options): ProducerSettings {
  if (options.transactionalId !== undefined || options.transactionDurationMs !== undefined) {
    throw noTransactions('--transactional-id and --transaction-duration-ms');
  }
  const { commandConfig: path } = options;
  const file = path === undefined ? undefined : { path, text: readTextFile('--command-config', path) };
  const settings = producerSettings(mergedProperties(file, [...options.producerProps, ...options.commandProperty]));
  if (settings.unused.length > 0) note(`without effect here: ${settings.unused.join(', ')}`);
  if (options.printMetrics === true) note('--print-metrics: there are no metrics of a Java client to print');
  return settings;
}

function bootstrapOf({ bootstrapServer }: Options, settings: ProducerSettings): string {
  return bootstrapServer ?? settings.bootstrapServer ?? BOOTSTRAP_DEFAULT;
}

function payloadsOf({ recordSize, payloadFile, payloadMonotonic, payloadDelimiter }: Options): Payloads {
  const given = [recordSize !== undefined, payloadFile !== undefined, payloadMonotonic === true];
  if (given.filter(Boolean).length !== 1) {
    throw usageError('give one of --record-size, --payload-file and --payload-monotonic');
  }
  if (recordSize !== undefined) return randomPayloads(parseWhole('--record-size', recordSize, 1, RECORD_BYTES_MAX));
  if (payloadFile === undefined) return countedPayloads();
  const text = readTextFile('--payload-file', payloadFile);
  const { payloads, count } = filePayloads(text, payloadDelimiter, Math.random);
  print(`Reading payloads from: ${payloadFile}`);
  print(`Number of records read: ${count}`);
  return payloads;
}
