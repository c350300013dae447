/** How many of the oldest segments may go. Whole segments only, never past the high watermark, never an empty active one. */
import type { LogConfig } from '../types.ts';

export type RetainedSegment = {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Largest timestamp of its records; the file's modification time when they have none. */
  readonly largestTimestampMs: number;
};

export type RetentionInput = {
  readonly segments: readonly RetainedSegment[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  readonly nowMs: number;
  readonly config: LogConfig;
};

/** @returns a count from the oldest; equal to `segments.length` when the active one is due too (it is rolled first) */
export function segmentsDue(input: RetentionInput): number {
  let due = leading(input, (_segment, end) => end <= input.logStartOffset && end < input.logEndOffset);
  if (!input.config.cleanupDelete) return due;
  due = Math.max(
    due,
    leading(input, (segment) => isExpired(segment, input)),
  );
  return Math.max(due, dueBySize(input));
}

function isExpired(segment: RetainedSegment, { config, nowMs }: RetentionInput): boolean {
  return config.retentionMs >= 0 && nowMs - segment.largestTimestampMs > config.retentionMs;
}

function dueBySize(input: RetentionInput): number {
  const { retentionBytes } = input.config;
  if (retentionBytes < 0) return 0;
  let excess = -retentionBytes;
  for (const segment of input.segments) excess += segment.sizeBytes;
  return leading(input, (segment) => {
    if (excess < segment.sizeBytes) return false;
    excess -= segment.sizeBytes;
    return true;
  });
}

function leading(input: RetentionInput, isDue: (segment: RetainedSegment, end: number) => boolean): number {
  const { segments } = input;
  let count = 0;
  for (; count < segments.length; count += 1) {
    const segment = segments[count];
    if (segment === undefined) break;
    const next = segments[count + 1];
    const end = next === undefined ? input.logEndOffset : next.baseOffset;
    const isEmptyActive = next === undefined && segment.sizeBytes === 0;
    if (isEmptyActive || end > input.highWatermark || !isDue(segment, end)) break;
  }
  return count;
}
