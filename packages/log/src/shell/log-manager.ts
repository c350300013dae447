/**
 * All logs of a node, over all its log directories: opens them at the start, makes and forgets them, and does for all of them what time
 * asks for: retention, flushes, checkpoints, expiry of producers, removal of what was deleted. A directory that fails goes offline alone.
 */
import { StorageFault, partitionKey } from '@odradek/base';
import type { Limits, Logger, Metrics, TimerHandle } from '@odradek/base';
import { Epochs } from '../core/epochs.ts';
import { Producers } from '../core/producers.ts';
import type { AppendOrigin, CleanerConfig, LogConfig, LogDirStatus, LogManagerConfig, PartitionLog } from '../types.ts';
import { writePartitionMetadata } from './checkpoints.ts';
import { Cleaner } from './cleaner.ts';
import { syncTogether } from './closing.ts';
import { createSegment } from './load.ts';
import { LogDir } from './log-dir.ts';
import { Log } from './log.ts';
import { createWorld, isFullDisk } from './world.ts';
import type { LogKeeper, LogWorld, WorldPorts } from './world.ts';

/** Longest slice of work before others get their turn. */
const SLICE_MS = 5;
const SPACE_CHECK_INTERVAL_MS = 1_000;
/** DeleteRecords calls of so long share one write of the checkpoint. */
const LOG_START_DELAY_MS = 20;
/** Logs that are flushed and closed at the same time. */
const CLOSING_MAX = 64;
/** Intervals beyond this are Kafka's way to say never. */
const NEVER_MS = 2 ** 53;

export type LogManagerOptions = {
  readonly ports: WorldPorts;
  readonly config: LogManagerConfig;
  readonly limits: Limits;
  readonly logger: Logger;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
  /** Until a log's topic is known. */
  readonly defaults: LogConfig;
  /** Asked before each round of compaction: the keys may change while the node runs. Left out: nothing is compacted by itself. */
  readonly cleaner?: () => CleanerConfig;
  /** A directory went offline. */
  readonly onOffline?: (status: LogDirStatus) => void;
};

/** The high watermark of a partition that this node hosts; undefined: not hosted (yet), so that nothing of it is deleted. */
export type HighWatermarkOf = (topic: string, partition: number) => number | undefined;

export class LogManager implements LogKeeper {
  readonly #world: LogWorld;
  readonly #options: LogManagerOptions;
  readonly #dirs: LogDir[];
  readonly #logs = new Map<string, Log>();
  /** Logs whose topic's configuration is known. */
  readonly #adopted = new Set<Log>();
  readonly #timers = new Set<TimerHandle>();
  readonly #startsWaiting = new Set<LogDir>();
  readonly #cleaner: Cleaner;
  #sliceEndMs = 0;
  #closing = false;

