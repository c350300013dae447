/**
 * The small codes of the protocol: what numbers in messages mean. Error codes are in errors.ts, API keys in apis.ts.
 */
import { ErrorCode } from './errors.ts';

export const ConfigResourceType = {
  UNKNOWN: 0,
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const;
export type ConfigResourceType = (typeof ConfigResourceType)[keyof typeof ConfigResourceType];

export const ConfigSource = {
  UNKNOWN: 0,
  TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
  CLIENT_METRICS_CONFIG: 7,
  GROUP_CONFIG: 8,
} as const;
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

export const ConfigType = {
  UNKNOWN: 0,
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
} as const;
export type ConfigType = (typeof ConfigType)[keyof typeof ConfigType];

export const AlterConfigOp = {
  SET: 0,
  DELETE: 1,
  APPEND: 2,
  SUBTRACT: 3,
} as const;
export type AlterConfigOp = (typeof AlterConfigOp)[keyof typeof AlterConfigOp];

export const ElectionType = {
  PREFERRED: 0,
  UNCLEAN: 1,
} as const;
export type ElectionType = (typeof ElectionType)[keyof typeof ElectionType];

export const IsolationLevel = {
  READ_UNCOMMITTED: 0,
  READ_COMMITTED: 1,
} as const;
export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];

export const CompressionType = {
  NONE: 0,
  GZIP: 1,
  SNAPPY: 2,
  LZ4: 3,
  ZSTD: 4,
} as const;
export type CompressionType = (typeof CompressionType)[keyof typeof CompressionType];

export const TimestampType = {
  NO_TIMESTAMP_TYPE: -1,
  CREATE_TIME: 0,
  LOG_APPEND_TIME: 1,
} as const;
export type TimestampType = (typeof TimestampType)[keyof typeof TimestampType];

export const SecurityProtocol = {
  PLAINTEXT: 0,
  SSL: 1,
  SASL_PLAINTEXT: 2,
  SASL_SSL: 3,
} as const;
export type SecurityProtocol = (typeof SecurityProtocol)[keyof typeof SecurityProtocol];

export const ControlRecordType = {
  UNKNOWN: -1,
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const;
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType];

export const CoordinatorType = {
  GROUP: 0,
  TRANSACTION: 1,
  SHARE: 2,
} as const;
export type CoordinatorType = (typeof CoordinatorType)[keyof typeof CoordinatorType];

export const TransactionResult = {
  ABORT: false,
  COMMIT: true,
} as const;
export type TransactionResult = (typeof TransactionResult)[keyof typeof TransactionResult];

export const FeatureUpgradeType = {
  UNKNOWN: 0,
  UPGRADE: 1,
  SAFE_DOWNGRADE: 2,
  UNSAFE_DOWNGRADE: 3,
} as const;
export type FeatureUpgradeType = (typeof FeatureUpgradeType)[keyof typeof FeatureUpgradeType];

export const ScramMechanism = {
  UNKNOWN: 0,
  SCRAM_SHA_256: 1,
  SCRAM_SHA_512: 2,
} as const;
export type ScramMechanism = (typeof ScramMechanism)[keyof typeof ScramMechanism];

export const EndpointType = {
  UNKNOWN: 0,
  BROKER: 1,
  CONTROLLER: 2,
} as const;
export type EndpointType = (typeof EndpointType)[keyof typeof EndpointType];

export const AcknowledgeType = {
  ACCEPT: 1,
  RELEASE: 2,
  REJECT: 3,
  RENEW: 4,
} as const;
export type AcknowledgeType = (typeof AcknowledgeType)[keyof typeof AcknowledgeType];

export const RebalanceProtocol = {
  EAGER: 0,
  COOPERATIVE: 1,
} as const;
export type RebalanceProtocol = (typeof RebalanceProtocol)[keyof typeof RebalanceProtocol];

export const LeaderRecoveryState = {
  RECOVERED: 0,
  RECOVERING: 1,
} as const;
export type LeaderRecoveryState = (typeof LeaderRecoveryState)[keyof typeof LeaderRecoveryState];

