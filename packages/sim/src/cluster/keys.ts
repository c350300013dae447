/** The configuration of simulated brokers, beyond what every machine has: times are short, so that a run meets them. */
import type { ClusterOptions } from './options.ts';

export function brokerKeys(options: ClusterOptions): Record<string, string> {
  const { replicaLagMs, replicationFactor, minInsyncReplicas } = options;
  return {
    'min.insync.replicas': String(minInsyncReplicas),
    'default.replication.factor': String(replicationFactor),
    'offsets.topic.replication.factor': String(replicationFactor),
    'offsets.topic.num.partitions': '1',
    'replica.lag.time.max.ms': String(replicaLagMs),
    'log.cleaner.enable': 'false',
    'auto.create.topics.enable': 'false',
  };
}
