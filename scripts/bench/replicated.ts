/** Three nodes under load, ours and Apache Kafka's in turn on the same machine: three replicas of each partition, acks=all. */
import { apacheFleet, NODES, ourFleet, type Fleet } from './fleet.ts';
import { foreignLoad, load, type Latency, type Load } from './load.ts';
import { circumstances, writeSection } from './report.ts';
import { inTurn, Samples, type Goals } from './samples.ts';

export type ReplicatedOptions = {
  readonly runs: number;
  readonly records: number;
  readonly seconds: number;
  /** Without it ours alone. */
  readonly isCompared: boolean;
  /** A load generator with the command line of the project's shared one, instead of the one under test/bench. */
  readonly generator: string | undefined;
  readonly write: boolean;
};

const SIZE = 1_024;
const PARTITIONS = 6;
const RATE = 2_000;
const WARM_UP_RUNS = 2;
const BATCHES = [16_384, 131_072];

export async function benchReplicated(options: ReplicatedOptions): Promise<void> {
  const samples = new Samples();
  await using resources = new AsyncDisposableStack();
  const fleets: Fleet[] = [resources.use(await ourFleet())];
  const other = options.isCompared ? await apacheFleet() : 'not asked for';
  if (typeof other === 'string') say(`Apache Kafka is not measured: ${other}`);
  else fleets.push(resources.use(other));
  for (const batch of BATCHES) await throughput(samples, fleets, options, batch);
  await latencies(samples, fleets, options);
  const about = `${circumstances()} Medians of ${options.runs} runs of ${options.records} records, ours and Kafka's in turn; all six nodes run all the time.`;
  const text = `${about}\n\n${samples.table(goals, fleets.length > 1)}`;
  say(`\n${text}`);
  if (options.write) writeSection('replicated', text);
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function throughput(
  samples: Samples,
  fleets: readonly Fleet[],
  options: ReplicatedOptions,
  batch: number,
): Promise<void> {
  const what = `1 KiB, ${batch / 1_024} KiB batches, acks=all`;
  for (let run = -WARM_UP_RUNS; run < options.runs; run += 1) {
    for (const fleet of inTurn(fleets, run)) {
      const topic = `replicated-${batch}-${run + WARM_UP_RUNS}`;
      await fleet.createTopic(topic, { partitions: PARTITIONS });
      const { records } = options;
      const { seconds, bytes, failed, cpuSeconds, peakRssMb } = await produced(fleet, topic, {
        ...options,
        records,
        batch,
      });
      await fleet.deleteTopic(topic);
      if (failed > 0) throw new Error(`${fleet.name}: ${failed} records were not produced`);
      if (run < 0) continue;
      samples.add(`${what}, records/s`, fleet.name, records / seconds);
      samples.add(`${what}, CPU-s/GB of a node`, fleet.name, cpuSeconds / NODES / (bytes / 1e9));
      samples.add('memory of a node under load (peak), MB', fleet.name, peakRssMb / NODES);
    }
  }
}

type Produced = Pick<Load, 'seconds' | 'bytes' | 'failed' | 'cpuSeconds' | 'peakRssMb'>;
type Producing = { readonly records: number; readonly batch: number; readonly generator: string | undefined };

async function produced(fleet: Fleet, topic: string, { records, batch, generator }: Producing): Promise<Produced> {
  if (generator === undefined) return load<Load>('produce', fleet.subject, topic, { records, size: SIZE, batch });
  const args = [records, SIZE, '--batch', batch, '--runs', 1];
  const told = await foreignLoad(generator, ['produce', fleet.subject, topic], args);
  const { seconds, bytes, failed = 0 } = told;
  return { seconds, bytes, failed, cpuSeconds: told.broker_cpu_s, peakRssMb: told.broker_rss_mb };
}

async function latencies(samples: Samples, fleets: readonly Fleet[], options: ReplicatedOptions): Promise<void> {
  const topic = 'replicated-latency';
  for (const fleet of fleets) await fleet.createTopic(topic, { partitions: PARTITIONS });
  // The first is not counted: a JVM compiles in it.
  for (let run = -1; run < options.runs; run += 1) {
    for (const fleet of inTurn(fleets, run + 1)) {
      const { p50Ms, p99Ms, failed } = await latency(fleet, topic, options);
      if (failed > 0) throw new Error(`${fleet.name}: ${failed} records did not arrive`);
      if (run < 0) continue;
      samples.add(`produce to consume at ${RATE} rec/s, p50 ms`, fleet.name, p50Ms);
      samples.add(`produce to consume at ${RATE} rec/s, p99 ms`, fleet.name, p99Ms);
    }
  }
}

type Waited = Pick<Latency, 'p50Ms' | 'p99Ms' | 'failed'>;

async function latency(fleet: Fleet, topic: string, { seconds, generator }: ReplicatedOptions): Promise<Waited> {
  if (generator === undefined)
    return load<Latency>('latency', fleet.subject, topic, { rate: RATE, seconds, size: SIZE });
  const told = await foreignLoad(generator, ['latency', fleet.subject, topic], [RATE, seconds, SIZE]);
  return {
    p50Ms: told.p50_ms ?? Number.NaN,
    p99Ms: told.p99_ms ?? Number.NaN,
    failed: told.records - (told.received ?? 0),
  };
}

const goals: Goals = {
  '1 KiB, 16 KiB batches, acks=all, records/s': { text: '≥ 3x', met: (_ours, ratio) => ratio >= 3 },
  '1 KiB, 128 KiB batches, acks=all, records/s': { text: '≥ 1.5x', met: (_ours, ratio) => ratio >= 1.5 },
  [`produce to consume at ${RATE} rec/s, p99 ms`]: { text: '≤ 0.5x', met: (_ours, ratio) => ratio <= 0.5 },
};
