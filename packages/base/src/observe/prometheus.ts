/** What `/metrics` answers: our registry and the process's own figures, through prom-client. Loaded by who serves it only. */
import * as client from 'prom-client';
import type { MetricName } from './metrics.ts';
import { catalogue } from './metrics.ts';
import type { MetricsRegistry } from './registry.ts';

export type Exposition = {
  readonly contentType: string;
  render(): Promise<string>;
};

/** Process figures (CPU, memory, event-loop delay, garbage collection) are gathered from this call on. */
export function exposition(metrics: MetricsRegistry): Exposition {
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  const shown = new Set<MetricName>();
  return {
    contentType: registry.contentType,
    render() {
      for (const name of metrics.names()) {
        if (shown.has(name)) continue;
        shown.add(name);
        registry.registerMetric(new Shown(name, metrics));
      }
      return registry.metrics();
    },
  };
}

/** One family of our registry in prom-client's terms; it holds nothing itself. */
class Shown extends client.Gauge {
  readonly #name: MetricName;
  readonly #metrics: MetricsRegistry;

  constructor(name: MetricName, metrics: MetricsRegistry) {
    super({ name, help: catalogue[name].help, registers: [] });
    this.#name = name;
    this.#metrics = metrics;
  }

  override get(): ReturnType<client.Gauge['get']> {
    const { samples } = this.#metrics.family(this.#name);
    const values = samples.map(({ suffix, labels, value }) => ({
      metricName: `${this.#name}${suffix}`,
      labels,
      value,
    }));
    const { help, kind } = catalogue[this.#name];
    const answer = { name: this.#name, help, type: kind, values, aggregator: 'sum' };
    // prom-client prints `type` as it is, though its own types say a number here.
    return Promise.resolve(answer as unknown as Awaited<ReturnType<client.Gauge['get']>>);
  }
}
