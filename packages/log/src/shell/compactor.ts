/**
 * One compaction of one log: reads its sealed segments, and writes what stays of each group of them into `.cleaned` files beside. It knows
 * nothing of the log that is in use meanwhile, only its files, so it runs in a thread of its own where there is one (compaction-thread.ts),
 * and in the simulation in slices between other work. Swapping the files in is the log's affair (swap.ts).
 */
import { hash } from 'node:crypto';
import { StorageFault } from '@odradek/base';
import type { Clock, Files, Outcome } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { AbortedTransactions, BatchFilter, KeyReader } from '../core/compaction.ts';
import type { LastOfProducer } from '../core/compaction.ts';
import { largestTimestampOf } from '../core/indexes.ts';
import { OffsetMap, SLOT_BYTES } from '../core/offset-map.ts';
import type { AbortedEntry } from '../core/producers.ts';
import { decodeAborted } from '../core/txn-index.ts';
import { readBytes } from './checkpoints.ts';
import { FileCache } from './file-cache.ts';
import { IndexCache } from './index-cache.ts';
import { CLEANED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, TXN_INDEX_SUFFIX, offsetName } from './names.ts';
import { BatchScan } from './scan.ts';
import { Segment } from './segment.ts';

/** Files of the output and of one source. */
const OPEN_FILES_MAX = 8;
/** Bytes of output between two syncs. */
const SYNC_BYTES = 4 * 1024 * 1024;
const OUTPUT_INDEX_BYTES_MAX = 1024 * 1024;

export type SourceSegment = { readonly baseOffset: number; readonly sizeBytes: number };

/** Everything that a compaction needs to know, as plain data: it may cross into another thread. */
export type CompactionPlan = {
  readonly directory: string;
  /** Every segment that may be cleaned, from the start of the log. */
  readonly sources: readonly SourceSegment[];
  /** Base offsets of all segments of the log: any may tell of an aborted transaction that lies in a source. */
  readonly baseOffsets: readonly number[];
  readonly firstDirtyOffset: number;
  readonly endOffset: number;
  readonly producers: ReadonlyMap<number, LastOfProducer>;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly indexIntervalBytes: number;
  readonly unpackedBytesMax: number;
  readonly dedupeBufferBytes: number;
  readonly loadFactor: number;
  readonly ioBufferBytes: number;
  /** Bytes a second, read and written together; Infinity: as fast as it goes. */
  readonly bytesPerSecond: number;
};

export type KeysRead = { readonly endOffset: number; readonly keys: number };

export type CleanedGroup = {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly bytesRead: number;
  readonly recordsRead: number;
  readonly recordsKept: number;
};

/** Where a compaction runs: in this thread or another. One at a time; the calls follow on one another. */
export interface CompactionRunner {
  /** Reads the dirty part. @returns up to where its keys are known */
  begin(plan: CompactionPlan): Promise<KeysRead>;
  /** Writes what stays of neighbouring sources; durable when it resolves. Groups come in order. */
  clean(group: readonly SourceSegment[]): Promise<CleanedGroup>;
  /** Ends it wherever it stands; resolves once it touches no file any more. */
  stop(): Promise<void>;
}

/** The compaction was stopped: nobody wants its result. */
export class CompactionStopped extends Error {}

export type CompactorPorts = { readonly files: Files; readonly clock: Clock };

