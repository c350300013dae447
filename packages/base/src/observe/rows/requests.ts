/** Requests of clients and the connections that they come by. */
import { latencySeconds, metric } from '../row.ts';

export const requestMetrics = {
  odradek_requests_total: metric({
    kind: 'counter',
    labels: ['api', 'version'],
    help: 'Requests answered, by Kafka API and its version: old clients show.',
    kafka: ['kafka.network:type=RequestMetrics,name=RequestsPerSec'],
    panel: { group: 'Requests', title: 'Requests by API', by: ['api'], rare: true },
  }),
  odradek_request_errors_total: metric({
    kind: 'counter',
    labels: ['api', 'error'],
    help: 'Error codes in answers, each as often as it is in one, and requests that could not even be answered; NONE is not counted.',
    kafka: ['kafka.network:type=RequestMetrics,name=ErrorsPerSec'],
    panel: { group: 'Requests', title: 'Errors by API', rare: true },
  }),
  odradek_request_seconds: metric({
    kind: 'histogram',
    labels: ['api'],
    buckets: latencySeconds,
    help: 'Time from the last byte of a request in memory to its answer, ready to be sent; long polls count their wait.',
    kafka: ['kafka.network:type=RequestMetrics,name=TotalTimeMs'],
    panel: { group: 'Requests', title: 'Time of a request by API', rare: true },
  }),
  odradek_request_phase_seconds: metric({
    kind: 'histogram',
    labels: ['api', 'phase'],
    buckets: latencySeconds,
    help: 'What that time went to: until the request was begun (queue), work on it (local), and, of those that are not answered at once, the wait for disks, other brokers, the controller or new records (remote).',
    kafka: [
      'kafka.network:type=RequestMetrics,name=RequestQueueTimeMs',
      'kafka.network:type=RequestMetrics,name=LocalTimeMs',
      'kafka.network:type=RequestMetrics,name=RemoteTimeMs',
    ],
    panel: { group: 'Requests', title: 'Time of a request by phase', rare: true },
  }),
  odradek_request_bytes_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Bytes of requests read from clients.',
    kafka: ['kafka.server:type=socket-server-metrics incoming-byte-total'],
    panel: { group: 'Traffic', title: 'Bytes of requests and answers', line: 'requests' },
  }),
  odradek_response_bytes_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Bytes of answers handed to sockets.',
    kafka: ['kafka.server:type=socket-server-metrics outgoing-byte-total'],
    panel: { group: 'Traffic', title: 'Bytes of requests and answers', line: 'answers' },
  }),
  odradek_produce_refused_total: metric({
    kind: 'counter',
    labels: ['error'],
    help: 'Partitions of produce requests that were refused, by Kafka error code.',
    kafka: ['kafka.server:type=BrokerTopicMetrics,name=FailedProduceRequestsPerSec'],
    panel: { group: 'Requests', title: 'Refused partitions', line: 'produce', rare: true },
  }),
  odradek_fetch_refused_total: metric({
    kind: 'counter',
    labels: ['error'],
    help: 'Partitions of fetch requests that were refused, by Kafka error code.',
    kafka: ['kafka.server:type=BrokerTopicMetrics,name=FailedFetchRequestsPerSec'],
    panel: { group: 'Requests', title: 'Refused partitions', line: 'fetch', rare: true },
  }),
  odradek_waiting: metric({
    kind: 'gauge',
    labels: ['kind'],
    help: 'Parked waits: long polls (fetch), acks=all (produce), DeleteRecords on replicas (delete).',
    kafka: ['kafka.server:type=DelayedOperationPurgatory,name=PurgatorySize'],
    panel: { group: 'Requests', title: 'Parked waits', nodes: 'sum' },
  }),
  odradek_fetch_sessions: metric({
    kind: 'gauge',
    labels: [],
    help: 'Incremental fetch sessions kept.',
    kafka: ['kafka.server:type=FetchSessionCache,name=NumIncrementalFetchSessions'],
    panel: { group: 'Requests', title: 'Fetch sessions' },
  }),
  odradek_fetch_session_partitions: metric({
    kind: 'gauge',
    labels: [],
    help: 'Partitions that incremental fetch sessions remember.',
    kafka: ['kafka.server:type=FetchSessionCache,name=NumIncrementalFetchPartitionsCached'],
    panel: { group: 'Requests', title: 'Partitions of fetch sessions' },
  }),
  odradek_fetch_sessions_evicted_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Fetch sessions dropped for newer ones; their clients send full requests again.',
    kafka: ['kafka.server:type=FetchSessionCache,name=IncrementalFetchSessionEvictionsPerSec'],
    panel: { group: 'Requests', title: 'Fetch sessions evicted' },
  }),
} as const;

