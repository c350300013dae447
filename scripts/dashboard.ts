/**
 * What the dashboard shows, made from the catalogue of metrics: a first row for the questions that an operator has at night, then a row for
 * each group of metrics with a panel for every metric there is. `grafana.ts` draws it.
 */
import { metricCatalogue } from '@odradek/base';

type Catalogue = typeof metricCatalogue;
export type MetricName = keyof Catalogue;
type Row = {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
};

export type Query = { readonly expr: string; readonly legend: string };
export type Panel = {
  readonly title: string;
  readonly about: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** A number with a colour instead of a curve: red from this value on, or below it. */
  readonly stat?: { readonly redFrom: number } | { readonly redBelow: number };
};
export type Section = { readonly title: string; readonly panels: readonly Panel[] };
export type Unit = 'short' | 'cps' | 's' | 'bytes' | 'Bps' | 'percent' | 'percentunit';

/** What every query is narrowed to; the two variables stand above the dashboard. */
const HERE = 'job=~"$job", instance=~"$instance"';
const SPAN = '$__rate_interval';
/** Curves in one panel whose labels come from clients. */
const SERIES_MAX = 15;

/** The rows after the first, and the metrics of each by the beginnings of their names: the longest that fits decides. */
const groups: readonly (readonly [title: string, beginnings: readonly string[]])[] = [
  [
    'Requests',
    [
      'odradek_request',
      'odradek_response',
      'odradek_queued',
      'odradek_reading',
      'odradek_fetch_sessions',
      'odradek_waiting',
    ],
  ],
  ['Connections', ['odradek_connection', 'odradek_misuse']],
  ['Topics', ['odradek_topic_', 'odradek_produce', 'odradek_fetch_refused']],
  [
    'Replication',
    ['odradek_partitions', 'odradek_led', 'odradek_replica', 'odradek_isr', 'odradek_committed', 'odradek_replication'],
  ],
  ['Logs and disks', ['odradek_log_', 'odradek_open_segment']],
  ['Compaction', ['odradek_cleaner']],
  ['Groups', ['odradek_group', 'odradek_offset']],
  [
    'Metadata and controllers',
    ['odradek_metadata', 'odradek_topics', 'odradek_controller', 'odradek_raft', 'odradek_admin'],
  ],
  [
    'Node',
    ['odradek_build', 'odradek_start', 'odradek_log_lines', 'odradek_event_loop', 'odradek_memory', 'odradek_process'],
  ],
];

/** Every row of the dashboard. @throws when a metric of the catalogue belongs to no row: it needs a line in `groups` */
export function sections(catalogue: Readonly<Record<string, Row>> = metricCatalogue): Section[] {
  const panels = new Map<string, Panel[]>(groups.map(([title]) => [title, []]));
  for (const [name, row] of Object.entries(catalogue)) panels.get(groupOf(name))?.push(panelOf(name, row));
  const all: Section[] = groups.map(([title]) => ({ title, panels: panels.get(title) ?? [] }));
  return [
    { title: 'At a glance', panels: glance },
    ...all.map((section) =>
      section.title === 'Node' ? { ...section, panels: [...runtime, ...section.panels] } : section,
    ),
  ];
}

function groupOf(name: string): string {
  let [found, length] = ['', 0];
  for (const [title, beginnings] of groups) {
    for (const beginning of beginnings) {
      if (name.startsWith(beginning) && beginning.length > length) [found, length] = [title, beginning.length];
    }
  }
  if (found === '') throw new Error(`${name} is in no row of the dashboard: add it to groups in scripts/dashboard.ts`);
  return found;
}

/** A metric of the catalogue as Prometheus is asked for it. */
function panelOf(name: string, row: Row): Panel {
  const title = name
    .replace(/^odradek_/, '')
    .replace(/_total$/, '')
    .replaceAll('_', ' ');
  const about = `${row.help} (${name})`;
  switch (row.kind) {
    case 'counter':
      return { title: `${title} per second`, about, unit: unitOf(name, 'counter'), queries: [rateOf(name, row)] };
    case 'gauge':
      return { title, about, unit: unitOf(name, 'gauge'), queries: [gaugeOf(name, row)] };
    case 'histogram':
      return { title, about, unit: unitOf(name, 'histogram'), queries: quantilesOf(name, row) };
    default:
      return row.kind satisfies never;
  }
}

