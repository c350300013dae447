/** Reads of what is no longer in memory: asynchronous, in whole batches, from one segment at a time. */
import { batch } from '@odradek/protocol';
import type { ReadRequest, ReadResult } from '../types.ts';
import type { Segment } from './segment.ts';

const EMPTY: ReadResult = { chunks: [], sizeBytes: 0 };

export type DiskReadBounds = {
  /** Bytes asked of the file at once. */
  readonly chunkBytes: number;
  readonly indexIntervalBytes: number;
};

/**
 * Batches of one segment from the one that holds `fromOffset` on, up to `maxBytes` and `upToOffset`.
 * @returns undefined when the segment has nothing at or after `fromOffset` (the next one may)
 */
export async function readSegment(
  segment: Segment,
  request: ReadRequest,
  bounds: DiskReadBounds,
): Promise<ReadResult | undefined> {
  const end = segment.sizeBytes;
  const from = await segment.indexes.floorPositionLater(request.fromOffset);
  const lookAhead = Math.min(request.maxBytes, bounds.chunkBytes) + bounds.indexIntervalBytes + batch.HEADER_BYTES;
  const found = await findBatch(segment, { from, end, offset: request.fromOffset, lookAhead });
  if (found === undefined) return undefined;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let { position, bytes } = found;
  for (;;) {
    const room = request.maxBytes - sizeBytes;
    const isFirst = sizeBytes === 0;
    const taken = takeWhole(bytes, {
      room,
      upToOffset: request.upToOffset,
      minOneBatch: isFirst && request.minOneBatch,
    });
    if (taken.cutBatchBytes > 0 && taken.takenBytes === 0) {
      // The batch is larger than what was read: it is read as a whole, once.
      bytes = await segment.read(position, Math.min(taken.cutBatchBytes, end - position));
      if (bytes.length < taken.cutBatchBytes) break;
      continue;
    }
    if (taken.takenBytes > 0) chunks.push(bytes.subarray(0, taken.takenBytes));
    sizeBytes += taken.takenBytes;
    position += taken.takenBytes;
    if (taken.stopped || position >= end || sizeBytes >= request.maxBytes) break;
    bytes = await segment.read(
      position,
      Math.min(bounds.chunkBytes, request.maxBytes - sizeBytes + batch.HEADER_BYTES, end - position),
    );
    if (bytes.length < batch.HEADER_BYTES) break;
  }
  return sizeBytes === 0 ? EMPTY : { chunks, sizeBytes };
}

type Found = { readonly position: number; readonly bytes: Buffer };

/** Walks headers from `from` on to the first batch whose last offset reaches `offset`. */
export async function findBatch(
  segment: Segment,
  search: { readonly from: number; readonly end: number; readonly offset: number; readonly lookAhead: number },
): Promise<Found | undefined> {
  let position = search.from;
  while (search.end - position >= batch.HEADER_BYTES) {
    const bytes = await segment.read(position, Math.min(search.lookAhead, search.end - position));
    let at = 0;
    while (bytes.length - at >= batch.HEADER_BYTES) {
      const size = batch.sizeInBytes(bytes, at);
      if (size < batch.HEADER_BYTES) return undefined;
      if (batch.lastOffset(bytes, at) >= search.offset) return { position: position + at, bytes: bytes.subarray(at) };
      at += size;
    }
    if (at === 0) return undefined;
    position += at;
  }
  return undefined;
}

/** How many whole batches at the start of `bytes` may be taken. */
function takeWhole(
  bytes: Buffer,
  bounds: { readonly room: number; readonly upToOffset: number; readonly minOneBatch: boolean },
): { readonly takenBytes: number; readonly cutBatchBytes: number; readonly stopped: boolean } {
  let at = 0;
  while (bytes.length - at >= batch.HEADER_BYTES) {
    const size = batch.sizeInBytes(bytes, at);
    const isForced = at === 0 && bounds.minOneBatch;
    if (size < batch.HEADER_BYTES || batch.lastOffset(bytes, at) >= bounds.upToOffset)
      return { takenBytes: at, cutBatchBytes: 0, stopped: true };
    if (at + size > bounds.room && !isForced) return { takenBytes: at, cutBatchBytes: 0, stopped: true };
    if (at + size > bytes.length) return { takenBytes: at, cutBatchBytes: size, stopped: false };
    at += size;
  }
  return { takenBytes: at, cutBatchBytes: 0, stopped: at === 0 };
}
