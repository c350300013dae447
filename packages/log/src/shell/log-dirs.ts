/**
 * The entries of log.dirs together: which one takes a new log, what all of them checkpoint, and what a fault does: it takes its own directory
 * offline and no other.
 */
import { StorageFault } from '@odradek/base';
import type { LogDirStatus } from '../types.ts';
import { LogDir } from './log-dir.ts';
import type { CheckpointedLog } from './log-dir.ts';
import { isFullDisk } from './world.ts';
import type { LogWorld } from './world.ts';

/** DeleteRecords calls of so long share one write of the checkpoint. */
const LOG_START_DELAY_MS = 20;

export type PlacedLog = CheckpointedLog & { readonly logDirectory: string };
type SizedLog = PlacedLog & { readonly sizeBytes: number };

/** Topics that are named to whoever has to make room. */
const EATERS_TOLD = 3;

export type LogDirsLinks = {
  readonly logs: () => Iterable<SizedLog>;
  /** Does nothing once the manager closes, which writes every checkpoint anyway. */
  readonly after: (delayMs: number, act: () => void) => void;
  readonly onOffline: (status: LogDirStatus) => void;
};

export class LogDirs implements Iterable<LogDir> {
  readonly #world: LogWorld;
  readonly #links: LogDirsLinks;
  readonly #dirs: readonly LogDir[];
  readonly #startsWaiting = new Set<LogDir>();

  constructor(world: LogWorld, paths: readonly string[], links: LogDirsLinks) {
    this.#world = world;
    this.#links = links;
    this.#dirs = paths.map((path) => new LogDir(world, path));
  }

  [Symbol.iterator](): Iterator<LogDir> {
    return this.#dirs[Symbol.iterator]();
  }

