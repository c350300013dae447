/** `odradek produce`: each line of standard input becomes a record. Memory stays bounded by two batches, whatever the input's size. */
import { Command, Option } from 'commander';
import type { CompressionAlgorithmValue, MessageToProduce, Producer } from '@platformatic/kafka';
import { LineSplitter } from '../core/lines.ts';
import { LineRefused, lineParser, type LineRecord } from '../core/line-record.ts';
import { collectProperty, parseWhole } from '../core/options.ts';
import { CommandError, exitCode, noPartition, usageError } from '../core/refusal.ts';
import { connectionOptions, explain } from '../shell/client.ts';
import { note, printJson, Progress } from '../shell/terminal.ts';
import {
  applyProperties,
  refuseClasses,
  withClientProperties,
  withIdleFlags,
  withPropertyFile,
  type ConsoleOptions,
} from './console-common.ts';

type Options = ConsoleOptions & {
  bootstrapServer: string;
  readerConfig?: string;
  lineReader?: string;
  topic: string;
  partition?: string;
  property: Map<string, string>;
  acks: string;
  compressionType: string;
  compressionCodec?: string;
  batchSize: string;
  requestTimeoutMs: string;
  maxMessages?: string;
  /** A property may say it as a text. */
  idempotence: boolean | string;
  json?: boolean;
  quiet?: boolean;
};

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** Records of one request, whatever their size: tiny lines would make it long in records before it is long in bytes. */
const BATCH_RECORDS_MAX = 2000;
/** What a record adds to its key and value in a batch, at most, besides headers. */
const RECORD_OVERHEAD_BYTES = 24;

/** Properties of a producer that have an effect. */
const propertyOptions = {
  'bootstrap.servers': 'bootstrapServer',
  acks: 'acks',
  'compression.type': 'compressionType',
  'batch.size': 'batchSize',
  'request.timeout.ms': 'requestTimeoutMs',
  'enable.idempotence': 'idempotence',
} as const;

const idleFlags = [
  '--sync',
  '--timeout <ms>',
  '--message-send-max-retries <n>',
  '--retry-backoff-ms <ms>',
  '--max-block-ms <ms>',
  '--max-memory-bytes <bytes>',
  '--max-partition-memory-bytes <bytes>',
  '--metadata-expiry-ms <ms>',
  '--socket-buffer-size <bytes>',
];

export function produceCommand(): Command {
  return withIdleFlags(withClientProperties(ownOptions(), 'producer'), idleFlags)
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options, command: Command) =>
      produce(normalise(applyProperties(command, options, propertyOptions))),
    );
}

function ownOptions(): Command {
  return new Command('produce')
    .description('write lines of standard input to a topic')
    .requiredOption('-t, --topic <name>', 'topic to write to')
    .option('-b, --bootstrap-server <host:port,...>', 'brokers to connect to', 'localhost:9092')
    .option('-p, --partition <n>', 'write to this partition; otherwise by key, or in turn')
    .addOption(
      new Option(
        '--reader-property, --property <key=value>',
        "as Kafka's: parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, headers.key.separator, null.marker, ignore.error",
      )
        .argParser(collectProperty('--property'))
        .default(new Map(), ''),
    )
    .option('--request-required-acks, --acks <0|1|all>', 'what the leader waits for', 'all')
    .addOption(
      new Option('-z, --compression-type <codec>', 'compress batches')
        .choices(codecs)
        .default('none')
        .conflicts('compressionCodec'),
    )
    .addOption(new Option('--compression-codec [codec]', "Kafka's other name for it").choices(codecs).preset('gzip'))
    .option('--batch-size <bytes>', 'bytes of one batch', '262144')
    .option('--request-timeout-ms <ms>', 'how long one request may take', '30000')
    .option('--max-messages <n>', 'stop after so many lines')
    .option('--no-idempotence', 'allow duplicates when a request is retried')
    .option('--json', 'print a summary as JSON')
    .option('-q, --quiet', 'no summary, no progress')
    .option('--reader-config <file>', 'properties as --reader-property takes them, from a file')
    .addOption(new Option('--line-reader <class>', "only Kafka's own reader of lines").hideHelp());
}

