/**
 * THE catalogue of metrics. A row here is all that a new one needs: shells ask `Metrics` for it by name and labels, `/metrics` and
 * docs/METRICS.md are made from it. Names follow Prometheus (base units, `_total`), meanings follow Kafka's.
 */

export type MetricKind = 'counter' | 'gauge' | 'histogram';
export type MetricRow = {
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, ascending; the one for all the rest is implied. */
  readonly buckets?: readonly number[];
};

function metric<const R extends MetricRow>(row: R): R {
  return row;
}

const latencySeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const;

export const catalogue = {
  odradek_requests_total: metric({ kind: 'counter', labels: ['api'], help: 'Requests answered, by Kafka API.' }),
  odradek_request_errors_total: metric({
    kind: 'counter',
    labels: ['api', 'error'],
    help: 'Requests refused as a whole before a handler saw them, by API and Kafka error code.',
  }),
  odradek_request_seconds: metric({
    kind: 'histogram',
    labels: ['api'],
    buckets: latencySeconds,
    help: 'Time from a whole request in memory to its answer handed to the socket; long polls count their wait.',
  }),
  odradek_request_bytes_total: metric({ kind: 'counter', labels: [], help: 'Bytes of requests read from clients.' }),
  odradek_response_bytes_total: metric({ kind: 'counter', labels: [], help: 'Bytes of answers handed to sockets.' }),
  odradek_connections: metric({ kind: 'gauge', labels: ['listener'], help: 'Open connections.' }),
  odradek_connections_opened_total: metric({ kind: 'counter', labels: ['listener'], help: 'Connections accepted.' }),
  odradek_connections_refused_total: metric({
    kind: 'counter',
    labels: ['listener', 'reason'],
    help: 'Connections closed at once because a limit was reached.',
  }),
  odradek_connections_closed_total: metric({
    kind: 'counter',
    labels: ['listener', 'reason'],
    help: 'Connections that the broker closed, by reason (idle, malformed, oversized, shutdown).',
  }),
  odradek_misuse_total: metric({
    kind: 'counter',
    labels: ['kind'],
    help: 'Connections that did not speak Kafka to this listener: TLS or HTTP on a plaintext port, SASL where there is none, junk.',
  }),
  odradek_queued_bytes: metric({
    kind: 'gauge',
    labels: [],
    help: 'Bytes of requests and answers held for all connections; reading pauses at a bound.',
  }),
  odradek_reading_paused_total: metric({
    kind: 'counter',
    labels: ['why'],
    help: 'How often a connection was not read for a while: its own bound (connection) or the bound of all (broker).',
  }),
  odradek_fetch_sessions: metric({ kind: 'gauge', labels: [], help: 'Incremental fetch sessions kept.' }),
  odradek_fetch_sessions_evicted_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Fetch sessions dropped for newer ones; their clients send full requests again.',
  }),
  odradek_waiting: metric({
    kind: 'gauge',
    labels: ['kind'],
    help: 'Parked waits: long polls (fetch), acks=all (produce), DeleteRecords on replicas (delete).',
  }),
  odradek_topic_bytes_in_total: metric({
    kind: 'counter',
    labels: ['topic'],
    help: 'Bytes of batches appended by clients.',
  }),
  odradek_topic_records_in_total: metric({ kind: 'counter', labels: ['topic'], help: 'Records appended by clients.' }),
  odradek_topic_bytes_out_total: metric({
    kind: 'counter',
    labels: ['topic'],
    help: 'Bytes of batches handed to consumers.',
  }),
  odradek_produce_refused_total: metric({
    kind: 'counter',
    labels: ['error'],
    help: 'Partitions of produce requests that were refused, by Kafka error code.',
  }),
  odradek_fetch_refused_total: metric({
    kind: 'counter',
    labels: ['error'],
    help: 'Partitions of fetch requests that were refused, by Kafka error code.',
  }),
  odradek_partitions: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Partitions hosted here: leading, following, offline.',
  }),
  odradek_led_partitions: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Partitions led here that are under-replicated, under-min-isr (acks=all is refused, nothing becomes committed), at-min-isr (one more failure and they are).',
  }),
  odradek_replica_lag_records: metric({
    kind: 'gauge',
    labels: [],
    help: 'Records that the follower lacks which is furthest behind, over all partitions led here.',
  }),
  odradek_isr_changes_total: metric({
    kind: 'counter',
    labels: ['change'],
    help: 'In-sync sets that leaders here had changed: expand, shrink, recover (after an unclean election).',
  }),
  odradek_isr_changes_refused_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Changes of in-sync sets that the controller refused.',
  }),
  odradek_isr_changes_due: metric({
    kind: 'gauge',
    labels: [],
    help: 'Changes of in-sync sets that wait to be sent to the controller.',
  }),
  odradek_committed_lost_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Logs here that were cut below what had been committed, since their leader was elected uncleanly.',
  }),
  odradek_replication_bytes_total: metric({
    kind: 'counter',
    labels: ['direction'],
    help: 'Bytes of records that went to followers (out) and came from leaders (in).',
  }),
  odradek_replication_throttled_bytes_total: metric({
    kind: 'counter',
    labels: ['side'],
    help: 'Bytes of replicas that are under a replication quota: sent (leader), and received (follower).',
  }),
  odradek_replication_streams: metric({
    kind: 'gauge',
    labels: ['side'],
    help: 'Streams between replicas: to brokers that follow here (leader), and to brokers that are followed (follower).',
  }),
  odradek_log_bytes: metric({ kind: 'gauge', labels: ['directory'], help: 'Bytes of logs in a data directory.' }),
  odradek_log_directory_free_bytes: metric({
    kind: 'gauge',
    labels: ['directory'],
    help: 'Bytes that may still be written to the file system of a data directory.',
  }),
  odradek_log_directory_online: metric({
    kind: 'gauge',
    labels: ['directory'],
    help: '1 while a data directory works, 0 after it failed.',
  }),
  odradek_log_segments_deleted_total: metric({ kind: 'counter', labels: [], help: 'Segments removed by retention.' }),
  odradek_log_dir_moves: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Replicas that are on their way to another log directory of this broker: moving, waiting.',
  }),
  odradek_log_dir_moved_bytes_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Bytes copied between log directories of this broker.',
  }),
  odradek_log_dirs: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Log directories by what they take: online, full (clients are refused), offline.',
  }),
  odradek_cleaner_runs_total: metric({
    kind: 'counter',
    labels: ['outcome'],
    help: 'Compactions of a log, by how they ended (done, stopped, failed).',
  }),
  odradek_cleaner_bytes_total: metric({
    kind: 'counter',
    labels: ['direction'],
    help: 'Bytes of segments that compaction has read and written.',
  }),
  odradek_cleaner_running: metric({ kind: 'gauge', labels: [], help: 'Logs that are being compacted now.' }),
  odradek_cleaner_last_run_seconds: metric({
    kind: 'gauge',
    labels: [],
    help: 'How long the last compaction of a log took.',
  }),
  odradek_cleaner_recopy_percent: metric({
    kind: 'gauge',
    labels: [],
    help: 'Bytes that the last compaction wrote of those it read; near 100: it had little to remove.',
  }),
  odradek_cleaner_table_percent: metric({
    kind: 'gauge',
    labels: [],
    help: 'How full the table of keys was in the last compaction; 100: the log took another pass (log.cleaner.dedupe.buffer.size).',
  }),
  odradek_cleaner_max_delay_seconds: metric({
    kind: 'gauge',
    labels: [],
    help: 'By how much the most overdue log is past max.compaction.lag.ms, when the cleaner last looked.',
  }),
  odradek_cleaner_max_dirty_percent: metric({
    kind: 'gauge',
    labels: [],
    help: 'Share of the dirtiest compacted log that waits for compaction, when the cleaner last looked.',
  }),
  odradek_cleaner_seconds_since_run: metric({
    kind: 'gauge',
    labels: [],
    help: 'Time since the cleaner last looked for work or finished some; growing without end: it is stuck or disabled.',
  }),
  odradek_cleaner_uncleanable_bytes: metric({
    kind: 'gauge',
    labels: [],
    help: 'Bytes of the partitions that compaction leaves alone.',
  }),
  odradek_cleaner_uncleanable_partitions: metric({
    kind: 'gauge',
    labels: [],
    help: 'Partitions that compaction leaves alone since their data turned out to be damaged.',
  }),
  odradek_open_segment_files: metric({
    kind: 'gauge',
    labels: [],
    help: 'Open files of segments; the least recently used are closed.',
  }),
  odradek_group_operations_waiting: metric({
    kind: 'gauge',
    labels: [],
    help: 'Group requests that wait for their turn or for what they wrote to be committed.',
  }),
  odradek_group_load_seconds: metric({
    kind: 'histogram',
    labels: [],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    help: 'Time to load one partition of __consumer_offsets; its groups are not served before.',
  }),
  odradek_group_loaded_records_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Records of groups and offsets that were loaded from __consumer_offsets.',
  }),
  odradek_group_rebalances_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Rebalances that groups have finished.',
  }),
  odradek_group_rebalance_seconds: metric({
    kind: 'histogram',
    labels: [],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    help: 'Time from the first reason of a rebalance until its group is stable or empty, or the next one begins.',
  }),
  odradek_group_rebalance_causes_total: metric({
    kind: 'counter',
    labels: ['cause'],
    help: 'Reasons of rebalances (joined, left, silent, late, subscription, …); `odradek groups explain` tells them one by one.',
  }),
  odradek_group_lag_records: metric({
    kind: 'gauge',
    labels: ['group', 'topic', 'partition'],
    help: 'Records between the committed offset (or the log start, if that is higher) and the high watermark; measured every 10 s.',
  }),
  odradek_group_lag_seconds: metric({
    kind: 'gauge',
    labels: ['group', 'topic', 'partition'],
    help: 'Age of the first record that the group has not consumed; 0 without lag.',
  }),
  odradek_group_total_lag_records: metric({
    kind: 'gauge',
    labels: ['group'],
    help: 'Lag of a group in records, over all its partitions whose lag is known.',
  }),
  odradek_group_max_lag_seconds: metric({
    kind: 'gauge',
    labels: ['group'],
    help: 'Largest lag of a group in seconds, over all its partitions whose lag is known.',
  }),
  odradek_group_lag_unknown_partitions: metric({
    kind: 'gauge',
    labels: [],
    help: 'Partitions of groups whose lag is not known: led by another broker, offline, gone, or nothing is committed.',
  }),
  odradek_group_lag_untold_partitions: metric({
    kind: 'gauge',
    labels: [],
    help: 'Partitions of groups whose lag has no series of its own because there would be too many; totals count them.',
  }),
  odradek_offset_commits_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Offsets committed, counted by partition.',
  }),
  odradek_offsets_expired_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Committed offsets dropped by their retention.',
  }),
  odradek_metadata_offset: metric({
    kind: 'gauge',
    labels: [],
    help: 'Metadata log offset up to which this broker has applied.',
  }),
  odradek_topics: metric({ kind: 'gauge', labels: [], help: 'Topics of the cluster.' }),
  odradek_controller_active: metric({ kind: 'gauge', labels: [], help: '1 while this node is the active controller.' }),
  odradek_controller_brokers: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Registered brokers as this controller knows them: active, stopping (about to leave in order), fenced.',
  }),
  odradek_controller_partitions: metric({
    kind: 'gauge',
    labels: ['state'],
    help: 'Partitions as this controller knows them: all, leaderless (nobody serves them), not_preferred (not led by their first replica), reassigning.',
  }),
  odradek_raft_leader: metric({
    kind: 'gauge',
    labels: [],
    help: 'Node id of the active controller as this controller knows it; -1: nobody.',
  }),
  odradek_raft_epoch: metric({ kind: 'gauge', labels: [], help: 'Epoch of the quorum of controllers.' }),
  odradek_raft_high_watermark: metric({
    kind: 'gauge',
    labels: [],
    help: 'Offset of the metadata log before which everything is committed.',
  }),
  odradek_raft_log_end_offset: metric({
    kind: 'gauge',
    labels: [],
    help: 'Offset at which the metadata log of this controller ends.',
  }),
  odradek_raft_roles_total: metric({
    kind: 'counter',
    labels: ['role'],
    help: 'How often this controller stood for election (candidate), won (leader) and gave the lead up (resigned).',
  }),
  odradek_raft_persist_seconds: metric({
    kind: 'histogram',
    labels: [],
    buckets: latencySeconds,
    help: 'Time of one synced write of the metadata log; all that waits is written together.',
  }),
  odradek_raft_commit_seconds: metric({
    kind: 'histogram',
    labels: [],
    buckets: latencySeconds,
    help: 'Time from a proposal of the active controller to its application, once a majority has it on disk.',
  }),
  odradek_raft_snapshots_total: metric({
    kind: 'counter',
    labels: ['kind'],
    help: 'Snapshots of the metadata taken, installed (received from the active controller) and sent.',
  }),
  odradek_raft_snapshot_bytes: metric({
    kind: 'gauge',
    labels: [],
    help: 'Size of the last snapshot of the metadata that this controller has taken; 0: none since it started.',
  }),
  odradek_raft_dropped_total: metric({
    kind: 'counter',
    labels: ['why'],
    help: 'Messages between controllers dropped at a bound: received faster than handled (received), behind a slow disk (unsent), or to a peer that takes them too slowly (peer).',
  }),
  odradek_controller_sessions: metric({
    kind: 'gauge',
    labels: [],
    help: 'Streams of brokers that this controller has open.',
  }),
  odradek_controller_sessions_ended_total: metric({
    kind: 'counter',
    labels: ['why'],
    help: 'Streams of brokers that ended at this controller: closed (in order), moved (another controller is active), slow (the broker took the metadata too slowly), lost (broken, so the broker is fenced unless it comes again).',
  }),
  odradek_controller_session_open: metric({
    kind: 'gauge',
    labels: [],
    help: '1 while this broker has a session with the active controller.',
  }),
  odradek_controller_session_opens_total: metric({
    kind: 'counter',
    labels: [],
    help: 'Sessions that this broker has opened with active controllers: 1 for the start, 1 for each reconnect.',
  }),
  odradek_controller_session_dials_total: metric({
    kind: 'counter',
    labels: ['outcome'],
    help: 'Controllers that this broker has asked for a session: active, not active, silent (it did not know who is), refused, unreachable.',
  }),
  odradek_controller_session_heard_seconds: metric({
    kind: 'gauge',
    labels: [],
    help: 'Time since the active controller was last heard: the age of the metadata by which this broker works.',
  }),
  odradek_admin_requests_total: metric({
    kind: 'counter',
    labels: ['kind'],
    help: 'Requests that the controller decided, such as createTopics.',
  }),
  odradek_build_info: metric({ kind: 'gauge', labels: ['version', 'kafka'], help: '1; the labels tell the versions.' }),
  odradek_start_seconds: metric({
    kind: 'gauge',
    labels: [],
    help: 'Time from the start of the process to readiness.',
  }),
  odradek_log_lines_total: metric({ kind: 'counter', labels: ['level'], help: 'Lines logged as warning or error.' }),
} as const;

