/**
 * The index files of one segment: offsets, timestamps, aborted transactions. Rows are held in memory until enough of them wait to be written,
 * and for lookups as long as the cache has room. A segment that recovery will scan again needs none of them on file.
 */
import { StorageFault } from '@odradek/base';
import type { FileHandle } from '@odradek/base';
import { OffsetIndex, TimeIndex } from '../core/indexes.ts';
import type { Rows } from '../core/indexes.ts';
import type { AbortedEntry } from '../core/producers.ts';
import { TXN_ENTRY_BYTES, decodeAborted, encodeAborted } from '../core/txn-index.ts';
import { readBytes } from './checkpoints.ts';
import type { IndexHolder } from './index-cache.ts';
import { OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX } from './names.ts';
import type { SegmentWorld } from './segment.ts';

/** Rows kept back before they are written to file together. */
const UNSAVED_ROWS_MAX = 128;
const EMPTY = Buffer.alloc(0);

export type Indexes = { readonly offsets: OffsetIndex; readonly times: TimeIndex };

export class SegmentIndexes implements IndexHolder {
  /** The files were written or cut since they were last synced. */
  unsynced = false;
  readonly #world: SegmentWorld;
  readonly #baseOffset: number;
  readonly #pathOf: (suffix: string) => string;
  #indexes: Indexes | undefined;
  #aborted: AbortedEntry[] | undefined;
  /** Rows of the transaction index that are on file. */
  #abortedSaved = 0;

  constructor(world: SegmentWorld, baseOffset: number, pathOf: (suffix: string) => string) {
    this.#world = world;
    this.#baseOffset = baseOffset;
    this.#pathOf = pathOf;
  }

