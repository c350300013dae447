/** What replication asks of the rooms below and beside it. */
import type { LogConfig, LogDirStatus, PartitionLog } from '@odradek/log';

/** A topic's settings as its partitions need them. */
export type TopicSettings = { readonly log: LogConfig; readonly minInsyncReplicas: number };

/** The logs of all log directories. */
export interface LogsPort {
  /** Every log that lies in a directory that is online. */
  all(): Iterable<PartitionLog>;
  /** The log of a partition, made when there is none. May throw StorageFault, also while an unreadable directory may hold it. */
  open(topic: string, partition: number, topicId: string, config: LogConfig): PartitionLog;
  /** The log of a partition that has just come into being, so that it cannot lie anywhere yet. May throw StorageFault. */
  openNew(topic: string, partition: number, topicId: string, config: LogConfig): PartitionLog;
  /** Renames a log's directory aside, keeps its data and forgets it: what metadata does not know is never deleted. */
  setAside(log: PartitionLog): void;
  status(): readonly LogDirStatus[];
}
