/** One segment: the file of batches and its indexes. It writes what it is told; what may be written is decided before. */
import { assert } from '@odradek/base';
import type { FileHandle, Files } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { largestTimestampOf } from '../core/indexes.ts';
import type { SegmentFacts } from '../core/roll.ts';
import { CachedFile } from './file-cache.ts';
import type { FileCache } from './file-cache.ts';
import type { IndexCache } from './index-cache.ts';
import { DELETED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, offsetName } from './names.ts';
import { BatchScan } from './scan.ts';
import { SegmentIndexes } from './segment-indexes.ts';

const UNKNOWN = -2;
const NO_BYTES = Buffer.alloc(0);

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
  /** Behind the names of its files while compaction has not given them their final ones. */
  readonly fileSuffix?: string;
};

/** A batch as it lies in the file, for the indexes. */
export type PlacedBatch = {
  readonly position: number;
  readonly sizeBytes: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
};

export class Segment {
  readonly baseOffset: number;
  readonly createdMs: number;
  readonly jitterMs: number;
  directory: string;
  sizeBytes: number;
  #logSuffix: string;
  #indexSuffix: string;
  /** The file was made longer than its content (log.preallocate). */
  preallocated = false;
  readonly indexes: SegmentIndexes;
  readonly #world: SegmentWorld;
  readonly #log: CachedFile;
  #bytesSinceEntry = 0;
  #firstTimestampMs = UNKNOWN;
  #largestTimestampMs = UNKNOWN;
  #largestTimestampOffset = 0;
  /** Cut since the last sync: the next segment may not be written before that is durable. */
  #cutUnsynced = false;
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
    this.#logSuffix = birth.fileSuffix ?? '';
    this.#indexSuffix = this.#logSuffix;
    this.#log = new CachedFile(world.fileCache, this.path(LOG_SUFFIX));
    this.indexes = new SegmentIndexes(world, birth.baseOffset, (suffix) => this.path(suffix));
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
    segment.#reset();
    segment.indexes.create();
    return segment;
  }

  path(suffix: string): string {
    const fileSuffix = suffix === LOG_SUFFIX ? this.#logSuffix : this.#indexSuffix;
    return `${this.directory}/${offsetName(this.baseOffset, suffix)}${fileSuffix}`;
  }

  /** Gives the files of a segment that compaction has made their final names: the indexes first, then the log, which is what recovery goes by. */
  unsuffix(which: 'indexes' | 'log'): void {
    for (const suffix of SEGMENT_SUFFIXES) {
      if ((suffix === LOG_SUFFIX) !== (which === 'log')) continue;
      const path = this.path(suffix);
      const final = `${this.directory}/${offsetName(this.baseOffset, suffix)}`;
      if (path !== final && this.#world.files.stat(path) !== undefined) this.#world.files.rename(path, final);
    }
    if (which === 'indexes') this.#indexSuffix = '';
    else this.#logSuffix = '';
    this.#log.path = this.path(LOG_SUFFIX);
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
      const { offsets, times } = this.indexes.get();
      offsets.add(placed.lastOffset, placed.position);
      times.add(this.#largestTimestampMs, this.#largestTimestampOffset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += placed.sizeBytes;
  }

  /** Writes index rows that are not on file yet. */
  saveIndexes(): void {
    if (!this.#gone) this.indexes.save();
  }

  /** The segment will not grow: its last time entry tells the largest timestamp, and a torn or preallocated tail is cut. */
  seal(): void {
    // Whoever opens it next takes all that the file holds for written.
    if (this.#torn) this.cutAt(this.sizeBytes);
    this.#torn = false;
    this.noteLargestTimestamp();
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

  /** The last row of a time index tells the largest timestamp of the segment: who opens it next trusts that. */
  noteLargestTimestamp(): void {
    if (this.largestTimestampMs < 0) return;
    this.indexes.get().times.add(this.#largestTimestampMs, this.#largestTimestampOffset);
  }

  /** Makes everything written so far durable. @param withIndexes for a segment that recovery will not scan again */
  async sync(withIndexes: boolean): Promise<void> {
    if (this.#gone) return;
    const cutBefore = this.#cutUnsynced;
    this.#cutUnsynced = false;
    try {
      await this.handle().sync();
    } catch (cause) {
      this.#cutUnsynced ||= cutBefore;
      throw cause;
    }
    await this.indexes.sync(withIndexes, () => this.#gone);
  }

  /** Before recovery enters every batch anew. */
  resetIndexes(): void {
    this.#reset();
    this.indexes.reset();
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
    this.#firstTimestampMs = largestTimestampOf(scan.window, scan.at);
    return this.#firstTimestampMs;
  }

  facts(): SegmentFacts {
    const { offsets, times } = this.indexes.get();
    return {
      baseOffset: this.baseOffset,
      sizeBytes: this.sizeBytes,
      firstTimestampMs: this.sizeBytes === 0 ? -1 : this.firstTimestampMs,
      createdMs: this.createdMs,
      jitterMs: this.jitterMs,
      offsetEntries: offsets.rows.count,
      timeEntries: times.rows.count,
    };
  }

  /** Bytes of the file without holding anybody up: fewer at its end, none once the segment has been removed. */
  async read(position: number, lengthBytes: number): Promise<Buffer> {
    if (this.#gone) return NO_BYTES;
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    return bytes.subarray(0, await this.handle().read(bytes, 0, lengthBytes, position));
  }

  scan(fromPosition: number): BatchScan {
    return new BatchScan(() => this.handle(), fromPosition, this.sizeBytes, this.#world.scanWindowBytes);
  }

  /** One past the last offset, found from the index's last entry on. */
  readEndOffset(): number {
    let end = this.baseOffset;
    const scan = this.scan(this.indexes.get().offsets.lastPosition);
    while (scan.look(false)) {
      end = batch.lastOffset(scan.window, scan.at) + 1;
      scan.skip();
    }
    return end;
  }

  /** Cuts the first batch that reaches `offset`, and all after it. @returns one past the last offset that is left */
  truncateTo(offset: number): number {
    let endOffset = this.baseOffset;
    const scan = this.scan(this.indexes.floorPosition(offset - 1));
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
    this.indexes.truncateTo(offset);
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
    this.indexes.forget();
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
    const { times } = this.indexes.get();
    const row = times.rows.count === 0 ? undefined : { timestampMs: times.lastTimestampMs, offset: times.lastOffset };
    let timestampMs = row?.timestampMs ?? -1;
    let offset = row?.offset ?? this.baseOffset;
    this.#largestTimestampMs = timestampMs;
    this.#largestTimestampOffset = offset;
    if (row !== undefined && how === 'trustIndex') return;
    const scan = this.scan(row === undefined ? 0 : this.indexes.floorPosition(row.offset));
    while (scan.look(false)) {
      const seenMs = largestTimestampOf(scan.window, scan.at);
      if (seenMs > timestampMs) {
        timestampMs = seenMs;
        offset = batch.lastOffset(scan.window, scan.at);
      }
      scan.skip();
    }
    this.#largestTimestampMs = timestampMs;
    this.#largestTimestampOffset = offset;
  }

  #reset(): void {
    this.#bytesSinceEntry = 0;
    this.#firstTimestampMs = UNKNOWN;
    this.#largestTimestampMs = -1;
    this.#largestTimestampOffset = this.baseOffset;
  }
}
