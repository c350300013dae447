/** What the group coordinator is configured with; made from broker config keys (given in brackets) by the broker. */
export type GroupConfig = {
  /** [group.max.size] */
  readonly groupMaxSize: number;
  /** [group.initial.rebalance.delay.ms] How long the first rebalance of an empty group waits for more members. */
  readonly initialRebalanceDelayMs: number;
  /** [group.min.session.timeout.ms] */
  readonly sessionTimeoutMinMs: number;
  /** [group.max.session.timeout.ms] */
  readonly sessionTimeoutMaxMs: number;
  /** [offset.metadata.max.bytes] */
  readonly offsetMetadataMax: number;
  /** [offsets.retention.minutes] in milliseconds */
  readonly offsetsRetentionMs: number;
  /** [offsets.retention.check.interval.ms] */
  readonly offsetsRetentionCheckIntervalMs: number;
  /** The largest record that the internal topic takes; a group that outgrows it is refused before it is written. */
  readonly recordBytesMax: number;
  readonly consumer: ConsumerGroupConfig;
};

/** Of groups of the consumer protocol (KIP-848). */
export type ConsumerGroupConfig = {
  /** [group.coordinator.rebalance.protocols has `consumer`, and the feature group.version is finalized at 1 or more] */
  readonly enabled: boolean;
  /** [group.consumer.assignors] Names; the first is the one of groups whose members prefer none. */
  readonly assignors: readonly string[];
  /** [group.consumer.max.size] */
  readonly maxSize: number;
  /** [group.consumer.migration.policy] */
  readonly migrationPolicy: MigrationPolicy;
  /** [group.consumer.regex.refresh.interval.ms] */
  readonly regexRefreshMs: number;
  /** What may be set for one group (resource GROUP); without that the broker's keys. Cheap: asked for at every heartbeat. */
  ofGroup(groupId: string): ConsumerGroupSettings;
};

export type MigrationPolicy = 'disabled' | 'upgrade' | 'downgrade' | 'bidirectional';

export type ConsumerGroupSettings = {
  /** [consumer.session.timeout.ms, group.consumer.session.timeout.ms] */
  readonly sessionTimeoutMs: number;
  /** [consumer.heartbeat.interval.ms, group.consumer.heartbeat.interval.ms] */
  readonly heartbeatIntervalMs: number;
  /** [consumer.assignment.interval.ms, group.consumer.assignment.interval.ms] */
  readonly assignmentIntervalMs: number;
};

/** A new member that waits in its first join cannot beat; it is given this long before it counts as gone. Kafka's figure. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000;

/**
 * Member ids given out by a group and not joined with yet. Kafka bounds them by their session timeouts alone, so that a client which asks
 * and never comes back fills the memory; here the oldest one goes, and whoever comes with it is sent to ask again.
 */
export const PENDING_JOINS_MAX = 10_000;
