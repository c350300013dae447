/**
 * A compacted log and the truth about it: what was written, what was decided, when it was first looked at. Compaction must not bend the truth;
 * `complaint` says where it has.
 */
import { limits, silent } from '@odradek/base';
import type { Logger } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { batch, readBatch } from '@odradek/protocol';
import type { CompressionType } from '@odradek/protocol';
import { readMarker } from '../core/producer-batches.ts';
import type { LogManager } from '../shell/log-manager.ts';
import type { CleanerConfig, LogConfig, PartitionLog } from '../types.ts';
import { NOW_MS, append, makeBatch, makeMarker, openManager, readAll } from './harness.ts';

export const HOUR_MS = 3_600_000;

export const cleanerConfig: CleanerConfig = {
  enabled: true,
  threads: 1,
  backoffMs: 15_000,
  dedupeBufferBytes: 64 * 1024,
  loadFactor: 0.9,
  ioBufferBytes: 8 * 1024,
  bytesPerSecond: Infinity,
};

/** A table of keys that is full after a few of them. */
export const TINY_TABLE_BYTES = 24 * 4;

/** Small segments, every one of them due as soon as it is sealed. */
export const compactedConfig: Partial<LogConfig> = {
  segmentBytes: 900,
  indexIntervalBytes: 150,
  cleanupDelete: false,
  cleanupCompact: true,
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: HOUR_MS,
  fileDeleteDelayMs: 50,
};

export type Row = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string;
  /** Undefined: a tombstone. */
  readonly value: string | undefined;
};

type Transaction = {
  readonly producerId: number;
  readonly offsets: readonly number[];
  readonly markerOffset: number;
  readonly commit: boolean;
};

type Open = { readonly producerId: number; readonly offsets: number[] };

export class Compacted {
  readonly files = new SimFiles();
  readonly clock = new SimClock(NOW_MS);
  readonly rows: Row[] = [];
  readonly aborted = new Set<number>();
  readonly transactions: Transaction[] = [];
  /** What the logs had to say. */
  readonly said: string[] = [];
  /** By the offset of a tombstone: when a compaction was first begun that may have found it. */
  readonly #firstLookMs = new Map<number, number>();
  /** By the offset of a tombstone: when a compaction first came to its end that covered its whole batch. */
  readonly #coveredMs = new Map<number, number>();
  /** Last offset of the batch that a record was written in. */
  readonly #batchEnds = new Map<number, number>();
  readonly #sequences = new Map<number, number>();
  readonly #epochs = new Map<number, number>();
  #open: Open | undefined;

