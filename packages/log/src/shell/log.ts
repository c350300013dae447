/**
 * One partition's log as the rooms above see it: what may be appended and read, when it is flushed, and what a fault of the storage does to it.
 * What happens to its files is in log-body.ts.
 */
import { StorageFault, assert, ok, partitionKey, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode, batch } from '@odradek/protocol';
import type { Cleanable } from '../core/cleanable.ts';
import type { LastOfProducer } from '../core/producers.ts';
import type {
  AbortedTransaction,
  ActiveProducer,
  AppendOutcome,
  AppendRequest,
  EpochEnd,
  LogConfig,
  OffsetAndTimestamp,
  PartitionLog,
  ReadRequest,
  ReadResult,
} from '../types.ts';
import { writePartitionMetadata } from './checkpoints.ts';
import type { LogState } from './load.ts';
import type { LogBody } from './log-body.ts';
import type { LogFlushing } from './log-flushing.ts';
import type { LogHealth } from './log-health.ts';
import { LogParts, asideNameOf } from './log-parts.ts';
import type { LogStart } from './log-parts.ts';
import {
  NOTHING_READ,
  offsetForTimestamp,
  offsetOfMaxTimestamp,
  readFromDisk,
  abortedBetween,
  timestampAt,
} from './log-reader.ts';
import { timeOfBatch } from './timestamps.ts';
import type { Segment } from './segment.ts';
import type { CleanedSegment } from './swap.ts';
import type { LogKeeper, LogWorld } from './world.ts';

export class Log implements PartitionLog {
  readonly topic: string;
  readonly partition: number;
  /** The log manager says which it is. */
  future: Log | undefined;
  cutCount = 0;
  readonly #world: LogWorld;
  readonly #keeper: LogKeeper;
  #parts: LogParts;
  #topicId: string;

  constructor(world: LogWorld, keeper: LogKeeper, start: LogStart) {
    this.#world = world;
    this.#keeper = keeper;
    this.topic = start.identity.topic;
    this.partition = start.identity.partition;
    this.#topicId = start.identity.topicId;
    this.#parts = new LogParts(world, keeper, start);
  }

  get logDirectory(): string {
    return this.#parts.logDirectory;
  }

  get topicId(): string {
    return this.#topicId;
  }

  get logStartOffset(): number {
    return this.#body.logStartOffset;
  }

  get logEndOffset(): number {
    return this.#body.logEndOffset;
  }

  get recoveryPoint(): number {
    return this.#body.recoveryPoint;
  }

  get config(): LogConfig {
    return this.#body.config;
  }

  get sizeBytes(): number {
    return this.#health.guard(() => this.#body.sizeBytes);
  }

  get latestEpoch(): number | undefined {
    return this.#state.epochs.latest;
  }

  /** The fault that took it offline, if one did. */
  get fault(): StorageFault | undefined {
    return this.#health.fault;
  }

  /** The log turns out to be that of this topic: its own note of it was lost. */
  adopt(topicId: string): void {
    this.#topicId = topicId;
    this.#body.durability.newborn = true;
    this.#health.guard(() => writePartitionMetadata(this.#world.files, this.#body.directory, topicId, 'later'));
  }

  reconfigure(config: LogConfig): void {
    const wasCompacted = this.config.cleanupCompact;
    this.#body.config = config;
    this.future?.reconfigure(config);
    if (wasCompacted && !config.cleanupCompact) this.#keeper.compactionUnwanted(this);
  }

  append(request: AppendRequest): AppendOutcome {
    return this.#refuseWrite(request) ?? this.#parts.appends.append(request);
  }

  read(request: ReadRequest): Outcome<ReadResult> | Promise<Outcome<ReadResult>> {
    const { fromOffset } = request;
    const { logStartOffset, logEndOffset } = this.#body;
    if (fromOffset < logStartOffset || fromOffset > logEndOffset) return this.#outside(fromOffset);
    this.#body.tail.wanted();
    const upToOffset = Math.min(request.upToOffset, logEndOffset);
    if (fromOffset >= upToOffset) return ok(NOTHING_READ);
    const recent = this.#body.tail.read(fromOffset, upToOffset, request.maxBytes, request.minOneBatch);
    return recent === undefined ? this.#readFromDisk({ ...request, upToOffset }) : ok(recent);
  }

