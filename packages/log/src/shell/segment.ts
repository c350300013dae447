/** One segment: the file of batches and its indexes. It writes what it is told; what may be written is decided before. */
import { assert } from '@odradek/base';
import type { FileHandle, Files } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { OffsetIndex, TimeIndex } from '../core/indexes.ts';
import type { Rows } from '../core/indexes.ts';
import type { AbortedEntry } from '../core/producers.ts';
import type { SegmentFacts } from '../core/roll.ts';
import { TXN_ENTRY_BYTES, decodeAborted, encodeAborted } from '../core/txn-index.ts';
import { readBytes } from './checkpoints.ts';
import { CachedFile } from './file-cache.ts';
import type { FileCache } from './file-cache.ts';
import type { IndexCache, IndexHolder } from './index-cache.ts';
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  SEGMENT_SUFFIXES,
  TIME_INDEX_SUFFIX,
  TXN_INDEX_SUFFIX,
  offsetName,
} from './names.ts';
import { BatchScan } from './scan.ts';

/** Index rows kept back before they are written to file together. */
const UNSAVED_ROWS_MAX = 128;
const UNKNOWN = -2;

export type SegmentWorld = {
  readonly files: Files;
  readonly fileCache: FileCache;
  readonly indexCache: IndexCache;
  readonly scanWindowBytes: number;
};

export type SegmentBirth = {
  readonly directory: string;
  readonly baseOffset: number;
  readonly createdMs: number;
  readonly jitterMs: number;
};

/** A batch as it lies in the file, for the indexes. */
export type PlacedBatch = {
  readonly position: number;
  readonly sizeBytes: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
};

export class Segment implements IndexHolder {
  readonly baseOffset: number;
  readonly createdMs: number;
  readonly jitterMs: number;
  directory: string;
  sizeBytes: number;
  /** The file was made longer than its content (log.preallocate). */
  preallocated = false;
  readonly #world: SegmentWorld;
  readonly #log: CachedFile;
  #index: OffsetIndex | undefined;
  #times: TimeIndex | undefined;
  #aborted: AbortedEntry[] | undefined;
  /** Rows of the transaction index that are on file. */
  #abortedSaved = 0;
  #bytesSinceEntry = 0;
  #firstTimestampMs = UNKNOWN;
  #largestTimestampMs = UNKNOWN;
  #largestTimestampOffset = 0;
  /** Cut since the last sync: the next segment may not be written before that is durable. */
  #cutUnsynced = false;
  /** The index files were written or cut since they were last synced. */
  indexesUnsynced = false;
  /** Its files are removed or renamed: a sync that is under way must not make new ones. */
  #gone = false;
  /** A write failed: bytes past `sizeBytes` may be on file. */
  #torn = false;

  constructor(world: SegmentWorld, birth: SegmentBirth, sizeBytes: number) {
    this.#world = world;
    this.directory = birth.directory;
    this.baseOffset = birth.baseOffset;
    this.createdMs = birth.createdMs;
    this.jitterMs = birth.jitterMs;
    this.sizeBytes = sizeBytes;
    this.#log = new CachedFile(world.fileCache, this.path(LOG_SUFFIX));
  }

  /** Makes the empty files of a new segment. @param preallocateBytes 0: the file grows as it is written */
  static create(world: SegmentWorld, birth: SegmentBirth, preallocateBytes: number): Segment {
    const segment = new Segment(world, birth, 0);
    const log = segment.handle();
    if (log.sizeBytes() > 0) log.truncateSync(0); // left by an attempt that failed half-way
    if (preallocateBytes > 0) {
      log.truncateSync(preallocateBytes);
      segment.preallocated = true;
    }
    segment.resetIndexes();
    world.files.open(segment.path(OFFSET_INDEX_SUFFIX), 'write').close();
    world.files.open(segment.path(TIME_INDEX_SUFFIX), 'write').close();
    return segment;
  }

  path(suffix: string): string {
    return `${this.directory}/${offsetName(this.baseOffset, suffix)}`;
  }