function unitOf(name: string, kind: Row['kind']): Unit {
  if (kind === 'counter') return /_bytes(_\w+)?_total$/.test(name) ? 'Bps' : 'cps';
  if (name.endsWith('_seconds') || name.includes('_seconds_since')) return 's';
  if (name.endsWith('_bytes')) return 'bytes';
  return name.endsWith('_percent') ? 'percent' : 'short';
}

/** Where nothing has happened yet a labelled counter has no series: that is 0, not a hole. */
function rateOf(name: string, row: Row): Query {
  const by = row.labels.length === 0 ? ['instance'] : row.labels;
  const rate = `sum by (${by.join(', ')}) (rate(${name}{${HERE}}[${SPAN}]))`;
  return { expr: `${bounded(rate, row.labels)} or on() vector(0)`, legend: legendOf(by) };
}

/** Levels of nodes side by side. What all nodes know of the same thing is the same on each, so nothing is added up. */
function gaugeOf(name: string, row: Row): Query {
  const expr = bounded(`max by (${[...row.labels, 'instance'].join(', ')}) (${name}{${HERE}})`, row.labels);
  return { expr, legend: legendOf([...row.labels, 'instance']) };
}

function quantilesOf(name: string, row: Row): Query[] {
  const by = row.labels.length === 0 ? ['instance'] : row.labels;
  const quantile = (q: number): string =>
    `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (rate(${name}_bucket{${HERE}}[${SPAN}])))`;
  return [
    { expr: bounded(quantile(0.5), row.labels), legend: `${legendOf(by)} median` },
    { expr: bounded(quantile(0.99), row.labels), legend: `${legendOf(by)} 99 %` },
  ];
}

/** Labels whose values come from clients, or are many. */
const many: readonly string[] = ['topic', 'group', 'partition', 'api', 'client', 'user'];

function bounded(expr: string, labels: readonly string[]): string {
  return labels.some((label) => many.includes(label)) ? `topk(${SERIES_MAX}, ${expr})` : expr;
}

function legendOf(labels: readonly string[]): string {
  return labels.map((label) => `{{${label}}}`).join(' ');
}

/** A metric of the catalogue, with labels: a name that is not there is a type error. */
function series(name: MetricName, where = '', suffix = ''): string {
  return `${name}${suffix}{${where === '' ? '' : `${where}, `}${HERE}}`;
}

function perSecond(name: MetricName, by: string, where = '', suffix = ''): string {
  return `sum${by === '' ? '' : ` by (${by})`} (rate(${series(name, where, suffix)}[${SPAN}]))`;
}

