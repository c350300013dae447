/**
 * The files of one log and what is known of them: grown, rolled, cut and dropped here. Faults leave as they come; the log that owns the body
 * decides over them.
 */
import { StorageFault, assert } from '@odradek/base';
import { batch } from '@odradek/protocol';
import type { AppendPlan } from '../core/append.ts';
import { cleanableOf } from '../core/cleanable.ts';
import type { Cleanable } from '../core/cleanable.ts';
import { largestTimestampOf } from '../core/indexes.ts';
import { applyBatch } from '../core/producer-batches.ts';
import { segmentsDue } from '../core/retention.ts';
import { isOverdue, mustRoll } from '../core/roll.ts';
import { Tail } from '../core/tail.ts';
import type { LogConfig } from '../types.ts';
import { epochsText } from './checkpoints.ts';
import { Durability } from './durability.ts';
import { createSegment, isSoonReplayed, loadClean } from './load.ts';
import type { Loaded, LogState } from './load.ts';
import { segmentIndexOf } from './log-reader.ts';
import type { ReadableLog } from './log-reader.ts';
import { rebuildProducers, snapshotOffsets, snapshotPath, writeSnapshot } from './replay.ts';
import type { Segment } from './segment.ts';
import { Swap } from './swap.ts';
import type { CleanedSegment, SwappedLog } from './swap.ts';
import type { LogWorld } from './world.ts';

const RELATIVE_OFFSET_MAX = 0x7fff_ffff;
/** How a log comes into being: with its state read, or (after an orderly stop) with its offsets known and the rest read on first use. */
export type LogOpening =
  | { readonly kind: 'loaded'; readonly loaded: Loaded; readonly isNew: boolean }
  | {
      readonly kind: 'closedCleanly';
      readonly logStartOffset: number;
      readonly logEndOffset: number;
      readonly sizeBytes: number;
    };

export class LogBody implements ReadableLog, SwappedLog {
  readonly tail: Tail;
  readonly durability: Durability;
  directory: string;
  config: LogConfig;
  logStartOffset: number;
  logEndOffset: number;
  /** Every offset below it is durable. */
  recoveryPoint: number;
  generation = 0;
  /** What is appended stays in memory for readers. */
  keepsTail = true;
  /** Offsets below it have been compacted. */
  cleanedTo = 0;
  readonly #world: LogWorld;
  #state: LogState | undefined;
  #sizeBytes = -1;
  #swap: Swap | undefined;

  constructor(world: LogWorld, directory: string, config: LogConfig, opening: LogOpening) {
    this.#world = world;
    this.directory = directory;
    this.config = config;
    this.tail = new Tail(world.tailCache);
    const isLoaded = opening.kind === 'loaded';
    const offsets = isLoaded ? opening.loaded : opening;
    this.logStartOffset = offsets.logStartOffset;
    this.logEndOffset = offsets.logEndOffset;
    this.recoveryPoint = isLoaded ? opening.loaded.recoveryPoint : opening.logEndOffset;
    this.#state = isLoaded ? opening.loaded.state : undefined;
    this.#sizeBytes = isLoaded ? -1 : opening.sizeBytes;
    // Creation and recovery may have made files.
    this.durability = new Durability(world.files, { newborn: isLoaded && opening.isNew, namesDirty: isLoaded });
    if (isLoaded && opening.loaded.epochsChanged === true) this.durability.epochsDirty = true;
    // What recovery has written, and what a killed process left to the page cache, is not durable because it was read.
    if (isLoaded) for (const segment of opening.loaded.unsynced) this.durability.sealed(segment);
  }

  /** What is known besides the offsets; read when it is first needed. */
  get state(): LogState {
    return this.#state ?? this.#load();
  }

  get isLoaded(): boolean {
    return this.#state !== undefined;
  }

  get segments(): readonly Segment[] {
    return this.state.segments;
  }

  get active(): Segment {
    const active = this.state.segments.at(-1);
    assert(active !== undefined, 'a log has an active segment');
    return active;
  }

