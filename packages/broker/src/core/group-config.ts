/** What the group coordinator goes by: the broker's configuration, and for single groups what was set on the resource GROUP. */
import type { NodeConfig } from '@odradek/base';
import type { ConsumerGroupConfig, ConsumerGroupSettings, GroupConfig, MigrationPolicy } from '@odradek/coordinator';

const MINUTE_MS = 60_000;

export type GroupConfigFacts = {
  /** Whether the consumer protocol is served. */
  readonly consumerEnabled: boolean;
  /** The largest record that the internal topic takes. */
  readonly recordBytesMax: number;
  /** What was set for one group; it does not change while the result is used. */
  readonly overridesOf: (groupId: string) => ReadonlyMap<string, string>;
};

export function groupConfigOf(config: NodeConfig, facts: GroupConfigFacts): GroupConfig {
  return {
    groupMaxSize: config.get('group.max.size'),
    initialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
    sessionTimeoutMinMs: config.get('group.min.session.timeout.ms'),
    sessionTimeoutMaxMs: config.get('group.max.session.timeout.ms'),
    offsetMetadataMax: config.get('offset.metadata.max.bytes'),
    offsetsRetentionMs: config.get('offsets.retention.minutes') * MINUTE_MS,
    offsetsRetentionCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
    recordBytesMax: facts.recordBytesMax,
    consumer: consumerConfigOf(config, facts),
  };
}

function consumerConfigOf(config: NodeConfig, { consumerEnabled, overridesOf }: GroupConfigFacts): ConsumerGroupConfig {
  const shared = settingsOf(config, NOTHING_SET);
  const ofGroups = new Map<string, ConsumerGroupSettings>();
  return {
    enabled: consumerEnabled,
    assignors: config.get('group.consumer.assignors').map((name) => assignorNames.get(name) ?? name),
    maxSize: config.get('group.consumer.max.size'),
    migrationPolicy: config.get('group.consumer.migration.policy').toLowerCase() as MigrationPolicy,
    regexRefreshMs: config.get('group.consumer.regex.refresh.interval.ms'),
    ofGroup(groupId) {
      const overrides = overridesOf(groupId);
      if (overrides.size === 0) return shared;
      let settings = ofGroups.get(groupId);
      if (settings === undefined) {
        settings = settingsOf(config, overrides);
        ofGroups.set(groupId, settings);
      }
      return settings;
    },
  };
}

const NOTHING_SET: ReadonlyMap<string, string> = new Map();

/** Assignors may also be named by Kafka's classes. */
const assignorNames: ReadonlyMap<string, string> = new Map([
  ['org.apache.kafka.coordinator.group.assignor.UniformAssignor', 'uniform'],
  ['org.apache.kafka.coordinator.group.assignor.RangeAssignor', 'range'],
]);

/** What was set for a group while the broker's bounds were other ones counts as far as the bounds of today go. */
function settingsOf(config: NodeConfig, overrides: ReadonlyMap<string, string>): ConsumerGroupSettings {
  const group = config.group(overrides);
  return {
    sessionTimeoutMs: within(
      group.get('consumer.session.timeout.ms'),
      config.get('group.consumer.min.session.timeout.ms'),
      config.get('group.consumer.max.session.timeout.ms'),
    ),
    heartbeatIntervalMs: within(
      group.get('consumer.heartbeat.interval.ms'),
      config.get('group.consumer.min.heartbeat.interval.ms'),
      config.get('group.consumer.max.heartbeat.interval.ms'),
    ),
    assignmentIntervalMs: within(
      group.get('consumer.assignment.interval.ms'),
      config.get('group.consumer.min.assignment.interval.ms'),
      config.get('group.consumer.max.assignment.interval.ms'),
    ),
  };
}

function within(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