  lastStableOffset(highWatermark: number): number {
    const unstable = this.#state.producers.firstUnstableOffset(highWatermark);
    if (unstable === undefined) return highWatermark;
    return Math.min(highWatermark, Math.max(unstable, this.#body.logStartOffset));
  }

  abortedTransactions(fromOffset: number, upToOffset: number): AbortedTransaction[] {
    return this.#health.guard(() => abortedBetween(this.#body, fromOffset, upToOffset));
  }

  offsetForTimestamp(timestampMs: number, upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
    return this.#asked((body) => offsetForTimestamp(body, timestampMs, upToOffset));
  }

  offsetOfMaxTimestamp(upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
    return this.#asked((body) => offsetOfMaxTimestamp(body, upToOffset));
  }

  timestampAt(offset: number, upToOffset: number): number | undefined | Promise<number | undefined> {
    const end = Math.min(upToOffset, this.logEndOffset);
    const from = Math.max(offset, this.logStartOffset);
    if (from >= end) return undefined;
    const recent = this.#body.tail.read(from, end, 0, true)?.chunks[0];
    if (recent !== undefined && batch.recordsCount(recent, 0) > 0) return timeOfBatch(recent);
    return this.#asked((body) => timestampAt(body, from, end));
  }

  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined {
    return this.#state.epochs.endOffsetFor(leaderEpoch, this.#body.logEndOffset);
  }

  epochForOffset(offset: number): number | undefined {
    return this.#state.epochs.epochForOffset(offset);
  }

  assignEpochStart(leaderEpoch: number, startOffset: number): void {
    if (this.#state.epochs.assign(leaderEpoch, startOffset)) this.#body.durability.epochsDirty = true;
  }

  truncateTo(offset: number): void {
    if (offset >= this.#body.logEndOffset) return;
    this.cutCount += 1;
    this.#lowerTo(offset);
    this.#health.cutting(() => {
      const firstOffset = this.#body.segments[0]?.baseOffset ?? 0;
      if (offset <= this.#body.logStartOffset && offset <= firstOffset) return this.#startAnew(offset);
      this.#body.cutTo(offset);
      this.#keeper.cleanedLowered(this);
      this.#flushing.truncated(this.#body.logEndOffset);
    });
    this.#cutFuture((future) => future.truncateTo(this.logEndOffset));
  }

  truncateFullyAndStartAt(offset: number): void {
    this.cutCount += 1;
    this.#lowerTo(offset);
    this.#health.cutting(() => this.#startAnew(offset));
    this.#cutFuture((future) => future.truncateFullyAndStartAt(offset));
  }

  advanceLogStart(offset: number, highWatermark: number): Outcome<number> {
    if (offset > highWatermark) {
      const why = `records up to ${offset} cannot be deleted: the high watermark is ${highWatermark}`;
      return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, why);
    }
    if (offset > this.#body.logStartOffset) {
      this.#health.guard(() => this.#body.advanceStart(offset));
      this.#keeper.logStartAdvanced(this.logDirectory);
    }
    return ok(this.#body.logStartOffset);
  }

  deleteOldSegments(nowMs: number, highWatermark: number): number {
    return this.#health.guard(() => {
      const due = this.#body.countDue(nowMs, highWatermark);
      if (due === 0) return 0;
      if (due === this.#body.segments.length) this.#body.roll();
      const paths = this.#body.dropOldest(due);
      this.#keeper.logStartAdvanced(this.logDirectory);
      this.#keeper.removeLater(paths, this.config.fileDeleteDelayMs);
      this.#flushing.inBackground();
      return due;
    });
  }

  rollIfDue(nowMs: number): void {
    this.#health.guard(() => {
      if (this.#body.isOverdue(nowMs) && this.#body.roll()) this.#flushing.inBackground();
    });
  }

  expireProducers(nowMs: number, expirationMs: number): void {
    if (this.#body.isLoaded) this.#state.producers.expire(nowMs, expirationMs);
  }

  /** Idempotent producers that it remembers; 0 as long as nobody has used it since the start. */
  get producerCount(): number {
    return this.#body.isLoaded ? this.#state.producers.size : 0;
  }

  activeProducers(): ActiveProducer[] {
    return this.#state.producers.active();
  }

  async flush(): Promise<void> {
    const parts = this.#parts;
    await parts.flushing.flush();
    // A copy has taken over meanwhile: what the others made durable says nothing of it.
    if (parts !== this.#parts) await this.flush();
  }

  flushIfDue(nowMs: number): Promise<void> {
    return this.#flushing.flushIfDue(nowMs);
  }

  /** Closing it takes more than letting go of its files. */
  get mustFlushToClose(): boolean {
    if (this.#parts.isGone || this.fault !== undefined || !this.#body.isLoaded) return false;
    return this.recoveryPoint < this.logEndOffset || this.#flushing.hasLooseEnds;
  }

  /** Does now what would make a stop long. @returns whether there was anything to do. Throws StorageFault */
  prepareStop(): boolean {
    if (this.#parts.isGone || this.fault !== undefined) return false;
    return this.#health.guard(() => this.#body.prepareStop());
  }

  /** Writes everything that an orderly start relies on. Nothing is synced, and nothing may be appended any more. Throws StorageFault. */
  seal(): void {
    this.#health.guard(() => {
      this.#body.seal();
      this.#body.writeOut();
    });
  }

  /** What {@link seal} wrote has been synced: it takes its names. Throws StorageFault. */
  renameSealed(): void {
    this.#health.guard(() => this.#body.durability.rename(this.#body.directory));
  }

  /** All of it, names too, has been made durable by somebody else: the flush has only to ask the segment whether that went well. */
  syncedFromOutside(): void {
    this.#body.durability.syncedFromOutside(this.#body.active);
  }

  async close(): Promise<void> {
    if (this.#parts.isGone) return;
    if (this.#body.isLoaded && this.fault === undefined) {
      this.#health.guard(() => this.#body.seal());
      await this.flush();
    }
    this.#parts.letGo();
  }

  get isClosed(): boolean {
    return this.#parts.isGone;
  }

  /** Offsets below it have been compacted. */
  get cleanedTo(): number {
    return this.#body.cleanedTo;
  }

  noteCleaned(upToOffset: number): void {
    this.#body.cleanedTo = Math.min(upToOffset, this.logEndOffset);
  }

  get directory(): string {
    return this.#body.directory;
  }

  segments(): readonly Segment[] {
    return this.#health.guard(() => this.#body.segments);
  }

  /** What compaction would find now. */
  cleanable(nowMs: number, highWatermark: number): Cleanable {
    return this.#health.guard(() => this.#body.cleanable(nowMs, this.lastStableOffset(highWatermark)));
  }

  /** Where the last batch of each producer lies that is still known. */
  lastOfProducers(): Map<number, LastOfProducer> {
    return this.#state.producers.lastOffsets();
  }

  /** Puts what compaction has written in the place of its sources. @returns false when these have changed meanwhile */
  async swapIn(sources: readonly Segment[], cleaned: CleanedSegment): Promise<boolean> {
    if (this.#parts.isGone || this.fault !== undefined) return false;
    try {
      const paths = await this.#body.swapIn(sources, cleaned);
      if (paths === undefined) return false;
      this.#keeper.removeLater(paths, this.config.fileDeleteDelayMs);
      return true;
    } catch (cause) {
      if (this.#parts.isGone) return false; // its directory has been renamed under the swap, which recovery would finish
      if (cause instanceof StorageFault) this.#health.goOffline(cause);
      throw cause;
    }
  }

  delete(): void {
    this.future?.delete();
    const aside = this.#moveAside('delete');
    if (aside !== undefined) this.#keeper.removeLater([aside], this.config.fileDeleteDelayMs);
  }

  /** Renames the directory to `topic-N.<uuid>-stray` and forgets it: its data stays for the operator to look at. */
  setAside(): void {
    this.future?.delete();
    this.#moveAside('stray');
  }

  /** See {@link LogParts.syncTailNow}. */
  syncTailNow(): boolean {
    return this.#parts.syncTailNow();
  }

  /**
   * The copy takes the place of this log's files, in one turn: whoever has this log goes on with the copy's. Both must hold the same.
   * @returns the files that were replaced: closed, and still under the name of the log. Throws StorageFault, and nothing has changed
   */
  replaceByFuture(): LogParts {
    const { future } = this;
    assert(future !== undefined && !future.isClosed && !this.isClosed, 'only a copy that is there takes over');
    const [replaced, copy] = [this.#parts, future.#parts];
    copy.takeOver(replaced, partitionKey(this.topic, this.partition));
    this.#parts = copy;
    this.future = undefined;
    future.#parts = replaced;
    return replaced;
  }

  /** The copy of a log that cannot be read any more becomes the log. Throws StorageFault. */
  standAlone(): void {
    this.#parts.standAlone(partitionKey(this.topic, this.partition));
  }

  get #body(): LogBody {
    return this.#parts.body;
  }

  get #health(): LogHealth {
    return this.#parts.health;
  }

  get #flushing(): LogFlushing {
    return this.#parts.flushing;
  }

  get #state(): LogState {
    return this.#health.guard(() => this.#body.state);
  }

  #refuseWrite(request: AppendRequest): Refusal | undefined {
    if (this.#parts.isGone)
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `log ${this.topic}-${this.partition} is closed`);
    const why = this.#health.fault?.message ?? this.#keeper.refusesWrites(this.logDirectory, request);
    return why === undefined ? undefined : refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }

  #outside(offset: number): Refusal {
    return refuse(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `offset ${offset} is outside ${this.topic}-${this.partition}, which holds ${this.logStartOffset} to ${this.logEndOffset - 1}`,
    );
  }

  async #readFromDisk(request: ReadRequest): Promise<Outcome<ReadResult>> {
    const parts = this.#parts;
    const chunkBytes = this.#world.limits.readChunkBytes;
    const bounds = { chunkBytes, indexIntervalBytes: this.config.indexIntervalBytes };
    let outcome: Outcome<ReadResult>;
    try {
      const result = await readFromDisk(parts.body, request, bounds);
      outcome = result === undefined ? this.#outside(request.fromOffset) : ok(result);
    } catch (cause) {
      outcome = parts.health.refusalOf(cause);
    }
    // A copy has taken over under the read.
    return parts === this.#parts ? outcome : this.read(request);
  }

