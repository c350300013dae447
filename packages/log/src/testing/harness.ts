/** A log manager on simulated files, and batches that are told apart by what they hold. */
import { limits, silent } from '@odradek/base';
import type { Clock, Files, Limits, Logger, Metrics } from '@odradek/base';
import { Prng } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { batch, buildBatch } from '@odradek/protocol';
import type { BatchOptions } from '@odradek/protocol';
import { LogManager } from '../shell/log-manager.ts';
import type { AppendInfo, CleanerConfig, LogConfig, LogDirStatus, LogManagerConfig, PartitionLog } from '../types.ts';
import { testLogConfig } from './config.ts';

export const TOPIC_ID = 'AAAAAAAAAAEAAAAAAAAAAg';
export const NOW_MS = 1_700_000_000_000;

export function managerConfig(logDirs: readonly string[]): LogManagerConfig {
  return {
    logDirs,
    nodeId: 1,
    clusterId: 'test',
    flushOffsetCheckpointIntervalMs: 60_000,
    flushStartOffsetCheckpointIntervalMs: 60_000,
    retentionCheckIntervalMs: 300_000,
    flushSchedulerIntervalMs: Number.MAX_SAFE_INTEGER,
    producerIdExpirationMs: 86_400_000,
    producerIdExpirationCheckIntervalMs: 600_000,
    recoveryThreadsPerDataDir: 1,
  };
}

export type HarnessOptions = {
  readonly files?: Files;
  readonly clock?: Clock;
  readonly logDirs?: readonly string[];
  readonly config?: Partial<LogConfig>;
  readonly limits?: Limits;
  readonly seed?: number;
  readonly logger?: Logger;
  readonly onOffline?: (status: LogDirStatus) => void;
  readonly flushSchedulerIntervalMs?: number;
  readonly retentionCheckIntervalMs?: number;
  readonly metrics?: Metrics;
  readonly cleaner?: () => CleanerConfig;
};

export function openManager(options: HarnessOptions = {}): Promise<LogManager> {
  return LogManager.open({
    ports: {
      files: options.files ?? new SimFiles(),
      clock: options.clock ?? new SimClock(NOW_MS),
      random: new Prng(options.seed ?? 1),
    },
    config: {
      ...managerConfig(options.logDirs ?? ['/data']),
      flushSchedulerIntervalMs: options.flushSchedulerIntervalMs ?? Number.MAX_SAFE_INTEGER,
      retentionCheckIntervalMs: options.retentionCheckIntervalMs ?? 300_000,
    },
    limits: options.limits ?? limits.tiny,
    logger: options.logger ?? silent,
    defaults: testLogConfig(options.config),
    ...(options.onOffline === undefined ? {} : { onOffline: options.onOffline }),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    ...(options.cleaner === undefined ? {} : { cleaner: options.cleaner }),
  });
}

export function openLog(manager: LogManager, config: Partial<LogConfig> = {}, partition = 0): PartitionLog {
  return manager.open('topic', partition, TOPIC_ID, testLogConfig(config));
}

export type BatchWish = BatchOptions & {
  readonly values: readonly string[];
  readonly timestampMs?: number;
  readonly keys?: readonly (string | null)[];
  /** Tombstones: the values only count. */
  readonly nullValues?: boolean;
};

/** One record per value; timestamps count up from `timestampMs`. */
export function makeBatch(wish: BatchWish): Buffer {
  const { values, timestampMs = NOW_MS, keys, nullValues = false, ...options } = wish;
  return buildBatch(
    options,
    values.map((value, index) => {
      const key = keys?.[index];
      return {
        timestampMs: timestampMs + index,
        key: key === undefined || key === null ? null : Buffer.from(key),
        value: nullValues ? null : Buffer.from(value),
      };
    }),
  );
}

/** An end-of-transaction marker as a coordinator writes it. */
export function makeMarker(wish: {
  producerId: number;
  producerEpoch: number;
  commit: boolean;
  coordinatorEpoch?: number;
}): Buffer {
  const key = Buffer.from([0, 0, 0, wish.commit ? 1 : 0]);
  const value = Buffer.alloc(6);
  value.writeInt32BE(wish.coordinatorEpoch ?? 0, 2);
  const { producerId, producerEpoch } = wish;
  return buildBatch({ producerId, producerEpoch, isTransactional: true, isControl: true }, [
    { timestampMs: NOW_MS, key, value },
  ]);
}

/** Appends as a client and demands that it is taken. */
export function append(log: PartitionLog, records: Buffer, leaderEpoch = 0, nowMs = NOW_MS): AppendInfo {
  const outcome = log.append({ records: Buffer.from(records), origin: 'client', leaderEpoch, nowMs });
  if (!outcome.ok) throw new Error(`refused with ${outcome.code}: ${outcome.why}`);
  return outcome.value;
}

/** Every batch in [fromOffset, end), each in a Buffer of its own, read in small bites. */
export async function readAll(log: PartitionLog, fromOffset = log.logStartOffset, maxBytes = 300): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  let offset = fromOffset;
  while (offset < log.logEndOffset) {
    const outcome = await log.read({ fromOffset: offset, maxBytes, upToOffset: log.logEndOffset, minOneBatch: true });
    if (!outcome.ok) throw new Error(`refused with ${outcome.code}: ${outcome.why}`);
    const before = offset;
    for (const one of split(Buffer.concat(outcome.value.chunks))) {
      batches.push(one);
      offset = batch.lastOffset(one, 0) + 1;
    }
    if (offset === before) break;
  }
  return batches;
}

export function split(bytes: Buffer): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = batch.sizeInBytes(bytes, at);
    batches.push(bytes.subarray(at, at + size));
    at += size;
  }
  return batches;
}
