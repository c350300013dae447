/**
 * THE catalogue of metrics. A row in rows/ is all that a new one needs: shells ask `Metrics` for it by name and labels; `/metrics`,
 * docs/METRICS.md and the dashboard (panels.ts) are made from it. Names follow Prometheus (base units, `_total`), meanings follow Kafka's.
 */
import type { MetricKind } from './row.ts';
import { controllerMetrics, sessionMetrics } from './rows/controllers.ts';
import { groupMetrics } from './rows/groups.ts';
import { cleanerMetrics, logMetrics } from './rows/logs.ts';
import { nodeMetrics } from './rows/node.ts';
import { replicationMetrics } from './rows/replication.ts';
import { connectionMetrics, requestMetrics, trafficMetrics } from './rows/requests.ts';

export type { MetricKind, MetricRow } from './row.ts';

export const catalogue = {
  ...requestMetrics,
  ...connectionMetrics,
  ...trafficMetrics,
  ...replicationMetrics,
  ...logMetrics,
  ...cleanerMetrics,
  ...groupMetrics,
  ...sessionMetrics,
  ...controllerMetrics,
  ...nodeMetrics,
} as const;

export type MetricName = keyof typeof catalogue;
type NamesOf<K extends MetricKind> = {
  [N in MetricName]: (typeof catalogue)[N]['kind'] extends K ? N : never;
}[MetricName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;
type Catalogue = typeof catalogue;
type ValueOf<R, L> = R extends { readonly values: { readonly [K in L & string]: readonly (infer V)[] } } ? V : string;
/** What a label may be, if its row says so: a value that it does not list is a type error. */
export type LabelsOf<N extends MetricName> = {
  readonly [L in Catalogue[N]['labels'][number]]: ValueOf<Catalogue[N], L> & string;
};

/** Only ever grows. */
export interface Counter {
  inc(by?: number): void;
}
export interface Gauge {
  set(value: number): void;
  add(by: number): void;
}
export interface Histogram {
  /** @param value in the unit that the metric's name says: seconds, bytes */
  observe(value: number): void;
}

export type Collected<N extends MetricName> = readonly [labels: LabelsOf<N>, value: number];

/**
 * Where shells count. Asking binds the labels once; keep what it returns, since that is one addition per call. Asking again for the same
 * name and labels gives the same one.
 */
export interface Metrics {
  counter<N extends CounterName>(name: N, labels: LabelsOf<N>): Counter;
  gauge<N extends GaugeName>(name: N, labels: LabelsOf<N>): Gauge;
  histogram<N extends HistogramName>(name: N, labels: LabelsOf<N>): Histogram;
  /** A gauge, or a count kept elsewhere, that is read when somebody looks: for what is cheaper to look up then than to tell each time. */
  sample<N extends CounterName | GaugeName>(name: N, labels: LabelsOf<N>, read: () => number): void;
  /**
   * As `sample`, for what has as many series as there are things now (logs, peers): nothing is kept of them between two looks.
   * Several rooms may tell series of one metric, as long as their labels differ.
   * @param max how many of them are shown
   */
  collect<N extends CounterName | GaugeName>(name: N, max: number, read: () => Iterable<Collected<N>>): void;
  /** Forgets what was counted under these labels: a deleted topic. */
  forget<N extends MetricName>(name: N, labels: LabelsOf<N>): void;
}
