/** What all logs of a node share, and whom a log tells what has happened to it. */
import type { Clock, Files, Histogram, Limits, Logger, Metrics, Random, StorageFault } from '@odradek/base';
import { TailCache } from '../core/tail.ts';
import type { AppendRequest } from '../types.ts';
import { FileCache } from './file-cache.ts';
import { IndexCache } from './index-cache.ts';
import type { Log } from './log.ts';
import type { SegmentWorld } from './segment.ts';

export type WorldPorts = { readonly clock: Clock; readonly files: Files; readonly random: Random };

export type LogWorld = SegmentWorld & {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly tailCache: TailCache;
  /** How long it takes to make a log durable. */
  readonly flushSeconds?: Histogram | undefined;
};

/** The log manager's side of a log. */
export interface LogKeeper {
  /** Why the log's directory takes no writes at the moment; undefined when it does. Clients are refused a little before the disk is full. */
  refusesWrites(logDirectory: string, request: AppendRequest): string | undefined;
  /** A fault of the storage: a full disk refuses clients until there is room; after any other the directory is not to be trusted any more. */
  faulted(logDirectory: string, fault: StorageFault): void;
  /** A truncation went below the recovery point that is on file: it must be lowered there before the log grows again. */
  recoveryPointLowered(logDirectory: string): void;
  /** Less of the log is clean than was: the checkpoint may not say otherwise once the log grows again. Throws StorageFault. */
  cleanedLowered(log: Log): void;
  /** Its topic is not compacted any more: what is under way is not wanted. */
  compactionUnwanted(log: Log): void;
  /** DeleteRecords moved the start of a log. */
  logStartAdvanced(logDirectory: string): void;
  /** Files that have been renamed aside and may go after the delay. */
  removeLater(paths: readonly string[], delayMs: number): void;
  /** The log renames its directory aside; nobody gets it any more. */
  deleted(log: Log): void;
}

export function createWorld(ports: WorldPorts, limits: Limits, logger: Logger, metrics?: Metrics): LogWorld {
  return {
    ...ports,
    limits,
    logger,
    fileCache: new FileCache(ports.files, limits.openSegmentFilesMax),
    indexCache: new IndexCache(limits.indexCacheBytesMax),
    tailCache: new TailCache(limits.tailCacheBytesMax, limits.tailUnreadBytesMax),
    flushSeconds: metrics?.histogram('odradek_log_flush_seconds', {}),
    scanWindowBytes: Math.min(limits.readChunkBytes, 64 * 1024),
  };
}

/** A full disk heals by itself when space returns; any other fault does not. */
export function isFullDisk(fault: StorageFault): boolean {
  return fault.systemCode === 'ENOSPC' || fault.systemCode === 'EDQUOT';
}