  private constructor(options: LogManagerOptions) {
    this.#options = options;
    this.#world = createWorld(options.ports, options.limits, options.logger);
    options.metrics?.sample('odradek_open_segment_files', {}, () => this.#world.fileCache.openCount);
    this.#dirs = options.config.logDirs.map((path) => new LogDir(this.#world, path));
    this.#cleaner = new Cleaner(this.#world, options.metrics, {
      logs: () => this.#cleanableLogs(),
      breathe: () => this.#breathe(),
      faulted: (log, fault) => this.faulted(log, fault),
    });
  }

  /** Locks and reads every log directory. Throws StorageFault when none of them can be used. */
  static async open(options: LogManagerOptions): Promise<LogManager> {
    const manager = new LogManager(options);
    for (const dir of manager.#dirs) await manager.#openDir(dir);
    const [first] = manager.#dirs;
    if (first !== undefined && manager.#dirs.every((dir) => !dir.online)) {
      throw new StorageFault(first.path, `no log directory can be used: ${first.refusal(false)}`);
    }
    return manager;
  }

  /** Begins the work that time asks for. */
  start(highWatermarkOf: HighWatermarkOf): void {
    const { config } = this.#options;
    this.#every(config.retentionCheckIntervalMs, () => this.#retain(highWatermarkOf));
    this.#every(config.flushSchedulerIntervalMs, () => this.#flushDue());
    this.#every(config.flushOffsetCheckpointIntervalMs, () => this.#checkpointRecoveryPointsLater());
    this.#every(config.flushStartOffsetCheckpointIntervalMs, () => this.#checkpointLogStartsLater());
    this.#every(config.producerIdExpirationCheckIntervalMs, () => this.#expireProducers());
    this.#every(SPACE_CHECK_INTERVAL_MS, async () => this.#checkSpace());
    const { cleaner } = this.#options;
    if (cleaner?.().enabled === true) {
      this.#every(
        () => cleaner().backoffMs,
        async () => void (await this.#cleaner.round(cleaner(), highWatermarkOf)),
      );
    }
  }

  /** Compacts whatever is due now. @returns how many compactions came to their end */
  compact(config: CleanerConfig, highWatermarkOf: HighWatermarkOf): Promise<number> {
    return this.#cleaner.round(config, highWatermarkOf);
  }

  /** Every log that lies in a directory that is online. */
  *all(): IterableIterator<PartitionLog> {
    for (const log of this.#logs.values()) if (this.#dirOf(log.logDirectory)?.online === true) yield log;
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(partitionKey(topic, partition));
  }

  /**
   * The log of a partition, made in the least loaded directory when there is none. Throws StorageFault, also while a directory that could
   * not be read may hold it.
   */
  open(topic: string, partition: number, topicId: string, config: LogConfig): PartitionLog {
    return this.#open({ topic, partition, topicId }, config, false);
  }

  /** As {@link open}, for a partition that has just come into being: it lies in no directory yet, not in an unreadable one either. */
  openNew(topic: string, partition: number, topicId: string, config: LogConfig): PartitionLog {
    return this.#open({ topic, partition, topicId }, config, true);
  }

  #open(at: { topic: string; partition: number; topicId: string }, config: LogConfig, isNew: boolean): PartitionLog {
    const { topic, partition, topicId } = at;
    const existing = this.#logs.get(partitionKey(topic, partition));
    if (existing !== undefined && existing.topicId !== topicId && existing.topicId !== '') {
      this.#world.logger.warn(
        { topic, partition, topicId, found: existing.topicId },
        'a log of another topic of this name is set aside',
      );
      existing.setAside();
    } else if (existing !== undefined) {
      if (existing.topicId === '') existing.adopt(topicId);
      existing.reconfigure(config);
      this.#adopted.add(existing);
      return existing;
    }
    if (!isNew) this.#refuseWhileUnread();
    const log = this.#create(at, config);
    this.#logs.set(partitionKey(topic, partition), log);
    this.#adopted.add(log);
    return log;
  }

  /** Keeps a log's data under another name and forgets it. */
  setAside(log: PartitionLog): void {
    this.#logs.get(partitionKey(log.topic, log.partition))?.setAside();
  }

  faulted(at: PartitionLog | string, fault: StorageFault): void {
    const dir = this.#dirOf(typeof at === 'string' ? at : at.logDirectory);
    if (dir === undefined || !dir.online) return;
    if (isFullDisk(fault)) {
      dir.isFull(fault.message);
      return;
    }
    dir.takeOffline(fault.message);
    this.#world.logger.error(
      { path: dir.path, fault: fault.message, systemCode: fault.systemCode },
      'log directory goes offline',
    );
    this.#options.onOffline?.(dir.status());
  }

  status(): readonly LogDirStatus[] {
    return this.#dirs.map((dir) => dir.status());
  }

  checkpointRecoveryPoints(): void {
    for (const dir of this.#dirs) this.#within(dir, () => dir.writeRecoveryPoints(this.#logsIn(dir)));
  }

  checkpointLogStarts(): void {
    for (const dir of this.#dirs) this.#within(dir, () => dir.writeLogStarts(this.#logsIn(dir)));
  }

  /**
   * Flushes and closes all logs and marks the directories clean.
   * @param deadlineMs when given: what is not closed by then is left to recovery, and its directory gets no clean marker
   */
  async close(deadlineMs?: number): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    for (const timer of this.#timers) timer.cancel();
    await this.#cleaner.stop();
    const unclean = new Set<string>();
    const online = this.#dirs.filter((dir) => dir.online).map((dir) => dir.path);
    await syncTogether(this.#world, { logs: this.#logs.values(), directories: online, deadlineMs }, () =>
      this.#breathe(),
    );
    const waiting = Array.from(this.#logs.values());
    const closeSome = async (): Promise<void> => {
      for (let log = waiting.pop(); log !== undefined; log = waiting.pop()) {
        if (this.#isLate(deadlineMs) || !(await this.#closeLog(log))) unclean.add(log.logDirectory);
        await this.#breathe();
      }
    };
    await Promise.all(Array.from({ length: CLOSING_MAX }, closeSome));
    for (const dir of this.#dirs) {
      this.#within(dir, () => {
        dir.writeRecoveryPoints(this.#logsIn(dir));
        dir.writeLogStarts(this.#logsIn(dir));
        if (!unclean.has(dir.path)) dir.markClean();
      });
      dir.unlock();
    }
  }

  // What a log tells.

  refusesWrites(logDirectory: string, origin: AppendOrigin): string | undefined {
    return this.#dirOf(logDirectory)?.refusal(origin === 'client');
  }

  recoveryPointLowered(logDirectory: string): void {
    const dir = this.#dirOf(logDirectory);
    if (dir !== undefined) dir.writeRecoveryPoints(this.#logsIn(dir));
  }

  logStartAdvanced(logDirectory: string): void {
    const dir = this.#dirOf(logDirectory);
    if (dir === undefined || this.#startsWaiting.has(dir) || this.#closing) return;
    this.#startsWaiting.add(dir);
    this.#after(LOG_START_DELAY_MS, () => {
      this.#startsWaiting.delete(dir);
      this.#within(dir, () => dir.writeLogStarts(this.#logsIn(dir)));
    });
  }

  removeLater(paths: readonly string[], delayMs: number): void {
    this.#after(delayMs, () => {
      for (const path of paths) this.#remove(path);
    });
  }

  deleted(topic: string, partition: number): void {
    const key = partitionKey(topic, partition);
    const log = this.#logs.get(key);
    if (log !== undefined) {
      this.#adopted.delete(log);
      this.#cleaner.forget(log);
    }
    this.#logs.delete(key);
  }

  async #openDir(dir: LogDir): Promise<void> {
    try {
      dir.lock();
      dir.checkSpace();
      const { logs, toRemove } = await dir.load(this.#options.defaults, () => this.#breathe());
      for (const { identity, opening } of logs) {
        const key = partitionKey(identity.topic, identity.partition);
        const other = this.#logs.get(key);
        if (other !== undefined)
          throw new StorageFault(identity.directory, `${key} lies in ${other.logDirectory} too; remove one of them`);
        this.#logs.set(key, new Log(this.#world, this, { identity, config: this.#options.defaults, opening }));
      }
      for (const { topic, partition, offset } of dir.cleanedOffsets()) {
        const log = this.#logs.get(partitionKey(topic, partition));
        if (log?.logDirectory === dir.path) log.noteCleaned(offset);
      }
      this.removeLater(toRemove, this.#options.defaults.fileDeleteDelayMs);
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      dir.takeOffline(cause.message);
      this.#world.logger.error({ path: dir.path, fault: cause.message }, 'log directory cannot be used');
      this.#options.onOffline?.(dir.status());
    }
  }

  #create(partition: { topic: string; partition: number; topicId: string }, config: LogConfig): Log {
    const dir = this.#leastLoaded();
    const directory = `${dir.path}/${partitionKey(partition.topic, partition.partition)}`;
    const { files } = this.#world;
    try {
      files.makeDirectory(directory);
      writePartitionMetadata(files, directory, partition.topicId, 'later');
      const segment = createSegment(this.#world, { directory, config }, 0);
      const state = { segments: [segment], epochs: new Epochs(), producers: new Producers(), lastSnapshotOffset: -1 };
      const loaded = { state, logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0, unsynced: [] };
      const identity = { ...partition, logDirectory: dir.path, directory };
      return new Log(this.#world, this, { identity, config, opening: { kind: 'loaded', loaded, isNew: true } });
    } catch (cause) {
      if (cause instanceof StorageFault) this.faulted(dir.path, cause);
      throw cause;
    }
  }

  #refuseWhileUnread(): void {
    const unread = this.#dirs.find((dir) => !dir.contentKnown);
    if (unread === undefined) return;
    throw new StorageFault(
      unread.path,
      'this directory could not be read, so the partition may lie there; it is not made anew elsewhere',
    );
  }

  #leastLoaded(): LogDir {
    const [only, another] = this.#dirs;
    if (only?.online === true && another === undefined) return only;
    const counts = new Map<LogDir, number>();
    for (const dir of this.#dirs) if (dir.online) counts.set(dir, 0);
    for (const log of this.#logs.values()) {
      const dir = this.#dirOf(log.logDirectory);
      const count = dir === undefined ? undefined : counts.get(dir);
      if (dir !== undefined && count !== undefined) counts.set(dir, count + 1);
    }
    let best: LogDir | undefined;
    for (const [dir, count] of counts) if (best === undefined || count < (counts.get(best) ?? 0)) best = dir;
    if (best === undefined) throw new StorageFault(this.#dirs[0]?.path ?? 'log.dirs', 'no log directory is online');
    return best;
  }

  #dirOf(path: string): LogDir | undefined {
    for (const dir of this.#dirs) if (dir.path === path) return dir;
    return undefined;
  }

  *#cleanableLogs(): IterableIterator<Log> {
    for (const log of this.#adopted) {
      if (log.config.cleanupCompact && log.fault === undefined && this.#dirOf(log.logDirectory)?.online === true)
        yield log;
    }
  }

  *#logsIn(dir: LogDir): IterableIterator<Log> {
    for (const log of this.#logs.values()) if (log.logDirectory === dir.path) yield log;
  }

  /** Runs what touches one directory; a fault takes that directory offline and nothing else. */
  #within(dir: LogDir, act: () => void): void {
    if (!dir.online) return;
    try {
      act();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#world.logger.error({ path: dir.path, fault: cause.message }, 'log directory: a checkpoint was not written');
      this.faulted(dir.path, cause);
    }
  }

  /** As {@link #within}, for what takes its time. */
  async #withinLater(dir: LogDir, act: () => Promise<void>): Promise<void> {
    if (!dir.online) return;
    try {
      await act();
    } catch (cause) {
      this.#within(dir, () => {
        throw cause;
      });
    }
  }

  async #checkpointRecoveryPointsLater(): Promise<void> {
    for (const dir of this.#dirs)
      await this.#withinLater(dir, () => dir.writeRecoveryPointsLater(() => this.#logsIn(dir)));
  }

  async #checkpointLogStartsLater(): Promise<void> {
    for (const dir of this.#dirs) await this.#withinLater(dir, () => dir.writeLogStartsLater(() => this.#logsIn(dir)));
  }

  #isLate(deadlineMs: number | undefined): boolean {
    return deadlineMs !== undefined && this.#world.clock.monotonicMs() > deadlineMs;
  }

  async #forEachLog(act: (log: Log) => void | Promise<void>, logs: Iterable<Log>): Promise<void> {
    for (const log of Array.from(logs)) {
      if (this.#closing) return;
      if (this.#dirOf(log.logDirectory)?.online !== true) continue;
      try {
        await act(log);
      } catch (cause) {
        // The log has told of its fault; the others go on.
        if (!(cause instanceof StorageFault)) throw cause;
      }
      await this.#breathe();
    }
  }

  #retain(highWatermarkOf: HighWatermarkOf): Promise<void> {
    const nowMs = this.#world.clock.nowMs();
    return this.#forEachLog((log) => {
      const highWatermark = highWatermarkOf(log.topic, log.partition);
      if (highWatermark === undefined) return;
      log.rollIfDue(nowMs);
      const segments = log.deleteOldSegments(nowMs, highWatermark);
      if (segments > 0) {
        this.#options.metrics?.counter('odradek_log_segments_deleted_total', {}).inc(segments);
        const fields = { topic: log.topic, partition: log.partition, segments, logStartOffset: log.logStartOffset };
        this.#world.logger.info(fields, 'old segments deleted');
      }
    }, this.#adopted);
  }

  #flushDue(): Promise<void> {
    const nowMs = this.#world.clock.nowMs();
    return this.#forEachLog((log) => log.flushIfDue(nowMs), this.#adopted);
  }

  #expireProducers(): Promise<void> {
    const nowMs = this.#world.clock.nowMs();
    return this.#forEachLog(
      (log) => log.expireProducers(nowMs, this.#options.config.producerIdExpirationMs),
      this.#logs.values(),
    );
  }

  #checkSpace(): void {
    for (const dir of this.#dirs) this.#within(dir, () => dir.checkSpace());
  }

  async #closeLog(log: Log): Promise<boolean> {
    try {
      await log.close();
      return log.fault === undefined && log.recoveryPoint === log.logEndOffset;
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      return false;
    }
  }

  #remove(path: string): void {
    try {
      this.#world.files.remove(path);
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#world.logger.error(
        { path, fault: cause.message },
        'a deleted file could not be removed; it is tried again at the next start',
      );
    }
  }

  #every(interval: number | (() => number), act: () => Promise<void>): void {
    const intervalMs = typeof interval === 'number' ? interval : interval();
    if (intervalMs >= NEVER_MS) return;
    this.#after(intervalMs, () => {
      const again = (): void => this.#every(interval, act);
      act().then(again, (cause: unknown) => {
        queueMicrotask(() => {
          throw cause; // a bug: it must not pass in silence
        });
      });
    });
  }

  #after(delayMs: number, act: () => void): void {
    if (this.#closing) return;
    const timer = this.#world.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      act();
    });
    this.#timers.add(timer);
  }

  async #breathe(): Promise<void> {
    const { clock } = this.#world;
    if (clock.monotonicMs() < this.#sliceEndMs) return;
    await new Promise<void>((resolve) => {
      clock.after(0, resolve);
    });
    this.#sliceEndMs = clock.monotonicMs() + SLICE_MS;
  }
}
