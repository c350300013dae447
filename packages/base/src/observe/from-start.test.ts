import { expect, test } from 'vitest';
import { tellFromStart } from './from-start.ts';
import { catalogue } from './metrics.ts';
import type { MetricName } from './metrics.ts';
import { MetricsRegistry } from './registry.ts';
import type { MetricRow } from './row.ts';

const rows = Object.entries(catalogue) as [MetricName, MetricRow][];
/** Whoever starts listeners knows their names. */
const known = { listener: ['INSIDE', 'OUTSIDE'] };
/** What users and clients make, and tables too long to be told as so many zeros. */
const unbounded = new Set(['topic', 'api', 'version', 'error']);

test('metrics from the start: every counter is one, unless it has a label of users, of APIs or of error codes', () => {
  for (const [name, { kind, labels, from }] of rows) {
    expect(from !== undefined, name).toBe(kind === 'counter' && !labels.some((label) => unbounded.has(label)));
  }
});

test('metrics from the start: each is told at 0 with every value of its labels, by who starts with it alone', () => {
  const metrics = new MetricsRegistry();
  tellFromStart(metrics, 'listeners', known);
  const byListener = rows.filter(([, { from }]) => from === 'listeners').map(([name]) => name);
  expect(metrics.names()).toEqual(byListener);
  const samples = byListener.flatMap((name) => metrics.family(name).samples);
  expect(samples.filter(({ value }) => value !== 0)).toEqual([]);
  expect(metrics.family('odradek_connections_refused_total').samples.map(({ labels }) => labels)).toEqual([
    { listener: 'INSIDE', reason: 'limit' },
    { listener: 'OUTSIDE', reason: 'limit' },
  ]);
  const { kind, reason } = {
    ...catalogue.odradek_misuse_total.values,
    ...catalogue.odradek_connections_closed_total.values,
  };
  expect(metrics.family('odradek_misuse_total').samples.map(({ labels }) => labels['kind'])).toEqual(kind);
  expect(metrics.family('odradek_connections_closed_total').samples).toHaveLength(2 * reason.length);
});

test('metrics from the start: what was counted, or is looked up, goes on', () => {
  const metrics = new MetricsRegistry();
  metrics.counter('odradek_cleaner_runs_total', { outcome: 'done' }).inc(2);
  metrics.sample('odradek_fetch_sessions_evicted_total', {}, () => 7);
  tellFromStart(metrics, 'broker');
  metrics.counter('odradek_cleaner_runs_total', { outcome: 'failed' }).inc();
  const runs = metrics.family('odradek_cleaner_runs_total').samples.map(({ value }) => value);
  expect(runs).toEqual([2, 0, 1]);
  expect(metrics.value('odradek_fetch_sessions_evicted_total', {})).toBe(7);
});

test('metrics from the start: two rooms may start one after the other, and nothing is told of whom nobody started', () => {
  const metrics = new MetricsRegistry();
  tellFromStart(metrics, 'controller');
  expect(metrics.names()).not.toContain('odradek_cleaner_runs_total');
  tellFromStart(metrics, 'listeners', { listener: ['CONTROLLER'] });
  tellFromStart(metrics, 'listeners', { listener: ['PLAINTEXT'] });
  const opened = metrics.family('odradek_connections_opened_total').samples.map(({ labels }) => labels['listener']);
  expect(opened).toEqual(['CONTROLLER', 'PLAINTEXT']);
});

test('metrics from the start: labels that cannot be named are a bug, told at once', () => {
  expect(() => tellFromStart(new MetricsRegistry(), 'listeners')).toThrow('known values');
});

test('metrics from the start: no panel waits for the first of what is told from the start', () => {
  for (const [name, { from, panel }] of rows) if (from !== undefined) expect(panel.rare, name).toBeUndefined();
});
