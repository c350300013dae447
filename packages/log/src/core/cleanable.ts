/** Which log is compacted next, which part of it, and which of its segments become one. */
import type { LogConfig } from '../types.ts';

export type CleanableSegment = {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Largest timestamp of its records; the file's modification time when they have none. Counts only with min.compaction.lag.ms. */
  readonly largestTimestampMs: number;
  /** Of its first batch; the file's modification time when it has none. Counts only with max.compaction.lag.ms. */
  readonly firstTimestampMs: number;
};

export type CleanableInput = {
  /** All segments of the log, the active one last. */
  readonly segments: readonly CleanableSegment[];
  /** Offsets below it have been cleaned before. */
  readonly cleanedTo: number;
  readonly logStartOffset: number;
  /** Offsets at or above it may be undecided or not committed. */
  readonly lastStableOffset: number;
  readonly nowMs: number;
  readonly config: LogConfig;
};

export type Cleanable = {
  /** First offset that has not been cleaned. */
  readonly firstDirtyOffset: number;
  /** Exclusive end of what may be cleaned: the beginning of a segment. */
  readonly endOffset: number;
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** Dirty bytes of those that may be cleaned, in [0, 1]. */
  readonly dirtyRatio: number;
  /** For how long the oldest dirty record has waited beyond max.compaction.lag.ms; 0 when it has not. */
  readonly overdueMs: number;
};

/** What compaction would find in a log now. */
export function cleanableOf(input: CleanableInput): Cleanable {
  const { segments, config, nowMs } = input;
  const firstDirtyOffset = firstDirty(input);
  let endOffset = 0;
  let cleanBytes = 0;
  let dirtyBytes = 0;
  let oldestDirtyMs = Infinity;
  for (let index = 0; index < segments.length - 1; index += 1) {
    const segment = segments[index];
    const next = segments[index + 1];
    if (segment === undefined || next === undefined || next.baseOffset > input.lastStableOffset) break;
    const isDirty = next.baseOffset > firstDirtyOffset;
    const isYoung = config.minCompactionLagMs > 0 && segment.largestTimestampMs > nowMs - config.minCompactionLagMs;
    if (isDirty && isYoung) break;
    endOffset = next.baseOffset;
    if (isDirty) {
      dirtyBytes += segment.sizeBytes;
      oldestDirtyMs = Math.min(oldestDirtyMs, segment.firstTimestampMs);
    } else cleanBytes += segment.sizeBytes;
  }
  const dirtyRatio = dirtyBytes === 0 ? 0 : dirtyBytes / (cleanBytes + dirtyBytes);
  const overdueMs = dirtyBytes === 0 ? 0 : Math.max(0, nowMs - oldestDirtyMs - config.maxCompactionLagMs);
  return { firstDirtyOffset, endOffset, cleanBytes, dirtyBytes, dirtyRatio, overdueMs };
}

export function isDue(cleanable: Cleanable, config: LogConfig): boolean {
  if (!config.cleanupCompact || cleanable.dirtyBytes === 0) return false;
  return cleanable.overdueMs > 0 || cleanable.dirtyRatio > config.minCleanableDirtyRatio;
}

/** Orders what is due: what is overdue first, then the dirtiest. */
export function moreUrgent(left: Cleanable, right: Cleanable): number {
  if (left.overdueMs > 0 !== right.overdueMs > 0) return left.overdueMs > 0 ? -1 : 1;
  return right.dirtyRatio - left.dirtyRatio;
}

/** A log that ends or begins elsewhere than its checkpoint believes (cut, begun anew, records deleted) is dirty from its start, or its end. */
function firstDirty(input: CleanableInput): number {
  const end = input.segments.at(-1)?.baseOffset ?? 0;
  return Math.max(input.logStartOffset, Math.min(input.cleanedTo, end));
}

export type GroupedSegment = {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly offsetRows: number;
  /** Where the next segment begins. */
  readonly nextBaseOffset: number;
};

/** Offsets are int32 relative to the base of a segment; positions int32, with room for batches that grow when they are written anew. */
const RELATIVE_OFFSET_MAX = 0x7fff_ffff;
const SEGMENT_BYTES_MAX = 0x7fff_ffff - 64 * 1024 * 1024;
const OFFSET_ROW_BYTES = 8;

/** Neighbours that fit into one segment together, by the sizes they have now. */
export function groupSegments<S extends GroupedSegment>(
  segments: readonly S[],
  config: { readonly segmentBytes: number; readonly segmentIndexBytes: number },
): S[][] {
  const bytesMax = Math.min(config.segmentBytes, SEGMENT_BYTES_MAX);
  const groups: S[][] = [];
  let group: S[] = [];
  let bytes = 0;
  let rows = 0;
  for (const segment of segments) {
    const base = group[0]?.baseOffset ?? segment.baseOffset;
    const fits =
      bytes + segment.sizeBytes <= bytesMax &&
      (rows + segment.offsetRows) * OFFSET_ROW_BYTES <= config.segmentIndexBytes &&
      segment.nextBaseOffset - 1 - base <= RELATIVE_OFFSET_MAX;
    if (group.length > 0 && !fits) {
      groups.push(group);
      group = [];
      bytes = 0;
      rows = 0;
    }
    group.push(segment);
    bytes += segment.sizeBytes;
    rows += segment.offsetRows;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
