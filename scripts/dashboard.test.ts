/** The dashboard and the alerts speak of metrics that there are, and the dashboard of all of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { metricCatalogue } from '@odradek/base';
import { sections } from './dashboard.ts';
import { dashboardDocument } from './grafana.ts';

const alerts = readFileSync(new URL('../deploy/compose/prometheus/alerts.yml', import.meta.url), 'utf8');
const queries = sections().flatMap(({ panels }) => panels.flatMap((panel) => panel.queries.map(({ expr }) => expr)));

/** As the catalogue has them: a histogram is asked for by one of its three series. */
function metricsIn(text: string): string[] {
  const names = [...text.matchAll(/\bodradek_\w+/g)].map(([name]) => name);
  return names.map((name) => (name in metricCatalogue ? name : name.replace(/_(?:bucket|sum|count)$/, '')));
}

type Step = { readonly color: string; readonly value: number | null };
type Coloured = { title: string; fieldConfig?: { defaults: { thresholds?: { steps: readonly Step[] } } } };
type Placed = { gridPos: { x: number; y: number; w: number; h: number }; panels?: Placed[] };

describe('the dashboard', () => {
  test('asks for every metric of the catalogue, and for none that is not there', () => {
    expect(new Set(metricsIn(queries.join('\n')))).toEqual(new Set(Object.keys(metricCatalogue)));
  });

  test('narrows every query to the jobs and instances that are chosen', () => {
    for (const query of queries) {
      const selectors = [...query.matchAll(/\{([^}]*)\}/g)];
      expect(selectors.length, query).toBeGreaterThan(0);
      for (const [, selector] of selectors) expect(selector).toContain('job=~"$job", instance=~"$instance"');
    }
  });

  test('colours numbers: red are a node that is missing, no active controller, and two of them', () => {
    const { panels } = JSON.parse(dashboardDocument()) as { panels: Coloured[] };
    const colourOf = (title: string, value: number): string | undefined => {
      const panel = panels.find((each) => each.title === title);
      const steps = panel?.fieldConfig?.defaults.thresholds?.steps ?? [];
      return steps.findLast((step) => value >= (step.value ?? -Infinity))?.color;
    };
    expect([0, 1].map((value) => colourOf('Nodes that are missing', value))).toEqual(['green', 'red']);
    expect([0, 1, 2].map((value) => colourOf('Active controllers', value))).toEqual(['red', 'green', 'red']);
    expect([0, 3].map((value) => colourOf('Nodes that answer', value))).toEqual(['red', 'green']);
  });

  test('has no two panels in one place, in the open row and in each closed one', () => {
    const { panels } = JSON.parse(dashboardDocument()) as { panels: Placed[] };
    for (const row of [panels, ...panels.map((panel) => panel.panels ?? [])]) {
      for (const [at, { gridPos: one }] of row.entries()) {
        expect(one.x + one.w).toBeLessThanOrEqual(24);
        for (const { gridPos: other } of row.slice(at + 1)) {
          const apart = one.x + one.w <= other.x || other.x + other.w <= one.x;
          expect(apart || one.y + one.h <= other.y || other.y + other.h <= one.y).toBe(true);
        }
      }
    }
  });
});

test('the alerts ask for metrics of the catalogue and of the runtime only', () => {
  const named = metricsIn(alerts);
  expect(named.length).toBeGreaterThan(8);
  for (const name of named) expect(Object.keys(metricCatalogue)).toContain(name);
});
