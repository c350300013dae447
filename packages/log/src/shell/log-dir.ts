/** One entry of log.dirs: its lock, its checkpoints, whether it may be written, and what its logs are found to be when the node starts. */
import { StorageFault, partitionKey } from '@odradek/base';
import type { Files } from '@odradek/base';
import type { LogConfig, LogDirStatus } from '../types.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import {
  readCleanShutdown,
  parentOf,
  readMetaProperties,
  readOffsetCheckpoint,
  readPartitionMetadata,
  readReplacementNote,
  removeCleanShutdown,
  writeCleanShutdown,
} from './checkpoints.ts';
import type { OffsetRow, ReplacementNote } from './checkpoints.ts';
import { listLog, recover } from './load.ts';
import type { LogOpening } from './log-body.ts';
import type { LogIdentity } from './log-parts.ts';
import {
  CLEANER_CHECKPOINT,
  LOCK,
  LOG_SUFFIX,
  LOG_START_CHECKPOINT,
  RECOVERY_POINT_CHECKPOINT,
  isDeleteDirectory,
  offsetName,
  parseFutureDirectory,
  parsePartitionDirectory,
} from './names.ts';
import type { LogWorld } from './world.ts';

export type FoundLog = {
  readonly identity: LogIdentity;
  readonly opening: LogOpening;
  /** A copy that has not taken the place of its log. */
  readonly isFuture: boolean;
  readonly note: ReplacementNote | undefined;
};

/** Of a disk that is smaller than twenty times the reserve, so much of it is kept free. */
const RESERVE_SHARE = 20;
const LOOKS_PER_RESERVE = 16;
const HEALED_AT = 1.25;

/** The part of a log that its directory's checkpoints are made of. */
export type CheckpointedLog = {
  readonly topic: string;
  readonly partition: number;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly cleanedTo: number;
};

export class LogDir {
  readonly path: string;
  readonly #world: LogWorld;
  readonly #recoveryPoints: CheckpointFile;
  readonly #logStarts: CheckpointFile;
  readonly #cleaned: CheckpointFile;
  /** The most that the cleaner's checkpoint may say on file, by log: whatever was ever begun to be written counts. */
  #cleanedClaims = new Map<string, number>();
  #directoryId = '';
  #offline: string | undefined;
  #stoppedUnder: number | undefined;
  #full: string | undefined;
  /** Written by clients since the last look at the disk, and after how much of it the next look is due. */
  #unseenBytes = 0;
  #lookAfterBytes = 0;
  #locked = false;
  /** Its logs were listed when the node started: a partition that was not found is not there. */
  contentKnown = false;

  constructor(world: LogWorld, path: string) {
    this.#world = world;
    this.path = path;
    this.#recoveryPoints = new CheckpointFile(world.files, `${path}/${RECOVERY_POINT_CHECKPOINT}`);
    this.#logStarts = new CheckpointFile(world.files, `${path}/${LOG_START_CHECKPOINT}`);
    this.#cleaned = new CheckpointFile(world.files, `${path}/${CLEANER_CHECKPOINT}`);
  }

  get online(): boolean {
    return this.#offline === undefined;
  }

  /** Why it takes no writes; undefined when it does. */
  refusal(forClients: boolean): string | undefined {
    return this.#offline ?? (forClients ? this.#full : undefined);
  }

  /** It gets no new logs from here on, or does again (KIP-1066). */
  cordoned = false;

  takeOffline(why: string): void {
    this.#offline ??= `log directory ${this.path} is offline: ${why}`;
  }