  /** Makes the empty files of a new segment. */
  create(): void {
    this.reset();
    for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) this.#withFile(suffix, (file) => cut(file, 0));
  }

  /** Nothing is known yet: entries follow, then {@link rewrite}. */
  reset(): void {
    this.#indexes = { offsets: new OffsetIndex(this.#baseOffset), times: new TimeIndex(this.#baseOffset) };
    this.#aborted = [];
    this.#abortedSaved = 0;
  }

  /** What is known so far, with the last rows in memory. */
  get(): Indexes {
    if (this.#indexes !== undefined) return this.#indexes;
    return this.#adopt(this.#readFile(OFFSET_INDEX_SUFFIX), this.#readFile(TIME_INDEX_SUFFIX));
  }

  /** With every row in memory. */
  whole(): Indexes {
    const indexes = this.get();
    const { offsets, times } = indexes;
    this.#restore(offsets.rows, OFFSET_INDEX_SUFFIX);
    this.#restore(times.rows, TIME_INDEX_SUFFIX);
    this.#noteHeld();
    return indexes;
  }

  /** A file that is shorter than what was written to it was changed by others, or is gone with its log while somebody still reads that. */
  #restore(rows: Rows, suffix: string): void {
    if (rows.first === 0) return;
    const file = this.#readFile(suffix);
    const leastBytes = rows.first * rows.rowBytes;
    if (file.length >= leastBytes) return rows.restore(file);
    throw new StorageFault(this.#pathOf(suffix), `${file.length} bytes where at least ${leastBytes} were written`);
  }

  /** Reads what {@link whole} needs without holding anybody up. By the time the caller goes on, others may have needed the room again. */
  async wholeLater(): Promise<void> {
    const known = this.#indexes;
    if (known !== undefined && known.offsets.rows.first === 0 && known.times.rows.first === 0) return;
    const offsets = await this.#readFileLater(OFFSET_INDEX_SUFFIX);
    const times = await this.#readFileLater(TIME_INDEX_SUFFIX);
    // Meanwhile another may have read them, or rows may have been cut, saved or let go: only then the files are read again, from the cache.
    if (this.#indexes === undefined) this.#adopt(offsets, times);
    else this.whole();
  }

  /** A position at or before that of the batch that holds `offset`, from which a scan finds it. */
  floorPosition(offset: number): number {
    const { offsets } = this.get();
    return (offsets.covers(offset) ? offsets : this.whole().offsets).lookup(offset);
  }

  /** The same without holding anybody up. */
  async floorPositionLater(offset: number): Promise<number> {
    if (this.#indexes?.offsets.covers(offset) !== true) await this.wholeLater();
    return this.floorPosition(offset);
  }

  aborted(): readonly AbortedEntry[] {
    return this.#loadAborted();
  }

  addAborted(entry: AbortedEntry): void {
    this.#loadAborted().push(entry);
  }

  /** Enough rows wait to be written. */
  get waiting(): boolean {
    const rows = this.#indexes?.offsets.rows.unsavedCount ?? 0;
    return rows >= UNSAVED_ROWS_MAX || this.#abortedSaved < (this.#aborted?.length ?? 0);
  }

  /** Writes the rows that are not on file yet. */
  save(): void {
    this.#saveAborted();
    if (this.#indexes === undefined) return;
    this.#saveRows(this.#indexes.offsets.rows, OFFSET_INDEX_SUFFIX);
    this.#saveRows(this.#indexes.times.rows, TIME_INDEX_SUFFIX);
    this.#noteHeld();
  }

  /** Keeps what is below `offset`, in memory and on file. */
  truncateTo(offset: number): void {
    const { offsets, times } = this.whole();
    offsets.truncateTo(offset);
    times.truncateTo(offset);
    this.#cutFile(OFFSET_INDEX_SUFFIX, savedBytes(offsets.rows));
    this.#cutFile(TIME_INDEX_SUFFIX, savedBytes(times.rows));
    const kept = this.#loadAborted().filter((entry) => entry.lastOffset < offset);
    if (kept.length === this.#aborted?.length) return;
    this.#aborted = kept;
    this.#abortedSaved = Math.min(this.#abortedSaved, kept.length);
    this.#cutFile(TXN_INDEX_SUFFIX, this.#abortedSaved * TXN_ENTRY_BYTES);
  }

  /** After {@link reset} and new entries: the files say the same as memory, and nothing more. */
  rewrite(): void {
    this.#cutFile(OFFSET_INDEX_SUFFIX, 0);
    this.#cutFile(TIME_INDEX_SUFFIX, 0);
    if (this.#world.files.stat(this.#pathOf(TXN_INDEX_SUFFIX)) !== undefined) this.#cutFile(TXN_INDEX_SUFFIX, 0);
    this.save();
  }

  /** @param everything also what recovery could rebuild from the segment itself */
  async sync(everything: boolean, isGone: () => boolean): Promise<void> {
    if (everything) this.unsynced = false;
    const suffixes = everything ? [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX] : [TXN_INDEX_SUFFIX];
    for (const suffix of suffixes) {
      if (isGone()) return;
      if (suffix === TXN_INDEX_SUFFIX && this.aborted().length === 0) continue;
      const file = this.#world.files.open(this.#pathOf(suffix), 'write');
      try {
        await file.sync();
      } catch (cause) {
        this.unsynced = true;
        throw cause;
      } finally {
        file.close();
      }
    }
  }

  evictIndexes(): number {
    this.#indexes?.offsets.rows.evict();
    this.#indexes?.times.rows.evict();
    return this.#heldBytes();
  }

  forget(): void {
    this.#world.indexCache.forget(this);
  }

  #adopt(offsetsFile: Buffer, timesFile: Buffer): Indexes {
    const indexes = { offsets: new OffsetIndex(this.#baseOffset), times: new TimeIndex(this.#baseOffset) };
    indexes.offsets.adopt(offsetsFile);
    indexes.times.adopt(timesFile);
    this.#indexes = indexes;
    this.#noteHeld();
    return indexes;
  }

  #loadAborted(): AbortedEntry[] {
    if (this.#aborted === undefined) {
      this.#aborted = decodeAborted(this.#readFile(TXN_INDEX_SUFFIX), this.#baseOffset);
      this.#abortedSaved = this.#aborted.length;
    }
    return this.#aborted;
  }

  #saveAborted(): void {
    const waiting = this.#aborted?.slice(this.#abortedSaved) ?? [];
    if (waiting.length === 0) return;
    const position = this.#abortedSaved * TXN_ENTRY_BYTES;
    this.#withFile(TXN_INDEX_SUFFIX, (file) => file.writeSync([encodeAborted(waiting)], position));
    this.#abortedSaved += waiting.length;
  }

  #saveRows(rows: Rows, suffix: string): void {
    if (rows.unsavedCount === 0) return;
    this.unsynced = true;
    const { bytes, position } = rows.unsaved();
    this.#withFile(suffix, (file) => file.writeSync([bytes], position));
    rows.markSaved();
  }

  #cutFile(suffix: string, sizeBytes: number): void {
    this.#withFile(suffix, (file) => {
      if (cut(file, sizeBytes)) this.unsynced = true;
    });
  }

  #withFile(suffix: string, act: (file: FileHandle) => void): void {
    const file = this.#world.files.open(this.#pathOf(suffix), 'write');
    try {
      act(file);
    } finally {
      file.close();
    }
  }

  #readFile(suffix: string): Buffer {
    return readBytes(this.#world.files, this.#pathOf(suffix)) ?? EMPTY;
  }

  async #readFileLater(suffix: string): Promise<Buffer> {
    const path = this.#pathOf(suffix);
    const sizeBytes = this.#world.files.stat(path)?.sizeBytes;
    if (sizeBytes === undefined) return EMPTY;
    const file = this.#world.files.open(path, 'read');
    try {
      const bytes = Buffer.allocUnsafe(sizeBytes);
      return bytes.subarray(0, await file.read(bytes, 0, sizeBytes, 0));
    } finally {
      file.close();
    }
  }

  #heldBytes(): number {
    if (this.#indexes === undefined) return 0;
    return this.#indexes.offsets.rows.residentBytes + this.#indexes.times.rows.residentBytes;
  }

  #noteHeld(): void {
    this.#world.indexCache.note(this, this.#heldBytes());
  }
}

function savedBytes(rows: Rows): number {
  return (rows.count - rows.unsavedCount) * rows.rowBytes;
}

/** @returns whether there was something to cut */
function cut(file: FileHandle, sizeBytes: number): boolean {
  if (file.sizeBytes() <= sizeBytes) return false;
  file.truncateSync(sizeBytes);
  return true;
}
