/**
 * What the compaction of a large topic costs those who write beside it, through the network. One compaction is held and let go again in short
 * slices, by its rate, while records go to another topic at a steady pace: what else the machine does meets slices of both kinds alike.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type AddressInfo } from 'node:net';
import { ApiKey } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit/process';
import { load, median, quantile, type Latency } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type CompactionOptions = {
  /** Of values in the topic that is compacted. */
  readonly megabytes: number;
  readonly keys: number;
  /** Topics that are compacted, one after another. */
  readonly runs: number;
  /** For which records are sent in each. */
  readonly seconds: number;
  /** Records a second to another topic, whose latency is measured. */
  readonly rate: number;
  readonly write: boolean;
};

const VALUE_BYTES = 256;
const SIZE = 1_024;
const PARTITIONS = 6;
/** Only sealed segments are compacted. */
const SEGMENTS = 8;
const SLICE_MS = 2_000;
/** Of a slice, until what the one before has left is over. */
const SETTLE_MS = 250;
const WARM_MS = 3_000;
const COMPACTED_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 100;
const HELD = '1000';
const FREE = '1e12';
const TOPIC = 2;
const BROKER = 4;

type Slice = {
  readonly isCompacting: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stallMs: number;
};
type Measured = Slice & { readonly waits: readonly number[] };
type Run = {
  readonly slices: readonly Measured[];
  readonly megabytesRead: number;
  readonly megabytesWritten: number;
  readonly seconds: number;
};

export async function benchCompaction(options: CompactionOptions): Promise<void> {
  const httpPort = await freePort();
  const config = {
    'log.cleaner.backoff.ms': '100',
    'log.segment.delete.delay.ms': '1000',
    'odradek.http.port': String(httpPort),
  };
  await using node = await spawnKafka({ config });
  const bench = new Bench(node, await Wire.open(node.bootstrap), httpPort, options);
  await bench.createTopic('beside', PARTITIONS);
  const runs: Run[] = [];
  for (let at = 0; at < options.runs; at += 1) {
    const run = await bench.run(`table-${at}`);
    runs.push(run);
    const p99 = (isCompacting: boolean): string => quantile(waitsOf([run], isCompacting), 0.99).toFixed(2);
    const rate = (run.megabytesRead / run.seconds).toFixed(0);
    process.stdout.write(`run ${at + 1}: p99 ${p99(false)} ms without, ${p99(true)} ms beside it; ${rate} MB/s\n`);
  }
  const text = report(runs);
  process.stdout.write(`\n${text}\n`);
  const { megabytes, keys, rate } = options;
  const about =
    `A topic of ${megabytes} MB in records of ${VALUE_BYTES} bytes with ${keys} keys is compacted while ${rate} records/s of ${SIZE} bytes ` +
    `go to another (acks=all, librdkafka); the compaction is held and let go in turn every ${SLICE_MS / 1_000} s. ${circumstances()}`;
  if (options.write) writeSection('compaction', `${about}\n\n${text}`);
}

class Bench {
  readonly #node: KafkaProcess;
  readonly #wire: Wire;
  readonly #httpPort: number;
  readonly #options: CompactionOptions;

  constructor(node: KafkaProcess, wire: Wire, httpPort: number, options: CompactionOptions) {
    this.#node = node;
    this.#wire = wire;
    this.#httpPort = httpPort;
    this.#options = options;
  }

  async run(topic: string): Promise<Run> {
    const { rate, seconds } = this.#options;
    await this.createTopic(topic, 1);
    await this.#fill(topic);
    await this.#hold(true);
    await this.#set(TOPIC, topic, 'cleanup.policy', 'compact');
    const before = await this.#metrics();
    await this.#until((metrics) => (metrics.get('odradek_cleaner_running') ?? 0) > 0);
    const subject = { name: 'odradek', bootstrap: this.#node.bootstrap, pid: this.#node.pid };
    const sending = load<Latency>('latency', subject, 'beside', { rate, seconds, size: SIZE, each: true });
    await sleep(WARM_MS);
    const slices = await this.#alternate(doneIn(before), performance.now() + seconds * 1_000 - WARM_MS);
    const { acks = [], failed } = await sending;
    if (failed > 0) throw new Error(`${failed} records were lost on their way`);
    const from = performance.now();
    await this.#hold(false);
    await this.#until((metrics) => doneIn(metrics) > doneIn(before));
    const restMs = performance.now() - from;
    const after = await this.#metrics();
    await this.#wire.call(ApiKey.DeleteTopics, { topicNames: [topic], timeoutMs: 10_000 }, 5);
    const megabytes = (direction: string): number => {
      const name = `odradek_cleaner_bytes_total{direction="${direction}"}`;
      return ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / 1e6;
    };
    const compactingMs = slices.reduce(
      (sum, { isCompacting, fromMs, toMs }) => sum + (isCompacting ? toMs - fromMs : 0),
      0,
    );
    const measured = slices.map((slice) => ({
      ...slice,
      waits: acks.flatMap(([dueMs, waitMs]) =>
        dueMs >= slice.fromMs + SETTLE_MS && dueMs < slice.toMs ? [waitMs] : [],
      ),
    }));
    return {
      slices: measured,
      megabytesRead: megabytes('read'),
      megabytesWritten: megabytes('written'),
      seconds: (compactingMs + restMs) / 1_000,
    };
  }

  /** Slices without and with it in turn, until it is done or the time is over. */
  async #alternate(doneBefore: number, deadlineMs: number): Promise<Slice[]> {
    const slices: Slice[] = [];
    for (let isCompacting = false; performance.now() + SLICE_MS < deadlineMs; isCompacting = !isCompacting) {
      await this.#hold(!isCompacting);
      await this.#metrics(); // what held the loop before does not count
      const fromMs = Date.now();
      await sleep(SLICE_MS);
      const toMs = Date.now();
      const metrics = await this.#metrics();
      if (doneIn(metrics) > doneBefore) break;
      const stallMs = (metrics.get('nodejs_eventloop_lag_max_seconds') ?? Number.NaN) * 1_000;
      slices.push({ isCompacting, fromMs, toMs, stallMs });
    }
    return slices;
  }

