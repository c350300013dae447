/** Constants that messages and topics of Kafka share, each under the name that Kafka gives it. */

export const TopicName = {
  GROUP_METADATA: '__consumer_offsets',
  TRANSACTION_STATE: '__transaction_state',
  SHARE_GROUP_STATE: '__share_group_state',
  CLUSTER_METADATA: '__cluster_metadata',
} as const;

export const createTopicsRequestConstants = {
  NO_NUM_PARTITIONS: -1,
  NO_REPLICATION_FACTOR: -1,
} as const;

export const findCoordinatorRequestConstants = {
  MIN_BATCHED_VERSION: 4,
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

export const CONSUMER_PROTOCOL_TYPE = 'consumer';
