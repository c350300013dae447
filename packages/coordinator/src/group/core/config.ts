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
};

/** A new member that waits in its first join cannot beat; it is given this long before it counts as gone. Kafka's figure. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000;
