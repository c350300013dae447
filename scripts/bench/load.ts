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

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
