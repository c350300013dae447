/**
 * All logs of a node, over all its log directories: opens them at the start, makes and forgets them, and does for all of them what time
 * asks for: retention, flushes, checkpoints, expiry of producers, removal of what was deleted. A directory that fails goes offline alone.
 */
import { AssertionError, StorageFault, named, partitionKey } from '@odradek/base';
import type { Limits, Logger, Metrics } from '@odradek/base';
import { Epochs } from '../core/epochs.ts';
import { Producers } from '../core/producers.ts';
import type {
  AppendRequest,
  CleanerConfig,
  LogConfig,
  LogDirStatus,
  LogManagerConfig,
  PartitionLog,
} from '../types.ts';
import { Agenda, raise } from './agenda.ts';
import type { Recurring } from './agenda.ts';
import { parentOf, writePartitionMetadata } from './checkpoints.ts';
import { Cleaner } from './cleaner.ts';
import { syncTogether } from './closing.ts';
import { createSegment } from './load.ts';
import { FutureLogs } from './future-logs.ts';
import type { FoundLog, LogDir } from './log-dir.ts';
import { LogDirs } from './log-dirs.ts';
import { Log } from './log.ts';
import { isDeleteDirectory } from './names.ts';
import { createWorld } from './world.ts';
import type { LogKeeper, LogWorld, WorldPorts } from './world.ts';

