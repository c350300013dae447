/**
 * What `/metrics` answers, in the Prometheus text format: the process's own figures from prom-client, and our registry. Loaded by who serves
 * it only. Groups and topics may bring tens of thousands of series, so they are written in slices that let the event loop go on.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as client from 'prom-client';
import type { MetricName } from './metrics.ts';
import { catalogue } from './metrics.ts';
import type { MetricsRegistry, Sample } from './registry.ts';

export type Exposition = {
  readonly contentType: string;
  render(): Promise<string>;
};

/** Lines written before the event loop gets its turn: less than a millisecond of work. */
const SLICE_LINES = 500;

/** Process figures (CPU, memory, event-loop delay, garbage collection) are gathered from this call on. */
export function exposition(metrics: MetricsRegistry): Exposition {
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    async render() {
      const parts = [await registry.metrics()];
      for (const name of metrics.names()) await write(name, metrics, parts);
      return parts.join('');
    },
  };
}

/** A series that is forgotten meanwhile is left out, one that is new may be. */
async function write(name: MetricName, metrics: MetricsRegistry, into: string[]): Promise<void> {
  const { help, kind } = catalogue[name];
  let lines = `\n# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${kind}\n`;
  let count = 0;
  for (const sample of metrics.samples(name)) {
    lines += lineOf(name, sample);
    count += 1;
    if (count % SLICE_LINES !== 0) continue;
    into.push(lines);
    lines = '';
    await nextTurn();
  }
  into.push(lines);
}

function lineOf(name: MetricName, { suffix, labels, value }: Sample): string {
  let told = '';
  for (const label of Object.keys(labels)) {
    const text = escaped(String(labels[label] ?? '')).replaceAll('"', '\\"');
    told += `${told === '' ? '' : ','}${label}="${text}"`;
  }
  return `${name}${suffix}${told === '' ? '' : `{${told}}`} ${valueOf(value)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function valueOf(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
