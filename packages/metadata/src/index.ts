export type * from './admin.ts';
export type * from './ports.ts';
export {
  adminApiKey,
  decodeAdminReply,
  decodeAdminRequest,
  encodeAdminReply,
  encodeAdminRequest,
} from './core/admin-codec.ts';
export type { CarriedBody } from './core/admin-codec.ts';
export { builtFeatures } from './core/built-features.ts';
export { registrationRecordOf } from './core/cluster.ts';
export type { BrokerImage, Cluster, SupportedFeature } from './core/cluster.ts';
export type { Configs, ConfigResource } from './core/configs.ts';
export { MetadataDelta } from './core/delta.ts';
export type { PartitionDelta } from './core/delta.ts';
export { differenceOf } from './core/difference.ts';
export type { Features } from './core/features.ts';
export { MetadataImage } from './core/image.ts';
export type { CapturedImage } from './core/image.ts';
export type { PartitionIndex, PartitionSet } from './core/partition-index.ts';
export { byText, decodeRecord, encodeRecord, record } from './core/records.ts';
export type { MetadataRecord, RecordOf, RecordType } from './core/records.ts';
export {
  DIRECTORY_LOST,
  DIRECTORY_MIGRATING,
  DIRECTORY_UNASSIGNED,
  NO_LEADER,
  NO_LEADER_CHANGE,
  NO_RECOVERY_CHANGE,
  changed as changedPartition,
  partitionRecordOf,
} from './core/topics.ts';
export type { PartitionImage, TopicImage, Topics } from './core/topics.ts';
export { topicNameProblem } from './core/topic-names.ts';
