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

/** Logs that can be moved between log directories. */
export interface MovableLogs extends LogsPort {
  get(topic: string, partition: number): PartitionLog | undefined;
  readonly futures: FuturesPort;
}

/** What moving replicas between log directories asks of the logs (KIP-113); see FutureLogs. */
export interface FuturesPort {
  /** Where the log of a partition goes when it is made. */
  prefer(topic: string, partition: number, logDirectory: string): void;
  /** May throw StorageFault. */
  create(log: PartitionLog, logDirectory: string): PartitionLog;
  drop(log: PartitionLog): void;
  refusesCopies(logDirectory: string, bytes: number): string | undefined;
  /** May fail with StorageFault. */
  prepare(log: PartitionLog): Promise<void>;
  /** May throw StorageFault. @returns undefined: not now; otherwise what resolves once the replaced files are out of the way */
  swap(log: PartitionLog): Promise<void> | undefined;
  /** Copies whose log is not there. */
  orphans(): readonly PartitionLog[];
  /** May throw StorageFault. */
  promote(topic: string, partition: number): void;
}

/** Who tells the controller in which directory a replica lies (KIP-858). */
export interface DirectoryTeller {
  /**
   * The copy in that directory is about to take over: from here on the replica is said to lie there.
   * @returns true once metadata says so; false when it was settled before
   */
  moving(topic: string, partition: number, logDirectory: string): Promise<boolean>;
  /** The move is over, or given up: where the log lies is what counts. */
  settled(topic: string, partition: number): void;
}
