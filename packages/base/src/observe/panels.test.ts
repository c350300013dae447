import { expect, test } from 'vitest';
import { catalogue } from './metrics.ts';
import { dashboardPanels } from './panels.ts';
import { panelGroups } from './row.ts';

const panels = dashboardPanels({ selector: 'job="odradek"', window: '1m' });
const find = (metric: string) => panels.flatMap(({ queries }) => queries).filter((query) => query.metric === metric);

test('panels: every metric of the catalogue is in exactly one panel, and every row of the dashboard has some', () => {
  for (const [name, row] of Object.entries(catalogue)) {
    expect(find(name).length, name).toBe(row.kind === 'histogram' ? 2 : 1);
    expect(panels.filter(({ queries }) => queries.some(({ metric }) => metric === name)).length, name).toBe(1);
  }
  expect(new Set(panels.map(({ group }) => group))).toEqual(new Set(panelGroups));
});

test('panels: no two have the same title in one row, and lines of one panel have different names', () => {
  const titles = panels.map(({ group, title }) => `${group}/${title}`);
  expect(new Set(titles).size).toBe(titles.length);
  for (const { title, queries } of panels) {
    expect(new Set(queries.map(({ legend }) => legend)).size, title).toBe(queries.length);
  }
});

test('panels: metrics that share a panel have one unit', () => {
  for (const { title, queries } of panels) {
    const suffixes = queries.map(({ metric }) => /_(bytes_total|total|bytes|seconds|percent|ratio)$/.exec(metric)?.[1]);
    if (title !== 'Times') expect(new Set(suffixes).size, title).toBe(1);
  }
});

test('panels: counters are rates, gauges are told by node unless nodes are folded, histograms are quantiles', () => {
  expect(find('odradek_requests_total')[0]).toEqual({
    metric: 'odradek_requests_total',
    expr: 'sum by (api) (rate(odradek_requests_total{job="odradek"}[1m])) or on() vector(0)',
    legend: '{{api}}',
  });
  expect(find('odradek_partitions')[0]?.expr).toBe('sum by (instance, state) (odradek_partitions{job="odradek"})');
  expect(find('odradek_controller_active')[0]?.expr).toBe('sum(odradek_controller_active{job="odradek"})');
  expect(find('odradek_raft_commit_seconds').map(({ expr }) => expr)).toEqual([
    'histogram_quantile(0.5, sum by (le) (rate(odradek_raft_commit_seconds_bucket{job="odradek"}[1m])))',
    'histogram_quantile(0.99, sum by (le) (rate(odradek_raft_commit_seconds_bucket{job="odradek"}[1m])))',
  ]);
});

test('panels: a histogram of what is rare shows 0 while it does not happen, since there are no quantiles of nothing', () => {
  expect(find('odradek_raft_election_seconds').map(({ expr }) => expr)).toEqual([
    'histogram_quantile(0.5, sum by (le) (rate(odradek_raft_election_seconds_bucket{job="odradek"}[1m]))) >= 0 or on() vector(0)',
    'histogram_quantile(0.99, sum by (le) (rate(odradek_raft_election_seconds_bucket{job="odradek"}[1m]))) >= 0 or on() vector(0)',
  ]);
});

test("panels: what has users' names shows the largest only, and what has not happened yet shows 0", () => {
  expect(find('odradek_topic_bytes_in_total')[0]?.expr).toBe(
    'topk(10, sum by (topic) (rate(odradek_topic_bytes_in_total{job="odradek"}[1m]))) or on() vector(0)',
  );
});
