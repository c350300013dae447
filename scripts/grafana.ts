/**
 * The dashboard as Grafana imports it: panels placed, queries bound to the Prometheus that is chosen there. `pnpm run docs` writes it,
 * `pnpm check` refuses one that is out of date.
 */
import { sections, type MetricName, type Panel } from './dashboard.ts';

const COLUMNS = 24;
const GRAPH = { w: 8, h: 8 };
const REFERENCES = 'ABCDEFGH';
/** Eight of them fill a row. */
const STAT = { w: 3, h: 4 };
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

type Place = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };

/** What Grafana 9 and later import; the same text for the same catalogue. */
export function dashboardDocument(): string {
  let [id, y] = [0, 0];
  const next = (): number => (id += 1);
  const panels: object[] = [];
  for (const [index, section] of sections().entries()) {
    const row = { id: next(), type: 'row', title: section.title, gridPos: { x: 0, y, w: COLUMNS, h: 1 } };
    y += 1;
    const placed = placesOf(section.panels, y);
    const inner = section.panels.map((panel, at) => drawn(panel, next(), placed.places[at]));
    // The first row is open, the others are opened by who looks for something; a closed row holds its panels.
    const isOpen = index === 0;
    panels.push({ ...row, collapsed: !isOpen, panels: isOpen ? [] : inner }, ...(isOpen ? inner : []));
    if (isOpen) y = placed.bottom;
  }
  return `${JSON.stringify({ ...frame, panels }, null, 2)}\n`;
}

function placesOf(
  panels: readonly Panel[],
  top: number,
): { readonly places: readonly Place[]; readonly bottom: number } {
  const places: Place[] = [];
  let [x, y, height] = [0, top, 0];
  for (const { stat } of panels) {
    const size = stat === undefined ? GRAPH : STAT;
    if (x + size.w > COLUMNS || (height > 0 && size.h !== height)) [x, y] = [0, y + height];
    places.push({ x, y, ...size });
    [x, height] = [x + size.w, size.h];
  }
  return { places, bottom: y + height };
}

function drawn(panel: Panel, id: number, gridPos: Place | undefined): object {
  const { title, help, unit, stat, queries } = panel;
  const targets = queries.map(({ expr, legend }, at) => ({
    refId: REFERENCES[at],
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
  }));
  return {
    id,
    type: stat === undefined ? 'timeseries' : 'stat',
    title,
    description: help,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, ...colours(stat) }, overrides: [] },
    options: stat === undefined ? curves : { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'background' },
    targets,
  };
}

const curves = { tooltip: { mode: 'multi', sort: 'desc' }, legend: { displayMode: 'list', placement: 'bottom' } };

function colours(stat: Panel['stat']): object {
  if (stat === undefined) return {};
  const { redBelow, redFrom } = stat;
  const steps = [
    { color: redBelow === undefined ? 'green' : 'red', value: null },
    ...(redBelow === undefined ? [] : [{ color: 'green', value: redBelow }]),
    ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }]),
  ];
  return { color: { mode: 'thresholds' }, thresholds: { mode: 'absolute', steps } };
}

function choice(name: MetricName, label: 'job' | 'instance', where: string): object {
  const query = `label_values(${name}${where}, ${label})`;
  return {
    name: label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: label },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  };
}

const frame = {
  uid: 'odradek',
  title: 'Odradek',
  description: 'Made by `pnpm run docs` from the catalogue of metrics. Do not edit.',
  tags: ['odradek', 'kafka'],
  schemaVersion: 39,
  editable: true,
  graphTooltip: 1,
  refresh: '10s',
  time: { from: 'now-1h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus', current: {}, hide: 0 },
      choice('odradek_build_info', 'job', ''),
      choice('odradek_build_info', 'instance', '{job=~"$job"}'),
    ],
  },
};