const EXAMPLES = `
Examples:
  $ echo hello | odradek produce --topic greetings
  $ odradek produce --topic orders --property parse.key=true --property key.separator=: <<< '42:{"total":7}'
  $ odradek produce --topic audit --property parse.headers=true <<< $'source:web,user:7\\tlogged in'
  $ odradek produce --topic logs --compression-type zstd < /var/log/syslog`;

type Plan = {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partition: number | undefined;
  readonly parse: (line: Buffer, number: number) => LineRecord | undefined;
  readonly acks: number;
  readonly idempotent: boolean;
  readonly compression: CompressionAlgorithmValue;
  readonly batchBytes: number;
  readonly timeoutMs: number;
  readonly maxMessages: number;
  readonly json: boolean;
  readonly quiet: boolean;
};

function normalise(options: Options): Plan {
  refuseClasses({ '--line-reader': options.lineReader });
  const acks = { '0': 0, '1': 1, '-1': -1, all: -1 }[options.acks];
  if (acks === undefined) throw usageError(`--acks: '${options.acks}' is none of 0, 1, all`);
  return {
    bootstrap: options.bootstrapServer,
    topic: options.topic,
    partition: options.partition === undefined ? undefined : parseWhole('--partition', options.partition, 0),
    parse: lineParser(withPropertyFile('--reader-config', options.readerConfig, options.property)),
    acks,
    idempotent: String(options.idempotence) === 'true' && acks === -1,
    compression: codecOf(options.compressionCodec ?? options.compressionType),
    batchBytes: parseWhole('--batch-size', options.batchSize, 1, 100 * 1024 * 1024),
    timeoutMs: parseWhole('--request-timeout-ms', options.requestTimeoutMs, 1),
    maxMessages: options.maxMessages === undefined ? Infinity : parseWhole('--max-messages', options.maxMessages, 1),
    json: options.json === true,
    quiet: options.quiet === true,
  };
}

function codecOf(name: string): CompressionAlgorithmValue {
  if (!codecs.includes(name)) throw usageError(`compression.type: '${name}' is none of ${codecs.join(', ')}`);
  return name as CompressionAlgorithmValue;
}

async function produce(plan: Plan): Promise<void> {
  const connection = await connectionOptions(plan.bootstrap, plan.timeoutMs);
  const kafka = await import('@platformatic/kafka');
  const producer = new kafka.Producer<Buffer, Buffer, Buffer, Buffer>({
    ...connection,
    retries: 5,
    retryDelay: 200,
    idempotent: plan.idempotent,
    autocreateTopics: true,
  });
  const sender = new Sender(producer, plan);
  try {
    await mustHavePartition(producer, plan);
    await sendLines(sender, plan);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw explain(`cannot write to topic '${plan.topic}'`, error);
  } finally {
    sender.progress.clear();
    await producer.close().catch(() => undefined);
  }
  const { records, bytes } = sender.progress;
  if (plan.json) {
    printJson({
      topic: plan.topic,
      records,
      bytes,
      seconds: sender.progress.seconds(),
      firstOffsets: Object.fromEntries(sender.firstOffsets),
    });
  } else if (!plan.quiet && process.stderr.isTTY) {
    note(sender.progress.summary());
  }
}

/** The client library takes a partition modulo their count, so one that does not exist would be another, and nobody told. */
async function mustHavePartition(producer: Producer<Buffer, Buffer, Buffer, Buffer>, plan: Plan): Promise<void> {
  if (plan.partition === undefined) return;
  const metadata = await producer.metadata({ topics: [plan.topic], autocreateTopics: true });
  const count = metadata.topics.get(plan.topic)?.partitionsCount ?? 0;
  if (plan.partition >= count) throw noPartition(plan.topic, plan.partition, count);
}

