/**
 * The compaction of one log: what it is to read, what becomes of what it wrote, and whether the log is still the one that was read. The
 * reading and writing itself is a runner's (compactor.ts), mostly in another thread; here nothing takes long.
 */
import type { Files } from '@odradek/base';
import { groupSegments } from '../core/cleanable.ts';
import type { Cleanable } from '../core/cleanable.ts';
import { OFFSET_ENTRY_BYTES } from '../core/indexes.ts';
import { SECRET_BYTES } from '../core/key-digest.ts';
import type { CleanerConfig } from '../types.ts';
import { removeCleaned } from './compactor.ts';
import type { CompactionPlan, CompactionRunner } from './compactor.ts';
import type { Log } from './log.ts';
import { OFFSET_INDEX_SUFFIX } from './names.ts';
import type { Segment } from './segment.ts';
import type { LogWorld } from './world.ts';

/** Smallest buffer that reading in steps makes sense with, and most bytes that may pass between two looks at the clock. */
const IO_BUFFER_BYTES_MIN = 4 * 1024;
const IO_BUFFER_BYTES_MAX = 16 * 1024 * 1024;

type Source = {
  readonly segment: Segment;
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly offsetRows: number;
  readonly nextBaseOffset: number;
};

export type CleaningInput = {
  readonly log: Log;
  readonly cleanable: Cleanable;
  readonly config: CleanerConfig;
  readonly runner: CompactionRunner;
};

export type Cleaned = {
  /** Exclusive: the log is clean up to here. */
  readonly endOffset: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Of the table of keys, in [0, 1]. */
  readonly tableFill: number;
};

export class Cleaning {
  readonly #world: LogWorld;
  readonly #input: CleaningInput;
  readonly #sources: readonly Source[];
  bytesRead = 0;
  bytesWritten = 0;

  constructor(world: LogWorld, input: CleaningInput) {
    this.#world = world;
    this.#input = input;
    this.#sources = sourcesOf(world.files, input.log.segments(), input.cleanable.endOffset);
  }

  /** @returns undefined when the log has changed under it. Rejects with CompactionStopped or a StorageFault */
  async run(): Promise<Cleaned | undefined> {
    const { log, runner } = this.#input;
    const read = await runner.begin(this.#plan());
    const covered = this.#sources.filter(({ baseOffset }) => baseOffset < read.endOffset);
    for (const group of groupSegments(covered, log.config)) {
      const cleaned = await runner.clean(group.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes })));
      this.bytesRead += cleaned.bytesRead;
      this.bytesWritten += cleaned.sizeBytes;
      const segments = group.map(({ segment }) => segment);
      const isWanted = log.config.cleanupCompact && this.isUnchanged(group);
      if (isWanted && (await log.swapIn(segments, cleaned))) continue;
      this.removeHalf();
      return undefined;
    }
    if (read.endOffset < this.#input.cleanable.endOffset) this.#tellFull(read.keys, read.endOffset);
    const { bytesRead, bytesWritten } = this;
    return { endOffset: read.endOffset, bytesRead, bytesWritten, tableFill: read.keys / read.keysMax };
  }

  /** The log still has these segments (all that were to be read, when left out), and they hold what they held. */
  isUnchanged(sources: readonly Source[] = this.#sources): boolean {
    const { log } = this.#input;
    if (log.isClosed) return false;
    const now = new Set(log.segments());
    return sources.every(({ segment, sizeBytes }) => now.has(segment) && segment.sizeBytes === sizeBytes);
  }

  /** Removes what was written and will not be swapped in. Throws StorageFault. */
  removeHalf(): void {
    const { log } = this.#input;
    if (log.isClosed || log.fault !== undefined) return;
    for (const { baseOffset } of this.#sources) removeCleaned(this.#world.files, log.directory, baseOffset);
  }

  #plan(): CompactionPlan {
    const { log, cleanable, config } = this.#input;
    const threads = Math.max(1, config.threads);
    const ioBufferBytes = Math.floor(config.ioBufferBytes / threads / 2);
    return {
      directory: log.directory,
      sources: this.#sources.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes })),
      baseOffsets: log.segments().map(({ baseOffset }) => baseOffset),
      firstDirtyOffset: cleanable.firstDirtyOffset,
      endOffset: cleanable.endOffset,
      producers: log.lastOfProducers(),
      nowMs: this.#world.clock.nowMs(),
      deleteRetentionMs: log.config.deleteRetentionMs,
      indexIntervalBytes: log.config.indexIntervalBytes,
      unpackedBytesMax: this.#world.limits.decompressedBatchBytesMax,
      dedupeBufferBytes: Math.floor(config.dedupeBufferBytes / threads),
      loadFactor: config.loadFactor,
      secret: this.#world.random.bytes(SECRET_BYTES),
      ioBufferBytes: Math.min(IO_BUFFER_BYTES_MAX, Math.max(IO_BUFFER_BYTES_MIN, ioBufferBytes)),
    };
  }

  #tellFull(keys: number, cleanedTo: number): void {
    const { topic, partition } = this.#input.log;
    this.#world.logger.info(
      { topic, partition, keys, cleanedTo, dirtyTo: this.#input.cleanable.endOffset },
      'the table of keys was full: the log takes more than one pass; log.cleaner.dedupe.buffer.size makes it larger',
    );
  }
}

/** The sealed segments below `endOffset`. */
function sourcesOf(files: Files, segments: readonly Segment[], endOffset: number): Source[] {
  const sources: Source[] = [];
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || next.baseOffset > endOffset) break;
    const { baseOffset, sizeBytes } = segment;
    const offsetRows = (files.stat(segment.path(OFFSET_INDEX_SUFFIX))?.sizeBytes ?? 0) / OFFSET_ENTRY_BYTES;
    sources.push({ segment, baseOffset, sizeBytes, offsetRows, nextBaseOffset: next.baseOffset });
  }
  return sources;
}