const SPACE_CHECK_INTERVAL_MS = 1_000;
const PREPARE_STOP_INTERVAL_MS = 5_000;
/** Logs that are prepared for a stop in one turn, so that thousands of new leaders do not write thousands of files at once. */
const PREPARED_AT_ONCE_MAX = 500;
/** Logs that are flushed and closed at the same time. */
const CLOSING_MAX = 64;

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
  /** Copies in other directories (KIP-113). */
  readonly futures: FutureLogs;
  readonly #world: LogWorld;
  readonly #options: LogManagerOptions;
  readonly #agenda: Agenda;
  /** The entries of log.dirs. */
  readonly directories: LogDirs;
  readonly #logs = new Map<string, Log>();
  /** Logs whose topic's configuration is known. */
  readonly #adopted = new Set<Log>();
  readonly #cleaner: Cleaner;
  #cleaning: Recurring | undefined;
  /** Of files that are out of use. */
  #removing: Promise<void> = Promise.resolve();

  private constructor(options: LogManagerOptions) {
    this.#options = options;
    this.#world = createWorld(options.ports, options.limits, options.logger, options.metrics);
    for (const state of ['online', 'full', 'offline'] as const)
      options.metrics?.sample('odradek_log_dirs', { state }, () => this.directories.countOf(state));
    options.metrics?.sample('odradek_log_dirs_cordoned', {}, () => this.directories.ids('cordoned').length);
    options.metrics?.sample('odradek_open_segment_files', {}, () => this.#world.fileCache.openCount);
    this.#agenda = new Agenda(options.ports.clock);
    this.directories = new LogDirs(this.#world, options.config.logDirs, {
      logs: () => this.#everyLog(),
      after: (delayMs, act) => void this.#agenda.after(delayMs, act),
      onOffline: (status) => {
        this.futures.forgetIn(status.path);
        options.onOffline?.(status);
      },
    });
    this.futures = new FutureLogs(this.#world, {
      dirs: this.directories,
      keeper: this,
      logs: () => this.#logs.values(),
      enter: (log) => void this.#logs.set(partitionKey(log.topic, log.partition), log),
      discard: (directory, aside) => this.#discard(directory, aside),
    });
    const cleaning = {
      ...this.#world,
      logger: named(options.logger, 'org.apache.kafka.storage.internals.log.LogCleaner'),
    };
    this.#cleaner = new Cleaner(cleaning, options.metrics, {
      logs: () => this.#cleanableLogs(),
      breathe: () => this.#agenda.breathe(),
      faulted: (log, fault) => this.faulted(log, fault),
      cleaned: (log) => this.directories.checkpointCleanedLater(log.logDirectory),
      bug: raise,
    });
  }

  /** Locks and reads every log directory. Throws StorageFault when none of them can be used. */
  static async open(options: LogManagerOptions): Promise<LogManager> {
    const manager = new LogManager(options);
    for (const dir of manager.directories) await manager.#openDir(dir);
    manager.directories.demandOne();
    manager.futures.attach((key) => manager.#logs.get(key), manager.directories.isAllKnown);
    return manager;
  }

  /** Begins the work that time asks for. */
  start(highWatermarkOf: HighWatermarkOf): void {
    const { config, cleaner } = this.#options;
    const agenda = this.#agenda;
    agenda.every(config.retentionCheckIntervalMs, () => this.#retain(highWatermarkOf));
    agenda.every(config.flushSchedulerIntervalMs, () => this.#flushDue());
    agenda.every(config.flushOffsetCheckpointIntervalMs, () => this.directories.checkpointRecoveryPointsLater());
    agenda.every(config.flushStartOffsetCheckpointIntervalMs, () => this.directories.checkpointLogStartsLater());
    agenda.every(config.producerIdExpirationCheckIntervalMs, () => this.#expireProducers());
    agenda.every(PREPARE_STOP_INTERVAL_MS, () => this.#prepareStop());
    agenda.every(SPACE_CHECK_INTERVAL_MS, async () => this.directories.checkSpace());
    if (cleaner?.().enabled !== true) return;
    const terms = { config: cleaner, highWatermarkOf };
    this.#cleaning = agenda.every(
      () => cleaner().backoffMs,
      () => this.#cleaner.wake(terms),
    );
  }

  /** What the cleaner goes by has changed. */
  cleanerReconfigured(): void {
    this.#cleaner.reconfigured();
    this.#cleaning?.reschedule();
  }

  /** Compacts whatever is due now. @returns how many compactions came to their end */
  compact(config: CleanerConfig, highWatermarkOf: HighWatermarkOf): Promise<number> {
    return this.#cleaner.round({ config: () => config, highWatermarkOf });
  }

  /** Every log that lies in a directory that is online. */
  *all(): IterableIterator<PartitionLog> {
    for (const log of this.#logs.values()) if (this.directories.isOnline(log.logDirectory)) yield log;
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(partitionKey(topic, partition));
  }

  /**
   * The log of a partition, made when there is none: in the directory that was asked for, else in the least loaded one. Throws StorageFault
   * when its directory is offline, also while a directory that could not be read may hold it.
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
      // In a directory that failed nothing can be renamed: it is set aside when a start finds it.
      if (this.directories.isOnline(existing.logDirectory)) existing.setAside();
      else this.deleted(existing);
    } else if (existing !== undefined) {
      const refusal = this.directories.of(existing.logDirectory)?.refusal(false);
      if (refusal !== undefined) throw new StorageFault(existing.logDirectory, refusal);
      if (existing.topicId === '') existing.adopt(topicId);
      existing.reconfigure(config);
      this.#adopted.add(existing);
      return existing;
    }
    if (!isNew) this.directories.refuseWhileUnread();
    const log = this.#create(at, config);
    this.futures.setOrphanAside(topic, partition);
    this.#logs.set(partitionKey(topic, partition), log);
    this.#adopted.add(log);
    return log;
  }

  /** Keeps a log's data under another name and forgets it. */
  setAside(log: PartitionLog): void {
    this.#logs.get(partitionKey(log.topic, log.partition))?.setAside();
  }

  faulted(at: PartitionLog | string, fault: StorageFault): void {
    this.directories.faulted(typeof at === 'string' ? at : at.logDirectory, fault);
  }

  /** The broker epoch under which everything that is here was left in order; undefined: it was not (KIP-966). */
  get stoppedUnder(): number | undefined {
    return this.directories.stoppedUnder;
  }

  status(): readonly LogDirStatus[] {
    return this.directories.status();
  }

  checkpointRecoveryPoints(): void {
    this.directories.checkpointRecoveryPoints();
  }

  checkpointLogStarts(): void {
    this.directories.checkpointLogStarts();
  }

  /**
   * Flushes and closes all logs and marks the directories clean.
   * @param deadlineMs when given: what is not closed by then is left to recovery, and its directory gets no clean marker
   * @param brokerEpoch under which this broker is registered
   */
  async close(deadlineMs?: number, brokerEpoch = -1): Promise<void> {
    if (this.#agenda.isClosed) return;
    this.#agenda.close();
    await this.#cleaner.stop();
    await this.futures.settled();
    await this.#removing;
    const unclean = new Set<string>();
    const online = Array.from(this.directories).flatMap(({ online: isOnline, path }) => (isOnline ? [path] : []));
    await syncTogether(this.#world, { logs: this.#everyLog(), directories: online, deadlineMs }, () =>
      this.#agenda.breathe(),
    );
    const waiting = Array.from(this.#everyLog());
    const closeSome = async (): Promise<void> => {
      for (let log = waiting.pop(); log !== undefined; log = waiting.pop()) {
        if (this.#isLate(deadlineMs) || !(await this.#closeLog(log))) unclean.add(log.logDirectory);
        await this.#agenda.breathe();
      }
    };
    await Promise.all(Array.from({ length: CLOSING_MAX }, closeSome));
    this.directories.close(unclean, brokerEpoch);
  }

  // What a log tells.

  refusesWrites(logDirectory: string, { origin, records }: AppendRequest): string | undefined {
    if (origin === 'client') return this.directories.refusesClients(logDirectory, records.length);
    return this.directories.of(logDirectory)?.refusal(false);
  }

  recoveryPointLowered(logDirectory: string): void {
    this.directories.recoveryPointLowered(logDirectory);
  }

  cleanedLowered(log: Log): void {
    this.directories.cleanedLowered(log);
  }

  compactionUnwanted(log: Log): void {
    this.#cleaner.forget(log);
  }

  logStartAdvanced(logDirectory: string): void {
    this.directories.logStartAdvanced(logDirectory);
  }

  removeLater(paths: readonly string[], delayMs: number): void {
    this.#agenda.after(delayMs, () => {
      this.#removing = this.#removing.then(() => this.#remove(paths));
    });
  }

  deleted(log: Log): void {
    const key = partitionKey(log.topic, log.partition);
    const current = this.#logs.get(key);
    if (current?.future === log) current.future = undefined;
    if (current !== log) return;
    this.#adopted.delete(log);
    this.#cleaner.forget(log);
    this.#logs.delete(key);
  }

  async #openDir(dir: LogDir): Promise<void> {
    try {
      dir.lock();
      dir.checkSpace();
      const { logs, toRemove } = await dir.load(this.#options.defaults, () => this.#agenda.breathe());
      for (const found of logs) this.#enter(found);
      for (const { topic, partition, offset } of dir.cleanedOffsets()) {
        const log = this.#logs.get(partitionKey(topic, partition));
        if (log?.logDirectory !== dir.path) continue;
        log.noteCleaned(offset);
        // Recovery may have cut it.
        this.directories.cleanedLowered(log);
      }
      this.removeLater(toRemove, this.#options.defaults.fileDeleteDelayMs);
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      dir.takeOffline(cause.message);
      this.#world.logger.error({ path: dir.path, fault: cause.message }, 'log directory cannot be used');
      this.#options.onOffline?.(dir.status());
    }
  }

  #enter(found: FoundLog): void {
    const { identity, opening, isFuture, note } = found;
    const config = this.#options.defaults;
    if (isFuture) return this.futures.found(found, config);
    const key = partitionKey(identity.topic, identity.partition);
    const other = this.#logs.get(key);
    const counts = other === undefined ? 'found' : this.futures.judge(other, found);
    if (counts === undefined)
      throw new StorageFault(identity.directory, `${key} lies in ${other?.logDirectory} too; remove one of them`);
    if (counts === 'other') return;
    const log = new Log(this.#world, this, { identity, config, opening });
    this.#logs.set(key, log);
    if (other === undefined) this.futures.note(log, note);
  }

  #create(partition: { topic: string; partition: number; topicId: string }, config: LogConfig): Log {
    const key = partitionKey(partition.topic, partition.partition);
    const wished = this.directories.of(this.futures.wishOf(key) ?? '');
    const dir = wished?.online === true ? wished : this.directories.leastLoaded();
    const directory = `${dir.path}/${key}`;
    const { files } = this.#world;
    try {
      // An earlier log of this name may have been clean up to somewhere; of this one that is not so.
      this.directories.cleanedLowered({ ...partition, cleanedTo: 0, logDirectory: dir.path });
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

  *#cleanableLogs(): IterableIterator<Log> {
    for (const log of this.#adopted) {
      // What is being copied must stay as it is: a copy of half of it from before and half from after could bring back a deleted key.
      if (!log.config.cleanupCompact || log.fault !== undefined || log.future !== undefined) continue;
      if (this.directories.isOnline(log.logDirectory)) yield log;
    }
  }

  #isLate(deadlineMs: number | undefined): boolean {
    return deadlineMs !== undefined && this.#world.clock.monotonicMs() > deadlineMs;
  }

  async #forEachLog(act: (log: Log) => void | Promise<void>, logs: Iterable<Log>): Promise<void> {
    for (const log of Array.from(logs)) {
      if (this.#agenda.isClosed) return;
      if (!this.directories.isOnline(log.logDirectory)) continue;
      try {
        await act(log);
      } catch (cause) {
        // The log has told of its fault; the others go on.
        if (!(cause instanceof StorageFault)) throw cause;
      }
      await this.#agenda.breathe();
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

  #prepareStop(): Promise<void> {
    let left = PREPARED_AT_ONCE_MAX;
    return this.#forEachLog((log) => {
      if (left > 0 && log.prepareStop()) left -= 1;
    }, this.#adopted);
  }

  #expireProducers(): Promise<void> {
    const nowMs = this.#world.clock.nowMs();
    return this.#forEachLog(
      (log) => log.expireProducers(nowMs, this.#options.config.producerIdExpirationMs),
      this.#everyLog(),
    );
  }

  *#everyLog(): IterableIterator<Log> {
    yield* this.#logs.values();
    yield* this.futures.all();
  }

  /** Of two logs of one name the one that a copy has replaced. Throws StorageFault. */
  #discard(directory: string, aside: string): void {
    const path = `${parentOf(directory)}/${aside}`;
    this.#world.files.rename(directory, path);
    if (isDeleteDirectory(aside)) this.removeLater([path], this.#options.defaults.fileDeleteDelayMs);
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

  /** One after another; what is left when the manager closes is removed at the next start. */
  async #remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      if (this.#agenda.isClosed) return;
      try {
        await this.#world.files.removeLater(path);
      } catch (cause) {
        const what = 'a deleted file could not be removed; it is tried again at the next start';
        this.#world.logger.error({ path, cause }, what);
        if (cause instanceof AssertionError) raise(cause);
      }
    }
  }
}
