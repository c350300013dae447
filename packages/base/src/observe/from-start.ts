/** Counters that are there before anything happens: 0 and then 1 is an event that a rate shows, nothing and then 1 is none. */
import { assert } from '../assert.ts';
import { catalogue } from './metrics.ts';
import type { CounterName, LabelsOf, MetricName, Metrics } from './metrics.ts';
import type { MetricRow, Starter } from './row.ts';

type Values = Readonly<Record<string, readonly string[]>>;

/**
 * Told at 0 from now on: each counter of the catalogue that starts with `starter`, with every value of its labels.
 * @param known values of the labels that the configuration names
 */
export function tellFromStart(metrics: Metrics, starter: Starter, known: Values = {}): void {
  for (const name of Object.keys(catalogue) as MetricName[]) {
    const row: MetricRow = catalogue[name];
    if (row.from !== starter) continue;
    const counter = name as CounterName;
    for (const labels of combinations(row, known)) metrics.counter(counter, labels as LabelsOf<typeof counter>);
  }
}

/** Every way to give each label of a row one of its values. */
function combinations({ labels, values }: MetricRow, known: Values = {}): Readonly<Record<string, string>>[] {
  let all: Readonly<Record<string, string>>[] = [{}];
  for (const label of labels) {
    const these = values?.[label] ?? known[label];
    assert(these !== undefined, 'what is told from the start has labels of known values', { label });
    all = all.flatMap((given) => these.map((value) => ({ ...given, [label]: value })));
  }
  return all;
}