  handle(): FileHandle {
    assert(!this.#gone, 'a segment that was removed is not opened again: that would make its file anew', {
      at: this.baseOffset,
    });
    return this.#log.handle();
  }

  /** Writes whole batches at the end. After a fault the size is what it was; torn bytes are cut before the next write. */
  write(records: Buffer): void {
    const handle = this.#log.handle();
    if (this.#torn) handle.truncateSync(this.sizeBytes);
    this.#torn = true;
    handle.writeSync([records], this.sizeBytes);
    this.#torn = false;
    this.sizeBytes += records.length;
  }

  /** Enters a batch that has been written into the indexes; rows reach their files later. */
  enter(placed: PlacedBatch, indexIntervalBytes: number): void {
    if (placed.position === 0) this.#firstTimestampMs = placed.maxTimestampMs;
    if (placed.maxTimestampMs > this.largestTimestampMs) {
      this.#largestTimestampMs = placed.maxTimestampMs;
      this.#largestTimestampOffset = placed.lastOffset;
    }
    if (this.#bytesSinceEntry > indexIntervalBytes) {
      const { index, times } = this.indexes();
      index.add(placed.lastOffset, placed.position);
      times.add(this.#largestTimestampMs, this.#largestTimestampOffset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += placed.sizeBytes;
  }

  get indexesWaiting(): boolean {
    return (
      (this.#index?.rows.unsavedCount ?? 0) >= UNSAVED_ROWS_MAX || this.#abortedSaved < (this.#aborted?.length ?? 0)
    );
  }

  /** Writes index rows that are not on file yet. */
  saveIndexes(): void {
    if (this.#gone) return;
    this.#saveAborted();
    if (this.#index === undefined || this.#times === undefined) return;
    this.#saveRows(this.#index.rows, OFFSET_INDEX_SUFFIX);
    this.#saveRows(this.#times.rows, TIME_INDEX_SUFFIX);
    this.#world.indexCache.note(this, this.#residentBytes());
  }

  /** The segment will not grow: its last time entry tells the largest timestamp, and a preallocated tail is cut. */
  seal(): void {
    if (this.largestTimestampMs >= 0) this.indexes().times.add(this.#largestTimestampMs, this.#largestTimestampOffset);
    this.saveIndexes();
    if (this.#cutUnsynced) {
      // Otherwise a power cut could bring back what was cut, followed by a new segment that knows nothing of it.
      this.handle().syncNow();
      this.#cutUnsynced = false;
    }
    if (this.preallocated) {
      this.handle().truncateSync(this.sizeBytes);
      this.preallocated = false;
    }
  }

  /** Makes everything written so far durable. @param withIndexes for a segment that recovery will not scan again */
  async sync(withIndexes: boolean): Promise<void> {
    if (this.#gone) return;
    this.#saveAborted();
    const cutBefore = this.#cutUnsynced;
    this.#cutUnsynced = false;
    try {
      await this.handle().sync();
    } catch (cause) {
      this.#cutUnsynced ||= cutBefore;
      throw cause;
    }
    if (withIndexes) this.indexesUnsynced = false;
    const suffixes = withIndexes ? [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX] : [TXN_INDEX_SUFFIX];
    for (const suffix of suffixes) {
      if (this.#gone) return;
      if (suffix === TXN_INDEX_SUFFIX && this.aborted().length === 0) continue;
      const handle = this.#world.files.open(this.path(suffix), 'write');
      try {
        await handle.sync();
      } catch (cause) {
        this.indexesUnsynced = true;
        throw cause;
      } finally {
        handle.close();
      }
    }
  }

  indexes(): { readonly index: OffsetIndex; readonly times: TimeIndex } {
    if (this.#index !== undefined && this.#times !== undefined) return { index: this.#index, times: this.#times };
    const index = new OffsetIndex(this.baseOffset);
    const times = new TimeIndex(this.baseOffset);
    index.adopt(readBytes(this.#world.files, this.path(OFFSET_INDEX_SUFFIX)) ?? Buffer.alloc(0));
    times.adopt(readBytes(this.#world.files, this.path(TIME_INDEX_SUFFIX)) ?? Buffer.alloc(0));
    this.#index = index;
    this.#times = times;
    this.#world.indexCache.note(this, this.#residentBytes());
    return { index, times };
  }

  /** Both indexes with every row in memory. */
  wholeIndexes(): { readonly index: OffsetIndex; readonly times: TimeIndex } {
    const { index, times } = this.indexes();
    if (index.rows.first > 0)
      index.rows.restore(readBytes(this.#world.files, this.path(OFFSET_INDEX_SUFFIX)) ?? Buffer.alloc(0));
    if (times.rows.first > 0)
      times.rows.restore(readBytes(this.#world.files, this.path(TIME_INDEX_SUFFIX)) ?? Buffer.alloc(0));
    this.#world.indexCache.note(this, this.#residentBytes());
    return { index, times };
  }

  /** A position at or before that of the batch that holds `offset`, from which a scan finds it. */
  floorPosition(offset: number): number {
    const { index } = this.indexes();
    return (index.covers(offset) ? index : this.wholeIndexes().index).lookup(offset);
  }

  evictIndexes(): number {
    this.#index?.rows.evict();
    this.#times?.rows.evict();
    return this.#residentBytes();
  }

  resetIndexes(): void {
    this.#index = new OffsetIndex(this.baseOffset);
    this.#times = new TimeIndex(this.baseOffset);
    this.#aborted = [];
    this.#abortedSaved = 0;
    this.#bytesSinceEntry = 0;
    this.#firstTimestampMs = UNKNOWN;
    this.#largestTimestampMs = -1;
    this.#largestTimestampOffset = this.baseOffset;
  }

  /** After {@link resetIndexes} and new entries: the files say the same as memory, and nothing more. */
  rewriteIndexFiles(): void {
    const { index, times } = this.indexes();
    this.#truncateFile(OFFSET_INDEX_SUFFIX, 0);
    this.#truncateFile(TIME_INDEX_SUFFIX, 0);
    assert(index.rows.first === 0, 'a rebuilt index is resident');
    this.#saveRows(index.rows, OFFSET_INDEX_SUFFIX);
    this.#saveRows(times.rows, TIME_INDEX_SUFFIX);
    if (this.#world.files.stat(this.path(TXN_INDEX_SUFFIX)) !== undefined) this.#truncateFile(TXN_INDEX_SUFFIX, 0);
    this.#abortedSaved = 0;
    this.#saveAborted();
    this.#world.indexCache.note(this, this.#residentBytes());
  }

  aborted(): readonly AbortedEntry[] {
    return this.#loadAborted();
  }

  /** A row for the transaction index; {@link saveIndexes} brings it to the file. */
  addAborted(entry: AbortedEntry): void {
    this.#loadAborted().push(entry);
  }

  /** -1 when no record has a timestamp. */
  get largestTimestampMs(): number {
    if (this.#largestTimestampMs === UNKNOWN) this.#readLargestTimestamp('trustIndex');
    return this.#largestTimestampMs;
  }

  /** Last offset of the first batch that has the largest timestamp. */
  get largestTimestampOffset(): number {
    if (this.#largestTimestampMs === UNKNOWN) this.#readLargestTimestamp('trustIndex');
    return this.#largestTimestampOffset;
  }

  /** Largest timestamp of the first batch; -1 when the segment is empty or it has none. */
  get firstTimestampMs(): number {
    if (this.#firstTimestampMs !== UNKNOWN) return this.#firstTimestampMs;
    const scan = this.scan(0);
    if (!scan.look(false)) return -1;
    this.#firstTimestampMs = batch.maxTimestamp(scan.window, scan.at);
    return this.#firstTimestampMs;
  }

  facts(): SegmentFacts {
    const { index, times } = this.indexes();
    return {
      baseOffset: this.baseOffset,
      sizeBytes: this.sizeBytes,
      firstTimestampMs: this.sizeBytes === 0 ? -1 : this.firstTimestampMs,
      createdMs: this.createdMs,
      jitterMs: this.jitterMs,
      offsetEntries: index.rows.count,
      timeEntries: times.rows.count,
    };
  }

  scan(fromPosition: number): BatchScan {
    return new BatchScan(this.handle(), fromPosition, this.sizeBytes, this.#world.scanWindowBytes);
  }

  /** One past the last offset, found from the index's last entry on. */
  readEndOffset(): number {
    let end = this.baseOffset;
    const scan = this.scan(this.indexes().index.lastPosition);
    while (scan.look(false)) {
      end = batch.lastOffset(scan.window, scan.at) + 1;
      scan.skip();
    }
    return end;
  }

  /** Cuts the first batch that reaches `offset`, and all after it. @returns one past the last offset that is left */
  truncateTo(offset: number): number {
    let endOffset = this.baseOffset;
    const { index, times } = this.wholeIndexes();
    const scan = this.scan(index.lookup(offset - 1));
    while (scan.look(false)) {
      const lastOffset = batch.lastOffset(scan.window, scan.at);
      if (lastOffset >= offset) break;
      endOffset = lastOffset + 1;
      scan.skip();
    }
    if (scan.leftBytes === 0) return endOffset;
    this.#torn = true;
    this.sizeBytes = scan.position;
    this.handle().truncateSync(this.sizeBytes);
    this.#torn = false;
    this.#cutUnsynced = true;
    this.preallocated = false;
    index.truncateTo(offset);
    times.truncateTo(offset);
    this.#truncateFile(
      OFFSET_INDEX_SUFFIX,
      index.rows.count * index.rows.rowBytes - index.rows.unsavedCount * index.rows.rowBytes,
    );
    this.#truncateFile(TIME_INDEX_SUFFIX, (times.rows.count - times.rows.unsavedCount) * times.rows.rowBytes);
    this.#truncateAborted(offset);
    this.#bytesSinceEntry = 0;
    if (this.sizeBytes === 0) this.#firstTimestampMs = UNKNOWN;
    this.#readLargestTimestamp('scanRest');
    return endOffset;
  }

  /** The file ends here: what lies beyond is torn or damaged. */
  cutAt(position: number): void {
    this.sizeBytes = position;
    this.#cutUnsynced = true;
    this.handle().truncateSync(position);
  }

  closeFiles(): void {
    this.#log.close();
    this.#world.indexCache.forget(this);
  }

  /** Gives the files the names under which they wait for their removal. @returns these names */
  markDeleted(): string[] {
    this.#gone = true;
    this.closeFiles();
    const renamed: string[] = [];
    for (const suffix of SEGMENT_SUFFIXES) {
      const path = this.path(suffix);
      if (this.#world.files.stat(path) === undefined) continue;
      this.#world.files.rename(path, path + DELETED_SUFFIX);
      renamed.push(path + DELETED_SUFFIX);
    }
    return renamed;
  }

  removeFiles(): void {
    this.#gone = true;
    this.closeFiles();
    for (const suffix of SEGMENT_SUFFIXES) this.#world.files.remove(this.path(suffix));
  }

  /** The directory has been renamed. */
  moveTo(directory: string): void {
    this.closeFiles();
    this.directory = directory;
    this.#log.path = this.path(LOG_SUFFIX);
  }

  modifiedMs(): number {
    return this.#world.files.stat(this.path(LOG_SUFFIX))?.modifiedMs ?? this.createdMs;
  }

  /** The last row of a time index that was closed in order tells the largest timestamp; after a cut, what follows it is looked at. */
  #readLargestTimestamp(how: 'trustIndex' | 'scanRest'): void {
    const { times } = this.indexes();
    const row = times.rows.count === 0 ? undefined : { timestampMs: times.lastTimestampMs, offset: times.lastOffset };
    let timestampMs = row?.timestampMs ?? -1;
    let offset = row?.offset ?? this.baseOffset;
    this.#largestTimestampMs = timestampMs;
    this.#largestTimestampOffset = offset;
    if (row !== undefined && how === 'trustIndex') return;
    const scan = this.scan(row === undefined ? 0 : this.floorPosition(row.offset));
    while (scan.look(false)) {
      const seenMs = batch.maxTimestamp(scan.window, scan.at);
      if (seenMs > timestampMs) {
        timestampMs = seenMs;
        offset = batch.lastOffset(scan.window, scan.at);
      }
      scan.skip();
    }
    this.#largestTimestampMs = timestampMs;
    this.#largestTimestampOffset = offset;
  }

  #saveRows(rows: Rows, suffix: string): void {
    if (rows.unsavedCount === 0) return;
    const handle = this.#world.files.open(this.path(suffix), 'write');
    try {
      const { bytes, position } = rows.unsaved();
      this.indexesUnsynced = true;
      handle.writeSync([bytes], position);
      rows.markSaved();
    } finally {
      handle.close();
    }
  }

  #truncateFile(suffix: string, sizeBytes: number): void {
    const handle = this.#world.files.open(this.path(suffix), 'write');
    try {
      if (handle.sizeBytes() <= sizeBytes) return;
      this.indexesUnsynced = true;
      handle.truncateSync(sizeBytes);
    } finally {
      handle.close();
    }
  }

  #truncateAborted(offset: number): void {
    const kept = this.aborted().filter((entry) => entry.lastOffset < offset);
    if (kept.length === this.#aborted?.length) return;
    this.#abortedSaved = Math.min(this.#abortedSaved, kept.length);
    this.#truncateFile(TXN_INDEX_SUFFIX, this.#abortedSaved * TXN_ENTRY_BYTES);
    this.#aborted = kept;
  }

  #loadAborted(): AbortedEntry[] {
    if (this.#aborted === undefined) {
      this.#aborted = decodeAborted(
        readBytes(this.#world.files, this.path(TXN_INDEX_SUFFIX)) ?? Buffer.alloc(0),
        this.baseOffset,
      );
      this.#abortedSaved = this.#aborted.length;
    }
    return this.#aborted;
  }

  #saveAborted(): void {
    const waiting = this.#aborted?.slice(this.#abortedSaved) ?? [];
    if (waiting.length === 0) return;
    const handle = this.#world.files.open(this.path(TXN_INDEX_SUFFIX), 'write');
    try {
      handle.writeSync([encodeAborted(waiting)], this.#abortedSaved * TXN_ENTRY_BYTES);
      this.#abortedSaved += waiting.length;
    } finally {
      handle.close();
    }
  }

  #residentBytes(): number {
    return (this.#index?.rows.residentBytes ?? 0) + (this.#times?.rows.residentBytes ?? 0);
  }
}