  of(path: string): LogDir | undefined {
    for (const dir of this.#dirs) if (dir.path === path) return dir;
    return undefined;
  }

  /** The id of a directory, whether it works or not; '' when it could not be read. undefined: there is no such directory. */
  idOf(path: string): string | undefined {
    return this.of(path)?.directoryId;
  }

  /** The id of a directory that is online. */
  onlineIdOf(path: string): string | undefined {
    return this.of(path)?.onlineId;
  }

  /** Ids of directories as they are told to others; one that could not be read has none to tell. */
  ids(which: 'online' | 'failed' | 'cordoned'): string[] {
    return this.#dirs.flatMap((dir) => {
      const isMeant = which === 'cordoned' ? dir.cordoned : dir.online === (which === 'online');
      return isMeant && (dir.online || dir.directoryId !== '') ? [dir.directoryId] : [];
    });
  }

  /** Which directories get nothing new (KIP-1066). */
  cordon(paths: ReadonlySet<string>): void {
    for (const dir of this.#dirs) {
      const cordoned = paths.has(dir.path);
      if (cordoned === dir.cordoned) continue;
      dir.cordoned = cordoned;
      this.#world.logger.info({ path: dir.path, cordoned }, 'whether a log directory gets new logs has changed');
    }
  }

  isOnline(path: string): boolean {
    return this.of(path)?.online === true;
  }

  /** A directory that cannot be asked for its room any more is gone, and offline from here on. */
  status(): LogDirStatus[] {
    return this.#dirs.map((dir) => {
      try {
        return dir.status();
      } catch (cause) {
        if (!(cause instanceof StorageFault)) throw cause;
        this.faulted(dir.path, cause);
        return dir.status();
      }
    });
  }

  countOf(state: 'online' | 'full' | 'offline'): number {
    return this.#dirs.filter((dir) => (dir.online ? (dir.full ? 'full' : 'online') : 'offline') === state).length;
  }

  /** Throws StorageFault when none can be used. */
  demandOne(): void {
    const [first] = this.#dirs;
    if (first === undefined || this.#dirs.some((dir) => dir.online)) return;
    throw new StorageFault(first.path, `no log directory can be used: ${first.refusal(false)}`);
  }

  /**
   * Where a new log goes: the directory that has the fewest. One that is cordoned or full gets none, unless all are: what the controller has
   * placed here must lie somewhere. Throws StorageFault when none is online.
   */
  leastLoaded(): LogDir {
    const [only, another] = this.#dirs;
    if (only?.online === true && another === undefined) return only;
    const counts = new Map<LogDir, number>();
    const online = this.#dirs.filter((dir) => dir.online);
    const uncordoned = online.filter((dir) => !dir.cordoned);
    const roomy = uncordoned.filter((dir) => !dir.full);
    for (const dir of roomy.length > 0 ? roomy : uncordoned.length > 0 ? uncordoned : online) counts.set(dir, 0);
    for (const log of this.#links.logs()) {
      const dir = this.of(log.logDirectory);
      const count = dir === undefined ? undefined : counts.get(dir);
      if (dir !== undefined && count !== undefined) counts.set(dir, count + 1);
    }
    let best: LogDir | undefined;
    for (const [dir, count] of counts) if (best === undefined || count < (counts.get(best) ?? 0)) best = dir;
    if (best === undefined) throw new StorageFault(this.#dirs[0]?.path ?? 'log.dirs', 'no log directory is online');
    return best;
  }

  get isAllKnown(): boolean {
    return this.#dirs.every((dir) => dir.contentKnown);
  }

  /** Throws StorageFault while a directory that could not be read may hold the partition that is to be made. */
  refuseWhileUnread(): void {
    const unread = this.#dirs.find((dir) => !dir.contentKnown);
    if (unread === undefined) return;
    throw new StorageFault(
      unread.path,
      'this directory could not be read, so the partition may lie there; it is not made anew elsewhere',
    );
  }

  faulted(path: string, fault: StorageFault): void {
    const dir = this.of(path);
    if (dir === undefined || !dir.online) return;
    if (isFullDisk(fault)) {
      if (dir.isFull(fault.message)) this.#tellEaters(dir);
      return;
    }
    dir.takeOffline(fault.message);
    this.#world.logger.error(
      { path: dir.path, fault: fault.message, systemCode: fault.systemCode },
      'log directory goes offline',
    );
    this.#links.onOffline(dir.status());
  }

  /** The broker epoch under which all directories that are there were left in order; undefined: they were not, or not together. */
  get stoppedUnder(): number | undefined {
    const epochs = new Set(this.#dirs.flatMap((dir) => (dir.online ? [dir.stoppedUnder ?? -1] : [])));
    const [epoch = -1] = epochs;
    return epochs.size === 1 && epoch >= 0 ? epoch : undefined;
  }

  checkpointRecoveryPoints(): void {
    for (const dir of this.#dirs) this.within(dir, () => dir.writeRecoveryPoints(this.#logsIn(dir)));
  }

  checkpointLogStarts(): void {
    for (const dir of this.#dirs) this.within(dir, () => dir.writeLogStarts(this.#logsIn(dir)));
  }

  async checkpointRecoveryPointsLater(): Promise<void> {
    for (const dir of this.#dirs)
      await this.#withinLater(dir, () => dir.writeRecoveryPointsLater(() => this.#logsIn(dir)));
  }

  async checkpointLogStartsLater(): Promise<void> {
    for (const dir of this.#dirs) await this.#withinLater(dir, () => dir.writeLogStartsLater(() => this.#logsIn(dir)));
  }

  checkSpace(): void {
    for (const dir of this.#dirs) this.#look(dir);
  }

  /** A new log lies in a directory whose checkpoints may still tell of an earlier one of its name. Throws StorageFault. */
  rewriteCheckpoints(log: PlacedLog): void {
    const dir = this.of(log.logDirectory);
    dir?.writeRecoveryPoints(this.#logsIn(dir));
    dir?.writeLogStarts(this.#logsIn(dir));
    this.cleanedLowered(log);
  }

  /** Lowers it on file before it returns. Throws StorageFault. */
  recoveryPointLowered(path: string): void {
    const dir = this.of(path);
    dir?.writeRecoveryPoints(this.#logsIn(dir));
  }

  /** As {@link recoveryPointLowered}, for the cleaner's checkpoint, where that says too much of the log. */
  cleanedLowered(log: Pick<PlacedLog, 'topic' | 'partition' | 'cleanedTo' | 'logDirectory'>): void {
    const dir = this.of(log.logDirectory);
    if (dir?.claimsTooMuch(log) === true) dir.writeCleaned(this.#logsIn(dir));
  }

  /** Losing the cleaner's checkpoint costs a compaction from the start, nothing else: a fault is told, not more. */
  async checkpointCleanedLater(path: string): Promise<void> {
    const dir = this.of(path);
    try {
      await dir?.writeCleanedLater(() => this.#logsIn(dir));
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#world.logger.warn({ path, fault: cause.message }, 'cleaner-offset-checkpoint was not written');
    }
  }

  logStartAdvanced(path: string): void {
    const dir = this.of(path);
    if (dir === undefined || this.#startsWaiting.has(dir)) return;
    this.#startsWaiting.add(dir);
    this.#links.after(LOG_START_DELAY_MS, () => {
      this.#startsWaiting.delete(dir);
      this.within(dir, () => dir.writeLogStarts(this.#logsIn(dir)));
    });
  }

  /** The last thing of an orderly stop. @param unclean paths of those that hold a log which was not closed in order */
  close(unclean: ReadonlySet<string>, brokerEpoch: number): void {
    for (const dir of this.#dirs) {
      this.within(dir, () => {
        dir.writeRecoveryPoints(this.#logsIn(dir));
        dir.writeLogStarts(this.#logsIn(dir));
        if (!unclean.has(dir.path)) dir.markClean(brokerEpoch);
      });
      dir.unlock();
    }
  }

  /** Why so much may not be written for clients now, or copied (KIP-113); undefined: it may. */
  refusesClients(path: string, bytes: number): string | undefined {
    const dir = this.of(path);
    if (dir?.takes(bytes) === true) this.#look(dir);
    return dir?.refusal(true);
  }

  #look(dir: LogDir): void {
    this.within(dir, () => {
      if (dir.checkSpace()) this.#tellEaters(dir);
    });
  }

  /** Who has to make room is told what takes it. */
  #tellEaters(dir: LogDir): void {
    const bytes = new Map<string, number>();
    for (const log of this.#links.logs()) {
      if (log.logDirectory === dir.path) bytes.set(log.topic, (bytes.get(log.topic) ?? 0) + log.sizeBytes);
    }
    const largest = Array.from(bytes, ([topic, sizeBytes]) => ({ topic, sizeBytes }))
      .toSorted((left, right) => right.sizeBytes - left.sizeBytes)
      .slice(0, EATERS_TOLD);
    this.#world.logger.warn({ path: dir.path, largest }, 'what takes most of the full disk');
  }

  /** Runs what touches one directory; a fault takes that directory offline and nothing else. */
  within(dir: LogDir, act: () => void): void {
    if (!dir.online) return;
    try {
      act();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#world.logger.error({ path: dir.path, fault: cause.message }, 'log directory: a checkpoint was not written');
      this.faulted(dir.path, cause);
    }
  }

  /** As {@link within}, for what takes its time. */
  async #withinLater(dir: LogDir, act: () => Promise<void>): Promise<void> {
    if (!dir.online) return;
    try {
      await act();
    } catch (cause) {
      this.within(dir, () => {
        throw cause;
      });
    }
  }

  *#logsIn(dir: LogDir): IterableIterator<PlacedLog> {
    for (const log of this.#links.logs()) if (log.logDirectory === dir.path) yield log;
  }
}