export const BrokerState = {
  NOT_RUNNING: 0,
  STARTING: 1,
  RECOVERY: 2,
  RUNNING: 3,
  PENDING_CONTROLLED_SHUTDOWN: 6,
  SHUTTING_DOWN: 7,
  UNKNOWN: 127,
} as const;
export type BrokerState = (typeof BrokerState)[keyof typeof BrokerState];

export const BrokerRegistrationFencingChange = {
  UNFENCE: -1,
  NONE: 0,
  FENCE: 1,
} as const;
export type BrokerRegistrationFencingChange =
  (typeof BrokerRegistrationFencingChange)[keyof typeof BrokerRegistrationFencingChange];

export const BrokerRegistrationInControlledShutdownChange = {
  NONE: 0,
  IN_CONTROLLED_SHUTDOWN: 1,
} as const;
export type BrokerRegistrationInControlledShutdownChange =
  (typeof BrokerRegistrationInControlledShutdownChange)[keyof typeof BrokerRegistrationInControlledShutdownChange];

export const TransactionState = {
  EMPTY: 0,
  ONGOING: 1,
  PREPARE_COMMIT: 2,
  PREPARE_ABORT: 3,
  COMPLETE_COMMIT: 4,
  COMPLETE_ABORT: 5,
  DEAD: 6,
  PREPARE_EPOCH_FENCE: 7,
} as const;
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState];

export const ConsumerMemberState = {
  STABLE: 0,
  UNREVOKED_PARTITIONS: 1,
  UNRELEASED_PARTITIONS: 2,
  UNKNOWN: 127,
} as const;
export type ConsumerMemberState = (typeof ConsumerMemberState)[keyof typeof ConsumerMemberState];

export const StreamsMemberState = {
  STABLE: 1,
  UNREVOKED_TASKS: 2,
  UNRELEASED_TASKS: 3,
  UNKNOWN: 127,
} as const;
export type StreamsMemberState = (typeof StreamsMemberState)[keyof typeof StreamsMemberState];

export const StreamsHeartbeatStatus = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
} as const;
export type StreamsHeartbeatStatus = (typeof StreamsHeartbeatStatus)[keyof typeof StreamsHeartbeatStatus];

export const ShareRecordState = {
  AVAILABLE: 0,
  ACQUIRED: 1,
  ACKNOWLEDGED: 2,
  ARCHIVING: 3,
  ARCHIVED: 4,
} as const;
export type ShareRecordState = (typeof ShareRecordState)[keyof typeof ShareRecordState];

export const ShareAcquireMode = {
  BATCH_OPTIMIZED: 0,
  RECORD_LIMIT: 1,
} as const;
export type ShareAcquireMode = (typeof ShareAcquireMode)[keyof typeof ShareAcquireMode];

export const RemoteLogSegmentState = {
  COPY_SEGMENT_STARTED: 0,
  COPY_SEGMENT_FINISHED: 1,
  DELETE_SEGMENT_STARTED: 2,
  DELETE_SEGMENT_FINISHED: 3,
} as const;
export type RemoteLogSegmentState = (typeof RemoteLogSegmentState)[keyof typeof RemoteLogSegmentState];

export const RemotePartitionDeleteState = {
  DELETE_PARTITION_MARKED: 0,
  DELETE_PARTITION_STARTED: 1,
  DELETE_PARTITION_FINISHED: 2,
} as const;
export type RemotePartitionDeleteState = (typeof RemotePartitionDeleteState)[keyof typeof RemotePartitionDeleteState];

