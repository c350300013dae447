/**
 * Compaction over all logs of a node: looks which logs are due, has as many of them compacted at once as there are threads, and remembers how
 * far each is clean (`cleaner-offset-checkpoint`). A log that is cut, deleted or closed meanwhile simply gets nothing.
 */
import { StorageFault } from '@odradek/base';
import type { Metrics } from '@odradek/base';
import { isDue, moreUrgent } from '../core/cleanable.ts';
import type { Cleanable } from '../core/cleanable.ts';
import type { CleanerConfig } from '../types.ts';
import { CleanerMetrics } from './cleaner-metrics.ts';
import { Cleaning } from './cleaning.ts';
import { CompactionThread } from './compaction-thread.ts';
import { CompactionStopped, Compactor } from './compactor.ts';
import type { CompactionRunner } from './compactor.ts';
import type { Log } from './log.ts';
import type { HighWatermarkOf } from './log-manager.ts';
import { isFullDisk } from './world.ts';
import type { LogWorld } from './world.ts';

export type CleanerLinks = {
  /** Logs of compacted topics that can be written. */
  readonly logs: () => Iterable<Log>;
  readonly breathe: () => Promise<void>;
  readonly faulted: (log: Log, fault: StorageFault) => void;
  /** A log was cleaned further: how far all logs of its directory are is to be noted on file. */
  readonly cleaned: (log: Log) => Promise<void>;
  /** Something failed that nobody waits for. */
  readonly bug: (cause: unknown) => void;
};

/** What it goes by; asked anew whenever it matters, since the keys may change while the node runs. */
export type CleanerTerms = { readonly config: () => CleanerConfig; readonly highWatermarkOf: HighWatermarkOf };

type Due = { readonly log: Log; readonly cleanable: Cleanable };

export class Cleaner {
  readonly #world: LogWorld;
  readonly #links: CleanerLinks;
  readonly #metrics: CleanerMetrics;
  #terms: CleanerTerms | undefined;
  readonly #running = new Map<Log, CompactionRunner>();
  readonly #work = new Set<Promise<void>>();
  /** What the last look found due, the most urgent first. */
  #queue: Due[] = [];
  /** Came to nothing: not tried again before the next look that somebody asked for. */
  readonly #resting = new Set<Log>();
  /** Damaged: trying again would only find the same. */
  readonly #uncleanable = new Set<Log>();
  #looking: Promise<void> | undefined;
  /** Something was cleaned since the last look: what is due may have changed. */
  #progressed = false;
  #doneCount = 0;
  #stopped = false;
  /** Whoever waits until nothing is due. */
  #rounds: PromiseWithResolvers<void>[] = [];

  constructor(world: LogWorld, metrics: Metrics | undefined, links: CleanerLinks) {
    this.#world = world;
    this.#links = links;
    this.#metrics = new CleanerMetrics(metrics, {
      runningCount: () => this.#running.size,
      uncleanable: () => ({ count: this.#uncleanable.size, bytes: this.#uncleanableBytes() }),
      monotonicMs: () => world.clock.monotonicMs(),
    });
  }

  /** Looks for what is due, and begins as many compactions as there are free threads; each is followed by the next. Resolves when it has looked. */
  wake(terms: CleanerTerms): Promise<void> {
    this.#terms = terms;
    this.#resting.clear();
    return this.#look();
  }