  async #asked<T>(find: (body: LogBody) => Promise<T>): Promise<T> {
    const parts = this.#parts;
    try {
      return await parts.health.asked(() => find(parts.body));
    } catch (cause) {
      if (parts === this.#parts) throw cause;
      return this.#asked(find);
    }
  }

  /** A copy must not hold what its log has lost. When that fails its directory is offline, and the copy is forgotten with it. */
  #cutFuture(cut: (future: Log) => void): void {
    if (this.future === undefined) return;
    try {
      cut(this.future);
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
    }
  }

  /** The end moves down: nothing above may be claimed any more, neither in memory, nor by a flush, nor by the checkpoint on file. */
  /** Before anything is cut: when that finds a full disk, nothing has happened, and it may be tried again. */
  #lowerTo(offset: number): void {
    const { recoveryPoint } = this.#body;
    this.#flushing.truncated(Math.min(offset, this.logEndOffset));
    if (!this.#body.lowerTo(Math.min(offset, this.logEndOffset))) return;
    try {
      this.#health.guard(() => this.#keeper.recoveryPointLowered(this.logDirectory));
    } catch (cause) {
      this.#body.recoveryPoint = recoveryPoint;
      throw cause;
    }
  }

  #startAnew(offset: number): void {
    this.#body.startAnew(offset);
    this.#keeper.cleanedLowered(this);
    this.#keeper.logStartAdvanced(this.logDirectory);
  }

  #moveAside(why: 'delete' | 'stray'): string | undefined {
    const parts = this.#parts;
    if (parts.isGone) return undefined;
    parts.letGo();
    this.#keeper.deleted(this);
    parts.rename(asideNameOf(this.#world, this, why));
    parts.health.retire();
    return parts.body.directory;
  }
}
