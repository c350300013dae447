/**
 * What the dashboard shows: a first row for the questions that an operator has at night, then the rows that the catalogue of metrics makes
 * (base/observe), with a panel for everything there is. `grafana.ts` draws it.
 */
import { dashboardPanels, panelGroups, type DashboardPanel, type metricCatalogue } from '@odradek/base';

export type MetricName = keyof typeof metricCatalogue;
export type Query = { readonly expr: string; readonly legend: string };
export type Panel = {
  readonly title: string;
  readonly help: string;
  readonly unit: DashboardPanel['unit'];
  readonly queries: readonly Query[];
  /** A number with a colour instead of a curve: red from a value on, below one, or both. */
  readonly stat?: { readonly redFrom?: number; readonly redBelow?: number };
};
export type Section = { readonly title: string; readonly panels: readonly Panel[] };

/** What every query is narrowed to; the two variables stand above the dashboard. */
const HERE = 'job=~"$job", instance=~"$instance"';
const SPAN = '$__rate_interval';
/** Curves in one panel whose labels come from clients. */
const SERIES_MAX = 15;

/** Every row of the dashboard, the one that is open first. */
export function sections(): Section[] {
  const panels = dashboardPanels({ selector: HERE, window: SPAN });
  const rows = panelGroups.map((group) => ({ title: group, panels: panels.filter((panel) => panel.group === group) }));
  return [{ title: 'At a glance', panels: glance }, ...rows];
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
    help: 'Nodes that Prometheus reaches.',
    unit: 'short',
    queries: [{ expr: `sum(up{${HERE}})`, legend: 'nodes' }],
    stat: { redBelow: 1 },
  },
  {
    title: 'Nodes that are missing',
    help: 'They answered within the last day and do not now: look at these first. A name that never answered is not missed.',
    unit: 'short',
    queries: [
      {
        expr: `count(up{${HERE}} == 0 and max_over_time(up{${HERE}}[1d]) == 1) or on() vector(0)`,
        legend: 'nodes',
      },
    ],
    stat: { redFrom: 1 },
  },
  {
    title: 'Active controllers',
    help: 'Exactly 1. With 0 nothing about the cluster can change and no leader is replaced: most controllers must run and reach each other. 2 for longer than seconds: one is cut off and has not resigned.',
    unit: 'short',
    queries: [{ expr: `sum(${series('odradek_controller_active')}) or on() vector(0)`, legend: 'active' }],
    stat: { redBelow: 1, redFrom: 2 },
  },
  {
    title: 'Brokers without a controller',
    help: 'They have no session with one, are fenced and lead nothing: their way to the controllers is broken.',
    unit: 'short',
    queries: [
      { expr: `count(${series('odradek_controller_session_open')} == 0) or on() vector(0)`, legend: 'brokers' },
    ],
    stat: { redFrom: 1 },
  },
  {
    title: 'Partitions that nobody serves',
    help: 'They have no leader: neither reads nor writes. A node with one of their in-sync replicas must come back.',
    unit: 'short',
    queries: [{ expr: `max(${series('odradek_controller_partitions', 'state="leaderless"')})`, legend: 'partitions' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Partitions that refuse acks=all',
    help: 'Fewer replicas are in sync than min.insync.replicas.',
    unit: 'short',
    queries: [{ expr: `sum(${series('odradek_led_partitions', 'state="under-min-isr"')})`, legend: 'partitions' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Partitions with a replica behind',
    help: 'Under-replicated. Expected while a node restarts; otherwise a node is down, slow or cut off.',
    unit: 'short',
    queries: [{ expr: `sum(${series('odradek_led_partitions', 'state="under-replicated"')})`, legend: 'partitions' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Failed data directories',
    help: 'Directories that were taken out of service after an error of the disk. The log of the node names it.',
    unit: 'short',
    queries: [{ expr: `sum(1 - ${series('odradek_log_directory_online')})`, legend: 'directories' }],
    stat: { redFrom: 1 },
  },
  {
    title: 'Records in per second',
    help: 'What producers wrote, all topics.',
    unit: 'cps',
    queries: [
      { expr: `topk(${SERIES_MAX}, ${perSecond('odradek_topic_records_in_total', 'topic')})`, legend: '{{topic}}' },
    ],
  },
  {
    title: 'Bytes in and out per second',
    help: 'From producers, to consumers, and between replicas.',
    unit: 'Bps',
    queries: [
      { expr: perSecond('odradek_topic_bytes_in_total', ''), legend: 'producers' },
      { expr: perSecond('odradek_topic_bytes_out_total', ''), legend: 'consumers' },
      { expr: perSecond('odradek_replication_bytes_total', '', 'direction="in"'), legend: 'replicas' },
    ],
  },
  {
    title: 'Time of requests, 99 %',
    help: 'From a whole request in memory to its answer at the socket. Fetch counts the wait for records that it asked for.',
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
    help: 'Records that groups have not consumed yet. Growing without end: consumers are too slow or gone.',
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
    help: 'Producers are refused before a disk is full; delete topics or shorten retention well before.',
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
    help: 'Records of the metadata log that are committed and that a broker has not applied yet. Near 0, except for moments.',
    unit: 'short',
    queries: [
      {
        expr: `clamp_min(scalar(max(${series('odradek_raft_high_watermark')})) - max by (instance) (${series('odradek_metadata_offset')}), 0)`,
        legend: '{{instance}}',
      },
    ],
  },
];
