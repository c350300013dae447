/**
 * What the compaction of a large topic costs those who write beside it, through the network: phases without and with it take turns in one
 * run of one node, so that what else the machine does meets both alike.
 */
import { createServer, type AddressInfo } from 'node:net';
import { ApiKey } from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit/process';
import { load, median, type Latency } from './load.ts';
import { circumstances, markdownTable, writeSection } from './report.ts';

export type CompactionOptions = {
  /** Of values in the topic that is compacted. */
  readonly megabytes: number;
  readonly keys: number;
  /** Pairs of phases. */
  readonly runs: number;
  /** Of one phase. */
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
const COMPACTED_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 100;
const TOPIC_CONFIG = 2;

type Phase = Latency & { readonly stallMs: number };
type Pair = { readonly without: Phase; readonly beside: Phase; readonly compaction: Compaction };
type Compaction = {
  readonly seconds: number;
  readonly megabytesRead: number;
  readonly megabytesWritten: number;
  /** It was under way for the whole of the phase. */
  readonly outlasted: boolean;
};

export async function benchCompaction(options: CompactionOptions): Promise<void> {
  const httpPort = await freePort();
  const config = {
    'log.cleaner.backoff.ms': '100',
    'log.segment.delete.delay.ms': '1000',
    'odradek.http.port': String(httpPort),
  };
  await using node = await spawnKafka({ config });
  const wire = await Wire.open(node.bootstrap);
  const bench = new Bench(node, wire, httpPort, options);
  await bench.createTopic('beside', PARTITIONS);
  await bench.phase(); // connections, compiled code
  const pairs: Pair[] = [];
  for (let run = 0; run < options.runs; run += 1) {
    const pair = await bench.pair(run);
    pairs.push(pair);
    const { without, beside, compaction } = pair;
    process.stdout.write(
      `run ${run + 1}: p99 ${without.ackP99Ms.toFixed(2)} ms without, ${beside.ackP99Ms.toFixed(2)} ms beside it; ` +
        `${rateOf(compaction).toFixed(0)} MB/s for ${compaction.seconds.toFixed(1)} s${compaction.outlasted ? '' : ' (it ended within the phase)'}\n`,
    );
  }
  const text = report(pairs);
  process.stdout.write(`\n${text}\n`);
  const { megabytes, keys, rate, seconds } = options;
  const about =
    `A topic of ${megabytes} MB in records of ${VALUE_BYTES} bytes with ${keys} keys is compacted while ${rate} records/s of ${SIZE} bytes ` +
    `go to another (acks=all, librdkafka); ${pairs.length} pairs of phases of ${seconds} s in turn, medians (least-most). ${circumstances()}`;
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

  async pair(run: number): Promise<Pair> {
    const topic = `table-${run}`;
    await this.createTopic(topic, 1);
    await this.#fill(topic);
    const without = await this.phase();
    const before = await this.#metrics();
    await this.#setPolicy(topic, 'compact');
    await this.#until((metrics) => (metrics.get('odradek_cleaner_running') ?? 0) > 0);
    const beside = await this.phase();
    const outlasted = ((await this.#metrics()).get('odradek_cleaner_running') ?? 0) > 0;
    await this.#until((metrics) => doneIn(metrics) > doneIn(before));
    const after = await this.#metrics();
    await this.#wire.call(ApiKey.DeleteTopics, { topicNames: [topic], timeoutMs: 10_000 }, 5);
    const bytes = (direction: string): number => {
      const name = `odradek_cleaner_bytes_total{direction="${direction}"}`;
      return ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / 1e6;
    };
    const seconds = after.get('odradek_cleaner_last_run_seconds') ?? Number.NaN;
    const compaction = { seconds, megabytesRead: bytes('read'), megabytesWritten: bytes('written'), outlasted };
    return { without, beside, compaction };
  }

  /** Records at a steady pace for so long. */
  async phase(): Promise<Phase> {
    const { rate, seconds } = this.#options;
    await this.#metrics(); // what stalled before does not count
    const subject = { name: 'odradek', bootstrap: this.#node.bootstrap, pid: this.#node.pid };
    const latency = await load<Latency>('latency', subject, 'beside', { rate, seconds, size: SIZE });
    if (latency.failed > 0) throw new Error(`${latency.failed} records were lost on their way`);
    const stallSeconds = (await this.#metrics()).get('nodejs_eventloop_lag_max_seconds') ?? Number.NaN;
    return { ...latency, stallMs: stallSeconds * 1_000 };
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

  async #setPolicy(resourceName: string, value: string): Promise<void> {
    const configs = [{ name: 'cleanup.policy', configOperation: 0, value }];
    const resources = [{ resourceType: TOPIC_CONFIG, resourceName, configs }];
    const { responses } = await this.#wire.call(ApiKey.IncrementalAlterConfigs, { resources, validateOnly: false }, 1);
    if (responses[0]?.errorCode !== 0) throw new Error(`cleanup.policy: ${responses[0]?.errorMessage}`);
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
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}

function doneIn(metrics: Map<string, number>): number {
  return metrics.get('odradek_cleaner_runs_total{outcome="done"}') ?? 0;
}

function rateOf({ megabytesRead, seconds }: Compaction): number {
  return megabytesRead / seconds;
}

function report(pairs: readonly Pair[]): string {
  const spread = (values: readonly number[]): string => {
    const sorted = values.toSorted((left, right) => left - right);
    const shown = (value = Number.NaN): string => value.toFixed(2);
    return `${shown(median(values))} (${shown(sorted[0])}-${shown(sorted.at(-1))})`;
  };
  const row = (name: string, of: (phase: Phase) => number): string[] => [
    name,
    spread(pairs.map(({ without }) => of(without))),
    spread(pairs.map(({ beside }) => of(beside))),
    `${spread(pairs.map(({ without, beside }) => of(beside) / of(without)))}x`,
  ];
  const latencies = markdownTable(
    ['', 'without', 'beside compaction', 'ratio within a pair'],
    [
      row('produce to acknowledgement, p50 ms', ({ ackP50Ms }) => ackP50Ms),
      row('produce to acknowledgement, p99 ms', ({ ackP99Ms }) => ackP99Ms),
      row('produce to consume, p99 ms', ({ p99Ms }) => p99Ms),
      row('longest hold of the event loop, ms', ({ stallMs }) => stallMs),
    ],
  );
  const all = pairs.map(({ compaction }) => compaction);
  const ratio = median(pairs.map(({ without, beside }) => beside.ackP99Ms / without.ackP99Ms));
  const outlasted = all.filter((one) => one.outlasted).length;
  return (
    `${latencies}\n\nCompaction: ${spread(all.map(rateOf))} MB/s of the topic for ${spread(all.map(({ seconds }) => seconds))} s, ` +
    `${spread(all.map(({ megabytesWritten }) => megabytesWritten))} MB left; it outlasted the phase in ${outlasted} of ${all.length}. ` +
    `Goal: p99 not doubled: ${ratio < 2 ? 'met' : '**missed**'} (${ratio.toFixed(2)}x).`
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
