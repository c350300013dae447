/**
 * One compaction of one log: reads its sealed segments, and writes what stays of each group of them into `.cleaned` files beside. It knows
 * nothing of the log that is in use meanwhile, only its files, so it runs in a thread of its own where there is one (compaction-thread.ts),
 * and in the simulation in slices between other work. Swapping the files in is the log's affair (swap.ts).
 */
import { StorageFault } from '@odradek/base';
import type { Clock, Files, Outcome } from '@odradek/base';
import { batch } from '@odradek/protocol';
import { AbortedTransactions, BatchFilter, KeyReader } from '../core/compaction.ts';
import { keyDigest } from '../core/key-digest.ts';
import { OffsetMap, SLOT_BYTES } from '../core/offset-map.ts';
import type { AbortedEntry, LastOfProducer } from '../core/producers.ts';
import { decodeAborted } from '../core/txn-index.ts';
import { readBytes } from './checkpoints.ts';
import { CompactionOutput } from './compaction-output.ts';
import { CLEANED_SUFFIX, LOG_SUFFIX, SEGMENT_SUFFIXES, TXN_INDEX_SUFFIX, offsetName } from './names.ts';
import { BatchScan } from './scan.ts';
import { Throttle } from './throttle.ts';

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
  /** Of the digests of keys. */
  readonly secret: Uint8Array;
};

export type KeysRead = {
  /** Exclusive end of what the table of keys covers. */
  readonly endOffset: number;
  readonly keys: number;
  /** Keys that the table takes. */
  readonly keysMax: number;
};

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
  /** From now on it reads and writes, together, so many bytes a second, also where it is waiting for its turn. Before: as fast as it goes. */
  limit(bytesPerSecond: number): void;
  /** Ends it wherever it stands; resolves once it touches no file any more. */
  stop(): Promise<void>;
}

/** The compaction was stopped: nobody wants its result. */
export class CompactionStopped extends Error {}

export type CompactorPorts = { readonly files: Files; readonly clock: Clock };

export class Compactor implements CompactionRunner {
  readonly #ports: CompactorPorts;
  #job: Job | undefined;
  #bytesPerSecond = Infinity;
  #running: Promise<unknown> = Promise.resolve();

  constructor(ports: CompactorPorts) {
    this.#ports = ports;
  }

  begin(plan: CompactionPlan): Promise<KeysRead> {
    const job = new Job(this.#ports, plan, this.#bytesPerSecond);
    this.#job = job;
    return this.#track(job.readKeys());
  }

  clean(group: readonly SourceSegment[]): Promise<CleanedGroup> {
    if (this.#job === undefined) return Promise.reject(new CompactionStopped());
    return this.#track(this.#job.clean(group));
  }

  limit(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#job?.throttle.limit(bytesPerSecond);
  }

  async stop(): Promise<void> {
    this.#job?.stop();
    this.#job = undefined;
    await this.#running.catch(() => undefined);
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#running = work;
    return work;
  }
}

class Job {
  readonly throttle: Throttle;
  #stopped = false;
  readonly #ports: CompactorPorts;
  readonly #plan: CompactionPlan;
  readonly #map: OffsetMap;
  readonly #aborted: AbortedTransactions;
  #filter: BatchFilter | undefined;

  constructor(ports: CompactorPorts, plan: CompactionPlan, bytesPerSecond: number) {
    this.#ports = ports;
    this.#plan = plan;
    // No more keys than offsets: a small log takes a small table.
    const wanted = Math.ceil((plan.endOffset - plan.firstDirtyOffset + 1) / plan.loadFactor) * SLOT_BYTES;
    this.#map = new OffsetMap(
      Math.min(plan.dedupeBufferBytes, wanted),
      plan.loadFactor,
      keyDigest(Buffer.from(plan.secret)),
    );
    this.#aborted = new AbortedTransactions(plan.baseOffsets.flatMap((base) => this.#abortedIn(base)));
    this.throttle = new Throttle(ports.clock, bytesPerSecond);
  }

  stop(): void {
    this.#stopped = true;
    this.throttle.release();
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
    return { endOffset: reader.endOffset, keys: this.#map.count, keysMax: this.#map.keysMax };
  }

  async clean(group: readonly SourceSegment[]): Promise<CleanedGroup> {
    const filter = this.#filter;
    const [first] = group;
    if (filter === undefined || first === undefined) throw new CompactionStopped();
    const before = { read: filter.recordsRead, kept: filter.recordsKept };
    removeCleaned(this.#ports.files, this.#plan.directory, first.baseOffset);
    const output = new CompactionOutput(this.#ports.files, this.#plan, first.baseOffset);
    try {
      let bytesRead = 0;
      for (const source of group) {
        const isLastSource = source === group.at(-1);
        await this.#eachBatch(
          source,
          (scan) => {
            const isLast = isLastSource && scan.leftBytes === scan.sizeBytes;
            const kept = this.#demand(source, filter.filter(scan.window, scan.at, isLast));
            if (kept !== undefined) this.throttle.spend(output.add(kept));
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
  async #eachBatch(
    source: SourceSegment,
    visit: (scan: BatchScan) => boolean,
    output?: CompactionOutput,
  ): Promise<void> {
    const path = `${this.#plan.directory}/${offsetName(source.baseOffset, LOG_SUFFIX)}`;
    const handle = this.#ports.files.open(path, 'read');
    try {
      const scan = new BatchScan(() => handle, 0, source.sizeBytes, this.#plan.ioBufferBytes);
      let sinceRest = 0;
      while (scan.look(true)) {
        if (!batch.verifyCrc(scan.window, scan.at)) throw new StorageFault(path, `damaged at byte ${scan.position}`);
        if (!visit(scan)) return;
        sinceRest += scan.sizeBytes;
        this.throttle.spend(scan.sizeBytes);
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
    await this.throttle.rest();
    if (this.#stopped) throw new CompactionStopped();
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

/** Files of a compaction that did not get far enough to be swapped in. */
export function removeCleaned(files: Files, directory: string, baseOffset: number): void {
  for (const suffix of SEGMENT_SUFFIXES)
    files.remove(`${directory}/${offsetName(baseOffset, suffix)}${CLEANED_SUFFIX}`);
}
