/** Counting: plain numbers in memory, so that the hot path pays one addition. `prometheus.ts` shows them to the world. */
import { createHash } from 'node:crypto';
import { assert } from '../assert.ts';
import type { Limits } from '../limits.ts';
import { production } from '../limits.ts';
import { catalogue } from './metrics.ts';
import type {
  Collected,
  Counter,
  Gauge,
  Histogram,
  LabelsOf,
  MetricKind,
  MetricName,
  MetricRow,
  Metrics,
} from './metrics.ts';
import { openLabels } from './row.ts';

/** One line of the exposition. `suffix` is of histograms: `_bucket`, `_sum`, `_count`. */
export type Sample = {
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
};
export type Family = {
  readonly name: MetricName;
  readonly row: MetricRow;
  readonly samples: readonly Sample[];
};

type Labels = Readonly<Record<string, string>>;
type SeriesLimits = Pick<Limits, 'metricSeriesMax' | 'metricClosedSeriesMax' | 'metricLabelCharsMax'>;
type Collector = { readonly max: number; readonly read: () => Iterable<readonly [Labels, number]> };

/** Between what is left of a long value and the digest of all of it. */
const MARK = '…';
const DIGEST_CHARS = 16;

/**
 * Every metric of one node. Label values come from clients in part (topics, groups), so the series that have such labels are bounded by
 * `metricSeriesMax`, all together: beyond it new label values are counted together under `other`. Gauges cannot be added up like that: a
 * new one is not shown. Whatever clients do, the series without such labels find their room; they have a bound of their own,
 * `metricClosedSeriesMax`, which tables in the code stay far below. A value of more than `metricLabelCharsMax` is cut, and ends in a
 * digest of the whole.
 */
export class MetricsRegistry implements Metrics {
  readonly #series = new Map<MetricName, Map<string, Series>>();
  readonly #openMax: number;
  readonly #closedMax: number;
  readonly #labelMax: number;
  /** What looks up series when somebody looks. */
  readonly #collectors = new Map<MetricName, Collector[]>();
  #openCount = 0;
  #closedCount = 0;

