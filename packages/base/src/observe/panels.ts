/**
 * The dashboard as data, made from the catalogue: which panels there are, in which row, and what each asks Prometheus. Turning it into the
 * JSON of Grafana is somebody else's (scripts/dashboard.ts).
 */
import { catalogue } from './metrics.ts';
import type { MetricName } from './metrics.ts';
import type { MetricRow, PanelGroup } from './row.ts';
import { openLabels, panelGroups } from './row.ts';

export type DashboardQuery = {
  readonly metric: string;
  /** PromQL. */
  readonly expr: string;
  /** Grafana's template for the name of a line: `{{label}}` stands for the label's value. */
  readonly legend: string;
};
export type DashboardPanel = {
  readonly group: PanelGroup;
  readonly title: string;
  /** What its metrics mean, in sentences. */
  readonly help: string;
  /** In the words of Grafana. */
  readonly unit: 'short' | 'bytes' | 'Bps' | 's' | 'percent' | 'percentunit' | 'cps';
  readonly queries: readonly DashboardQuery[];
};
export type DashboardOptions = {
  /** Label matchers of the nodes to show, without braces: `job="odradek"`; '': all. */
  readonly selector: string;
  /** The window of rates: `$__rate_interval` in Grafana, `1m` in a test. */
  readonly window: string;
};

/** Of what users have named a panel shows the largest only. */
const LINES_MAX = 10;

/** What the runtime tells (prom-client's default metrics) and an operator looks at; not in the catalogue, since it is not ours. */
const runtimePanels: readonly RuntimePanel[] = [
  ['CPU', 'percentunit', 'rate(process_cpu_seconds_total{SEL}[WINDOW])', 'Cores in use by the process.'],
  ['Memory', 'bytes', 'process_resident_memory_bytes{SEL}', 'Resident memory of the process.'],
  ['Heap of V8', 'bytes', 'nodejs_heap_size_used_bytes{SEL}', 'Objects of the runtime; Buffers lie outside of it.'],
  ['Buffers', 'bytes', 'nodejs_external_memory_bytes{SEL}', 'Memory outside of the heap: mostly Buffers.'],
  [
    'Collecting garbage',
    'percentunit',
    'sum by (instance) (rate(nodejs_gc_duration_seconds_sum{SEL}[WINDOW])) or on() vector(0)',
    'Share of the time that the runtime collected garbage.',
  ],
];
type RuntimePanel = readonly [title: string, unit: DashboardPanel['unit'], expr: string, help: string];

/** Every metric of the catalogue is in one panel. Rows in the order of `panelGroups`, panels in that of the catalogue. */
export function dashboardPanels(options: DashboardOptions): DashboardPanel[] {
  const names = Object.keys(catalogue) as MetricName[];
  return panelGroups.flatMap((group) => {
    const members = names.filter((name) => catalogue[name].panel.group === group);
    const titles = new Set(members.map((name) => catalogue[name].panel.title));
    const panels = Array.from(titles, (title) => {
      const sharing = members.filter((name) => catalogue[name].panel.title === title);
      return panelOf(group, title, { names: sharing, options });
    });
    return group === 'Process' ? [...panels, ...runtimePanels.map((panel) => runtimePanel(panel, options))] : panels;
  });
}

type Shared = { readonly names: readonly MetricName[]; readonly options: DashboardOptions };

function panelOf(group: PanelGroup, title: string, { names, options }: Shared): DashboardPanel {
  const units = names.map((name) => unitOf(name, catalogue[name]));
  return {
    group,
    title,
    help: names.map((name) => catalogue[name].help).join(' '),
    unit: units[0] ?? 'short',
    queries: names.flatMap((name) => queriesOf(name, catalogue[name], options)),
  };
}

function runtimePanel([title, unit, expr, help]: RuntimePanel, { selector, window }: DashboardOptions): DashboardPanel {
  const query = expr.replace('{SEL}', selector === '' ? '' : `{${selector}}`).replace('WINDOW', window);
  const metric = /[a-z]+_[a-z_]+/.exec(query)?.[0] ?? '';
  return { group: 'Process', title, help, unit, queries: [{ metric, expr: query, legend: '{{instance}}' }] };
}

function unitOf(name: string, { kind }: MetricRow): DashboardPanel['unit'] {
  if (name.endsWith('_seconds_total')) return 'percentunit';
  if (kind === 'counter') return name.endsWith('_bytes_total') ? 'Bps' : 'cps';
  if (name.endsWith('_bytes')) return 'bytes';
  if (name.endsWith('_seconds')) return 's';
  if (name.endsWith('_percent')) return 'percent';
  return name.endsWith('_ratio') ? 'percentunit' : 'short';
}

function queriesOf(name: string, row: MetricRow, options: DashboardOptions): DashboardQuery[] {
  const nodes = row.panel.nodes ?? (row.kind === 'gauge' ? 'each' : 'sum');
  const labels = row.panel.by ?? row.labels;
  const by = nodes === 'each' ? ['instance', ...labels] : labels;
  const shape = { name, row, by, fold: nodes === 'max' ? 'max' : 'sum', ...options };
  if (row.kind !== 'histogram') return [queryOf(shape, seriesOf(shape), '')];
  // Of nothing there are no quantiles (NaN), which would hide the 0 that stands for it.
  const there = row.panel.rare === true ? ' >= 0' : '';
  return [0.5, 0.99].map((quantile) => queryOf(shape, quantileOf(shape, quantile) + there, `p${quantile * 100}`));
}

type Shape = DashboardOptions & {
  readonly name: string;
  readonly row: MetricRow;
  readonly by: readonly string[];
  readonly fold: string;
};

function queryOf({ name, row, by }: Shape, expr: string, quantile: string): DashboardQuery {
  const isLong = by.some((label) => openLabels.has(label));
  const largest = isLong ? `topk(${LINES_MAX}, ${expr})` : expr;
  const legend = [row.panel.line, quantile, ...by.map((label) => `{{${label}}}`)].filter(Boolean).join(' ');
  return {
    metric: name,
    expr: row.panel.rare === true ? `${largest} or on() vector(0)` : largest,
    legend: legend === '' ? row.panel.title.toLowerCase() : legend,
  };
}

function seriesOf({ name, row, by, fold, selector, window }: Shape): string {
  const matched = selector === '' ? name : `${name}{${selector}}`;
  return folded(fold, by, row.kind === 'counter' ? `rate(${matched}[${window}])` : matched);
}

function quantileOf({ name, by, selector, window }: Shape, quantile: number): string {
  const matched = selector === '' ? `${name}_bucket` : `${name}_bucket{${selector}}`;
  return `histogram_quantile(${quantile}, ${folded('sum', ['le', ...by], `rate(${matched}[${window}])`)})`;
}

function folded(fold: string, by: readonly string[], expr: string): string {
  return by.length === 0 ? `${fold}(${expr})` : `${fold} by (${by.join(', ')}) (${expr})`;
}
