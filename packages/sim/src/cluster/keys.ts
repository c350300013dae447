/** The configuration of simulated brokers, beyond what every machine has: times are short, so that a run meets them. */
import type { ClusterOptions } from './options.ts';

export function brokerKeys({ replicaLagMs }: ClusterOptions): Record<string, string> {
  return {
    'replica.lag.time.max.ms': String(replicaLagMs),
    'log.cleaner.enable': 'false',
    'auto.create.topics.enable': 'false',
  };
}
