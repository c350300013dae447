/** Offsets by timestamp, exact to the record: the time index says where to begin, headers which batch, records which one. */
import { StorageFault, limits } from '@odradek/base';
import { RecordCursor, batch, decompress } from '@odradek/protocol';
import type { OffsetAndTimestamp } from '../types.ts';
import { findBatch } from './disk-read.ts';
import type { Segment } from './segment.ts';

/** Offsets in [logStartOffset, upToOffset) count. */
export type OffsetRange = { readonly logStartOffset: number; readonly upToOffset: number };

const SCAN_BYTES = 64 * 1024;

/** The first record whose timestamp is at least `timestampMs`. */
export async function findByTimestamp(
  segments: readonly Segment[],
  timestampMs: number,
  range: OffsetRange,
): Promise<OffsetAndTimestamp | undefined> {
  for (const [index, segment] of segments.entries()) {
    const end = segments[index + 1]?.baseOffset ?? Infinity;
    if (end <= range.logStartOffset) continue;
    if (segment.baseOffset >= range.upToOffset) break;
    if (segment.largestTimestampMs < timestampMs) continue;
    await segment.indexes.wholeLater();
    // Once more, without a wait: others may have needed the room in between.
    const afterOffset = segment.indexes.whole().times.lastOffsetBefore(timestampMs);
    const from = Math.max(afterOffset + 1, range.logStartOffset);
    const found = await firstInSegment(
      segment,
      { ...range, logStartOffset: from },
      (maxTimestampMs) => maxTimestampMs >= timestampMs,
      timestampMs,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first record with the largest timestamp of all. */
export async function findMaxTimestamp(
  segments: readonly Segment[],
  range: OffsetRange,
): Promise<OffsetAndTimestamp | undefined> {
  let best: OffsetAndTimestamp | undefined;
  for (const [index, segment] of segments.entries()) {
    const end = segments[index + 1]?.baseOffset ?? Infinity;
    if (end <= range.logStartOffset) continue;
    if (segment.baseOffset >= range.upToOffset) break;
    if (segment.largestTimestampMs <= (best?.timestampMs ?? -1)) continue;
    const isWhole = segment.baseOffset >= range.logStartOffset && end <= range.upToOffset;
    const found = isWhole
      ? await firstInSegment(
          segment,
          { ...range, logStartOffset: segment.baseOffset },
          (maxMs) => maxMs >= segment.largestTimestampMs,
          segment.largestTimestampMs,
        )
      : await largestInPart(segment, range);
    if (found !== undefined && found.timestampMs > (best?.timestampMs ?? -1)) best = found;
  }
  return best;
}

/**
 * The time of the first record at or after `range.logStartOffset`, by the headers alone: of a record within a batch the time is told at which
 * the batch begins.
 */
export async function timeOfOffset(segments: readonly Segment[], range: OffsetRange): Promise<number | undefined> {
  for (const [index, segment] of segments.entries()) {
    const end = segments[index + 1]?.baseOffset ?? Infinity;
    if (end <= range.logStartOffset) continue;
    if (segment.baseOffset >= range.upToOffset) break;
    let offset = range.logStartOffset;
    let from = await segment.indexes.floorPositionLater(offset);
    for (;;) {
      const found = await findBatch(segment, { from, end: segment.sizeBytes, offset, lookAhead: HEADERS_BYTES });
      if (found === undefined || batch.baseOffset(found.bytes, 0) >= range.upToOffset) break;
      if (batch.recordsCount(found.bytes, 0) > 0) return timeOfBatch(found.bytes);
      offset = batch.lastOffset(found.bytes, 0) + 1;
      from = found.position + batch.sizeInBytes(found.bytes, 0);
    }
  }
  return undefined;
}

/** A few headers at once where batches are small, and not much of one where they are large. */
const HEADERS_BYTES = 1024;

/** When a batch begins; -1 when its producer gave it no time. */
export function timeOfBatch(bytes: Buffer): number {
  return batch.timestampTypeOf(bytes, 0) === 1 ? batch.maxTimestamp(bytes, 0) : batch.baseTimestamp(bytes, 0);
}

async function firstInSegment(
  segment: Segment,
  range: OffsetRange,
  mayHold: (maxTimestampMs: number) => boolean,
  timestampMs: number,
): Promise<OffsetAndTimestamp | undefined> {
  for await (const whole of batchesOf(segment, range, mayHold)) {
    const found = firstRecord(whole, range, timestampMs);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A segment of which only a part counts: each batch that could beat the best so far is looked into. */
async function largestInPart(segment: Segment, range: OffsetRange): Promise<OffsetAndTimestamp | undefined> {
  let best: OffsetAndTimestamp | undefined;
  for await (const whole of batchesOf(segment, range, (maxTimestampMs) => maxTimestampMs > (best?.timestampMs ?? -1))) {
    const largestMs = largestRecordTimestamp(whole, range);
    if (largestMs > (best?.timestampMs ?? -1)) best = firstRecord(whole, range, largestMs);
  }
  return best;
}

/** Whole batches of the segment that reach into the range and whose largest timestamp is wanted. */
async function* batchesOf(
  segment: Segment,
  range: OffsetRange,
  isWanted: (maxTimestampMs: number) => boolean,
): AsyncGenerator<Buffer> {
  const end = segment.sizeBytes;
  let offset = range.logStartOffset;
  let from = await segment.indexes.floorPositionLater(offset);
  for (;;) {
    const found = await findBatch(segment, { from, end, offset, lookAhead: SCAN_BYTES });
    if (found === undefined) return;
    let at = 0;
    while (found.bytes.length - at >= batch.HEADER_BYTES) {
      if (batch.baseOffset(found.bytes, at) >= range.upToOffset) return;
      const size = batch.sizeInBytes(found.bytes, at);
      if (size < batch.HEADER_BYTES) return;
      if (isWanted(batch.maxTimestamp(found.bytes, at))) {
        const isHere = at + size <= found.bytes.length;
        const whole = isHere ? found.bytes.subarray(at, at + size) : await segment.read(found.position + at, size);
        if (whole.length < size) return;
        yield whole;
      }
      offset = batch.lastOffset(found.bytes, at) + 1;
      at += size;
    }
    from = found.position + at;
  }
}

function firstRecord(whole: Buffer, range: OffsetRange, timestampMs: number): OffsetAndTimestamp | undefined {
  const cursor = recordsIn(whole);
  while (cursor.next()) {
    const offset = batch.baseOffset(whole, 0) + cursor.offsetDelta;
    const ownMs = timestampOf(whole, cursor);
    if (ownMs < timestampMs || offset < range.logStartOffset) continue;
    if (offset >= range.upToOffset) return undefined;
    return { offset, timestampMs: ownMs, leaderEpoch: batch.partitionLeaderEpoch(whole, 0) };
  }
  return undefined;
}

function largestRecordTimestamp(whole: Buffer, range: OffsetRange): number {
  const cursor = recordsIn(whole);
  let largestMs = -1;
  while (cursor.next()) {
    const offset = batch.baseOffset(whole, 0) + cursor.offsetDelta;
    if (offset >= range.logStartOffset && offset < range.upToOffset)
      largestMs = Math.max(largestMs, timestampOf(whole, cursor));
  }
  return largestMs;
}

function timestampOf(whole: Buffer, cursor: RecordCursor): number {
  return batch.timestampTypeOf(whole, 0) === 1
    ? batch.maxTimestamp(whole, 0)
    : batch.baseTimestamp(whole, 0) + cursor.timestampDelta;
}

function recordsIn(whole: Buffer): RecordCursor {
  const section = decompress(batch.compressionOf(whole, 0), batch.recordsSection(whole, 0), {
    maxBytes: limits.production.decompressedBatchBytesMax,
  });
  // It was unpacked once before it was written, or by the leader: the disk has changed it.
  if (!section.ok) throw new StorageFault(`offset ${batch.baseOffset(whole, 0)}`, section.why);
  return new RecordCursor(section.value, batch.recordsCount(whole, 0));
}
