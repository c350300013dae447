/**
 * Compaction over all logs of a node: looks which log is due, has it compacted where that holds nobody up, swaps in what comes back, and
 * remembers how far each log is clean (`cleaner-offset-checkpoint`). A log that is cut, deleted or closed meanwhile simply gets nothing.
 */
import { StorageFault } from '@odradek/base';
import type { Files, Metrics } from '@odradek/base';
import { groupSegments, isDue, moreUrgent } from '../core/cleanable.ts';
import type { Cleanable } from '../core/cleanable.ts';
import { OFFSET_ENTRY_BYTES } from '../core/indexes.ts';
import type { CleanerConfig } from '../types.ts';
import { CompactionThread } from './compaction-thread.ts';
import { CompactionStopped, Compactor, removeCleaned } from './compactor.ts';
import type { CompactionPlan, CompactionRunner, KeysRead } from './compactor.ts';
import { replaceTextLater } from './flusher.ts';
import { offsetCheckpointText } from './checkpoints.ts';
import type { Log } from './log.ts';
import type { HighWatermarkOf } from './log-manager.ts';
import { CLEANER_CHECKPOINT, OFFSET_INDEX_SUFFIX } from './names.ts';
import type { Segment } from './segment.ts';
import { isFullDisk } from './world.ts';
import type { LogWorld } from './world.ts';

/** Smallest buffer that reading in steps makes sense with, and most bytes that may pass between two looks at the clock. */
const IO_BUFFER_BYTES_MIN = 4 * 1024;
const IO_BUFFER_BYTES_MAX = 16 * 1024 * 1024;

export type CleanerLinks = {
  /** Logs of compacted topics that can be written. */
  readonly logs: () => Iterable<Log>;
  readonly breathe: () => Promise<void>;
  readonly faulted: (log: Log, fault: StorageFault) => void;
};

type Due = { readonly log: Log; readonly cleanable: Cleanable };
type Round = { readonly config: CleanerConfig; readonly highWatermarkOf: HighWatermarkOf; readonly done: Set<Log> };
type Source = {
  readonly segment: Segment;
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly offsetRows: number;
  readonly nextBaseOffset: number;
};

export class Cleaner {
  readonly #world: LogWorld;
  readonly #links: CleanerLinks;
  readonly #metrics: Metrics | undefined;
  readonly #running = new Map<Log, CompactionRunner>();
  /** Damaged: trying again would only find the same. */
  readonly #uncleanable = new Set<Log>();
  /** Writes of the checkpoints, one after another. */
  #checkpointing: Promise<void> = Promise.resolve();
  #round: Promise<number> | undefined;
  #stopped = false;
  #maxDirtyPercent = 0;
  #lastRunMs: number;

