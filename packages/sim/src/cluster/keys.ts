/** The configuration of simulated brokers, beyond what every machine has: times are short, so that a run meets them. */
import type { ClusterOptions } from './options.ts';

const SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector';

/** Each machine stands in a rack of its own. */
export function rackOf(id: number): string {
  return `rack-${id}`;
}

export function brokerKeys(options: ClusterOptions, id: number): Record<string, string> {
  const { replicaLagMs, replicationFactor, minInsyncReplicas } = options;
  return {
    ...(options.isRackAware ? { 'broker.rack': rackOf(id), 'replica.selector.class': SELECTOR } : {}),
    'min.insync.replicas': String(minInsyncReplicas),
    'default.replication.factor': String(replicationFactor),
    'offsets.topic.replication.factor': String(replicationFactor),
    'offsets.topic.num.partitions': '1',
    'replica.lag.time.max.ms': String(replicaLagMs),
    'log.cleaner.enable': 'false',
    'auto.create.topics.enable': 'false',
  };
}