  /** As {@link wake}, but resolves once nothing is due any more. @returns compactions that came to their end meanwhile */
  async round(terms: CleanerTerms): Promise<number> {
    const before = this.#doneCount;
    const end = Promise.withResolvers<void>();
    this.#rounds.push(end);
    this.wake(terms).catch((cause: unknown) => this.#fail(cause));
    await end.promise;
    return this.#doneCount - before;
  }

  /** The keys have changed: the rate holds for what is under way too, more threads begin at once, fewer when one is free. */
  reconfigured(): void {
    this.#share();
    this.#fill();
  }

  /** The log goes away, or is not compacted any more: what is under way is not to be swapped in. */
  forget(log: Log): void {
    this.#uncleanable.delete(log);
    this.#resting.delete(log);
    // Whoever runs it learns of its end by the failure of what was asked.
    void this.#running.get(log)?.stop();
  }

  /** Resolves once no file is touched any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#queue = [];
    await this.#looking?.catch(() => undefined); // whoever asked for it hears of it
    await Promise.all(Array.from(this.#running.values(), (runner) => runner.stop()));
    await Promise.all(this.#work);
    this.#settle();
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
      this.#settle();
    });
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    if (this.#terms === undefined || this.#stopped) return;
    const { highWatermarkOf } = this.#terms;
    this.#progressed = false;
    const due: Due[] = [];
    const found: Cleanable[] = [];
    for (const log of Array.from(this.#links.logs())) {
      if (this.#stopped) return;
      if (this.#uncleanable.has(log)) continue;
      const cleanable = this.#lookAt(log, highWatermarkOf);
      await this.#links.breathe();
      if (cleanable === undefined) continue;
      found.push(cleanable);
      if (isDue(cleanable, log.config)) due.push({ log, cleanable });
    }
    this.#metrics.looked(found);
    this.#queue = due.toSorted((left, right) => moreUrgent(left.cleanable, right.cleanable));
    this.#fill();
  }

  #lookAt(log: Log, highWatermarkOf: HighWatermarkOf): Cleanable | undefined {
    const highWatermark = highWatermarkOf(log.topic, log.partition);
    if (highWatermark === undefined || log.isClosed || log.fault !== undefined) return undefined;
    const nowMs = this.#world.clock.nowMs();
    try {
      if (log.config.maxCompactionLagMs < log.config.segmentMs) log.rollIfDue(nowMs);
      return log.cleanable(nowMs, highWatermark);
    } catch (cause) {
      // The log has told of its fault.
      if (cause instanceof StorageFault) return undefined;
      throw cause;
    }
  }

  /** Begins what is due while there are free threads. */
  #fill(): void {
    const terms = this.#terms;
    if (terms === undefined) return;
    const { threads } = terms.config();
    while (!this.#stopped && this.#running.size < threads) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      const { log } = next;
      if (this.#running.has(log) || this.#resting.has(log) || this.#uncleanable.has(log)) continue;
      // It may have waited for long.
      const cleanable = this.#lookAt(log, terms.highWatermarkOf);
      if (cleanable === undefined || !isDue(cleanable, log.config)) continue;
      this.#begin({ log, cleanable }, terms.config());
    }
  }

  #begin(due: Due, config: CleanerConfig): void {
    const { files, clock } = this.#world;
    const runner = files.seenByThreads === true ? new CompactionThread() : new Compactor({ files, clock });
    this.#running.set(due.log, runner);
    this.#share();
    const work = this.#clean(due, runner, config)
      .catch((cause: unknown) => this.#fail(cause))
      .finally(() => {
        this.#running.delete(due.log);
        this.#work.delete(work);
        this.#share();
        this.#goOn();
      });
    this.#work.add(work);
  }

  /** A thread is free. */
  #goOn(): void {
    this.#fill();
    if (this.#queue.length === 0 && this.#progressed && !this.#stopped) {
      this.#look().catch((cause: unknown) => this.#fail(cause));
    }
    this.#settle();
  }

  /** The rate is that of all together: who runs alone has all of it. */
  #share(): void {
    const bytesPerSecond = this.#terms?.config().bytesPerSecond ?? Infinity;
    for (const runner of this.#running.values()) runner.limit(bytesPerSecond / this.#running.size);
  }

  async #clean({ log, cleanable }: Due, runner: CompactionRunner, config: CleanerConfig): Promise<void> {
    const { clock, logger } = this.#world;
    const startMs = clock.monotonicMs();
    const cleaning = new Cleaning(this.#world, { log, cleanable, config, runner });
    try {
      const cleaned = await cleaning.run();
      this.#metrics.moved(cleaning);
      this.#metrics.ended(cleaned === undefined ? 'stopped' : 'done');
      if (cleaned === undefined || cleaned.endOffset <= cleanable.firstDirtyOffset) this.#resting.add(log);
      if (cleaned === undefined) return;
      const seconds = (clock.monotonicMs() - startMs) / 1_000;
      this.#metrics.cleaned(cleaned, seconds);
      this.#progressed = true;
      this.#doneCount += 1;
      log.noteCleaned(cleaned.endOffset);
      await this.#links.cleaned(log);
      const { topic, partition, sizeBytes } = log;
      logger.info({ topic, partition, cleanedTo: cleaned.endOffset, sizeBytes, seconds }, 'log compacted');
    } catch (cause) {
      await runner.stop();
      this.#metrics.moved(cleaning);
      this.#failed(log, cleaning, cause);
    } finally {
      await runner.stop();
    }
  }

  #failed(log: Log, cleaning: Cleaning, cause: unknown): void {
    const { topic, partition } = log;
    if (!(cause instanceof CompactionStopped || cause instanceof StorageFault)) throw cause;
    this.#resting.add(log);
    this.#removeHalf(log, cleaning);
    // Segments that were swapped in before count as changed as well: what became of them is looked at in the next round.
    if (cause instanceof CompactionStopped || !cleaning.isUnchanged()) {
      this.#metrics.ended('stopped');
      return;
    }
    this.#metrics.ended('failed');
    this.#world.logger.error({ topic, partition, fault: cause.message }, 'compaction of a log failed');
    if (cause.systemCode === undefined) this.#uncleanable.add(log);
    else if (!isFullDisk(cause)) this.#links.faulted(log, cause);
  }

  #removeHalf(log: Log, cleaning: Cleaning): void {
    try {
      cleaning.removeHalf();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#links.faulted(log, cause);
    }
  }

  /** Nothing is due and nothing runs: those who wait for that go on. */
  #settle(): void {
    const isIdle = this.#running.size === 0 && this.#looking === undefined && this.#queue.length === 0;
    if (!(isIdle || this.#stopped)) return;
    for (const round of this.#rounds.splice(0)) round.resolve();
  }

  /** A bug, or a process that is dying: nothing is begun any more. */
  #fail(cause: unknown): void {
    this.#stopped = true;
    const waiting = this.#rounds.splice(0);
    if (waiting.length === 0) this.#links.bug(cause);
    for (const round of waiting) round.reject(cause);
  }

  #uncleanableBytes(): number {
    let bytes = 0;
    for (const log of this.#uncleanable) if (!log.isClosed && log.fault === undefined) bytes += log.sizeBytes;
    return bytes;
  }
}
