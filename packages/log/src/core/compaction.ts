/**
 * What compaction keeps of a log, batch by batch. The last record of each key stays, at its offset; a tombstone stays until the time written
 * into its batch (the delete horizon, KIP-534) has passed; records of aborted transactions go; the marker of a transaction goes, after the same
 * delay, once nothing of the transaction is left; the last batch of a producer that is still known stays, if need be without records, since it
 * holds the producer's sequence.
 */
import { assert, refuse, ok } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode, RecordCursor, assembleBatch, batch, uncompressedRecords } from '@odradek/protocol';
import type { OffsetMap } from './offset-map.ts';
import { readMarker } from './producer-batches.ts';
import type { AbortedEntry, LastOfProducer } from './producers.ts';

export type CompactionRules = {
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** Bytes that one batch may take once decompressed. */
  readonly unpackedBytesMax: number;
  /** Those that the log still knows. */
  readonly producers: ReadonlyMap<number, LastOfProducer>;
};

/** Which transactions were aborted, by the offsets they span. */
export class AbortedTransactions {
  readonly #byProducer = new Map<number, AbortedEntry[]>();

  constructor(entries: readonly AbortedEntry[]) {
    for (const entry of entries) {
      const known = this.#byProducer.get(entry.producerId);
      if (known === undefined) this.#byProducer.set(entry.producerId, [entry]);
      else known.push(entry);
    }
    for (const known of this.#byProducer.values()) known.sort((left, right) => left.lastOffset - right.lastOffset);
  }

  /** The aborted transaction of the producer that `offset` lies in, its marker included. */
  at(producerId: number, offset: number): AbortedEntry | undefined {
    const known = this.#byProducer.get(producerId);
    if (known === undefined) return undefined;
    let low = 0;
    let high = known.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((known[middle]?.lastOffset ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    const found = known[low];
    return found !== undefined && found.firstOffset <= offset ? found : undefined;
  }
}

/** First pass: notes the keys of the dirty part. */
export class KeyReader {
  readonly #map: OffsetMap;
  readonly #aborted: AbortedTransactions;
  readonly #unpackedBytesMax: number;
  readonly #fromOffset: number;
  /** Exclusive end of what was noted: above it nothing is known of later values. */
  endOffset: number;
  full = false;

  constructor(map: OffsetMap, aborted: AbortedTransactions, fromOffset: number, unpackedBytesMax: number) {
    this.#map = map;
    this.#aborted = aborted;
    this.#fromOffset = fromOffset;
    this.#unpackedBytesMax = unpackedBytesMax;
    this.endOffset = fromOffset;
  }

  /** @returns refused when the batch is damaged */
  read(bytes: Buffer, at: number): Outcome<void> {
    const lastOffset = batch.lastOffset(bytes, at);
    const baseOffset = batch.baseOffset(bytes, at);
    if (lastOffset < this.#fromOffset) return ok(undefined);
    if (!batch.isControl(bytes, at) && !isAborted(this.#aborted, bytes, at)) {
      const records = uncompressedRecords(bytes, at, this.#unpackedBytesMax);
      if (!records.ok) return records;
      const cursor = new RecordCursor(records.value, batch.recordsCount(bytes, at));
      while (cursor.next()) {
        const key = cursor.key();
        const offset = baseOffset + cursor.offsetDelta;
        if (key === null || offset < this.#fromOffset) continue;
        if (!this.#map.put(key, offset)) {
          this.full = true;
          return ok(undefined);
        }
        this.endOffset = offset + 1;
      }
      if (cursor.fault !== undefined) return refuse(ErrorCode.INVALID_RECORD, cursor.fault);
    }
    this.endOffset = lastOffset + 1;
    return ok(undefined);
  }
}

/** Further than any clock goes, and near enough for deltas of timestamps to be exact. */
const HORIZON_MAX_MS = 2 ** 51;

/** What becomes of a batch: the same bytes, other ones, or none. */
export type Kept = Buffer | undefined;

/** Second pass: decides over every batch from the start of the log to the end of the last segment that holds noted keys, in order. */
export class BatchFilter {
  readonly #map: OffsetMap;
  readonly #endOffset: number;
  readonly #aborted: AbortedTransactions;
  readonly #rules: CompactionRules;
  /** Producers with a transaction of which batches were seen, and no marker yet. */
  readonly #seenOpen = new Set<number>();
  readonly #seenAborted = new Set<AbortedEntry>();
  recordsRead = 0;
  recordsKept = 0;

  /** @param endOffset exclusive end of what the map knows */
  constructor(map: OffsetMap, endOffset: number, aborted: AbortedTransactions, rules: CompactionRules) {
    this.#map = map;
    this.#endOffset = endOffset;
    this.#aborted = aborted;
    this.#rules = rules;
  }

  /** The transaction's batches are still in the log, or were when this pass read them. */
  wasSeen(entry: AbortedEntry): boolean {
    const found = this.#aborted.at(entry.producerId, entry.lastOffset);
    return found !== undefined && this.#seenAborted.has(found);
  }

  /**
   * @param bytes holds the whole batch at `at`
   * @param isLastOfSegment it tells where the segment ends, and stays, if need be without records
   * @returns the batch to write; refused when it is damaged
   */
  filter(bytes: Buffer, at: number, isLastOfSegment: boolean): Outcome<Kept> {
    if (batch.isControl(bytes, at)) return ok(this.#filterMarker(bytes, at, isLastOfSegment));
    const aborted = batch.isTransactional(bytes, at)
      ? this.#aborted.at(batch.producerId(bytes, at), batch.baseOffset(bytes, at))
      : undefined;
    if (aborted !== undefined) this.#seenAborted.add(aborted);
    else if (batch.isTransactional(bytes, at)) this.#seenOpen.add(batch.producerId(bytes, at));
    const mustStay = isLastOfSegment || this.#isLastOfProducer(bytes, at);
    if (aborted !== undefined) {
      this.recordsRead += batch.recordsCount(bytes, at);
      return ok(mustStay ? emptied(bytes, at) : undefined);
    }
    return this.#filterRecords(bytes, at, mustStay);
  }

  #filterMarker(bytes: Buffer, at: number, isLastOfSegment: boolean): Kept {
    const whole = bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
    this.recordsRead += 1;
    const isDone = this.#endsNothing(bytes, at);
    const hasHorizon = batch.hasDeleteHorizon(bytes, at);
    const isPast = hasHorizon && batch.baseTimestamp(bytes, at) <= this.#rules.nowMs;
    const mustStay = isLastOfSegment || this.#isLastOfProducer(bytes, at);
    if (isDone && isPast && !mustStay) return undefined;
    this.recordsKept += 1;
    if (!isDone || hasHorizon) return whole;
    return rebased(whole, batch.recordsSection(whole, 0), batch.recordsCount(whole, 0), this.#horizonMs);
  }

  /** Nothing of the marker's transaction was seen in the log. */
  #endsNothing(bytes: Buffer, at: number): boolean {
    const producerId = batch.producerId(bytes, at);
    const marker = readMarker(bytes, at);
    // A control batch of another kind says something else than the end of a transaction: it is not ours to drop.
    if (marker === undefined) return batch.recordsCount(bytes, at) === 0;
    if (marker.commit) return !this.#seenOpen.delete(producerId);
    const entry = this.#aborted.at(producerId, marker.offset);
    const wasOpen = this.#seenOpen.delete(producerId);
    return !wasOpen && (entry === undefined || !this.#seenAborted.has(entry));
  }

  #filterRecords(bytes: Buffer, at: number, mustStay: boolean): Outcome<Kept> {
    const count = batch.recordsCount(bytes, at);
    const section = uncompressedRecords(bytes, at, this.#rules.unpackedBytesMax);
    if (!section.ok) return section;
    const walked = this.#choose(section.value, bytes, at);
    if (!walked.ok) return walked;
    const { chosen, keptCount, tombstones } = walked.value;
    this.recordsRead += count;
    this.recordsKept += keptCount;
    const whole = bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
    if (keptCount === 0) return ok(mustStay ? (count === 0 ? whole : emptied(bytes, at)) : undefined);
    const needsHorizon =
      tombstones && !batch.hasDeleteHorizon(bytes, at) && batch.lastOffset(bytes, at) < this.#endOffset;
    if (keptCount === count && !needsHorizon) return ok(whole);
    const records = keptCount === count ? section.value : Buffer.concat(chosen);
    if (needsHorizon) return ok(rebased(whole, records, keptCount, this.#horizonMs));
    return ok(rewritten(whole, records, keptCount));
  }

  /** The bytes of the records that stay, runs of neighbours as one slice. */
  #choose(
    section: Buffer,
    bytes: Buffer,
    at: number,
  ): Outcome<{ chosen: Buffer[]; keptCount: number; tombstones: boolean }> {
    const cursor = new RecordCursor(section, batch.recordsCount(bytes, at));
    const baseOffset = batch.baseOffset(bytes, at);
    const tombstonesStay = !batch.hasDeleteHorizon(bytes, at) || this.#rules.nowMs < batch.baseTimestamp(bytes, at);
    const chosen: Buffer[] = [];
    let keptCount = 0;
    let tombstones = false;
    let runAt = 0;
    while (cursor.next()) {
      const isTombstone = cursor.valueLength < 0;
      if (this.#stays(baseOffset + cursor.offsetDelta, cursor, isTombstone && !tombstonesStay)) {
        keptCount += 1;
        tombstones ||= isTombstone;
      } else {
        if (cursor.startAt > runAt) chosen.push(section.subarray(runAt, cursor.startAt));
        runAt = cursor.endAt;
      }
    }
    if (cursor.fault !== undefined) return refuse(ErrorCode.INVALID_RECORD, cursor.fault);
    if (section.length > runAt) chosen.push(section.subarray(runAt));
    return ok({ chosen, keptCount, tombstones });
  }

  #stays(offset: number, cursor: RecordCursor, isExpiredTombstone: boolean): boolean {
    if (offset >= this.#endOffset) return true;
    const key = cursor.key();
    // Written before the topic was compacted: nothing could ever supersede it.
    if (key === null) return false;
    return !isExpiredTombstone && offset >= this.#map.get(key);
  }

  get #horizonMs(): number {
    return Math.min(this.#rules.nowMs + this.#rules.deleteRetentionMs, HORIZON_MAX_MS);
  }

  #isLastOfProducer(bytes: Buffer, at: number): boolean {
    const last = this.#rules.producers.get(batch.producerId(bytes, at));
    if (last === undefined || !batch.hasProducer(bytes, at)) return false;
    if (last.lastDataOffset >= 0) return batch.lastOffset(bytes, at) === last.lastDataOffset;
    return batch.isControl(bytes, at) && batch.producerEpoch(bytes, at) === last.epoch;
  }
}

function isAborted(aborted: AbortedTransactions, bytes: Buffer, at: number): boolean {
  if (!batch.isTransactional(bytes, at)) return false;
  return aborted.at(batch.producerId(bytes, at), batch.baseOffset(bytes, at)) !== undefined;
}

type Header = Parameters<typeof assembleBatch>[0] & { readonly baseTimestamp: number };

function headerOf(whole: Buffer): Header {
  return {
    baseOffset: batch.baseOffset(whole, 0),
    partitionLeaderEpoch: batch.partitionLeaderEpoch(whole, 0),
    attributes: batch.attributes(whole, 0),
    lastOffsetDelta: batch.lastOffsetDelta(whole, 0),
    baseTimestamp: batch.baseTimestamp(whole, 0),
    maxTimestamp: batch.maxTimestamp(whole, 0),
    producerId: batch.producerId(whole, 0),
    producerEpoch: batch.producerEpoch(whole, 0),
    baseSequence: batch.baseSequence(whole, 0),
    recordsCount: batch.recordsCount(whole, 0),
  };
}

/** The batch without its records: offsets and sequence stay. */
function emptied(bytes: Buffer, at: number): Buffer {
  const whole = bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
  const header = headerOf(whole);
  const attributes = header.attributes & ~(batch.ATTRIBUTE_COMPRESSION | batch.ATTRIBUTE_DELETE_HORIZON);
  return assembleBatch({ ...header, attributes, baseTimestamp: batch.NO_TIMESTAMP, recordsCount: 0 }, Buffer.alloc(0));
}

/** The batch with fewer records, each as it was. */
function rewritten(whole: Buffer, records: Buffer, count: number): Buffer {
  const header = headerOf(whole);
  const maxTimestamp = largestTimestamp(whole, records, count, header.baseTimestamp);
  return assembleBatch({ ...header, maxTimestamp, recordsCount: count }, records);
}

function largestTimestamp(whole: Buffer, records: Buffer, count: number, baseTimestamp: number): number {
  if (batch.timestampTypeOf(whole, 0) === 1) return batch.maxTimestamp(whole, 0);
  const cursor = new RecordCursor(records, count);
  let largestMs = batch.NO_TIMESTAMP;
  while (cursor.next()) largestMs = Math.max(largestMs, baseTimestamp + cursor.timestampDelta);
  return largestMs;
}

/** The batch with a delete horizon in place of its base timestamp; the records' own timestamps stay what they were. */
function rebased(whole: Buffer, records: Buffer, count: number, horizonMs: number): Buffer {
  const header = headerOf(whole);
  const cursor = new RecordCursor(records, count);
  const shiftMs = header.baseTimestamp - horizonMs;
  // A delta may take five bytes more than before, and the length before it one.
  const out = Buffer.allocUnsafe(records.length + count * RECORD_GROWTH_BYTES_MAX);
  let at = 0;
  while (cursor.next()) {
    const attributesAt = varintEnd(records, cursor.startAt);
    const restAt = varintEnd(records, attributesAt + 1);
    const delta = cursor.timestampDelta + shiftMs;
    const restBytes = cursor.endAt - restAt;
    at = writeVarint(out, at, 1 + varintBytes(delta) + restBytes);
    out[at] = records[attributesAt] ?? 0;
    at = writeVarint(out, at + 1, delta);
    at += records.copy(out, at, restAt, cursor.endAt);
  }
  assert(cursor.fault === undefined, 'records that were walked before are sound', { why: cursor.fault });
  const maxTimestamp = largestTimestamp(whole, records, count, header.baseTimestamp);
  const attributes = header.attributes | batch.ATTRIBUTE_DELETE_HORIZON;
  const fields = { ...header, attributes, baseTimestamp: horizonMs, maxTimestamp, recordsCount: count };
  return assembleBatch(fields, out.subarray(0, at));
}

const RECORD_GROWTH_BYTES_MAX = 12;

/** One past the varint at `at`. */
function varintEnd(bytes: Buffer, at: number): number {
  let end = at;
  while ((bytes[end] ?? 0) >= 0x80) end += 1;
  return end + 1;
}

/** Zig-zag, exact to 2^52. */
function zigZag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = zigZag(value); left >= 0x80; left = Math.floor(left / 0x80)) bytes += 1;
  return bytes;
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let end = at;
  let left = zigZag(value);
  for (; left >= 0x80; left = Math.floor(left / 0x80)) {
    out[end] = (left % 0x80) | 0x80;
    end += 1;
  }
  out[end] = left;
  return end + 1;
}
