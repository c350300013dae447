/**
 * Copies of logs in other directories that are to take their place (KIP-113), by Kafka's name `topic-N.<uuid>-future`. Who copies is not
 * decided here. A copy takes over in this order, so that a power cut at any point leaves one of the two, whole:
 *
 *   1. All of the copy is durable, and it notes durably that it replaces a log.
 *   2. In one turn: the copy holds the same as the log and is as durable; it gets the log's name; the log goes on with its files.
 *   3. Its new name becomes durable. Until then no flush of the log claims anything.
 *   4. The files that it replaced get the name of a deleted log, durably; the note goes.
 *
 * From 2 to 4 a crash leaves two logs of one name, and the note says which one counts.
 */
import { StorageFault, assert, partitionKey } from '@odradek/base';
import { Epochs } from '../core/epochs.ts';
import { Producers } from '../core/producers.ts';
import type { LogConfig, PartitionLog } from '../types.ts';
import { removeReplacementNote, writePartitionMetadata, writeReplacementNote } from './checkpoints.ts';
import type { ReplacementNote } from './checkpoints.ts';
import { createSegment } from './load.ts';
import type { FoundLog } from './log-dir.ts';
import type { LogDirs } from './log-dirs.ts';
import { asideNameOf } from './log-parts.ts';
import type { LogParts } from './log-parts.ts';
import { Log } from './log.ts';
import { futureDirectoryName } from './names.ts';
import type { LogKeeper, LogWorld } from './world.ts';

export type FutureLogsLinks = {
  readonly dirs: LogDirs;
  readonly keeper: LogKeeper;
  readonly logs: () => Iterable<Log>;
  /** A copy has become a log. */
  readonly enter: (log: Log) => void;
  /** Names what nobody has under another name and forgets it. */
  readonly discard: (directory: string, aside: string) => void;
};

export class FutureLogs {
  readonly #world: LogWorld;
  readonly #links: FutureLogsLinks;
  /** Found at the start, and not of any log that is there: their logs' directory may have failed. */
  readonly #orphans = new Map<string, Log>();
  readonly #notes = new Map<Log, ReplacementNote>();
  /** Copies that may take over: durable up to some point, with their note. */
  readonly #prepared = new WeakSet<Log>();
  readonly #settling = new Set<Promise<void>>();
  /** Directories of logs that are not there yet, by `topic-partition`, in the order of the wishes. */
  readonly #wishes = new Map<string, string>();

  constructor(world: LogWorld, links: FutureLogsLinks) {
    this.#world = world;
    this.#links = links;
  }

