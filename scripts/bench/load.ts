/** The load generator: librdkafka through Python, in a process of its own, so that both brokers meet the same client. */
import { confluentPython } from '../../test/support/python.ts';
import { must, root } from '../../test/support/run.ts';

export type Load = {
  readonly seconds: number;
  readonly bytes: number;
  readonly failed: number;
  /** Of all processes that are watched, and of each. */
  readonly cpuSeconds: number;
  readonly cpuSecondsEach: readonly number[];
  readonly peakRssMb: number;
};
export type Latency = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failed: number;
  /** With `each`: when a record was due (wall clock, milliseconds), and how long after that it was acknowledged. */
  readonly acks?: readonly (readonly [dueMs: number, waitMs: number])[];
};
export type Fill = { readonly seconds: number; readonly records: number; readonly failed: number };

/** A broker under test. */
type Watched = { readonly bootstrap: string; readonly pid: number | readonly number[] | undefined };
export type Subject = { readonly name: string; readonly bootstrap: string; readonly pid: number | undefined };

const LOAD_WITHIN_MS = 600_000;

/** `true`: a flag without a value. */
type Arguments = Readonly<Record<string, number | true>>;

export async function load<T>(mode: string, subject: Watched, topic: string, options: Arguments): Promise<T> {
  const python = confluentPython();
  if (python.use === undefined) throw new Error(`the load generator needs librdkafka: ${python.missing}`);
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  const pid = [subject.pid ?? []].flat().flatMap((each) => ['--pid', String(each)]);
  const file = `${root}test/bench/python/load.py`;
  const told = await must([python.use, file, mode, subject.bootstrap, topic, ...flags, ...pid], {
    withinMs: LOAD_WITHIN_MS,
  });
  return JSON.parse(told) as T;
}

/** A load generator that takes `produce` and `latency` as `shared/tools/load` does and writes a line of JSON, instead of the project's own. */
export async function foreignLoad(
  program: string,
  [mode, subject, topic]: readonly [mode: string, subject: Watched, topic: string],
  args: readonly (string | number)[],
): Promise<ForeignLoad> {
  const python = confluentPython();
  if (python.use === undefined) throw new Error(`the load generator needs librdkafka: ${python.missing}`);
  const pids = ['--pids', [subject.pid ?? []].flat().join(',')];
  const command = [python.use, program, mode, subject.bootstrap, topic, ...args.map(String), ...pids];
  return JSON.parse(await must(command, { withinMs: LOAD_WITHIN_MS })) as ForeignLoad;
}

export type ForeignLoad = {
  readonly records: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly broker_cpu_s: number;
  readonly broker_rss_mb: number;
  readonly failed?: number;
  readonly received?: number;
  readonly p50_ms?: number;
  readonly p99_ms?: number;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