  /** A write met the end of the disk, before anybody looked: clients are refused until the next look finds room. @returns whether that is new */
  isFull(why: string): boolean {
    if (this.#full !== undefined) return false;
    this.#full = `log directory ${this.path}: the disk is full (${why}); make room on it`;
    this.#world.logger.error({ path: this.path, fault: why }, 'disk full: produce is refused');
    return true;
  }

  get full(): boolean {
    return this.#full !== undefined;
  }

  /** So much is about to be written. @returns whether the disk must be looked at first: who writes fast must not get past the reserve */
  takes(bytes: number): boolean {
    this.#unseenBytes += bytes;
    return this.#unseenBytes > this.#lookAfterBytes;
  }

  /**
   * Looks whether the disk is nearly full: `diskReserveBytes`, or a twentieth of a small one, stays for checkpoints, for what other brokers
   * have acknowledged already, and for coordinators. Clients write again once a quarter more than that is free.
   * @returns whether clients have been refused from this moment on
   */
  checkSpace(): boolean {
    if (!this.online) return false;
    const { files, limits, logger } = this.#world;
    const freeBytes = files.freeBytes(this.path);
    const reserveBytes = Math.min(limits.diskReserveBytes, Math.floor(files.totalBytes(this.path) / RESERVE_SHARE));
    this.#unseenBytes = 0;
    this.#lookAfterBytes = Math.max((freeBytes - reserveBytes) / 2, reserveBytes / LOOKS_PER_RESERVE);
    const wasFull = this.#full !== undefined;
    if (freeBytes >= reserveBytes * (wasFull ? HEALED_AT : 1)) {
      if (wasFull) logger.info({ path: this.path, freeBytes }, 'disk has room again: produce goes on');
      this.#full = undefined;
      return false;
    }
    if (!wasFull) logger.error({ path: this.path, freeBytes, reserveBytes }, 'disk nearly full: produce is refused');
    this.#full = `log directory ${this.path} has only ${freeBytes} bytes left, of which ${reserveBytes} are kept free; make room on its disk`;
    return !wasFull;
  }

  /** '' when it could not be read. */
  get directoryId(): string {
    return this.#directoryId;
  }

  /** undefined while it is offline */
  get onlineId(): string | undefined {
    return this.online ? this.#directoryId : undefined;
  }

  /** The epoch of the broker under which this directory was left in order; undefined: it was not. */
  get stoppedUnder(): number | undefined {
    return this.#stoppedUnder;
  }

  status(): LogDirStatus {
    const base = { path: this.path, directoryId: this.#directoryId, cordoned: this.cordoned };
    if (this.#offline !== undefined)
      return { ...base, online: false, why: this.#offline, totalBytes: -1, usableBytes: -1 };
    const { files } = this.#world;
    return { ...base, online: true, totalBytes: files.totalBytes(this.path), usableBytes: files.freeBytes(this.path) };
  }

  /** Takes the directory for this process. Throws StorageFault when another one has it. */
  lock(): void {
    const { files } = this.#world;
    makeDurably(files, this.path);
    if (!files.lock(`${this.path}/${LOCK}`)) {
      throw new StorageFault(
        this.path,
        'another process has this log directory open (.lock); stop it, or give each node its own log.dirs',
      );
    }
    this.#locked = true;
    this.#directoryId = readMetaProperties(files, this.path)?.directoryId ?? '';
  }

  unlock(): void {
    if (!this.#locked) return;
    this.#locked = false;
    this.#world.files.unlock(`${this.path}/${LOCK}`);
  }

  /**
   * Finds its logs, and recovers them when the last stop was not in order.
   * @param breathe called between short steps
   */
  async load(config: LogConfig, breathe: () => Promise<void>): Promise<{ logs: FoundLog[]; toRemove: string[] }> {
    const { files } = this.#world;
    this.#stoppedUnder = readCleanShutdown(files, this.path);
    const clean = this.#stoppedUnder !== undefined;
    const recoveryPoints = byLog(this.#readCheckpoint(RECOVERY_POINT_CHECKPOINT));
    const logStarts = byLog(this.#readCheckpoint(LOG_START_CHECKPOINT));
    removeCleanShutdown(files, this.path);
    const logs: FoundLog[] = [];
    const toRemove: string[] = [];
    for (const name of files.list(this.path)) {
      const directory = `${this.path}/${name}`;
      if (isDeleteDirectory(name)) toRemove.push(directory);
      const future = parseFutureDirectory(name);
      const parsed = future ?? parsePartitionDirectory(name);
      if (parsed === undefined || files.stat(directory)?.kind !== 'directory') continue;
      const topicId = readPartitionMetadata(files, directory) ?? '';
      const identity = { ...parsed, topicId, logDirectory: this.path, directory };
      const log = partitionKey(parsed.topic, parsed.partition);
      const known = { recoveryPoint: recoveryPoints.get(log), logStartOffset: logStarts.get(log) };
      const opening = clean ? this.#openClean(directory, known) : undefined;
      logs.push({
        identity,
        opening: opening ?? (await this.#recover(directory, config, known, breathe)),
        isFuture: future !== undefined,
        note: readReplacementNote(files, directory),
      });
      await breathe();
    }
    this.contentKnown = true;
    return { logs, toRemove };
  }

  /** Nothing but names and sizes is read: where the log ends is what the checkpoint of an orderly stop says. */
  #openClean(directory: string, known: KnownOffsets): LogOpening | undefined {
    const { baseOffsets, unfinished } = listLog(this.#world, directory);
    if (unfinished) return undefined;
    const [first, last] = [baseOffsets[0], baseOffsets.at(-1)];
    const { recoveryPoint } = known;
    if (first === undefined || last === undefined || recoveryPoint === undefined || recoveryPoint < last)
      return undefined;
    let sizeBytes = 0;
    for (const baseOffset of baseOffsets) {
      sizeBytes += this.#world.files.stat(`${directory}/${offsetName(baseOffset, LOG_SUFFIX)}`)?.sizeBytes ?? 0;
    }
    return {
      kind: 'closedCleanly',
      logStartOffset: Math.max(first, known.logStartOffset ?? 0),
      logEndOffset: recoveryPoint,
      sizeBytes,
    };
  }

  async #recover(
    directory: string,
    config: LogConfig,
    known: KnownOffsets,
    breathe: () => Promise<void>,
  ): Promise<LogOpening> {
    const input = {
      directory,
      config,
      recoveryPoint: known.recoveryPoint ?? 0,
      logStartOffset: known.logStartOffset ?? 0,
    };
    const steps = recover(this.#world, input);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return { kind: 'loaded', loaded: step.value, isNew: false };
      await breathe();
    }
  }

  writeRecoveryPoints(logs: Iterable<CheckpointedLog>): void {
    this.#recoveryPoints.writeNow(recoveryPointRows(logs));
  }

  writeLogStarts(logs: Iterable<CheckpointedLog>): void {
    this.#logStarts.writeNow(logStartRows(logs));
  }

  /** As {@link writeRecoveryPoints}, without holding others up. */
  writeRecoveryPointsLater(logs: () => Iterable<CheckpointedLog>): Promise<void> {
    return this.#recoveryPoints.writeLater(() => recoveryPointRows(logs()));
  }

  /** As {@link writeLogStarts}, without holding others up. */
  writeLogStartsLater(logs: () => Iterable<CheckpointedLog>): Promise<void> {
    return this.#logStarts.writeLater(() => logStartRows(logs()));
  }

  /** Up to where each log was compacted, by the last word of the cleaner. */
  cleanedOffsets(): OffsetRow[] {
    const rows = this.#readCheckpoint(CLEANER_CHECKPOINT);
    this.#cleanedClaims = byLog(rows);
    return rows;
  }

  /** The checkpoint on file may say that more of the log is clean than is. */
  claimsTooMuch(log: Pick<CheckpointedLog, 'topic' | 'partition' | 'cleanedTo'>): boolean {
    return (this.#cleanedClaims.get(`${log.topic}-${log.partition}`) ?? 0) > log.cleanedTo;
  }

  /** From here on the file claims what is so, and nothing of logs that are gone. */
  writeCleaned(logs: Iterable<CheckpointedLog>): void {
    const rows = cleanedRows(logs);
    this.#cleaned.writeNow(rows);
    this.#cleanedClaims = byLog(rows);
  }

  /** As {@link writeCleaned}, without holding others up; claims on file only grow by it. */
  writeCleanedLater(logs: () => Iterable<CheckpointedLog>): Promise<void> {
    return this.#cleaned.writeLater(() => {
      const rows = cleanedRows(logs());
      for (const [log, offset] of byLog(rows)) {
        this.#cleanedClaims.set(log, Math.max(offset, this.#cleanedClaims.get(log) ?? 0));
      }
      return rows;
    });
  }

  /** The last thing of an orderly stop. */
  markClean(brokerEpoch: number): void {
    writeCleanShutdown(this.#world.files, this.path, brokerEpoch);
  }

  /** A checkpoint that cannot be understood costs a longer recovery, not the start. */
  #readCheckpoint(name: string): OffsetRow[] {
    const path = `${this.path}/${name}`;
    try {
      return readOffsetCheckpoint(this.#world.files, path);
    } catch (cause) {
      if (!(cause instanceof StorageFault) || cause.systemCode !== undefined) throw cause;
      this.#world.logger.warn({ path, cause: cause.message }, 'checkpoint is malformed and taken as empty');
      return [];
    }
  }
}

/** A directory that was just made may vanish with a power cut, and all that was synced in it. */
function makeDurably(files: Files, path: string): void {
  if (path === '/' || files.stat(path) !== undefined) return;
  makeDurably(files, parentOf(path));
  files.makeDirectory(path);
  files.syncDirectory(parentOf(path));
}

type KnownOffsets = { readonly recoveryPoint: number | undefined; readonly logStartOffset: number | undefined };

function recoveryPointRows(logs: Iterable<CheckpointedLog>): OffsetRow[] {
  return Array.from(logs, (log) => ({ topic: log.topic, partition: log.partition, offset: log.recoveryPoint }));
}

function logStartRows(logs: Iterable<CheckpointedLog>): OffsetRow[] {
  const rows: OffsetRow[] = [];
  for (const log of logs) {
    if (log.logStartOffset > 0) rows.push({ topic: log.topic, partition: log.partition, offset: log.logStartOffset });
  }
  return rows;
}

function cleanedRows(logs: Iterable<CheckpointedLog>): OffsetRow[] {
  const rows: OffsetRow[] = [];
  for (const { topic, partition, cleanedTo } of logs)
    if (cleanedTo > 0) rows.push({ topic, partition, offset: cleanedTo });
  return rows;
}

function byLog(rows: readonly OffsetRow[]): Map<string, number> {
  return new Map(rows.map((row) => [`${row.topic}-${row.partition}`, row.offset]));
}