  async createTopic(name: string, numPartitions: number): Promise<void> {
    const configs = [
      { name: 'segment.bytes', value: String(Math.ceil((this.#options.megabytes * 1e6) / SEGMENTS)) },
      { name: 'min.cleanable.dirty.ratio', value: '0.01' },
    ];
    const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }];
    const answer = await this.#wire.call(ApiKey.CreateTopics, { topics, timeoutMs: 10_000, validateOnly: false }, 7);
    const [created] = answer.topics;
    if (created?.errorCode !== 0) throw new Error(`${name} was not created: ${created?.errorMessage}`);
  }

  async #fill(topic: string): Promise<void> {
    const { megabytes, keys } = this.#options;
    const subject = { name: 'odradek', bootstrap: this.#node.bootstrap, pid: undefined };
    const records = Math.ceil((megabytes * 1e6) / VALUE_BYTES);
    const sizes = { records, size: VALUE_BYTES, keys, batch: 131_072 };
    const filled = await load<{ failed: number }>('keyed', subject, topic, sizes);
    if (filled.failed > 0) throw new Error(`${topic}: ${filled.failed} records were not written`);
  }

  #hold(isHeld: boolean): Promise<void> {
    return this.#set(BROKER, '', 'log.cleaner.io.max.bytes.per.second', isHeld ? HELD : FREE);
  }

  async #set(resourceType: number, resourceName: string, name: string, value: string): Promise<void> {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType, resourceName, configs }];
    const { responses } = await this.#wire.call(ApiKey.IncrementalAlterConfigs, { resources, validateOnly: false }, 1);
    if (responses[0]?.errorCode !== 0) throw new Error(`${name}: ${responses[0]?.errorMessage}`);
  }

  async #metrics(): Promise<Map<string, number>> {
    const answer = await fetch(`http://127.0.0.1:${this.#httpPort}/metrics`);
    const lines = (await answer.text()).split('\n').filter((line) => !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }

  async #until(holds: (metrics: Map<string, number>) => boolean): Promise<void> {
    const deadline = performance.now() + COMPACTED_WITHIN_MS;
    while (!holds(await this.#metrics())) {
      if (performance.now() > deadline) throw new Error(`the topic was not compacted\n${this.#node.output()}`);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function doneIn(metrics: Map<string, number>): number {
  return metrics.get('odradek_cleaner_runs_total{outcome="done"}') ?? 0;
}

function waitsOf(runs: readonly Run[], isCompacting: boolean): number[] {
  return runs.flatMap(({ slices }) =>
    slices.flatMap((slice) => (slice.isCompacting === isCompacting ? slice.waits : [])),
  );
}

function report(runs: readonly Run[]): string {
  const slices = runs.flatMap((run) => run.slices);
  const row = (name: string, of: (isCompacting: boolean) => number): string[] => {
    const [without, beside] = [of(false), of(true)];
    return [name, without.toFixed(2), beside.toFixed(2), `${(beside / without).toFixed(2)}x`];
  };
  const ofSlices = (isCompacting: boolean, of: (slice: Measured) => number): number[] =>
    slices.filter((slice) => slice.isCompacting === isCompacting).map(of);
  const p99 = (isCompacting: boolean): number => quantile(waitsOf(runs, isCompacting), 0.99);
  const stalls = (isCompacting: boolean): number[] => ofSlices(isCompacting, ({ stallMs }) => stallMs);
  const latencies = markdownTable(
    ['', 'without', 'beside compaction', 'ratio'],
    [
      row('produce to acknowledgement, p50 of all, ms', (kind) => quantile(waitsOf(runs, kind), 0.5)),
      row('produce to acknowledgement, p99 of all, ms', p99),
      row('p99 of a slice, median, ms', (kind) => median(ofSlices(kind, ({ waits }) => quantile(waits, 0.99)))),
      row('longest hold of the event loop in a slice, median, ms', (kind) => median(stalls(kind))),
      row('longest hold of the event loop, ms', (kind) => Math.max(...stalls(kind))),
    ],
  );
  const ratio = p99(true) / p99(false);
  const rates = runs.map(({ megabytesRead, seconds }) => megabytesRead / seconds);
  const left = median(runs.map(({ megabytesWritten }) => megabytesWritten));
  return (
    `${latencies}\n\n${runs.length} topics, ${slices.length} slices. Compaction, while it was let go: ${median(rates).toFixed(0)} MB/s of the topic ` +
    `(each byte is read twice), ${left.toFixed(0)} MB left. Goal: p99 not doubled: ${ratio < 2 ? 'met' : '**missed**'} (${ratio.toFixed(2)}x).`
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