  readonly #logger: Logger = {
    ...silent,
    info: (_fields: object, message: string) => void this.said.push(message),
    warn: (_fields: object, message: string) => void this.said.push(message),
  };

  openManager(): Promise<LogManager> {
    // Nothing is read from memory: that would show what was written, not what is left of it.
    return openManager({
      files: this.files,
      clock: this.clock,
      config: compactedConfig,
      limits: { ...limits.tiny, tailCacheBytesMax: 0 },
      logger: this.#logger,
    });
  }

  /** Values tell their offset. */
  append(
    log: PartitionLog,
    wish: { keys: readonly number[]; tombstone?: boolean; producerId?: number; codec?: CompressionType },
  ): void {
    const { tombstone = false } = wish;
    const producerId = this.#open?.producerId ?? wish.producerId ?? -1;
    const keys = wish.keys.map((key) => `k${key}`);
    const at = log.logEndOffset;
    const values = keys.map((key, index) => `${key}@${at + index}`);
    const sequence = this.#sequences.get(producerId) ?? 0;
    const producer = {
      producerId,
      producerEpoch: this.#epochs.get(producerId) ?? 0,
      baseSequence: sequence,
      isTransactional: this.#open !== undefined,
    };
    const timestampMs = this.clock.nowMs();
    // The truth learns of it first: a cut within the append may leave it on disk.
    for (const [index, key] of keys.entries()) {
      const value = tombstone ? undefined : values[index];
      this.rows.push({ offset: at + index, timestampMs: timestampMs + index, key, value });
      this.#batchEnds.set(at + index, at + keys.length - 1);
      this.#open?.offsets.push(at + index);
    }
    const codec = wish.codec === undefined ? {} : { compression: wish.codec };
    append(
      log,
      makeBatch({ keys, values, nullValues: tombstone, timestampMs, ...codec, ...(producerId < 0 ? {} : producer) }),
      0,
      timestampMs,
    );
    if (producerId >= 0) this.#sequences.set(producerId, sequence + keys.length);
  }

  begin(producerId: number): void {
    this.#open ??= { producerId, offsets: [] };
  }

  end(log: PartitionLog, commit: boolean): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || open.offsets.length === 0) return;
    this.#decide(log, open, commit);
  }

  /** The coordinator fences a producer: its transaction is aborted under a new epoch. */
  fence(log: PartitionLog, producerId: number): void {
    const open = this.#open?.producerId === producerId ? this.#open : { producerId, offsets: [] };
    if (open === this.#open) this.#open = undefined;
    this.#epochs.set(producerId, (this.#epochs.get(producerId) ?? 0) + 1);
    this.#sequences.set(producerId, 0);
    this.#decide(log, open, false);
  }

  #decide(log: PartitionLog, { producerId, offsets }: Open, commit: boolean): void {
    if (!commit) for (const offset of offsets) this.aborted.add(offset);
    this.transactions.push({ producerId, offsets, markerOffset: log.logEndOffset, commit });
    const records = makeMarker({ producerId, producerEpoch: this.#epochs.get(producerId) ?? 0, commit });
    const done = log.append({ records, origin: 'coordinator', leaderEpoch: 0, nowMs: this.clock.nowMs() });
    if (!done.ok) throw new Error(done.why);
  }

  /** Throws when something is left that should have gone. @returns compactions that came to their end */
  async compact(manager: LogManager, log: PartitionLog, changes: Partial<CleanerConfig> = {}): Promise<number> {
    const nowMs = this.clock.nowMs();
    for (const { offset, value } of this.rows) {
      if (value === undefined && !this.#firstLookMs.has(offset)) this.#firstLookMs.set(offset, nowMs);
    }
    const count = await manager.compact({ ...cleanerConfig, ...changes }, () => log.logEndOffset);
    if (count === 0) return 0;
    const overdue = this.#overdue(rowsOf(await readAll(log)), log);
    if (overdue !== undefined) throw new Error(overdue);
    const cleanedTo = this.cleanedTo();
    for (const { offset, value } of this.rows) {
      if (value !== undefined || this.#coveredMs.has(offset)) continue;
      if ((this.#batchEnds.get(offset) ?? Infinity) < cleanedTo) this.#coveredMs.set(offset, nowMs);
    }
    return count;
  }

  /** By the cleaner's own note. */
  cleanedTo(): number {
    const text = this.files.peek('/data/cleaner-offset-checkpoint')?.toString() ?? '';
    return Number(/^topic 0 (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** @returns what is wrong with what the log gives */
  async complaint(log: PartitionLog): Promise<string | undefined> {
    const batches = await readAll(log);
    const found = rowsOf(batches);
    return (
      this.#invented(found) ??
      this.#lost(found, log) ??
      this.#stayed(found, log) ??
      this.#committedOnly(batches, log) ??
      (await this.#unreadable(batches, log))
    );
  }

  #invented(found: readonly Row[]): string | undefined {
    const written = new Map(this.rows.map((row) => [row.offset, row]));
    let before = -1;
    for (const row of found) {
      const original = written.get(row.offset);
      if (original === undefined) return `invented a record at ${row.offset}`;
      if (original.timestampMs !== row.timestampMs) return `changed the time of the record at ${row.offset}`;
      if (original.key !== row.key || original.value !== row.value) return `changed the record at ${row.offset}`;
      if (row.offset <= before) return `order broken at ${row.offset}`;
      before = row.offset;
    }
    return undefined;
  }

  /** The last that was written to each key, but for what was aborted, and is in the log still. */
  #lastRows(log: PartitionLog): Map<string, Row> {
    const last = new Map<string, Row>();
    for (const row of this.rows) {
      if (!this.aborted.has(row.offset) && row.offset < log.logEndOffset) last.set(row.key, row);
    }
    return last;
  }

  #lost(found: readonly Row[], log: PartitionLog): string | undefined {
    const have = new Set(found.map(({ offset }) => offset));
    for (const { key, offset, value } of this.#lastRows(log).values()) {
      if (have.has(offset) || offset < log.logStartOffset) continue;
      if (value !== undefined) return `lost the last value of ${key} at ${offset}`;
      const firstLookMs = this.#firstLookMs.get(offset) ?? Infinity;
      if (this.clock.nowMs() < firstLookMs + HOUR_MS) return `the tombstone of ${key} at ${offset} died too soon`;
    }
    return undefined;
  }

  /** After a compaction: nothing of a key but its last is left where it was clean, and no tombstone whose time is over. */
  #overdue(found: readonly Row[], log: PartitionLog): string | undefined {
    const last = this.#lastRows(log);
    const cleanedTo = this.cleanedTo();
    for (const { key, offset, value } of found) {
      if (offset >= cleanedTo) continue;
      const of = last.get(key)?.offset ?? -1;
      if (of > offset && of < cleanedTo) return `the record of ${key} at ${offset} is superseded by ${of} and stayed`;
      if (value !== undefined) continue;
      const coveredMs = this.#coveredMs.get(offset) ?? Infinity;
      if (this.clock.nowMs() >= coveredMs + HOUR_MS) return `the tombstone of ${key} at ${offset} lives too long`;
    }
    return undefined;
  }

  /** A deleted key does not come back: below a tombstone that is gone no value of its key is left. */
  #stayed(found: readonly Row[], log: PartitionLog): string | undefined {
    const have = new Set(found.map(({ offset }) => offset));
    const deleted = new Map<string, number>();
    for (const { key, offset, value } of this.#lastRows(log).values()) {
      if (value === undefined && !have.has(offset) && offset >= log.logStartOffset) deleted.set(key, offset);
    }
    for (const { key, offset } of found) {
      const at = deleted.get(key);
      if (at !== undefined && offset < at && !this.aborted.has(offset))
        return `${key} was deleted at ${at}, and its value of ${offset} has come back`;
    }
    return undefined;
  }

  /** What a consumer that reads committed records only is given from any offset on: every one of them, and no aborted one. */
  #committedOnly(batches: readonly Buffer[], log: PartitionLog): string | undefined {
    const stable = log.lastStableOffset(log.logEndOffset);
    for (const [at, from] of batches.entries()) {
      if (at % 3 !== 0) continue;
      const fromOffset = batch.baseOffset(from, 0);
      const seen = committedRows(batches.slice(at), log.abortedTransactions(fromOffset, stable), stable);
      const wrong = seen.find(({ offset }) => this.aborted.has(offset));
      if (wrong !== undefined) return `read from ${fromOffset}: the aborted record at ${wrong.offset} is given`;
      const have = new Set(seen.map(({ offset }) => offset));
      for (const { key, offset, value } of this.#lastRows(log).values()) {
        if (value === undefined || offset < fromOffset || offset >= stable || have.has(offset)) continue;
        return `read from ${fromOffset}: the committed record of ${key} at ${offset} is not given`;
      }
    }
    return undefined;
  }

  /** A fetch from any offset gives the batch that holds it, or the next. */
  async #unreadable(batches: readonly Buffer[], log: PartitionLog): Promise<string | undefined> {
    for (let offset = log.logStartOffset; offset < log.logEndOffset; offset += 1) {
      const upToOffset = log.logEndOffset;
      const read = await log.read({ fromOffset: offset, maxBytes: 1, upToOffset, minOneBatch: true });
      if (!read.ok) return `offset ${offset} cannot be read: ${read.why}`;
      const next = batches.find((one) => batch.lastOffset(one, 0) >= offset) ?? Buffer.alloc(0);
      if (!Buffer.concat(read.value.chunks).equals(next)) return `a fetch from ${offset} gives another batch`;
    }
    return undefined;
  }

  /** Offsets of markers that the log still holds though nothing of their transaction is left, by the truth. */
  idleMarkers(batches: readonly Buffer[]): number[] {
    const bases = new Map(batches.map((one) => [batch.baseOffset(one, 0), one]));
    const isLeft = (producerId: number, offset: number): boolean =>
      batches.some(
        (one) =>
          batch.producerId(one, 0) === producerId &&
          !batch.isControl(one, 0) &&
          batch.baseOffset(one, 0) <= offset &&
          offset <= batch.lastOffset(one, 0),
      );
    return this.transactions
      .filter(({ markerOffset }) => bases.has(markerOffset))
      .filter(({ producerId, offsets }) => !offsets.some((offset) => isLeft(producerId, offset)))
      .map(({ markerOffset }) => markerOffset);
  }
}

export function rowsOf(batches: readonly Buffer[]): Row[] {
  const rows: Row[] = [];
  for (const one of batches) {
    const read = readBatch(one);
    if (!read.ok) throw new Error(read.why);
    if (read.value.isControl) continue;
    for (const { offset, timestampMs, key, value } of read.value.records)
      rows.push({ offset, timestampMs, key: String(key), value: value === null ? undefined : String(value) });
  }
  return rows;
}

/** As clients with isolation.level=read_committed go about it. */
function committedRows(
  batches: readonly Buffer[],
  aborted: readonly { readonly producerId: number; readonly firstOffset: number }[],
  stable: number,
): Row[] {
  const waiting = aborted.toSorted((left, right) => left.firstOffset - right.firstOffset);
  const skipped = new Set<number>();
  const given: Buffer[] = [];
  for (const one of batches) {
    if (batch.baseOffset(one, 0) >= stable) break;
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.lastOffset(one, 0)) {
      skipped.add(waiting[0].producerId);
      waiting.shift();
    }
    const producerId = batch.producerId(one, 0);
    if (batch.isControl(one, 0)) {
      if (readMarker(one, 0)?.commit === false) skipped.delete(producerId);
    } else if (!(batch.isTransactional(one, 0) && skipped.has(producerId))) given.push(one);
  }
  return rowsOf(given);
}

/** What is known of each producer, so far as compaction has to keep it. */
export function producersOf(log: PartitionLog): string[] {
  return log
    .activeProducers()
    .map(
      ({ producerId, producerEpoch, lastSequence, currentTxnStartOffset }) =>
        `${producerId} epoch ${producerEpoch} at ${lastSequence}, ${currentTxnStartOffset >= 0 ? 'open' : 'closed'}`,
    )
    .toSorted((left, right) => left.localeCompare(right));
}
