/** Constants that messages and topics of Kafka share, each under the name that Kafka gives it. */

export const TopicName = {
  GROUP_METADATA: '__consumer_offsets',
  TRANSACTION_STATE: '__transaction_state',
  SHARE_GROUP_STATE: '__share_group_state',
  CLUSTER_METADATA: '__cluster_metadata',
} as const;

export const assignReplicasToDirsRequestConstants = {
  MAX_ASSIGNMENTS_PER_REQUEST: 2250,
} as const;

export const consumerGroupHeartbeatRequestConstants = {
  LEAVE_GROUP_MEMBER_EPOCH: -1,
  LEAVE_GROUP_STATIC_MEMBER_EPOCH: -2,
  JOIN_GROUP_MEMBER_EPOCH: 0,
  CONSUMER_GENERATED_MEMBER_ID_REQUIRED_VERSION: 1,
} as const;

export const createTopicsRequestConstants = {
  NO_NUM_PARTITIONS: -1,
  NO_REPLICATION_FACTOR: -1,
} as const;

export const deleteRecordsRequestConstants = {
  HIGH_WATERMARK: -1,
} as const;

export const deleteRecordsResponseConstants = {
  INVALID_LOW_WATERMARK: -1,
} as const;

export const describeClientQuotasRequestConstants = {
  MATCH_TYPE_EXACT: 0,
  MATCH_TYPE_DEFAULT: 1,
  MATCH_TYPE_SPECIFIED: 2,
} as const;

export const describeGroupsResponseConstants = {
  AUTHORIZED_OPERATIONS_OMITTED: -2147483648,
  UNKNOWN_STATE: '',
  UNKNOWN_PROTOCOL_TYPE: '',
  UNKNOWN_PROTOCOL: '',
} as const;

export const describeLogDirsResponseConstants = {
  INVALID_OFFSET_LAG: -1,
  UNKNOWN_VOLUME_BYTES: -1,
} as const;

export const endTxnRequestConstants = {
  LAST_STABLE_VERSION_BEFORE_TRANSACTION_V2: 4,
} as const;

export const fetchMetadataConstants = {
  INVALID_SESSION_ID: 0,
  INITIAL_EPOCH: 0,
  FINAL_EPOCH: -1,
} as const;

export const fetchRequestConstants = {
  CONSUMER_REPLICA_ID: -1,
  DEFAULT_RESPONSE_MAX_BYTES: 2147483647,
  INVALID_LOG_START_OFFSET: -1,
  ORDINARY_CONSUMER_ID: -1,
  DEBUGGING_CONSUMER_ID: -2,
  FUTURE_LOCAL_REPLICA_ID: -3,
} as const;

export const fetchResponseConstants = {
  INVALID_HIGH_WATERMARK: -1,
  INVALID_LAST_STABLE_OFFSET: -1,
  INVALID_LOG_START_OFFSET: -1,
  INVALID_PREFERRED_REPLICA_ID: -1,
} as const;

export const findCoordinatorRequestConstants = {
  MIN_BATCHED_VERSION: 4,
} as const;

export const joinGroupRequestConstants = {
  UNKNOWN_MEMBER_ID: '',
  UNKNOWN_GENERATION_ID: -1,
  UNKNOWN_PROTOCOL_NAME: '',
} as const;

export const listOffsetsRequestConstants = {
  EARLIEST_TIMESTAMP: -2,
  LATEST_TIMESTAMP: -1,
  MAX_TIMESTAMP: -3,
  EARLIEST_LOCAL_TIMESTAMP: -4,
  LATEST_TIERED_TIMESTAMP: -5,
  EARLIEST_PENDING_UPLOAD_TIMESTAMP: -6,
  CONSUMER_REPLICA_ID: -1,
  DEBUGGING_REPLICA_ID: -2,
} as const;

export const listOffsetsResponseConstants = {
  UNKNOWN_TIMESTAMP: -1,
  UNKNOWN_OFFSET: -1,
  UNKNOWN_EPOCH: -1,
} as const;

export const metadataResponseConstants = {
  NO_CONTROLLER_ID: -1,
  NO_LEADER_ID: -1,
  AUTHORIZED_OPERATIONS_OMITTED: -2147483648,
} as const;

export const offsetCommitRequestConstants = {
  DEFAULT_GENERATION_ID: -1,
  DEFAULT_MEMBER_ID: '',
  DEFAULT_RETENTION_TIME: -1,
  DEFAULT_TIMESTAMP: -1,
} as const;

export const offsetFetchRequestConstants = {
  TOP_LEVEL_ERROR_AND_NULL_TOPICS_MIN_VERSION: 2,
  REQUIRE_STABLE_OFFSET_MIN_VERSION: 7,
  BATCH_MIN_VERSION: 8,
  TOPIC_ID_MIN_VERSION: 10,
} as const;

export const offsetFetchResponseConstants = {
  INVALID_OFFSET: -1,
  NO_METADATA: '',
} as const;

export const offsetsForLeaderEpochRequestConstants = {
  CONSUMER_REPLICA_ID: -1,
} as const;

export const offsetsForLeaderEpochResponseConstants = {
  UNDEFINED_EPOCH_OFFSET: -1,
  UNDEFINED_EPOCH: -1,
} as const;

export const produceRequestConstants = {
  LAST_STABLE_VERSION_BEFORE_TRANSACTION_V2: 11,
} as const;

export const produceResponseConstants = {
  INVALID_OFFSET: -1,
} as const;

export const shareGroupHeartbeatRequestConstants = {
  LEAVE_GROUP_MEMBER_EPOCH: -1,
  JOIN_GROUP_MEMBER_EPOCH: 0,
} as const;

export const shareRequestMetadataConstants = {
  INITIAL_EPOCH: 0,
  FINAL_EPOCH: -1,
} as const;

export const streamsGroupHeartbeatRequestConstants = {
  LEAVE_GROUP_MEMBER_EPOCH: -1,
  LEAVE_GROUP_STATIC_MEMBER_EPOCH: -2,
  JOIN_GROUP_MEMBER_EPOCH: 0,
} as const;

export const txnOffsetCommitRequestConstants = {
  LAST_STABLE_VERSION_BEFORE_TRANSACTION_V2: 4,
} as const;

export const ClientQuotaEntity = { USER: 'user', CLIENT_ID: 'client-id', IP: 'ip' } as const;
export const CONSUMER_PROTOCOL_TYPE = 'consumer';
export const USER_PRINCIPAL_TYPE = 'User';
export const UNKNOWN_FINALIZED_FEATURES_EPOCH = -1;
/** Name under which AddPartitionsToTxn 0-3 carry their only transaction. */
export const V3_AND_BELOW_TXN_ID = '';

export const TOPIC_NAME_LENGTH_MAX = 249;
const legalTopicName = /^[a-zA-Z0-9._-]+$/;

/** Why a topic name is not allowed, or undefined when it is. */
export function topicNameFault(name: string): string | undefined {
  if (name.length === 0) return 'the empty string is not allowed';
  if (name === '.' || name === '..') return "'.' and '..' are not allowed";
  if (name.length > TOPIC_NAME_LENGTH_MAX)
    return `the length of '${name}' is longer than ${TOPIC_NAME_LENGTH_MAX} characters`;
  if (!legalTopicName.test(name))
    return `'${name}' holds a character other than ASCII letters, digits, '.', '_' and '-'`;
  return undefined;
}
