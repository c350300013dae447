/** What a row of the catalogue of metrics says; rows/ has them by subject. */

export type MetricKind = 'counter' | 'gauge' | 'histogram';
/** Who counts from its start on: the process around a node, its listeners (of clients and of other controllers), and the parts of its roles. */
export type Starter = 'process' | 'listeners' | 'broker' | 'controller';
export type MetricRow = {
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: readonly string[];
  /**
   * Of counters: with whose start it is told, at 0, so that nobody who takes a rate misses the first event. All values of its labels are
   * known then: `values` has them, or they are in the configuration (listeners). Left out: they come from users, or from long tables.
   */
  readonly from?: Starter;
  /** Labels whose values are these and no others. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds, ascending; the one for all the rest is implied. */
  readonly buckets?: readonly number[];
  /**
   * The MBeans of Kafka whose meaning it has, `domain:type=…,name=…`, an attribute behind a space, a note in brackets at the end; none:
   * Kafka tells nothing like it.
   */
  readonly kafka: readonly string[];
  /** Where a dashboard shows it (panels.ts). */
  readonly panel: Panel;
};

/** The rows of a dashboard, in this order. */
export const panelGroups = [
  'Health',
  'Traffic',
  'Requests',
  'Connections',
  'Replication',
  'Logs',
  'Compaction',
  'Groups',
  'Controllers',
  'Sessions',
  'Process',
] as const;
export type PanelGroup = (typeof panelGroups)[number];

/**
 * Labels whose values users make, so that there is no end to them; `MetricsRegistry` bounds their series. All others have values from tables
 * in the code (APIs, error codes, states) or from the configuration (listeners, directories).
 */
export const openLabels: ReadonlySet<string> = new Set(['topic', 'partition', 'group', 'software']);

export type Panel = {
  readonly group: PanelGroup;
  /** Metrics of one group with the same title share a panel. */
  readonly title: string;
  /** Labels that tell lines apart; left out: all of the metric. */
  readonly by?: readonly string[];
  /** How the values of several nodes become one line. Left out: each node has its own line if it is a gauge, else they are added up. */
  readonly nodes?: 'each' | 'sum' | 'max';
  /** What its lines are called; needed where several metrics share a panel. */
  readonly line?: string;
  /** It has no series before it happens for the first time, or, as a histogram, no quantiles while it does not happen; then a panel shows 0. */
  readonly rare?: true;
};

export function metric<const R extends MetricRow>(row: R): R {
  return row;
}

export const latencySeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const;
export const messageBytes = [
  128, 512, 2_048, 8_192, 32_768, 131_072, 524_288, 2_097_152, 8_388_608, 33_554_432,
] as const;
export const waitSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;