  constructor(limits: Partial<SeriesLimits> = production) {
    this.#openMax = limits.metricSeriesMax ?? production.metricSeriesMax;
    this.#closedMax = limits.metricClosedSeriesMax ?? production.metricClosedSeriesMax;
    this.#labelMax = limits.metricLabelCharsMax ?? production.metricLabelCharsMax;
    assert(this.#labelMax > DIGEST_CHARS + MARK.length, 'a label has room for a digest', limits);
  }

  counter<N extends MetricName>(name: N, labels: LabelsOf<N>): Counter {
    return this.#cell(name, labels, 'counter');
  }

  gauge<N extends MetricName>(name: N, labels: LabelsOf<N>): Gauge {
    return this.#cell(name, labels, 'gauge');
  }

  histogram<N extends MetricName>(name: N, labels: LabelsOf<N>): Histogram {
    return this.#cell(name, labels, 'histogram');
  }

  sample<N extends MetricName>(name: N, labels: LabelsOf<N>, read: () => number): void {
    this.#cell(name, labels, catalogue[name].kind).read = read;
  }

  collect<N extends MetricName>(name: N, max: number, read: () => Iterable<Collected<N>>): void {
    const known = this.#collectors.get(name);
    if (known === undefined) this.#collectors.set(name, [{ max, read }]);
    else known.push({ max, read });
  }

  forget<N extends MetricName>(name: N, labels: LabelsOf<N>): void {
    const key = keyOf(catalogue[name], this.#shortened(labels));
    if (this.#series.get(name)?.delete(key) === true) this.#count(catalogue[name], -1);
  }

  /** The value of one counter or gauge now; 0 when nothing was counted. For tests and status pages. */
  value<N extends MetricName>(name: N, labels: LabelsOf<N>): number {
    return (
      this.#series
        .get(name)
        ?.get(keyOf(catalogue[name], this.#shortened(labels)))
        ?.current() ?? 0
    );
  }

  /** Those that were asked for so far, in the catalogue's order. */
  names(): MetricName[] {
    return (Object.keys(catalogue) as MetricName[]).filter(
      (name) => (this.#series.get(name)?.size ?? 0) > 0 || this.#collectors.has(name),
    );
  }

  family(name: MetricName): Family {
    return { name, row: catalogue[name], samples: Array.from(this.samples(name)) };
  }

  /** The same one by one, read as they are taken; the walk may be left and gone on with while series come and go. */
  *samples(name: MetricName): Iterable<Sample> {
    for (const series of this.#series.get(name)?.values() ?? []) yield* series.samples();
    for (const collector of this.#collectors.get(name) ?? []) {
      let shown = 0;
      for (const [labels, value] of collector.read()) {
        shown += 1;
        if (shown > collector.max) break;
        yield { suffix: '', labels: this.#shortened(labels), value };
      }
    }
  }

  #cell(name: MetricName, given: Labels, kind: MetricKind): Series {
    const labels = this.#shortened(given);
    const row: MetricRow = catalogue[name];
    assert(row.kind === kind, 'a metric is used as what it is', { name, kind });
    let series = this.#series.get(name);
    if (series === undefined) this.#series.set(name, (series = new Map()));
    const isFull = isOpen(row) ? this.#openCount >= this.#openMax : this.#closedCount >= this.#closedMax;
    const bounded = isFull ? mapped(row, () => 'other') : labels;
    const key = keyOf(row, labels);
    const found = series.get(key) ?? (kind === 'gauge' ? undefined : series.get(keyOf(row, bounded)));
    if (found !== undefined) return found;
    if (isFull && kind === 'gauge' && row.labels.length > 0) return new Series(row, labels);
    const created = new Series(row, bounded);
    series.set(keyOf(row, bounded), created);
    this.#count(row, 1);
    return created;
  }

  #count(row: MetricRow, by: 1 | -1): void {
    if (isOpen(row)) this.#openCount += by;
    else this.#closedCount += by;
  }

  /** The same labels as long as all of them are short, which is nearly always. */
  #shortened(labels: Labels): Labels {
    for (const label in labels) {
      if ((labels[label]?.length ?? 0) > this.#labelMax) return this.#cut(labels);
    }
    return labels;
  }

  #cut(labels: Labels): Labels {
    const kept = this.#labelMax - DIGEST_CHARS - MARK.length;
    const values = Object.entries(labels).map(([label, text]) => {
      if (text.length <= this.#labelMax) return [label, text];
      // Names of clients: only a digest that nobody can collide keeps two of them apart.
      const digest = createHash('sha256').update(text).digest('hex').slice(0, DIGEST_CHARS);
      return [label, text.slice(0, kept).toWellFormed() + MARK + digest];
    });
    return Object.fromEntries(values);
  }
}

function isOpen({ labels }: MetricRow): boolean {
  return labels.some((label) => openLabels.has(label));
}

function keyOf(row: MetricRow, labels: Labels): string {
  return row.labels.map((label) => labels[label] ?? '').join('\u0000');
}

function mapped(row: MetricRow, value: (label: string) => string): Record<string, string> {
  return Object.fromEntries(row.labels.map((label) => [label, value(label)]));
}

class Series implements Counter, Gauge, Histogram {
  read: (() => number) | undefined;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #bounds: readonly number[];
  readonly #buckets: Float64Array;
  /** The value of a counter or gauge; the sum of a histogram. */
  #total = 0;
  readonly #isHistogram: boolean;

  constructor(row: MetricRow, labels: Readonly<Record<string, string>>) {
    this.#labels = mapped(row, (label) => labels[label] ?? '');
    this.#isHistogram = row.kind === 'histogram';
    this.#bounds = row.buckets ?? [];
    this.#buckets = new Float64Array(this.#isHistogram ? this.#bounds.length + 1 : 0);
  }

  inc(by = 1): void {
    this.#total += by;
  }

  add(by: number): void {
    this.#total += by;
  }

  set(value: number): void {
    this.#total = value;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
    this.#total += value;
  }

  current(): number {
    return this.read === undefined ? this.#total : this.read();
  }

  samples(): Sample[] {
    if (!this.#isHistogram) return [{ suffix: '', labels: this.#labels, value: this.current() }];
    const samples: Sample[] = [];
    let below = 0;
    for (const [at, count] of this.#buckets.entries()) {
      below += count;
      samples.push({ suffix: '_bucket', labels: { ...this.#labels, le: this.#bounds[at] ?? '+Inf' }, value: below });
    }
    samples.push({ suffix: '_sum', labels: this.#labels, value: this.#total });
    samples.push({ suffix: '_count', labels: this.#labels, value: below });
    return samples;
  }
}