/** What an ACL allows or denies (KIP-11). */
export const AclOperation = {
  UNKNOWN: 0,
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const;
export type AclOperation = (typeof AclOperation)[keyof typeof AclOperation];

export const AclPermissionType = {
  UNKNOWN: 0,
  ANY: 1,
  DENY: 2,
  ALLOW: 3,
} as const;
export type AclPermissionType = (typeof AclPermissionType)[keyof typeof AclPermissionType];

/** How the name of an ACL or its filter is compared (KIP-290). */
export const PatternType = {
  UNKNOWN: 0,
  ANY: 1,
  MATCH: 2,
  LITERAL: 3,
  PREFIXED: 4,
} as const;
export type PatternType = (typeof PatternType)[keyof typeof PatternType];

/** What an ACL is about; not the resource types of configs. */
export const ResourceType = {
  UNKNOWN: 0,
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const;
export type ResourceType = (typeof ResourceType)[keyof typeof ResourceType];

/** The operations that an ACL on a resource type may name, and the error of a request that lacks one. */
export const resourceTypes = [
  {
    type: ResourceType.TOPIC,
    operations: [
      AclOperation.READ,
      AclOperation.WRITE,
      AclOperation.CREATE,
      AclOperation.DELETE,
      AclOperation.ALTER,
      AclOperation.DESCRIBE,
      AclOperation.DESCRIBE_CONFIGS,
      AclOperation.ALTER_CONFIGS,
    ],
    authorizationError: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  },
  {
    type: ResourceType.GROUP,
    operations: [
      AclOperation.READ,
      AclOperation.DELETE,
      AclOperation.DESCRIBE,
      AclOperation.DESCRIBE_CONFIGS,
      AclOperation.ALTER_CONFIGS,
    ],
    authorizationError: ErrorCode.GROUP_AUTHORIZATION_FAILED,
  },
  {
    type: ResourceType.CLUSTER,
    operations: [
      AclOperation.CREATE,
      AclOperation.ALTER,
      AclOperation.DESCRIBE,
      AclOperation.CLUSTER_ACTION,
      AclOperation.DESCRIBE_CONFIGS,
      AclOperation.ALTER_CONFIGS,
      AclOperation.IDEMPOTENT_WRITE,
    ],
    authorizationError: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  },
  {
    type: ResourceType.TRANSACTIONAL_ID,
    operations: [AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.TWO_PHASE_COMMIT],
    authorizationError: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  },
  {
    type: ResourceType.DELEGATION_TOKEN,
    operations: [AclOperation.DESCRIBE],
    authorizationError: ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
  },
  {
    type: ResourceType.USER,
    operations: [AclOperation.CREATE_TOKENS, AclOperation.DESCRIBE_TOKENS],
    authorizationError: null,
  },
] as const;

/** An allowed operation of these brings DESCRIBE (DESCRIBE_CONFIGS) with it. */
export const impliesDescribe = [
  AclOperation.ALTER,
  AclOperation.DELETE,
  AclOperation.DESCRIBE,
  AclOperation.READ,
  AclOperation.WRITE,
] as const;
export const impliesDescribeConfigs = [AclOperation.ALTER_CONFIGS, AclOperation.DESCRIBE_CONFIGS] as const;

export const WILDCARD_PRINCIPAL = 'User:*';
export const WILDCARD_HOST = '*';
export const WILDCARD_RESOURCE = '*';
export const CLUSTER_RESOURCE_NAME = 'kafka-cluster';
export const ANONYMOUS_PRINCIPAL = 'User:ANONYMOUS';

/** `authorizedOperations` of a resource whose operations were not asked for. */
export const AUTHORIZED_OPERATIONS_OMITTED = -2147483648;

/** Authorized operations travel as a bit set: bit `1 << code`. */
export function authorizedOperationsBits(operations: readonly AclOperation[]): number {
  let bits = 0;
  for (const operation of operations) bits |= 1 << operation;
  return bits;
}

/** As they are spelled in messages. */
export const groupStates = [
  'Unknown',
  'PreparingRebalance',
  'CompletingRebalance',
  'Stable',
  'Dead',
  'Empty',
  'Assigning',
  'Reconciling',
  'NotReady',
] as const;
export type GroupState = (typeof groupStates)[number];

/** As they are spelled in messages. */
export const groupTypes = ['Unknown', 'Consumer', 'Classic', 'Share', 'Streams'] as const;
export type GroupType = (typeof groupTypes)[number];

/** As they are spelled in messages. */
export const clientTransactionStates = [
  'Ongoing',
  'PrepareAbort',
  'PrepareCommit',
  'CompleteAbort',
  'CompleteCommit',
  'Empty',
  'PrepareEpochFence',
  'Unknown',
] as const;
export type ClientTransactionState = (typeof clientTransactionStates)[number];

/** As they are spelled in messages. */
export const classicGroupStates = ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'] as const;
export type ClassicGroupState = (typeof classicGroupStates)[number];
