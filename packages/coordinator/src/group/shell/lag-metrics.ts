/**
 * Lag as gauges, measured anew every `groupLagRefreshMs` in slices that leave the event loop to the clients. Every group has its total and
 * its maximum; partitions have series of their own as long as there is room for them. What is gone is forgotten with the next round.
 */
import type { Clock, Collected, Gauge, Limits, Metrics, Outcome, TimerHandle } from '@odradek/base';
import type { ListedGroup } from '../core/kinds.ts';
import type { AgedPartitionLag, MeasuredLag } from './lag.ts';

export type LagMetricsLimits = Pick<
  Limits,
  'fewSeriesMax' | 'groupLagRefreshMs' | 'groupLagGroupSeriesMax' | 'groupLagPartitionSeriesMax'
>;

export type LagMetricsOptions = {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly limits: LagMetricsLimits;
  /** Shards that are led here. */
  readonly shards: () => readonly number[];
  /** The groups of a shard; a refusal while it is being loaded. */
  readonly groupsOf: (shard: number) => Promise<Outcome<readonly ListedGroup[]>>;
  readonly measure: (groupId: string) => Promise<Outcome<MeasuredLag>>;
};

type Row = {
  readonly records: Gauge;
  readonly seconds: Gauge | undefined;
  readonly labels: PartitionLabels;
  round: number;
};
type StateCount = { readonly protocol: string; readonly state: string; count: number };
type PartitionLabels = { readonly group: string; readonly topic: string; readonly partition: string };
type Series = { readonly total: Gauge; readonly max: Gauge; readonly rows: Map<string, Row>; round: number };

/** After this long the event loop gets its turn. */
const SLICE_MS = 2;
/** Groups measured side by side: what they ask of another broker travels in one message. */
const AT_ONCE = 4;
/** Between slices: others have the loop for most of the time, however long a round takes. */
const PAUSE_MS = 4;

export class LagMetrics {
  readonly #options: LagMetricsOptions;
  readonly #shards = new Map<number, Map<string, Series>>();
  #groupCount = 0;
  #rowCount = 0;
  #round = 0;
  #unknown = 0;
  #untold = 0;
  /** How many groups there are, by protocol and state. */
  #states = new Map<string, StateCount>();
  #sliceEndMs = 0;
  #timer: TimerHandle | undefined;
  #closed = false;