export class Compactor implements CompactionRunner {
  readonly #ports: CompactorPorts;
  #job: Job | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(ports: CompactorPorts) {
    this.#ports = ports;
  }

  begin(plan: CompactionPlan): Promise<KeysRead> {
    const job = new Job(this.#ports, plan);
    this.#job = job;
    return this.#track(job.readKeys());
  }

  clean(group: readonly SourceSegment[]): Promise<CleanedGroup> {
    if (this.#job === undefined) return Promise.reject(new CompactionStopped());
    return this.#track(this.#job.clean(group));
  }

  async stop(): Promise<void> {
    if (this.#job !== undefined) this.#job.stopped = true;
    this.#job = undefined;
    await this.#running.catch(() => undefined);
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#running = work;
    return work;
  }
}

class Job {
  stopped = false;
  readonly #ports: CompactorPorts;
  readonly #plan: CompactionPlan;
  readonly #map: OffsetMap;
  readonly #aborted: AbortedTransactions;
  readonly #throttle: Throttle;
  #filter: BatchFilter | undefined;

  constructor(ports: CompactorPorts, plan: CompactionPlan) {
    this.#ports = ports;
    this.#plan = plan;
    // No more keys than offsets: a small log takes a small table.
    const wanted = Math.ceil((plan.endOffset - plan.firstDirtyOffset + 1) / plan.loadFactor) * SLOT_BYTES;
    this.#map = new OffsetMap(Math.min(plan.dedupeBufferBytes, wanted), plan.loadFactor, digest);
    this.#aborted = new AbortedTransactions(plan.baseOffsets.flatMap((base) => this.#abortedIn(base)));
    this.#throttle = new Throttle(ports.clock, plan.bytesPerSecond);
  }

  async readKeys(): Promise<KeysRead> {
    const { firstDirtyOffset, sources, unpackedBytesMax } = this.#plan;
    const reader = new KeyReader(this.#map, this.#aborted, firstDirtyOffset, unpackedBytesMax);
    for (const [index, source] of sources.entries()) {
      const next = sources[index + 1]?.baseOffset ?? this.#plan.endOffset;
      if (next <= firstDirtyOffset) continue;
      await this.#eachBatch(source, (scan) => {
        this.#demand(source, reader.read(scan.window, scan.at));
        return !reader.full;
      });
      if (reader.full) break;
      // A segment may end before the next begins: there is nothing in between.
      reader.endOffset = next;
    }
    this.#filter = new BatchFilter(this.#map, reader.endOffset, this.#aborted, this.#plan);
    return { endOffset: reader.endOffset, keys: this.#map.count };
  }

  async clean(group: readonly SourceSegment[]): Promise<CleanedGroup> {
    const filter = this.#filter;
    const [first] = group;
    if (filter === undefined || first === undefined) throw new CompactionStopped();
    const before = { read: filter.recordsRead, kept: filter.recordsKept };
    removeCleaned(this.#ports.files, this.#plan.directory, first.baseOffset);
    const output = new Output(this.#ports.files, this.#plan, first.baseOffset);
    try {
      let bytesRead = 0;
      for (const source of group) {
        const isLastSource = source === group.at(-1);
        await this.#eachBatch(
          source,
          (scan) => {
            const isLast = isLastSource && scan.leftBytes === scan.sizeBytes;
            const kept = this.#demand(source, filter.filter(scan.window, scan.at, isLast));
            if (kept !== undefined) this.#throttle.spend(output.add(kept));
            return true;
          },
          output,
        );
        for (const entry of this.#abortedIn(source.baseOffset)) if (filter.wasSeen(entry)) output.addAborted(entry);
        bytesRead += source.sizeBytes;
      }
      const sizeBytes = await output.finish();
      this.#ports.files.syncDirectory(this.#plan.directory);
      return {
        baseOffset: first.baseOffset,
        sizeBytes,
        bytesRead,
        recordsRead: filter.recordsRead - before.read,
        recordsKept: filter.recordsKept - before.kept,
      };
    } finally {
      output.close();
    }
  }

  /** Steps over the whole batches of a segment; others get their turn after each buffer. @param visit false ends it */
  async #eachBatch(source: SourceSegment, visit: (scan: BatchScan) => boolean, output?: Output): Promise<void> {
    const path = `${this.#plan.directory}/${offsetName(source.baseOffset, LOG_SUFFIX)}`;
    const handle = this.#ports.files.open(path, 'read');
    try {
      const scan = new BatchScan(() => handle, 0, source.sizeBytes, this.#plan.ioBufferBytes);
      let sinceRest = 0;
      while (scan.look(true)) {
        if (!batch.verifyCrc(scan.window, scan.at)) throw new StorageFault(path, `damaged at byte ${scan.position}`);
        if (!visit(scan)) return;
        sinceRest += scan.sizeBytes;
        this.#throttle.spend(scan.sizeBytes);
        scan.skip();
        if (sinceRest < this.#plan.ioBufferBytes) continue;
        sinceRest = 0;
        await output?.syncSome();
        await this.#rest();
      }
      if (scan.leftBytes > 0) throw new StorageFault(path, `damaged at byte ${scan.position}: no whole batch follows`);
      await this.#rest();
    } finally {
      handle.close();
    }
  }

  async #rest(): Promise<void> {
    await this.#throttle.rest();
    if (this.stopped) throw new CompactionStopped();
  }

  #demand<T>(source: SourceSegment, outcome: Outcome<T>): T {
    if (outcome.ok) return outcome.value;
    throw new StorageFault(`${this.#plan.directory}/${offsetName(source.baseOffset, LOG_SUFFIX)}`, outcome.why);
  }

  #abortedIn(baseOffset: number): AbortedEntry[] {
    const path = `${this.#plan.directory}/${offsetName(baseOffset, TXN_INDEX_SUFFIX)}`;
    const bytes = readBytes(this.#ports.files, path);
    return bytes === undefined ? [] : decodeAborted(bytes, baseOffset);
  }
}

/** The new segment while it is written. */
class Output {
  readonly #segment: Segment;
  readonly #indexIntervalBytes: number;
  readonly #bufferBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #syncedBytes = 0;

  constructor(files: Files, plan: CompactionPlan, baseOffset: number) {
    const world = {
      files,
      fileCache: new FileCache(files, OPEN_FILES_MAX),
      indexCache: new IndexCache(OUTPUT_INDEX_BYTES_MAX),
      scanWindowBytes: plan.ioBufferBytes,
    };
    const { directory, nowMs, indexIntervalBytes, ioBufferBytes } = plan;
    const birth = { directory, baseOffset, createdMs: nowMs, jitterMs: 0, fileSuffix: CLEANED_SUFFIX };
    this.#segment = Segment.create(world, birth, 0);
    this.#indexIntervalBytes = indexIntervalBytes;
    this.#bufferBytes = ioBufferBytes;
  }

  /** @param kept may lie in a buffer that is used again: it is copied. @returns its bytes */
  add(kept: Buffer): number {
    const position = this.#segment.sizeBytes + this.#waitingBytes;
    const sizeBytes = kept.length;
    this.#waiting.push(Buffer.from(kept));
    this.#waitingBytes += sizeBytes;
    const lastOffset = batch.lastOffset(kept, 0);
    const maxTimestampMs = largestTimestampOf(kept, 0);
    this.#segment.enter({ position, sizeBytes, lastOffset, maxTimestampMs }, this.#indexIntervalBytes);
    if (this.#waitingBytes >= this.#bufferBytes) this.#write();
    return sizeBytes;
  }

  addAborted(entry: AbortedEntry): void {
    this.#segment.indexes.addAborted(entry);
  }

  /** Makes what was written durable now and then, so that nobody else's write meets a wall of dirty pages at the end. */
  async syncSome(): Promise<void> {
    if (this.#segment.sizeBytes - this.#syncedBytes < SYNC_BYTES) return;
    this.#syncedBytes = this.#segment.sizeBytes;
    await this.#segment.sync(false);
  }

  /** @returns bytes of the segment, durable with its indexes */
  async finish(): Promise<number> {
    if (this.#waitingBytes > 0) this.#write();
    this.#segment.seal();
    await this.#segment.sync(true);
    return this.#segment.sizeBytes;
  }

  close(): void {
    this.#segment.closeFiles();
  }

  #write(): void {
    this.#segment.write(Buffer.concat(this.#waiting, this.#waitingBytes));
    this.#segment.saveIndexes();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** Holds reading and writing to so many bytes a second, and lets others have their turn in between. */
class Throttle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #startMs: number;
  #bytes = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#startMs = clock.monotonicMs();
  }

  spend(bytes: number): void {
    this.#bytes += bytes;
  }

  rest(): Promise<void> {
    const dueMs = this.#startMs + (this.#bytes / this.#bytesPerSecond) * 1_000;
    const waitMs = Math.max(0, dueMs - this.#clock.monotonicMs());
    return new Promise((resolve) => {
      this.#clock.after(waitMs, resolve);
    });
  }
}

/** Files of a compaction that did not get far enough to be swapped in. */
export function removeCleaned(files: Files, directory: string, baseOffset: number): void {
  for (const suffix of SEGMENT_SUFFIXES)
    files.remove(`${directory}/${offsetName(baseOffset, suffix)}${CLEANED_SUFFIX}`);
}

function digest(key: Buffer): Buffer {
  return hash('sha256', key, 'buffer');
}