  constructor(world: LogWorld, metrics: Metrics | undefined, links: CleanerLinks) {
    this.#world = world;
    this.#links = links;
    this.#metrics = metrics;
    this.#lastRunMs = world.clock.monotonicMs();
    metrics?.sample('odradek_cleaner_max_dirty_percent', {}, () => this.#maxDirtyPercent);
    metrics?.sample('odradek_cleaner_uncleanable_partitions', {}, () => this.#uncleanable.size);
    metrics?.sample(
      'odradek_cleaner_seconds_since_run',
      {},
      () => (world.clock.monotonicMs() - this.#lastRunMs) / 1_000,
    );
  }

  /** Compacts what is due, the most urgent first. Calls while a round runs share it. @returns compactions that came to their end */
  round(config: CleanerConfig, highWatermarkOf: HighWatermarkOf): Promise<number> {
    this.#round ??= this.#runRound({ config, highWatermarkOf, done: new Set() }).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** The log goes away. */
  forget(log: Log): void {
    this.#uncleanable.delete(log);
    // Whoever runs it learns of its end by the failure of what was asked.
    void this.#running.get(log)?.stop();
  }

  /** Resolves once no file is touched any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(Array.from(this.#running.values(), (runner) => runner.stop()));
    await this.#round?.catch(() => undefined); // whoever began it hears of it
    await this.#checkpointing;
  }

  async #runRound(round: Round): Promise<number> {
    const lanes = Array.from({ length: round.config.threads }, () => this.#lane(round));
    const counts = await Promise.all(lanes);
    this.#lastRunMs = this.#world.clock.monotonicMs();
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** One log after another until none is due. */
  async #lane(round: Round): Promise<number> {
    for (let count = 0; ;) {
      const next = await this.#mostUrgent(round);
      if (next === undefined || this.#stopped) return count;
      if (await this.#clean(next, round)) count += 1;
      else round.done.add(next.log);
      this.#lastRunMs = this.#world.clock.monotonicMs();
    }
  }

  async #mostUrgent({ highWatermarkOf, done }: Round): Promise<Due | undefined> {
    let best: Due | undefined;
    let maxDirtyRatio = 0;
    const nowMs = this.#world.clock.nowMs();
    for (const log of Array.from(this.#links.logs())) {
      const highWatermark = highWatermarkOf(log.topic, log.partition);
      const isOpen = !log.isClosed && log.fault === undefined;
      if (highWatermark === undefined || !isOpen || this.#stopped || this.#uncleanable.has(log)) continue;
      const cleanable = this.#look(log, nowMs, highWatermark);
      await this.#links.breathe();
      if (cleanable === undefined) continue;
      maxDirtyRatio = Math.max(maxDirtyRatio, cleanable.dirtyRatio);
      if (this.#running.has(log) || done.has(log) || !isDue(cleanable, log.config)) continue;
      if (best === undefined || moreUrgent(cleanable, best.cleanable) < 0) best = { log, cleanable };
    }
    this.#maxDirtyPercent = maxDirtyRatio * 100;
    // Another lane may have taken it while this one let others have their turn.
    return best !== undefined && this.#running.has(best.log) ? undefined : best;
  }

  #look(log: Log, nowMs: number, highWatermark: number): Cleanable | undefined {
    try {
      if (log.config.maxCompactionLagMs < log.config.segmentMs) log.rollIfDue(nowMs);
      return log.cleanable(nowMs, highWatermark);
    } catch (cause) {
      // The log has told of its fault.
      if (cause instanceof StorageFault) return undefined;
      throw cause;
    }
  }

  /** @returns whether the log was cleaned further than before */
  async #clean({ log, cleanable }: Due, { config }: Round): Promise<boolean> {
    const { files, clock } = this.#world;
    const runner = files.seenByThreads === true ? new CompactionThread() : new Compactor({ files, clock });
    this.#running.set(log, runner);
    const startMs = clock.monotonicMs();
    const sources = sourcesOf(files, log.segments(), cleanable.endOffset);
    try {
      const endOffset = await this.#compact({ log, cleanable }, sources, runner, config);
      if (endOffset === undefined) {
        this.#count('stopped');
        return false;
      }
      log.noteCleaned(endOffset);
      this.#count('done');
      await this.#checkpoint(log.logDirectory);
      const seconds = (clock.monotonicMs() - startMs) / 1_000;
      const { topic, partition, sizeBytes } = log;
      this.#world.logger.info({ topic, partition, cleanedTo: endOffset, sizeBytes, seconds }, 'log compacted');
      return endOffset > cleanable.firstDirtyOffset;
    } catch (cause) {
      await runner.stop();
      this.#failed(log, sources, cause);
      return false;
    } finally {
      await runner.stop();
      this.#running.delete(log);
    }
  }

  /** @returns the new end of what is clean; undefined when the log has changed under it */
  async #compact(
    { log, cleanable }: Due,
    sources: readonly Source[],
    runner: CompactionRunner,
    config: CleanerConfig,
  ): Promise<number | undefined> {
    const read = await runner.begin(this.#planOf(log, cleanable, sources, config));
    const covered = sources.filter(({ baseOffset }) => baseOffset < read.endOffset);
    for (const group of groupSegments(covered, log.config)) {
      const plain = group.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes }));
      const cleaned = await runner.clean(plain);
      this.#metrics?.counter('odradek_cleaner_bytes_total', { direction: 'read' }).inc(cleaned.bytesRead);
      this.#metrics?.counter('odradek_cleaner_bytes_total', { direction: 'written' }).inc(cleaned.sizeBytes);
      if (
        !(
          isUnchanged(log, group) &&
          (await log.swapIn(
            group.map(({ segment }) => segment),
            cleaned,
          ))
        )
      ) {
        this.#removeHalf(log, sources);
        return undefined;
      }
    }
    this.#tellFull(log, cleanable, read);
    return read.endOffset;
  }

  #planOf(log: Log, cleanable: Cleanable, sources: readonly Source[], config: CleanerConfig): CompactionPlan {
    const threads = Math.max(1, config.threads);
    const ioBufferBytes = Math.floor(config.ioBufferBytes / threads / 2);
    return {
      directory: log.directory,
      sources: sources.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes })),
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
      ioBufferBytes: Math.min(IO_BUFFER_BYTES_MAX, Math.max(IO_BUFFER_BYTES_MIN, ioBufferBytes)),
      bytesPerSecond: config.bytesPerSecond / threads,
    };
  }

  #tellFull(log: Log, cleanable: Cleanable, read: KeysRead): void {
    if (read.endOffset >= cleanable.endOffset) return;
    const { topic, partition } = log;
    this.#world.logger.info(
      { topic, partition, keys: read.keys, cleanedTo: read.endOffset, dirtyTo: cleanable.endOffset },
      'the table of keys was full: the log takes more than one pass; log.cleaner.dedupe.buffer.size makes it larger',
    );
  }

  #failed(log: Log, sources: readonly Source[], cause: unknown): void {
    const { topic, partition } = log;
    if (!(cause instanceof CompactionStopped || cause instanceof StorageFault)) throw cause;
    this.#removeHalf(log, sources);
    // Segments that were swapped in before count as changed as well: what became of them is looked at in the next round.
    if (cause instanceof CompactionStopped || !isUnchanged(log, sources)) {
      this.#count('stopped');
      return;
    }
    this.#count('failed');
    this.#world.logger.error({ topic, partition, fault: cause.message }, 'compaction of a log failed');
    if (cause.systemCode === undefined) this.#uncleanable.add(log);
    else if (!isFullDisk(cause)) this.#links.faulted(log, cause);
  }

  /** What was written and will not be swapped in. */
  #removeHalf(log: Log, sources: readonly Source[]): void {
    if (log.isClosed || log.fault !== undefined) return;
    try {
      for (const { baseOffset } of sources) removeCleaned(this.#world.files, log.directory, baseOffset);
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#links.faulted(log, cause);
    }
  }

  #count(outcome: 'done' | 'stopped' | 'failed'): void {
    this.#metrics?.counter('odradek_cleaner_runs_total', { outcome }).inc();
  }

  /** Losing it costs a compaction from the start, nothing else: a fault is told, not more. */
  #checkpoint(logDirectory: string): Promise<void> {
    this.#checkpointing = this.#checkpointing.then(async () => {
      const { files } = this.#world;
      const rows = Array.from(this.#links.logs())
        .filter((log) => log.logDirectory === logDirectory && log.cleanedTo > 0)
        .map(({ topic, partition, cleanedTo }) => ({ topic, partition, offset: cleanedTo }));
      try {
        await replaceTextLater(files, `${logDirectory}/${CLEANER_CHECKPOINT}`, offsetCheckpointText(rows));
        await files.syncDirectoryLater(logDirectory);
      } catch (cause) {
        if (!(cause instanceof StorageFault)) throw cause;
        this.#world.logger.warn({ logDirectory, fault: cause.message }, 'cleaner-offset-checkpoint was not written');
      }
    });
    return this.#checkpointing;
  }
}

/** The log still has these segments, and they hold what they held. */
function isUnchanged(log: Log, sources: readonly Source[]): boolean {
  if (log.isClosed) return false;
  const now = new Set(log.segments());
  return sources.every(({ segment, sizeBytes }) => now.has(segment) && segment.sizeBytes === sizeBytes);
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
