/** What a test of producers tells, window by window and in the end, in the lines of kafka-producer-perf-test. */
import { assert } from '@odradek/base';

const LATENCIES_MAX = 500_000;
const BYTES_PER_MB = 1024 * 1024;
const PERCENTILES = [0.5, 0.95, 0.99, 0.999] as const;

export type ProducerTotals = {
  readonly records: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly averageLatencyMs: number;
  readonly maxLatencyMs: number;
  /** 50th, 95th, 99th, 99.9th; undefined when no record was sent. */
  readonly percentilesMs: readonly number[];
};

/** Counts acknowledged records. Latencies are whole milliseconds, of every record or of one in so many. */
export class ProducerStats {
  private readonly startedMs: number;
  private readonly intervalMs: number;
  private readonly sampling: number;
  private readonly latencies: Float64Array;
  private readonly isSteady: boolean;
  private sampled = 0;
  private records = 0;
  private bytes = 0;
  private latencyMs = 0;
  private maxLatencyMs = 0;
  private window: Window;
  /** Windows are counted, but not told: another one tells its own. */
  isSilent = false;

  /** @param isSteady it begins after a warmup, and says so */
  constructor(
    expected: number,
    options: { readonly nowMs: number; readonly intervalMs: number; readonly isSteady?: boolean },
  ) {
    assert(expected > 0, 'records are expected');
    this.startedMs = options.nowMs;
    this.intervalMs = options.intervalMs;
    this.isSteady = options.isSteady === true;
    this.sampling = Math.max(1, Math.floor(expected / Math.min(expected, LATENCIES_MAX)));
    this.latencies = new Float64Array(Math.floor(expected / this.sampling) + 1);
    this.window = new Window(options.nowMs);
  }

  /** One record is acknowledged. @returns lines to print: a window that is over */
  record(latencyMs: number, bytes: number, nowMs: number): string[] {
    const whole = Math.max(0, Math.trunc(latencyMs));
    if (this.records % this.sampling === 0 && this.sampled < this.latencies.length) {
      this.latencies[this.sampled] = whole;
      this.sampled += 1;
    }
    this.records += 1;
    this.bytes += bytes;
    this.latencyMs += whole;
    this.maxLatencyMs = Math.max(this.maxLatencyMs, whole);
    this.window.add(whole, bytes);
    if (nowMs - this.window.startedMs < this.intervalMs) return [];
    const isFirst = this.window.records === this.records;
    const lines = this.isSilent
      ? []
      : [...(this.isSteady && isFirst ? ['In steady state.'] : []), this.window.line(nowMs)];
    this.window = new Window(nowMs);
    return lines;
  }

  totals(nowMs: number): ProducerTotals {
    const sorted = this.latencies.slice(0, this.sampled).sort();
    return {
      records: this.records,
      bytes: this.bytes,
      elapsedMs: nowMs - this.startedMs,
      averageLatencyMs: this.latencyMs / this.records,
      maxLatencyMs: this.maxLatencyMs,
      percentilesMs: PERCENTILES.map((part) => sorted[Math.floor(part * sorted.length)] ?? 0),
    };
  }

  totalLine(nowMs: number): string {
    const totals = this.totals(nowMs);
    const { records, bytes, elapsedMs } = totals;
    const perSecond = (1_000 * records) / elapsedMs;
    const megabytes = (1_000 * bytes) / elapsedMs / BYTES_PER_MB;
    const [p50, p95, p99, p999] = totals.percentilesMs;
    return (
      `${records}${this.isSteady ? ' steady state' : ''} records sent, ${perSecond.toFixed(6)} records/sec ` +
      `(${megabytes.toFixed(2)} MB/sec), ${fixed(totals.averageLatencyMs, 2)} ms avg latency, ` +
      `${fixed(totals.maxLatencyMs, 2)} ms max latency, ${p50} ms 50th, ${p95} ms 95th, ${p99} ms 99th, ${p999} ms 99.9th.`
    );
  }
}

class Window {
  readonly startedMs: number;
  records = 0;
  private bytes = 0;
  private latencyMs = 0;
  private maxLatencyMs = 0;

  constructor(nowMs: number) {
    this.startedMs = nowMs;
  }

  add(latencyMs: number, bytes: number): void {
    this.records += 1;
    this.bytes += bytes;
    this.latencyMs += latencyMs;
    this.maxLatencyMs = Math.max(this.maxLatencyMs, latencyMs);
  }

  line(nowMs: number): string {
    const elapsedMs = nowMs - this.startedMs;
    const perSecond = (1_000 * this.records) / elapsedMs;
    const megabytes = (1_000 * this.bytes) / elapsedMs / BYTES_PER_MB;
    return (
      `${this.records} records sent, ${perSecond.toFixed(1)} records/sec (${megabytes.toFixed(2)} MB/sec), ` +
      `${fixed(this.latencyMs / this.records, 1)} ms avg latency, ${fixed(this.maxLatencyMs, 1)} ms max latency.`
    );
  }
}

function fixed(value: number, digits: number): string {
  return Number.isNaN(value) ? 'NaN' : value.toFixed(digits);
}