  constructor(options: LagMetricsOptions) {
    this.#options = options;
    const { metrics, limits } = options;
    metrics.sample('odradek_group_lag_unknown_partitions', {}, () => this.#unknown);
    metrics.sample('odradek_group_lag_untold_partitions', {}, () => this.#untold);
    metrics.collect('odradek_groups', limits.fewSeriesMax, () => this.#told());
    this.#later();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(this.#options.limits.groupLagRefreshMs, () => {
      void this.refresh().then(() => this.#later());
    });
  }

  /** One round over all groups that are coordinated here. */
  async refresh(): Promise<void> {
    this.#round += 1;
    let unknown = 0;
    let untold = 0;
    const states = new Map<string, StateCount>();
    this.#sliceEndMs = this.#options.clock.monotonicMs() + SLICE_MS;
    const led = this.#options.shards();
    const gone = Array.from(this.#shards.keys()).filter((shard) => !led.includes(shard));
    for (const shard of gone) this.#forgetBefore(shard, Infinity);
    for (const shard of led) {
      const groups = await this.#options.groupsOf(shard);
      if (!groups.ok) continue; // being loaded, or led elsewhere by now: the next round says
      for (const group of groups.value) countState(states, group);
      for (let from = 0; from < groups.value.length; from += AT_ONCE) {
        await this.#breathe();
        if (this.#closed) return;
        const some = groups.value.slice(from, from + AT_ONCE);
        for (const lag of await Promise.all(some.map(({ groupId }) => this.#options.measure(groupId)))) {
          if (!lag.ok) continue;
          unknown += lag.value.unknownCount;
          untold += this.#tell(shard, lag.value);
        }
        if (this.#closed) return;
      }
      this.#forgetBefore(shard, this.#round);
    }
    this.#unknown = unknown;
    this.#untold = untold;
    this.#states = states;
  }

  *#told(): Iterable<Collected<'odradek_groups'>> {
    for (const { protocol, state, count } of this.#states.values()) yield [{ protocol, state }, count];
  }

  async #breathe(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonicMs() < this.#sliceEndMs) return;
    await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve));
    this.#sliceEndMs = clock.monotonicMs() + SLICE_MS;
  }

  /** @returns partitions for which there is no room */
  #tell(shard: number, lag: MeasuredLag): number {
    const series = this.#seriesOf(shard, lag.groupId);
    if (series === undefined) return lag.partitions.length;
    series.round = this.#round;
    series.total.set(lag.lagRecordsSum);
    series.max.set(lag.lagMsMax / 1000);
    let untold = 0;
    for (const partition of lag.partitions)
      if (partition.lagRecords >= 0 && !this.#tellRow(series, lag.groupId, partition)) untold += 1;
    for (const [key, row] of series.rows) if (row.round < this.#round) this.#forgetRow(series, key, row);
    return untold;
  }

  #seriesOf(shard: number, group: string): Series | undefined {
    let groups = this.#shards.get(shard);
    if (groups === undefined) this.#shards.set(shard, (groups = new Map()));
    let series = groups.get(group);
    if (series !== undefined) return series;
    if ((this.#groupCount + 1) * SERIES_PER_GROUP > this.#options.limits.groupLagGroupSeriesMax) return undefined;
    const { metrics } = this.#options;
    series = {
      total: metrics.gauge('odradek_group_total_lag_records', { group }),
      max: metrics.gauge('odradek_group_max_lag_seconds', { group }),
      rows: new Map(),
      round: this.#round,
    };
    groups.set(group, series);
    this.#groupCount += 1;
    return series;
  }

  /** @returns false when there is no room */
  #tellRow(series: Series, group: string, lag: AgedPartitionLag): boolean {
    const { topic } = lag;
    const partition = String(lag.partition);
    const key = `${partition} ${topic}`;
    let row = series.rows.get(key);
    if (row !== undefined && (row.seconds === undefined) !== lag.lagMs < 0) {
      this.#forgetRow(series, key, row);
      row = undefined;
    }
    if (row === undefined) {
      if ((this.#rowCount + 1) * SERIES_PER_ROW > this.#options.limits.groupLagPartitionSeriesMax) return false;
      const { metrics } = this.#options;
      const labels = { group, topic, partition };
      const seconds = lag.lagMs < 0 ? undefined : metrics.gauge('odradek_group_lag_seconds', labels);
      row = { records: metrics.gauge('odradek_group_lag_records', labels), seconds, labels, round: 0 };
      series.rows.set(key, row);
      this.#rowCount += 1;
    }
    row.round = this.#round;
    row.records.set(lag.lagRecords);
    row.seconds?.set(lag.lagMs / 1000);
    return true;
  }

  #forgetBefore(shard: number, round: number): void {
    const groups = this.#shards.get(shard);
    if (groups === undefined) return;
    const { metrics } = this.#options;
    for (const [group, series] of groups) {
      if (series.round >= round) continue;
      for (const [key, row] of series.rows) this.#forgetRow(series, key, row);
      metrics.forget('odradek_group_total_lag_records', { group });
      metrics.forget('odradek_group_max_lag_seconds', { group });
      groups.delete(group);
      this.#groupCount -= 1;
    }
    if (groups.size === 0) this.#shards.delete(shard);
  }

  #forgetRow(series: Series, key: string, row: Row): void {
    const { metrics } = this.#options;
    metrics.forget('odradek_group_lag_records', row.labels);
    metrics.forget('odradek_group_lag_seconds', row.labels);
    series.rows.delete(key);
    this.#rowCount -= 1;
  }
}

const SERIES_PER_GROUP = 2;
const SERIES_PER_ROW = 2;

function countState(states: Map<string, StateCount>, { type, state }: ListedGroup): void {
  const key = `${type} ${state}`;
  const known = states.get(key);
  if (known === undefined) states.set(key, { protocol: type, state, count: 1 });
  else known.count += 1;
}
