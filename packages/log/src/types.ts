/** The words that rooms above share with the log: its configuration, what an append tells, what a read gives. */
import type { Outcome, StorageFault } from '@odradek/base';

/** A topic's effective configuration as the log needs it; made from topic config keys by the broker. Sizes in bytes, -1: no limit. */
export type LogConfig = {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly maxMessageBytes: number;
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampAfterMaxMs: number;
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly compressionGzipLevel: number;
  readonly compressionLz4Level: number;
  readonly compressionZstdLevel: number;
  readonly cleanupDelete: boolean;
  readonly cleanupCompact: boolean;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly deleteRetentionMs: number;
  readonly fileDeleteDelayMs: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly preallocate: boolean;
};

/**
 * Who appends. `client`: everything is validated, offsets are assigned. `coordinator`: trusted content, offsets are assigned, control
 * batches allowed. `replication`: offsets and epochs are kept as the leader assigned them.
 */
export type AppendOrigin = 'client' | 'coordinator' | 'replication';

export type AppendRequest = {
  /**
   * One or more whole record batches (v2), back to back. Assigning offsets rewrites their headers in place, and the log may keep the memory for
   * readers: it must not be changed afterwards.
   */
  readonly records: Buffer;
  readonly origin: AppendOrigin;
  readonly leaderEpoch: number;
  readonly nowMs: number;
};

export type AppendInfo = {
  /** For a duplicate of an idempotent batch: the offsets of the first append. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** -1 unless the topic says LogAppendTime. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly sizeBytes: number;
  readonly recordCount: number;
  readonly duplicate: boolean;
};

/** A record-level refusal of an append (KIP-467): which record of the batch, and why. */
export type RecordError = { readonly batchIndex: number; readonly message: string };
export type AppendOutcome = Outcome<AppendInfo> & { readonly recordErrors?: readonly RecordError[] };

export type ReadRequest = {
  readonly fromOffset: number;
  readonly maxBytes: number;
  /** Exclusive end: high watermark, last stable offset, or log end for a follower. */
  readonly upToOffset: number;
  /** The first batch is given whole even when it is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
};

export type ReadResult = {
  /** Whole batches, the first one holding `fromOffset` (or the next offset that exists); the parts lie back to back. */
  readonly chunks: readonly Buffer[];
  readonly sizeBytes: number;
};

export type AbortedTransaction = { readonly producerId: number; readonly firstOffset: number };
export type OffsetAndTimestamp = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
};
export type EpochEnd = { readonly leaderEpoch: number; readonly endOffset: number };

export type ActiveProducer = {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  readonly coordinatorEpoch: number;
  /** -1 when no transaction is open. */
  readonly currentTxnStartOffset: number;
};

/**
 * One partition's log. Appends, truncation and reads of the recent tail are synchronous; a read of what is only on disk is a promise.
 * Every method may throw `StorageFault`; after one the log is offline and refuses with KAFKA_STORAGE_ERROR until it is opened again.
 */
