export { topicSettings } from './core/topic-settings.ts';
export type { LogsPort, TopicSettings } from './ports.ts';
export { noReplicaFetchers } from './replica-types.ts';
export type * from './replica-types.ts';
export { HighWatermarks, readHighWatermarks } from './shell/high-watermarks.ts';
export type { CheckpointedPartition, HighWatermarksOptions } from './shell/high-watermarks.ts';
export { Replicas } from './shell/replicas.ts';
export type { ReplicasOptions } from './shell/replicas.ts';
export type * from './types.ts';