async function sendLines(sender: Sender, plan: Plan): Promise<void> {
  try {
    await readLines(sender, plan);
  } catch (error) {
    if (!(error instanceof LineRefused)) throw error;
    // What stood before the line is written whatever batch it was in, so that a second run can begin at the line.
    await sender.finish();
    const count = sender.progress.records;
    const before =
      count === 0 ? '' : `; ${count} ${count === 1 ? 'record before it was' : 'records before it were'} written`;
    throw new CommandError(`${error.message}${before}`, exitCode.usage);
  }
  await sender.finish();
}

async function readLines(sender: Sender, plan: Plan): Promise<void> {
  const splitter = new LineSplitter();
  let number = 0;
  const take = (lines: readonly Buffer[]): boolean => {
    for (const line of lines) {
      if (number >= plan.maxMessages) return false;
      number += 1;
      const record = plan.parse(line, number);
      if (record !== undefined) sender.add(record);
    }
    return number < plan.maxMessages;
  };
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    const more = take(splitter.push(chunk));
    await sender.sendFull();
    if (!more) break;
  }
  const last = splitter.end();
  if (last !== undefined) take([last]);
}

/** Fills the next batch while one is on its way: one request at a time keeps the order of lines. */
class Sender {
  readonly progress: Progress;
  /** Partition → offset of the first record written. */
  readonly firstOffsets = new Map<number, number>();
  private readonly producer: Producer<Buffer, Buffer, Buffer, Buffer>;
  private readonly plan: Plan;
  private waiting: Message[] = [];
  /** Index in `waiting` after each full batch. */
  private cuts: number[] = [];
  private openBytes = 0;
  private openRecords = 0;
  private sending: Promise<void> = Promise.resolve();

  constructor(producer: Producer<Buffer, Buffer, Buffer, Buffer>, plan: Plan) {
    this.producer = producer;
    this.plan = plan;
    this.progress = new Progress('produced', !plan.quiet);
  }

  add(record: LineRecord): void {
    const sizeBytes = recordBytes(record);
    if (this.openRecords > 0 && this.openBytes + sizeBytes > this.plan.batchBytes) this.cut();
    const message: Message = { topic: this.plan.topic };
    // The library tells a tombstone by a null value, which its types do not have.
    Object.assign(message, { key: record.key ?? undefined, value: record.value });
    if (record.headers.length > 0) message.headers = new Map(record.headers as [Buffer, Buffer][]);
    if (this.plan.partition !== undefined) message.partition = this.plan.partition;
    this.waiting.push(message);
    this.openBytes += sizeBytes;
    this.openRecords += 1;
    if (this.openRecords >= BATCH_RECORDS_MAX) this.cut();
  }

  private cut(): void {
    this.cuts.push(this.waiting.length);
    this.openBytes = 0;
    this.openRecords = 0;
  }

  /** Sends the batches that are full. The last of them may still be on its way when this returns. */
  async sendFull(): Promise<void> {
    let from = 0;
    for (const end of this.cuts) {
      const batch = this.waiting.slice(from, end);
      from = end;
      await this.sending;
      this.sending = this.send(batch);
      this.sending.catch(() => undefined); // its failure is met by the next await
    }
    this.cuts = [];
    if (from > 0) this.waiting = this.waiting.slice(from);
  }

  async finish(): Promise<void> {
    if (this.openRecords > 0) this.cut();
    await this.sendFull();
    await this.sending;
  }

  private async send(messages: Message[]): Promise<void> {
    const { plan } = this;
    const sent = await this.producer.send({ messages, acks: plan.acks, compression: plan.compression });
    let bytes = 0;
    for (const message of messages) bytes += (message.value?.length ?? 0) + (message.key?.length ?? 0);
    for (const { partition, offset } of sent.offsets ?? []) {
      if (offset >= 0n && !this.firstOffsets.has(partition)) this.firstOffsets.set(partition, Number(offset));
    }
    this.progress.add(messages.length, bytes);
  }
}

function recordBytes(record: LineRecord): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
  for (const [key, value] of record.headers) bytes += key.length + (value?.length ?? 0) + 10;
  return bytes;
}
