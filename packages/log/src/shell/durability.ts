/**
 * What of a log is not durable yet, and the order in which it becomes so: sealed segments with their indexes, the active one, the notes of the
 * log itself, then the names. The recovery point may only rise after all of it, since recovery looks at nothing below it.
 */
import { StorageFault } from '@odradek/base';
import type { Files } from '@odradek/base';
import { temporaryOf, writeBeside } from './checkpoints.ts';
import { replaceTextLater, syncFile } from './flusher.ts';
import { EPOCH_CHECKPOINT, PARTITION_METADATA } from './names.ts';
import type { Segment } from './segment.ts';

export type SyncTarget = {
  readonly directory: string;
  readonly logDirectory: string;
  readonly active: Segment;
  /** Asked when its turn comes: whether the active segment holds records that are not durable. */
  readonly hasUnflushed: () => boolean;
  readonly epochsText: () => string;
  /**
   * A sync of records failed. It may have thrown away what it could not write, and the next one would say nothing of it, so no such fault is
   * forgiven, not even a full disk.
   */
  readonly syncFailed: (fault: StorageFault) => void;
};

export class Durability {
  readonly #files: Files;
  /** Names in the log's directory have changed. */
  namesDirty: boolean;
  /** The directory itself and partition.metadata have just been made. */
  newborn: boolean;
  #epochsDirty = false;
  /** The epochs as they are lie beside their file, whole but for a sync. */
  #epochsBeside = false;
  #syncing = false;
  /** A truncation: what was cut could come back. */
  cutDirty = false;
  /** No longer written, not synced for good, oldest first. */
  #sealed: Segment[] = [];

  constructor(files: Files, initially: { readonly newborn: boolean; readonly namesDirty: boolean }) {
    this.#files = files;
    this.newborn = initially.newborn;
    this.namesDirty = initially.namesDirty;
  }

  get epochsDirty(): boolean {
    return this.#epochsDirty;
  }

  /** Epochs have changed. */
  set epochsDirty(isDirty: boolean) {
    this.#epochsDirty = isDirty;
    this.#epochsBeside = false;
  }

  get pending(): boolean {
    return this.namesDirty || this.newborn || this.epochsDirty || this.cutDirty || this.#sealed.length > 0;
  }

  sealed(segment: Segment): void {
    if (!this.#sealed.includes(segment)) this.#sealed.push(segment);
  }

  forget(segments: readonly Segment[]): void {
    this.#sealed = this.#sealed.filter((segment) => !segments.includes(segment));
  }

  async sync(target: SyncTarget): Promise<void> {
    const { namesDirty, newborn, epochsDirty, cutDirty } = this;
    this.namesDirty = false;
    this.newborn = false;
    this.epochsDirty = false;
    this.cutDirty = false;
    this.#syncing = true;
    try {
      await this.#syncSealed(target);
      if (target.hasUnflushed() || cutDirty) await syncSegment(target.active, false, target);
      const { directory } = target;
      if (newborn) await syncFile(this.#files, `${directory}/${PARTITION_METADATA}`);
      if (epochsDirty) await replaceTextLater(this.#files, `${directory}/${EPOCH_CHECKPOINT}`, target.epochsText());
      if (namesDirty || epochsDirty || newborn) await this.#files.syncDirectoryLater(directory);
      if (newborn) await this.#files.syncDirectoryLater(target.logDirectory);
    } catch (cause) {
      this.namesDirty ||= namesDirty || epochsDirty;
      this.newborn ||= newborn;
      if (epochsDirty) this.epochsDirty = true;
      this.cutDirty ||= cutDirty;
      throw cause;
    } finally {
      this.#syncing = false;
    }
  }

  /**
   * Writes what a stop would have to make a file for, so that thousands of logs stop in time; nothing is synced. A sync that is under way uses
   * the same name and does better.
   * @returns whether there was anything to write
   */
  prepare(target: Pick<SyncTarget, 'directory' | 'epochsText'>): boolean {
    if (!this.#epochsDirty || this.#epochsBeside || this.#syncing) return false;
    writeBeside(this.#files, `${target.directory}/${EPOCH_CHECKPOINT}`, target.epochsText());
    this.#epochsBeside = true;
    return true;
  }

  /** Writes what waits in memory, without a sync; epochs beside their file, which must not be replaced by what could still be torn. */
  writeOut(target: Pick<SyncTarget, 'directory' | 'active' | 'epochsText'>): void {
    for (const segment of this.#sealed) segment.saveIndexes();
    target.active.saveIndexes();
    if (!this.#epochsDirty || this.#epochsBeside) return;
    writeBeside(this.#files, `${target.directory}/${EPOCH_CHECKPOINT}`, target.epochsText());
  }

  /** What {@link writeOut} wrote has been synced. */
  rename(directory: string): void {
    const path = `${directory}/${EPOCH_CHECKPOINT}`;
    if (this.epochsDirty) this.#files.rename(temporaryOf(path), path);
  }

  /** The whole file system has been synced after {@link rename}: only the segments are asked once more, for a fault that nobody has seen. */
  syncedFromOutside(active: Segment): void {
    this.namesDirty = false;
    this.newborn = false;
    this.epochsDirty = false;
    active.indexes.unsynced = false;
    this.forget([active]);
  }

  async #syncSealed(target: SyncTarget): Promise<void> {
    for (let oldest = this.#sealed[0]; oldest !== undefined; oldest = this.#sealed[0]) {
      await syncSegment(oldest, true, target);
      if (this.#sealed[0] === oldest) this.#sealed.shift();
    }
  }
}

async function syncSegment(segment: Segment, withIndexes: boolean, target: SyncTarget): Promise<void> {
  segment.saveIndexes();
  try {
    await segment.sync(withIndexes);
  } catch (cause) {
    if (cause instanceof StorageFault) target.syncFailed(cause);
    throw cause;
  }
}
