/**
 * What is asked of a log's files without holding anybody up. Segments may be cut or dropped while a read waits for the disk: the log counts
 * such changes, and a read that meets one begins again.
 */
import { batch } from '@odradek/protocol';
import { collectAborted } from '../core/txn-index.ts';
import type { AbortedTransaction, OffsetAndTimestamp, ReadRequest, ReadResult } from '../types.ts';
import { readSegment } from './disk-read.ts';
import type { DiskReadBounds } from './disk-read.ts';
import type { Segment } from './segment.ts';
import { findByTimestamp, findMaxTimestamp, timeOfOffset } from './timestamps.ts';
import type { OffsetRange } from './timestamps.ts';

const ATTEMPTS_MAX = 4;

export const NOTHING_READ: ReadResult = { chunks: [], sizeBytes: 0 };

export interface ReadableLog {
  readonly segments: readonly Segment[];
  /** Rises with each truncation and deletion of segments. */
  readonly generation: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

/** @returns undefined when `fromOffset` is no longer within the log */
export async function readFromDisk(
  log: ReadableLog,
  request: ReadRequest,
  bounds: DiskReadBounds,
): Promise<ReadResult | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (request.fromOffset < log.logStartOffset || request.fromOffset > log.logEndOffset) return undefined;
    const { generation } = log;
    const result = await readSegments(log, request, bounds);
    if (generation === log.generation) return result;
  }
  return NOTHING_READ;
}

/** Aborted transactions that a reader of this range must know of; see PartitionLog. */
export function abortedBetween(log: ReadableLog, fromOffset: number, upToOffset: number): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  const { segments } = log;
  for (const segment of segments.slice(Math.max(0, segmentIndexOf(segments, fromOffset)))) {
    if (collectAborted(segment.indexes.aborted(), { fromOffset, upToOffset }, found)) break;
  }
  return found;
}

/** The first record at or after a time; see PartitionLog. */
export function offsetForTimestamp(
  log: ReadableLog,
  timestampMs: number,
  upToOffset: number,
): Promise<OffsetAndTimestamp | undefined> {
  return lookup(log, upToOffset, (range) => findByTimestamp(log.segments, timestampMs, range));
}

/** The first record with the largest timestamp; see PartitionLog. */
export function offsetOfMaxTimestamp(log: ReadableLog, upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
  return lookup(log, upToOffset, (range) => findMaxTimestamp(log.segments, range));
}

/** The time of the record at `offset`, or of the first one after it; see PartitionLog. */
export function timestampAt(log: ReadableLog, offset: number, upToOffset: number): Promise<number | undefined> {
  return lookup(log, upToOffset, (range) =>
    timeOfOffset(log.segments, { ...range, logStartOffset: Math.max(offset, range.logStartOffset) }),
  );
}

/** Index of the segment that holds `offset`; -1 when it lies before all of them. */
export function segmentIndexOf(segments: readonly Segment[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle]?.baseOffset ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

async function readSegments(log: ReadableLog, request: ReadRequest, bounds: DiskReadBounds): Promise<ReadResult> {
  const { generation, segments } = log;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for (let index = Math.max(0, segmentIndexOf(segments, request.fromOffset)); index < segments.length; index += 1) {
    const segment = segments[index];
    const room = request.maxBytes - sizeBytes;
    if (segment === undefined || segment.baseOffset >= request.upToOffset) break;
    if (sizeBytes > 0 && room <= 0) break;
    const minOneBatch = request.minOneBatch && sizeBytes === 0;
    const result = await readSegment(segment, { ...request, maxBytes: room, minOneBatch }, bounds);
    if (generation !== log.generation) return NOTHING_READ;
    if (result === undefined) continue;
    chunks.push(...result.chunks);
    sizeBytes += result.sizeBytes;
    // Compaction leaves batches without records at the end of segments. A client that goes by the records it got would ask for the same for ever.
    if (result.sizeBytes === 0 || result.chunks.some(holdsRecords)) break;
  }
  return sizeBytes === 0 ? NOTHING_READ : { chunks, sizeBytes };
}

function holdsRecords(chunk: Buffer): boolean {
  for (let at = 0; at < chunk.length; at += batch.sizeInBytes(chunk, at)) {
    if (batch.recordsCount(chunk, at) > 0) return true;
  }
  return false;
}

async function lookup<T>(log: ReadableLog, upToOffset: number, find: (range: OffsetRange) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const { generation, logStartOffset } = log;
    try {
      const found = await find({ logStartOffset, upToOffset: Math.min(upToOffset, log.logEndOffset) });
      if (generation === log.generation || attempt === ATTEMPTS_MAX) return found;
    } catch (cause) {
      if (generation === log.generation || attempt === ATTEMPTS_MAX) throw cause;
    }
  }
}