  /** All of them, with a log or without. */
  *all(): IterableIterator<Log> {
    for (const { future } of this.#links.logs()) if (future !== undefined) yield future;
    yield* this.#orphans.values();
  }

  // What the start finds.

  /** Of a log that was found; see {@link tidy}. */
  note(log: Log, note: ReplacementNote | undefined): void {
    if (note !== undefined) this.#notes.set(log, note);
  }

  /**
   * Two logs of one name: a copy had taken over when the process died, or a log was begun anew while the directory of this one was away and
   * has nothing yet. The other one goes.
   * @returns which of them counts; undefined: nobody can tell
   */
  judge(other: Log, found: FoundLog): 'other' | 'found' | undefined {
    const before = this.#notes.get(other);
    const isLater = (found.note?.atMs ?? 0) - (before?.atMs ?? 0);
    const counts = isLater > 0 ? 'found' : isLater < 0 ? 'other' : theOneWithRecords(other, found);
    if (counts === undefined) return undefined;
    const how = (counts === 'found' ? found.note : before)?.how ?? 'moved';
    const { topic, partition } = other;
    const [kept, left] = counts === 'found' ? [found.identity, other] : [other, found.identity];
    const fields = { topic, partition, directory: kept.logDirectory, replaced: left.logDirectory };
    this.#world.logger.warn(fields, 'of two logs of this partition one counts, and the other one goes');
    if (counts === 'other') {
      const aside = asideNameOf(this.#world, other, how === 'moved' ? 'delete' : 'stray');
      this.#links.discard(found.identity.directory, aside);
      // It stays until a start finds no other log of this name.
      this.#notes.delete(other);
    } else if (how === 'moved') other.delete();
    else other.setAside();
    return counts;
  }

  found({ identity, opening }: FoundLog, config: LogConfig): void {
    const future = new Log(this.#world, this.#links.keeper, { identity, config, opening, isFuture: true });
    const key = partitionKey(identity.topic, identity.partition);
    // There is one at a time: what another run left is of no use.
    if (this.#orphans.has(key)) future.delete();
    else this.#orphans.set(key, future);
  }

  /** All directories have been read: copies go to their logs, and notes that have done their duty go. */
  attach(logOf: (key: string) => Log | undefined, isAllKnown: boolean): void {
    for (const [key, future] of Array.from(this.#orphans)) {
      const log = logOf(key);
      if (log === undefined) continue;
      this.#orphans.delete(key);
      if (log.logDirectory === future.logDirectory || log.topicId !== future.topicId) future.delete();
      else log.future = future;
    }
    if (!isAllKnown) return;
    for (const [log] of this.#notes)
      this.#try(log.logDirectory, () => removeReplacementNote(this.#world.files, log.directory));
    this.#notes.clear();
  }

  /** Copies whose log is not there: it may lie in a directory that has failed. */
  orphans(): PartitionLog[] {
    return Array.from(this.#orphans.values());
  }

  /** The log has been made anew: what was copied of it before may be all that is left of that, and stays under another name. */
  setOrphanAside(topic: string, partition: number): void {
    const key = partitionKey(topic, partition);
    const orphan = this.#orphans.get(key);
    if (orphan === undefined) return;
    this.#orphans.delete(key);
    const fields = { topic, partition, directory: orphan.logDirectory, logEndOffset: orphan.logEndOffset };
    this.#world.logger.warn(fields, 'the copy of a log that is gone is set aside: a new log was made');
    this.#try(orphan.logDirectory, () =>
      orphan.logEndOffset > orphan.logStartOffset ? orphan.setAside() : orphan.delete(),
    );
  }

  /** The copy becomes the log: what it copied cannot be read any more. Throws StorageFault. */
  promote(topic: string, partition: number): void {
    const { files, clock } = this.#world;
    const key = partitionKey(topic, partition);
    const orphan = this.#orphans.get(key);
    assert(orphan !== undefined, 'only a copy without a log is promoted', { key });
    writeReplacementNote(files, orphan.directory, { atMs: clock.nowMs(), how: 'promoted' });
    orphan.standAlone();
    files.syncDirectory(orphan.logDirectory);
    this.#orphans.delete(key);
    this.#links.enter(orphan);
  }

  // Wishes for logs that are not there yet.

  /** Where the log of a partition goes when it is made. Only directories that are online are wished for. */
  prefer(topic: string, partition: number, logDirectory: string): void {
    const key = partitionKey(topic, partition);
    this.#wishes.delete(key);
    this.#wishes.set(key, logDirectory);
    const [oldest] = this.#wishes.keys();
    if (this.#wishes.size > this.#world.limits.logDirWishesMax && oldest !== undefined) this.#wishes.delete(oldest);
  }

  /** The log is being made: the wish is fulfilled. */
  wishOf(key: string): string | undefined {
    const wish = this.#wishes.get(key);
    this.#wishes.delete(key);
    return wish;
  }

  // A copy's life.

  /** An empty copy of a log in another directory, which must be online. Throws StorageFault. */
  create(of: PartitionLog, logDirectory: string): PartitionLog {
    const log = own(of);
    assert(log.future === undefined && log.logDirectory !== logDirectory, 'one copy at a time, and elsewhere');
    const { files, random } = this.#world;
    const { topic, partition, topicId, config } = log;
    const name = futureDirectoryName(topic, partition, Buffer.from(random.bytes(16)).toString('hex'));
    const directory = `${logDirectory}/${name}`;
    try {
      files.makeDirectory(directory);
      writePartitionMetadata(files, directory, topicId, 'later');
      const segment = createSegment(this.#world, { directory, config }, 0);
      const state = { segments: [segment], epochs: new Epochs(), producers: new Producers(), lastSnapshotOffset: -1 };
      const loaded = { state, logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0, unsynced: [] };
      const identity = { topic, partition, topicId, logDirectory, directory };
      const opening = { kind: 'loaded', loaded, isNew: true } as const;
      const future = new Log(this.#world, this.#links.keeper, { identity, config, opening, isFuture: true });
      log.future = future;
      // What an earlier log of this name was known for in this directory is not so of this one.
      this.#links.dirs.rewriteCheckpoints(future);
      this.#links.keeper.compactionUnwanted(log);
      return future;
    } catch (cause) {
      log.future = undefined;
      if (!(cause instanceof StorageFault)) throw cause;
      this.#links.keeper.faulted(logDirectory, cause);
      this.#try(logDirectory, () => files.remove(directory));
      throw cause;
    }
  }

  /** Why so much should not be copied into a directory at the moment; undefined: it may be. Copies stop where clients are refused. */
  refusesCopies(logDirectory: string, bytes: number): string | undefined {
    return this.#links.dirs.refusesClients(logDirectory, bytes);
  }

  /** The move is given up: what was copied goes. */
  drop(of: PartitionLog): void {
    const log = own(of);
    const { future } = log;
    log.future = undefined;
    if (future !== undefined) this.#try(future.logDirectory, () => future.delete());
  }

  /** A directory has failed, and the copies in it with it: they are taken up again when a start finds them. */
  forgetIn(logDirectory: string): void {
    for (const log of this.#links.logs()) if (log.future?.logDirectory === logDirectory) log.future = undefined;
  }

  /** Step 1: all that was copied so far becomes durable. May fail with StorageFault. */
  async prepare(of: PartitionLog): Promise<void> {
    const log = own(of);
    const { future } = log;
    assert(future !== undefined, 'there is a copy to prepare');
    await future.flush();
    if (this.#prepared.has(future) || log.future !== future) return;
    const atMs = Math.max(this.#world.clock.nowMs(), (this.#notes.get(log)?.atMs ?? 0) + 1);
    writeReplacementNote(this.#world.files, future.directory, { atMs, how: 'moved' });
    this.#prepared.add(future);
  }

  /**
   * Step 2, when both hold the same and the copy is as durable, then the others. Throws StorageFault, and the log is as it was.
   * @returns undefined: not now. Otherwise what resolves once nothing is left of the files that were replaced
   */
  swap(of: PartitionLog): Promise<void> | undefined {
    const log = own(of);
    const { future } = log;
    if (future === undefined || !this.#prepared.has(future) || future.logEndOffset !== log.logEndOffset)
      return undefined;
    if (future.logStartOffset !== log.logStartOffset) return undefined;
    if (future.recoveryPoint < log.recoveryPoint && !future.syncTailNow()) return undefined;
    const replaced = log.replaceByFuture();
    const settled = this.#settle(log, replaced).finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
    return settled;
  }

  /** Resolves once no swap is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling);
  }

  async #settle(log: Log, replaced: LogParts): Promise<void> {
    const { files } = this.#world;
    const { keeper, dirs } = this.#links;
    const target = log.logDirectory;
    if (!(await this.#tryLater(target, () => files.syncDirectoryLater(target)))) return;
    // What is under way with the old files ends before their name may be anybody else's.
    await replaced.flushing.quiet();
    const source = replaced.logDirectory;
    const isAside = await this.#tryLater(source, async () => {
      replaced.rename(asideNameOf(this.#world, log, 'delete'));
      await files.syncDirectoryLater(source);
    });
    if (!isAside) return;
    keeper.removeLater([replaced.body.directory], log.config.fileDeleteDelayMs);
    await this.#tryLater(target, async () => {
      if (log.logDirectory !== target || log.isClosed) return;
      removeReplacementNote(files, log.directory);
      await files.syncDirectoryLater(log.directory);
    });
    await dirs.checkpointCleanedLater(target);
    await dirs.checkpointRecoveryPointsLater();
    await dirs.checkpointLogStartsLater();
  }

  #try(logDirectory: string, act: () => void): void {
    try {
      act();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#links.keeper.faulted(logDirectory, cause);
    }
  }

  /** @returns whether it went well; a fault takes the directory offline */
  async #tryLater(logDirectory: string, act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#links.keeper.faulted(logDirectory, cause);
      return false;
    }
  }
}

function theOneWithRecords(other: Log, { opening }: FoundLog): 'other' | 'found' | undefined {
  const foundEnd = opening.kind === 'loaded' ? opening.loaded.logEndOffset : opening.logEndOffset;
  if ((other.logEndOffset === 0) === (foundEnd === 0)) return undefined;
  return foundEnd === 0 ? 'other' : 'found';
}

function own(log: PartitionLog): Log {
  assert(log instanceof Log, 'a log of files');
  return log;
}