const glance: readonly Panel[] = [
  {
    title: 'Nodes that answer',
    about: 'Nodes that Prometheus reaches. Fewer than there are: look at the missing ones first.',
    unit: 'short',
    queries: [{ expr: `sum(up{${HERE}})`, legend: 'nodes' }],
    stat: { redBelow: 1 },
  },
  {
    title: 'Active controllers',
    about:
      'Exactly 1. With 0 nothing about the cluster can change and no leader is replaced: most controllers must run and reach each other.',
    unit: 'short',
    queries: [{ expr: `sum(${series('odradek_controller_active')})`, legend: 'active' }],
    stat: { redBelow: 1 },
  },
  {
    title: 'Partitions that nobody serves',
    about: 'They have no leader: neither reads nor writes. A node with one of their in-sync replicas must come back.',
    unit: 'short',
    queries: [{ expr: `max(${series('odradek_controller_partitions', 'state="leaderless"')})`, legend: 'partitions' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Partitions that refuse acks=all',
    about: 'Fewer replicas are in sync than min.insync.replicas.',
    unit: 'short',
    queries: [{ expr: `sum(${series('odradek_led_partitions', 'state="under-min-isr"')})`, legend: 'partitions' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Partitions with a replica behind',
    about: 'Under-replicated. Expected while a node restarts; otherwise a node is down, slow or cut off.',
    unit: 'short',
    queries: [{ expr: `sum(${series('odradek_led_partitions', 'state="under-replicated"')})`, legend: 'partitions' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Failed data directories',
    about: 'Directories that were taken out of service after an error of the disk. The log of the node names it.',
    unit: 'short',
    queries: [{ expr: `sum(1 - ${series('odradek_log_directory_online')})`, legend: 'directories' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Records in per second',
    about: 'What producers wrote, all topics.',
    unit: 'cps',
    queries: [
      { expr: `topk(${SERIES_MAX}, ${perSecond('odradek_topic_records_in_total', 'topic')})`, legend: '{{topic}}' },
    ],
  },
  {
    title: 'Bytes in and out per second',
    about: 'From producers, to consumers, and between replicas.',
    unit: 'Bps',
    queries: [
      { expr: perSecond('odradek_topic_bytes_in_total', ''), legend: 'producers' },
      { expr: perSecond('odradek_topic_bytes_out_total', ''), legend: 'consumers' },
      { expr: perSecond('odradek_replication_bytes_total', '', 'direction="in"'), legend: 'replicas' },
    ],
  },
  {
    title: 'Time of requests, 99 %',
    about:
      'From a whole request in memory to its answer at the socket. Fetch counts the wait for records that it asked for.',
    unit: 's',
    queries: [
      {
        expr: `topk(${SERIES_MAX}, histogram_quantile(0.99, ${perSecond('odradek_request_seconds', 'le, api', '', '_bucket')}))`,
        legend: '{{api}}',
      },
    ],
  },
  {
    title: 'Lag of groups',
    about: 'Records that groups have not consumed yet. Growing without end: consumers are too slow or gone.',
    unit: 'short',
    queries: [
      {
        expr: `topk(${SERIES_MAX}, max by (group) (${series('odradek_group_total_lag_records')}))`,
        legend: '{{group}}',
      },
    ],
  },
  {
    title: 'Free bytes of data directories',
    about: 'Producers are refused before a disk is full; delete topics or shorten retention well before.',
    unit: 'bytes',
    queries: [
      {
        expr: `min by (instance, directory) (${series('odradek_log_directory_free_bytes')})`,
        legend: '{{instance}} {{directory}}',
      },
    ],
  },
  {
    title: 'Metadata behind',
    about:
      'Records of the metadata log that are committed and that a broker has not applied yet. Near 0, except for moments.',
    unit: 'short',
    queries: [
      {
        expr: `clamp_min(scalar(max(${series('odradek_raft_high_watermark')})) - max by (instance) (${series('odradek_metadata_offset')}), 0)`,
        legend: '{{instance}}',
      },
    ],
  },
];

/** Of the process, told by the runtime. */
const runtime: readonly Panel[] = [
  {
    title: 'Memory',
    about:
      'Resident memory of the process, which a container limit counts, and the part of it that is the heap of JavaScript.',
    unit: 'bytes',
    queries: [
      { expr: `max by (instance) (process_resident_memory_bytes{${HERE}})`, legend: '{{instance}}' },
      { expr: `max by (instance) (nodejs_heap_size_used_bytes{${HERE}})`, legend: '{{instance}} heap' },
    ],
  },
  {
    title: 'Processor',
    about: 'Cores in use.',
    unit: 'percentunit',
    queries: [
      { expr: `sum by (instance) (rate(process_cpu_seconds_total{${HERE}}[${SPAN}]))`, legend: '{{instance}}' },
    ],
  },
  {
    title: 'Delay of the event loop, 99 %',
    about: 'How late the node comes to the next piece of work. Above 0.1 s it is overloaded, or its machine is.',
    unit: 's',
    queries: [{ expr: `max by (instance) (nodejs_eventloop_lag_p99_seconds{${HERE}})`, legend: '{{instance}}' }],
  },
  {
    title: 'Open files',
    about: 'Of sockets and segments.',
    unit: 'short',
    queries: [{ expr: `max by (instance) (process_open_fds{${HERE}})`, legend: '{{instance}}' }],
  },
];