export const connectionMetrics = {
  odradek_connections: metric({
    kind: 'gauge',
    labels: ['listener'],
    help: 'Open connections.',
    kafka: ['kafka.server:type=socket-server-metrics connection-count'],
    panel: { group: 'Connections', title: 'Open connections' },
  }),
  odradek_connections_by_software: metric({
    kind: 'gauge',
    labels: ['listener', 'software', 'software_version'],
    help: 'Open connections by what their clients call themselves (ApiVersions 3 and later; unknown: older, or nothing was asked yet); beyond a hundred kinds they are counted together.',
    kafka: ['kafka.server:type=socket-server-metrics connections'],
    panel: {
      group: 'Connections',
      title: 'Connections by software',
      by: ['software', 'software_version'],
      nodes: 'sum',
      rare: true,
    },
  }),
  odradek_connections_opened_total: metric({
    kind: 'counter',
    labels: ['listener'],
    help: 'Connections accepted.',
    kafka: ['kafka.server:type=socket-server-metrics connection-creation-total'],
    panel: { group: 'Connections', title: 'Connections opened and closed', line: 'opened', rare: true },
  }),
  odradek_connections_refused_total: metric({
    kind: 'counter',
    labels: ['listener', 'reason'],
    help: 'Connections closed at once because a limit was reached.',
    kafka: [],
    panel: { group: 'Connections', title: 'Connections refused and misused', line: 'refused', rare: true },
  }),
  odradek_connections_closed_total: metric({
    kind: 'counter',
    labels: ['listener', 'reason'],
    help: 'Connections that the broker closed, by reason (idle, malformed, oversized, shutdown).',
    kafka: ['kafka.network:type=SocketServer,name=ExpiredConnectionsKilledCount'],
    panel: { group: 'Connections', title: 'Connections opened and closed', line: 'closed here', rare: true },
  }),
  odradek_misuse_total: metric({
    kind: 'counter',
    labels: ['kind'],
    help: 'Connections that did not speak Kafka to this listener: TLS or HTTP on a plaintext port, SASL where there is none, junk.',
    kafka: [],
    panel: { group: 'Connections', title: 'Connections refused and misused', line: 'misuse', rare: true },
  }),
  odradek_queued_bytes: metric({
    kind: 'gauge',
    labels: [],
    help: 'Bytes of requests and answers held for all connections; reading pauses at a bound.',
    kafka: ['kafka.network:type=SocketServer,name=MemoryPoolUsed'],
    panel: { group: 'Connections', title: 'Bytes held for connections' },
  }),
  odradek_reading_paused_total: metric({
    kind: 'counter',
    labels: ['why'],
    help: 'How often a connection was not read for a while: its own bound (connection) or the bound of all (broker).',
    kafka: [],
    panel: { group: 'Connections', title: 'Reading paused', rare: true },
  }),
} as const;

export const trafficMetrics = {
  odradek_topic_bytes_in_total: metric({
    kind: 'counter',
    labels: ['topic'],
    help: 'Bytes of batches appended by clients.',
    kafka: ['kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec'],
    panel: { group: 'Traffic', title: 'Bytes in by topic', rare: true },
  }),
  odradek_topic_records_in_total: metric({
    kind: 'counter',
    labels: ['topic'],
    help: 'Records appended by clients.',
    kafka: ['kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec'],
    panel: { group: 'Traffic', title: 'Records in by topic', rare: true },
  }),
  odradek_topic_bytes_out_total: metric({
    kind: 'counter',
    labels: ['topic'],
    help: 'Bytes of batches handed to consumers.',
    kafka: ['kafka.server:type=BrokerTopicMetrics,name=BytesOutPerSec'],
    panel: { group: 'Traffic', title: 'Bytes out by topic', rare: true },
  }),
} as const;