export interface PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  /** The log directory (an entry of log.dirs) that holds it; another one once a copy there has taken its place. */
  readonly logDirectory: string;
  /** A copy in another directory that is to take its place (KIP-113); it follows every cut of this log. */
  readonly future: PartitionLog | undefined;
  /** Rises with each truncation: what was read before one may not be what lies there now. */
  readonly cutCount: number;
  readonly logStartOffset: number;
  /** The fault that took it offline, if one did. */
  readonly fault: StorageFault | undefined;
  /** Idempotent producers that it remembers; 0 as long as nobody has used it since the start. */
  readonly producerCount: number;
  readonly logEndOffset: number;
  /** First offset that may still be undecided: the start of the oldest open transaction below `highWatermark`, else `highWatermark`. */
  lastStableOffset(highWatermark: number): number;
  readonly sizeBytes: number;
  readonly config: LogConfig;
  readonly latestEpoch: number | undefined;

  reconfigure(config: LogConfig): void;
  append(request: AppendRequest): AppendOutcome;
  /** Refuses with OFFSET_OUT_OF_RANGE outside [logStartOffset, logEndOffset]. */
  read(request: ReadRequest): Outcome<ReadResult> | Promise<Outcome<ReadResult>>;
  abortedTransactions(fromOffset: number, upToOffset: number): AbortedTransaction[];

  /** First record whose timestamp is at least `timestampMs`, exact to the record; undefined when there is none below `upToOffset`. */
  offsetForTimestamp(timestampMs: number, upToOffset: number): Promise<OffsetAndTimestamp | undefined>;
  /** The record with the largest timestamp (ListOffsets -3, KIP-734); the earliest of equals. */
  offsetOfMaxTimestamp(upToOffset: number): Promise<OffsetAndTimestamp | undefined>;
  /**
   * When the record at `offset` came in, or the first one after it, read from the header of its batch alone: for a record within a batch the
   * time at which the batch begins. -1 when its producer gave it no time; undefined when there is none below `upToOffset`.
   */
  timestampAt(offset: number, upToOffset: number): number | undefined | Promise<number | undefined>;
  /** KIP-320: the largest epoch <= `leaderEpoch` and where it ends; undefined when unknown. */
  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined;
  epochForOffset(offset: number): number | undefined;
  /** Called on becoming leader: the epoch begins at the log end. */
  assignEpochStart(leaderEpoch: number, startOffset: number): void;

  /** Cuts every batch that reaches `offset`: the log then ends with the last whole batch below it. */
  truncateTo(offset: number): void;
  /** Drops all and starts anew at `offset` (a follower that fell behind the leader's log start). */
  truncateFullyAndStartAt(offset: number): void;
  /** DeleteRecords: moves the log start; kept over restarts. Refuses beyond `highWatermark` with OFFSET_OUT_OF_RANGE. */
  advanceLogStart(offset: number, highWatermark: number): Outcome<number>;
  /** Retention by time, size and log start; deletes whole segments below `highWatermark`. @returns segments deleted */
  deleteOldSegments(nowMs: number, highWatermark: number): number;
  /** Rolls the active segment when its age says so. */
  rollIfDue(nowMs: number): void;
  /** Drops producers that have been silent for longer than producer.id.expiration.ms. */
  expireProducers(nowMs: number, expirationMs: number): void;
  activeProducers(): ActiveProducer[];

  /** Durable up to the log end at the time of the call; concurrent calls share one sync (group commit). */
  flush(): Promise<void>;
  /** Every offset below it survives a power cut. */
  readonly recoveryPoint: number;
  /** Closes files after a flush; the next open skips the scan when the whole directory was closed cleanly. */
  close(): Promise<void>;
  /** Renames the directory aside (`topic-N.<uuid>-delete`) and removes it after file.delete.delay.ms. */
  delete(): void;
}

export type LogManagerConfig = {
  readonly logDirs: readonly string[];
  readonly nodeId: number;
  readonly clusterId: string;
  readonly flushOffsetCheckpointIntervalMs: number;
  readonly flushStartOffsetCheckpointIntervalMs: number;
  readonly retentionCheckIntervalMs: number;
  readonly flushSchedulerIntervalMs: number;
  readonly producerIdExpirationMs: number;
  readonly producerIdExpirationCheckIntervalMs: number;
  readonly recoveryThreadsPerDataDir: number;
};

/** How compaction goes about its work, for all logs of a node. */
export type CleanerConfig = {
  readonly enabled: boolean;
  /** Logs that are compacted at the same time, each in a thread of its own. 0: none. */
  readonly threads: number;
  readonly backoffMs: number;
  /** Of all threads together: the table of keys, and what is read and written at once. */
  readonly dedupeBufferBytes: number;
  readonly loadFactor: number;
  readonly ioBufferBytes: number;
  /** Of all threads together. */
  readonly bytesPerSecond: number;
};

export type LogDirStatus = {
  readonly path: string;
  /** From its meta.properties (`directory.id`). */
  readonly directoryId: string;
  readonly online: boolean;
  /** It gets nothing new (KIP-1066). */
  readonly cordoned: boolean;
  readonly why?: string;
  readonly totalBytes: number;
  readonly usableBytes: number;
};
