/** One node under load, ours and Apache Kafka's in turn on the same machine, against the goals of docs/design.md, section 5. */
import { spawnKafka } from '@odradek/testkit/process';
import { must, odradek } from '../../test/support/run.ts';
import { kafkaLibraries, rssMb, startApacheKafka } from './apache-kafka.ts';
import { load, type Latency, type Load, type Subject } from './load.ts';
import { circumstances, writeSection } from './report.ts';
import { inTurn, Samples, type Goals } from './samples.ts';

export type BrokerOptions = {
  readonly runs: number;
  readonly records: number;
  readonly seconds: number;
  /** A Kafka that runs already, instead of one started here. */
  readonly kafkaBootstrap: string | undefined;
  readonly kafkaPid: number | undefined;
  readonly write: boolean;
};

const SIZE = 1024;
const START_RUNS = 5;
const REST_MS = 3_000;
const WARM_UP_RUNS = 2;

export async function benchBroker(options: BrokerOptions): Promise<void> {
  const samples = new Samples();
  await measureStart(samples);
  await using resources = new AsyncDisposableStack();
  const ours = resources.use(await spawnKafka({ config: { 'group.initial.rebalance.delay.ms': '0' } }));
  const subjects: Subject[] = [{ name: 'odradek', bootstrap: ours.bootstrap, pid: ours.pid }];
  const foreign = await foreignSubject(options, resources, samples);
  if (typeof foreign === 'string') say(`Apache Kafka is not measured: ${foreign}`);
  else subjects.push(foreign);
  await rest();
  for (const { name, pid } of subjects) if (pid !== undefined) samples.add('memory at rest, MB', name, rssMb(pid));
  for (const batch of [16_384, 131_072]) await produceAndConsume(samples, subjects, options, batch);
  await latencies(samples, subjects, options);
  const text = `${circumstances()} Medians of ${options.runs} runs, ours and Kafka's in turn.\n\n${samples.table(goals, typeof foreign !== 'string')}`;
  say(`\n${text}`);
  if (options.write) writeSection('broker', text);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Memory settles after the start, and what is measured is a node that has had nothing to do. */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}

async function measureStart(samples: Samples): Promise<void> {
  for (let run = 0; run < START_RUNS; run++) {
    await using node = await spawnKafka();
    samples.add(START, 'odradek', node.readyMs / 1000);
  }
}

async function foreignSubject(
  options: BrokerOptions,
  resources: AsyncDisposableStack,
  samples: Samples,
): Promise<Subject | string> {
  if (options.kafkaBootstrap !== undefined) {
    return { name: 'kafka', bootstrap: options.kafkaBootstrap, pid: options.kafkaPid };
  }
  const libraries = kafkaLibraries();
  if (libraries.use === undefined) return libraries.missing;
  const kafka = resources.use(await startApacheKafka(libraries.use));
  samples.add(START, 'kafka', kafka.readyMs / 1000);
  return { name: 'kafka', bootstrap: kafka.bootstrap, pid: kafka.pid };
}

const START = 'fresh directory to first answer, s';

async function topicCommand(subject: Subject, ...args: string[]): Promise<void> {
  await must(odradek('topics', ...args, '--bootstrap-server', subject.bootstrap), { withinMs: 120_000 });
}

async function produceAndConsume(
  samples: Samples,
  subjects: readonly Subject[],
  options: BrokerOptions,
  batch: number,
): Promise<void> {
  const kib = batch / 1024;
  for (let run = -WARM_UP_RUNS; run < options.runs; run++) {
    for (const subject of inTurn(subjects, run)) {
      const topic = `bench-${kib}-${run + WARM_UP_RUNS}`;
      await topicCommand(subject, 'create', '--topic', topic, '--partitions', '6');
      const records = run < 0 ? Math.ceil(options.records / 3) : options.records;
      const produced = await load<Load>('produce', subject, topic, { records, size: SIZE, batch });
      const consumed = await load<Load>('consume', subject, topic, { records });
      await topicCommand(subject, 'delete', '--topic', topic);
      if (produced.failed + consumed.failed > 0)
        throw new Error(`${subject.name}: ${produced.failed} not produced, ${consumed.failed} not consumed`);
      if (run < 0) continue;
      addLoad(samples, `produce 1 KiB, ${kib} KiB batches, acks=all`, subject.name, produced);
      if (batch === 131_072) addLoad(samples, 'consume from memory', subject.name, consumed);
    }
  }
}

function addLoad(samples: Samples, what: string, who: string, measured: Load): void {
  samples.add(`${what}, MB/s`, who, measured.bytes / 1e6 / measured.seconds);
  samples.add(`${what}, CPU-s/GB`, who, measured.cpuSeconds / (measured.bytes / 1e9));
  samples.add('memory under load (peak), MB', who, measured.peakRssMb);
}

async function latencies(samples: Samples, subjects: readonly Subject[], options: BrokerOptions): Promise<void> {
  const topic = 'bench-latency';
  for (const subject of subjects) await topicCommand(subject, 'create', '--topic', topic, '--partitions', '6');
  for (let run = 0; run < options.runs; run++) {
    for (const subject of inTurn(subjects, run)) {
      const measured = await load<Latency>('latency', subject, topic, {
        rate: 2000,
        seconds: options.seconds,
        size: SIZE,
      });
      if (measured.failed > 0) throw new Error(`${subject.name}: ${measured.failed} records did not arrive`);
      samples.add('latency at 2000 rec/s, p50 ms', subject.name, measured.p50Ms);
      samples.add('latency at 2000 rec/s, p99 ms', subject.name, measured.p99Ms);
    }
  }
}

/** Ratios are ours over Kafka's. */
const goals: Goals = {
  [START]: { text: '< 0.4', met: (ours) => ours < 0.4 },
  'memory at rest, MB': { text: '< 100', met: (ours) => ours < 100 },
  'memory under load (peak), MB': { text: '< 300', met: (ours) => ours < 300 },
  'produce 1 KiB, 16 KiB batches, acks=all, MB/s': { text: '≥ 1.8x', met: (_ours, ratio) => ratio >= 1.8 },
  'produce 1 KiB, 16 KiB batches, acks=all, CPU-s/GB': { text: '≤ 6', met: (ours) => ours <= 6 },
  'produce 1 KiB, 128 KiB batches, acks=all, MB/s': { text: '≥ 1x', met: (_ours, ratio) => ratio >= 1 },
  'consume from memory, CPU-s/GB': { text: '≤ 1.2', met: (ours) => ours <= 1.2 },
  'latency at 2000 rec/s, p99 ms': { text: '≤ 0.5x', met: (_ours, ratio) => ratio <= 0.5 },
};
