/** Replicas of partitions on this broker, those led and those that follow. */
import { metric } from '../row.ts';

export const replicationMetrics = {
  odradek_partitions: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Partitions hosted here: leading, following, offline.',
    kafka: [
      'kafka.server:type=ReplicaManager,name=LeaderCount (leading)',
      'kafka.server:type=ReplicaManager,name=PartitionCount (all)',
      'kafka.server:type=ReplicaManager,name=OfflineReplicaCount (offline)',
    ],
    panel: { group: 'Replication', title: 'Partitions hosted' },
  }),
  odradek_led_partitions: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Partitions led here that are under-replicated (replicas that are being added do not count), under-min-isr (acks=all is refused, nothing becomes committed), at-min-isr (one more failure and they are).',
    kafka: [
      'kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions',
      'kafka.server:type=ReplicaManager,name=UnderMinIsrPartitionCount',
      'kafka.server:type=ReplicaManager,name=AtMinIsrPartitionCount',
    ],
    panel: { group: 'Health', title: 'Partitions that lack replicas', nodes: 'sum' },
  }),
  odradek_replica_lag_records: metric({
    kind: 'gauge',
    labels: [],
    help: 'Records that the follower lacks which is furthest behind, over all partitions led here.',
    kafka: ['kafka.server:type=ReplicaFetcherManager,name=MaxLag (told by the follower there)'],
    panel: { group: 'Replication', title: 'Records that the slowest follower lacks' },
  }),
  odradek_isr_changes_total: metric({
    kind: 'counter',
    labels: ['change'],
    from: 'broker',
    values: { change: ['expand', 'shrink', 'recover'] },
    help: 'In-sync sets that leaders here had changed: expand, shrink, recover (after an unclean election).',
    kafka: [
      'kafka.server:type=ReplicaManager,name=IsrExpandsPerSec',
      'kafka.server:type=ReplicaManager,name=IsrShrinksPerSec',
    ],
    panel: { group: 'Replication', title: 'Changes of in-sync sets' },
  }),
  odradek_isr_changes_refused_total: metric({
    kind: 'counter',
    labels: [],
    from: 'broker',
    help: 'Changes of in-sync sets that the controller refused.',
    kafka: ['kafka.server:type=ReplicaManager,name=FailedIsrUpdatesPerSec'],
    panel: { group: 'Replication', title: 'Changes of in-sync sets', line: 'refused' },
  }),
  odradek_isr_changes_due: metric({
    kind: 'gauge',
    labels: [],
    help: 'Changes of in-sync sets that wait to be sent to the controller.',
    kafka: [],
    panel: { group: 'Replication', title: 'Changes of in-sync sets that wait' },
  }),
  odradek_committed_lost_total: metric({
    kind: 'counter',
    labels: [],
    from: 'broker',
    help: 'Logs here that were cut below what had been committed, since their leader was elected uncleanly.',
    kafka: [],
    panel: { group: 'Health', title: 'Logs that lost committed records' },
  }),
  odradek_replication_bytes_total: metric({
    kind: 'counter',
    labels: ['direction'],
    from: 'broker',
    values: { direction: ['in', 'out'] },
    help: 'Bytes of records that went to followers (out) and came from leaders (in).',
    kafka: [
      'kafka.server:type=BrokerTopicMetrics,name=ReplicationBytesInPerSec',
      'kafka.server:type=BrokerTopicMetrics,name=ReplicationBytesOutPerSec',
    ],
    panel: { group: 'Replication', title: 'Bytes between replicas' },
  }),
  odradek_replication_throttled_bytes_total: metric({
    kind: 'counter',
    labels: ['side'],
    from: 'broker',
    values: { side: ['leader', 'follower'] },
    help: 'Bytes of replicas that are under a replication quota: sent (leader), and received (follower).',
    kafka: ['kafka.server:type=LeaderReplication byte-rate', 'kafka.server:type=FollowerReplication byte-rate'],
    panel: { group: 'Replication', title: 'Bytes between throttled replicas' },
  }),
  odradek_replication_streams: metric({
    kind: 'gauge',
    labels: ['side'],
    help: 'Streams between replicas: to brokers that follow here (leader), and to brokers that are followed (follower).',
    kafka: [],
    panel: { group: 'Replication', title: 'Streams between replicas' },
  }),
} as const;