export type MetricName = keyof typeof catalogue;
type NamesOf<K extends MetricKind> = {
  [N in MetricName]: (typeof catalogue)[N]['kind'] extends K ? N : never;
}[MetricName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof catalogue)[N]['labels'][number], string>>;

/** Only ever grows. */
export interface Counter {
  inc(by?: number): void;
}
export interface Gauge {
  set(value: number): void;
  add(by: number): void;
}
export interface Histogram {
  /** @param value in the unit that the metric's name says: seconds, bytes */
  observe(value: number): void;
}

/**
 * Where shells count. Asking binds the labels once; keep what it returns, since that is one addition per call. Asking again for the same
 * name and labels gives the same one.
 */
export interface Metrics {
  counter<N extends CounterName>(name: N, labels: LabelsOf<N>): Counter;
  gauge<N extends GaugeName>(name: N, labels: LabelsOf<N>): Gauge;
  histogram<N extends HistogramName>(name: N, labels: LabelsOf<N>): Histogram;
  /** A gauge, or a count kept elsewhere, that is read when somebody looks: for what is cheaper to look up then than to tell each time. */
  sample<N extends CounterName | GaugeName>(name: N, labels: LabelsOf<N>, read: () => number): void;
  /** Forgets what was counted under these labels: a deleted topic. */
  forget<N extends MetricName>(name: N, labels: LabelsOf<N>): void;
}
