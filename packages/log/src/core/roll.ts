/** When the active segment is full, too old, or cannot hold the next batch. */
import type { LogConfig } from '../types.ts';
import { OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from './indexes.ts';

export type SegmentFacts = {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Largest timestamp of its first batch; -1 when there is none. */
  readonly firstTimestampMs: number;
  readonly createdMs: number;
  /** Drawn once per segment, so that the segments of many partitions do not roll at the same time. */
  readonly jitterMs: number;
  readonly offsetEntries: number;
  readonly timeEntries: number;
};

export type Incoming = { readonly sizeBytes: number; readonly maxTimestampMs: number; readonly lastOffset: number };

/** Positions and relative offsets are int32 in the indexes. */
const INT32_MAX = 0x7fff_ffff;

export function mustRoll(segment: SegmentFacts, incoming: Incoming, nowMs: number, config: LogConfig): boolean {
  if (segment.sizeBytes > config.segmentBytes - incoming.sizeBytes) return segment.sizeBytes > 0;
  if (incoming.lastOffset - segment.baseOffset > INT32_MAX) return true;
  if (segment.sizeBytes === 0) return false;
  if (segment.offsetEntries >= Math.floor(config.segmentIndexBytes / OFFSET_ENTRY_BYTES)) return true;
  // One slot stays free for the entry that closing the segment adds.
  if (segment.timeEntries >= Math.floor(config.segmentIndexBytes / TIME_ENTRY_BYTES) - 1) return true;
  const waitedMs =
    segment.firstTimestampMs >= 0 ? incoming.maxTimestampMs - segment.firstTimestampMs : nowMs - segment.createdMs;
  return waitedMs > segmentMsOf(config) - segment.jitterMs;
}

/** Without an append: the wall clock against the first record. */
export function isOverdue(segment: SegmentFacts, nowMs: number, config: LogConfig): boolean {
  if (segment.sizeBytes === 0) return false;
  const sinceMs = segment.firstTimestampMs >= 0 ? segment.firstTimestampMs : segment.createdMs;
  return nowMs - sinceMs > segmentMsOf(config) - segment.jitterMs;
}

/** Only sealed segments are compacted: a bound on how long a record may wait for that is one on the age of a segment (KIP-354). */
function segmentMsOf(config: LogConfig): number {
  return config.cleanupCompact ? Math.min(config.segmentMs, config.maxCompactionLagMs) : config.segmentMs;
}