  get sizeBytes(): number {
    if (this.#sizeBytes < 0) this.#sizeBytes = this.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    return this.#sizeBytes;
  }

  /** Begins a new segment when the planned append does not belong into the active one. @returns whether it did */
  makeRoomFor(plan: AppendPlan, nowMs: number): boolean {
    const { records, maxTimestampMs, lastOffset } = plan;
    const incoming = { sizeBytes: records.length, maxTimestampMs, lastOffset };
    if (!mustRoll(this.active.facts(), incoming, nowMs, this.config)) return false;
    // A follower of a compacted log may have to leap over more offsets than a segment's indexes can tell.
    return this.roll(lastOffset - RELATIVE_OFFSET_MAX);
  }

  /** Writes sealed batches at the end, then takes over what they say. */
  write(plan: AppendPlan): void {
    const { records } = plan;
    const { active } = this;
    let position = active.sizeBytes;
    active.write(records);
    this.logEndOffset = plan.lastOffset + 1;
    if (this.#sizeBytes >= 0) this.#sizeBytes += records.length;
    for (let at = 0; at < records.length;) {
      const sizeBytes = batch.sizeInBytes(records, at);
      this.#enter(active, records, at, position);
      position += sizeBytes;
      at += sizeBytes;
    }
    if (this.keepsTail) this.tail.append(records, plan.firstOffset, plan.lastOffset);
    assert(position === active.sizeBytes, 'a segment ends where its last batch does', { position });
  }

  /** @returns false when the active segment is empty and begins where the new one would */
  roll(leastBaseOffset = 0): boolean {
    const { active, state } = this;
    const baseOffset = Math.max(this.logEndOffset, leastBaseOffset);
    if (active.baseOffset === baseOffset) return false;
    active.seal();
    this.durability.sealed(active);
    this.#takeSnapshot(state);
    state.segments.push(createSegment(this.#world, this, baseOffset));
    this.durability.namesDirty = true;
    return true;
  }

  isOverdue(nowMs: number): boolean {
    return isOverdue(this.active.facts(), nowMs, this.config);
  }

  /** How many of the oldest segments retention lets go. */
  countDue(nowMs: number, highWatermark: number): number {
    const { logStartOffset, logEndOffset, config } = this;
    const segments = this.segments.map((segment) => ({
      baseOffset: segment.baseOffset,
      sizeBytes: segment.sizeBytes,
      largestTimestampMs: segment.largestTimestampMs >= 0 ? segment.largestTimestampMs : segment.modifiedMs(),
    }));
    return segmentsDue({ segments, logStartOffset, logEndOffset, highWatermark, nowMs, config });
  }

  /** What compaction would find. */
  cleanable(nowMs: number, lastStableOffset: number): Cleanable {
    const { cleanedTo, logStartOffset, config } = this;
    // Times cost a look into files after a start, and mostly no lag is asked for.
    const youngCount = config.minCompactionLagMs > 0;
    const oldCount = config.maxCompactionLagMs < nowMs;
    const timeOf = (segment: Segment, timestampMs: number): number =>
      timestampMs >= 0 ? timestampMs : segment.modifiedMs();
    const segments = this.segments.map((segment) => ({
      baseOffset: segment.baseOffset,
      sizeBytes: segment.sizeBytes,
      largestTimestampMs: youngCount ? timeOf(segment, segment.largestTimestampMs) : -Infinity,
      firstTimestampMs: oldCount ? timeOf(segment, segment.firstTimestampMs) : Infinity,
    }));
    return cleanableOf({ segments, cleanedTo, logStartOffset, lastStableOffset, nowMs, config });
  }

  areCurrent(sources: readonly Segment[]): boolean {
    const { segments } = this.state;
    const [first] = sources;
    const from = first === undefined ? -1 : segments.indexOf(first);
    // The active segment is never a source.
    return (
      from >= 0 && from + sources.length < segments.length && sources.every((one, at) => segments[from + at] === one)
    );
  }

  /** Puts what compaction has written in the place of its sources. @returns see Swap.run */
  async swapIn(sources: readonly Segment[], cleaned: CleanedSegment): Promise<string[] | undefined> {
    assert(this.#swap === undefined, 'one swap at a time');
    const swap = new Swap(this.#world, this, { sources, cleaned, nowMs: this.#world.clock.nowMs() });
    this.#swap = swap;
    try {
      return await swap.run();
    } finally {
      this.#swap = undefined;
    }
  }

  replace(sources: readonly Segment[], made: Segment): string[] {
    assert(this.areCurrent(sources), 'what is replaced is there');
    this.generation += 1;
    const { state } = this;
    const bases = new Set(sources.map(({ baseOffset }) => baseOffset));
    bases.delete(made.baseOffset);
    state.segments.splice(
      state.segments.findIndex((segment) => segment === sources[0]),
      sources.length,
      made,
    );
    this.durability.forget(sources);
    this.#sizeBytes = -1;
    const paths = sources.flatMap((segment) => segment.markDeleted());
    this.#removeSnapshots((offset) => bases.has(offset));
    return paths;
  }

  /** Before files are cut or dropped: no swap may be half-way. */
  settle(): void {
    this.#swap?.settle();
    this.#swap = undefined;
  }

  /** Renames the files of the oldest segments aside. @returns their new names */
  dropOldest(count: number): string[] {
    this.settle();
    this.generation += 1;
    const { state } = this;
    const dropped = state.segments.splice(0, count);
    this.durability.forget(dropped);
    const firstOffset = state.segments[0]?.baseOffset ?? this.logEndOffset;
    const paths = dropped.flatMap((segment) => segment.markDeleted());
    this.#removeSnapshots((offset) => offset < firstOffset);
    this.durability.namesDirty = true;
    this.#sizeBytes = -1;
    this.recoveryPoint = Math.max(this.recoveryPoint, Math.min(firstOffset, this.logEndOffset));
    if (firstOffset > this.logStartOffset) this.advanceStart(firstOffset);
    return paths;
  }

  advanceStart(offset: number): void {
    this.logStartOffset = offset;
    if (this.state.epochs.truncateFromStart(offset)) this.durability.epochsDirty = true;
  }

  /** Nothing at or above `offset` may be claimed any more. @returns whether the recovery point went down */
  lowerTo(offset: number): boolean {
    this.generation += 1;
    this.tail.truncateTo(offset);
    if (this.recoveryPoint <= offset) return false;
    this.recoveryPoint = offset;
    return true;
  }

  /** Cuts every batch that reaches `offset`; {@link lowerTo} has gone before. */
  cutTo(offset: number): void {
    this.settle();
    const { state } = this;
    const last = Math.max(0, segmentIndexOf(state.segments, offset));
    const later = state.segments.splice(last + 1);
    this.durability.forget(later);
    for (const segment of later.toReversed()) segment.removeFiles();
    // What was cut must not come back behind what is written from now on.
    if (later.length > 0) this.#world.files.syncDirectory(this.directory);
    const end = state.segments[last]?.truncateTo(offset) ?? offset;
    // A batch is cut as a whole: when the log start lay within it, nothing is left that counts.
    if (end < this.logStartOffset && offset >= this.logStartOffset) this.startAnew(this.logStartOffset);
    else this.#endAt(end);
  }

  /** Drops everything and begins with an empty segment; {@link lowerTo} has gone before. */
  startAnew(offset: number): void {
    this.settle();
    this.cleanedTo = 0;
    const { state } = this;
    this.durability.forget(state.segments);
    for (const segment of state.segments.toReversed()) segment.removeFiles();
    state.segments.splice(0, state.segments.length, createSegment(this.#world, this, offset));
    this.#removeSnapshots(() => true);
    this.#world.files.syncDirectory(this.directory);
    this.tail.clear();
    state.producers.clear();
    state.lastSnapshotOffset = -1;
    state.epochs.clear();
    this.durability.epochsDirty = true;
    this.#sizeBytes = -1;
    this.logStartOffset = offset;
    this.logEndOffset = offset;
    // An empty log is durable as it is: its only file has just been named.
    this.recoveryPoint = offset;
  }

  /** Leaves files that an orderly start can trust without a look, once they are flushed. */
  seal(): void {
    const { active, state } = this;
    active.seal();
    if (active.indexes.unsynced) this.durability.sealed(active);
    if (state.lastSnapshotOffset < this.logEndOffset && !isSoonReplayed(state)) this.#takeSnapshot(state);
  }

  /** After {@link seal}: writes what only memory holds, so that a sync of the files makes the log durable. */
  writeOut(): void {
    const { epochs } = this.state;
    const { directory, active } = this;
    this.durability.writeOut({ directory, active, epochsText: () => epochsText(epochs.entries()) });
  }

  /** See Durability.prepare. */
  prepareStop(): boolean {
    const state = this.#state;
    if (state === undefined) return false;
    return this.durability.prepare({ directory: this.directory, epochsText: () => epochsText(state.epochs.entries()) });
  }

  /** Makes durable what was written before the call. @param syncFailed see SyncTarget */
  sync(logDirectory: string, syncFailed: (fault: StorageFault) => void): Promise<void> {
    const { epochs } = this.state;
    return this.durability.sync({
      directory: this.directory,
      logDirectory,
      active: this.active,
      hasUnflushed: () => this.recoveryPoint < this.logEndOffset,
      epochsText: () => epochsText(epochs.entries()),
      syncFailed,
    });
  }

  /** The directory has another name: files are found under it from here on. */
  moved(directory: string): void {
    this.directory = directory;
    this.generation += 1;
    for (const segment of this.#state?.segments ?? []) segment.moveTo(directory);
  }

  /**
   * These files take the place of others that hold the same batches. What cannot be told from batches goes over too: epochs and producers of
   * which compaction has left nothing, and how far it came.
   */
  inherit(from: LogBody): void {
    assert(this.logEndOffset === from.logEndOffset, 'a copy that takes over is whole', {
      copy: this.logEndOffset,
      log: from.logEndOffset,
    });
    const { epochs, producers } = from.state;
    this.#state = { ...this.state, epochs, producers };
    this.durability.epochsDirty = true;
    // Its own name and that of the directory it got are not durable yet.
    this.durability.newborn = true;
    // Until then a power cut brings the others back: no more may be claimed than holds for both.
    this.recoveryPoint = Math.min(this.recoveryPoint, from.recoveryPoint);
    this.cleanedTo = Math.min(from.cleanedTo, this.logEndOffset);
    this.config = from.config;
    this.keepsTail = true;
  }

  /** Whether only the end of the active segment is not durable, so that one short sync makes all of it so. */
  get lacksOnlyTail(): boolean {
    return !this.durability.pending && this.recoveryPoint >= this.active.baseOffset;
  }

  /** Lets go of open files and memory. */
  closeFiles(): void {
    this.settle();
    this.generation += 1;
    this.tail.clear();
    for (const segment of this.#state?.segments ?? []) segment.closeFiles();
  }

  #load(): LogState {
    const { directory, config, recoveryPoint, logStartOffset } = this;
    const loaded = loadClean(this.#world, { directory, config, recoveryPoint, logStartOffset });
    if (loaded.logEndOffset !== this.logEndOffset) {
      throw new StorageFault(
        directory,
        `it ends at offset ${loaded.logEndOffset}, but was closed at ${this.logEndOffset}: files were changed while the broker was down; ` +
          'stop it, remove .kafka_cleanshutdown, and start it to have the log recovered',
      );
    }
    this.#state = loaded.state;
    return loaded.state;
  }

  #enter(segment: Segment, records: Buffer, at: number, position: number): void {
    const { state } = this;
    const placed = {
      position,
      sizeBytes: batch.sizeInBytes(records, at),
      lastOffset: batch.lastOffset(records, at),
      maxTimestampMs: largestTimestampOf(records, at),
    };
    segment.enter(placed, this.config.indexIntervalBytes);
    const epoch = batch.partitionLeaderEpoch(records, at);
    if (epoch >= 0 && epoch !== state.epochs.latest && state.epochs.assign(epoch, batch.baseOffset(records, at))) {
      this.durability.epochsDirty = true;
    }
    const aborted = applyBatch(state.producers, records, at);
    if (aborted !== undefined) segment.indexes.addAborted(aborted);
  }

  /** The log ends here now: what is known of epochs and producers is what the rest says. */
  #endAt(offset: number): void {
    const { state } = this;
    this.logEndOffset = offset;
    this.logStartOffset = Math.min(this.logStartOffset, offset);
    this.recoveryPoint = Math.min(this.recoveryPoint, offset);
    this.cleanedTo = Math.min(this.cleanedTo, offset);
    this.durability.cutDirty = true;
    this.#sizeBytes = -1;
    if (state.epochs.truncateFromEnd(offset)) this.durability.epochsDirty = true;
    const available = this.#removeSnapshots((snapshot) => snapshot > offset);
    state.producers.clear();
    state.lastSnapshotOffset = available.at(-1) ?? -1;
    const source = { directory: this.directory, segments: state.segments, available };
    rebuildProducers(this.#world.files, source, offset, state.producers);
  }

  #takeSnapshot(state: LogState): void {
    const { files } = this.#world;
    const before = state.lastSnapshotOffset;
    writeSnapshot(files, this.directory, this.logEndOffset, state.producers);
    state.lastSnapshotOffset = this.logEndOffset;
    // That of an earlier stop stands between two segments and is of no more use.
    const isStray =
      before >= 0 && before !== this.logEndOffset && !state.segments.some(({ baseOffset }) => baseOffset === before);
    if (isStray) files.remove(snapshotPath(this.directory, before));
  }

  /** @returns offsets of those that are left, rising */
  #removeSnapshots(isDue: (offset: number) => boolean): number[] {
    const kept: number[] = [];
    for (const offset of snapshotOffsets(this.#world.files, this.directory)) {
      if (isDue(offset)) this.#world.files.remove(snapshotPath(this.directory, offset));
      else kept.push(offset);
    }
    return kept;
  }
}
