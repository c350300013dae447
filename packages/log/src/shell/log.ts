/**
 * One partition's log as the rooms above see it: what may be appended and read, when it is flushed, and what a fault of the storage does to it.
 * What happens to its files is in log-body.ts.
 */
import { AssertionError, StorageFault, ok, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode, batch } from '@odradek/protocol';
import { AppendPlan, planAppend, sealPlan } from '../core/append.ts';
import { judgeProducer } from '../core/producer-batches.ts';
import type { Cleanable } from '../core/cleanable.ts';
import type { LastOfProducer } from '../core/compaction.ts';
import type { KeptBatch } from '../core/producers.ts';
import { collectAborted } from '../core/txn-index.ts';
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
import { Flusher } from './flusher.ts';
import type { Flushable } from './flusher.ts';
import type { LogState } from './load.ts';
import { LogBody } from './log-body.ts';
import type { LogOpening } from './log-body.ts';
import {
  NOTHING_READ,
  offsetForTimestamp,
  offsetOfMaxTimestamp,
  readFromDisk,
  segmentIndexOf,
  timestampAt,
} from './log-reader.ts';
import { asideDirectoryName } from './names.ts';
import { timeOfBatch } from './timestamps.ts';
import type { Segment } from './segment.ts';
import type { CleanedSegment } from './swap.ts';
import { isFullDisk } from './world.ts';
import type { LogKeeper, LogWorld } from './world.ts';

export type LogIdentity = {
  readonly topic: string;
  readonly partition: number;
  /** Empty when the file that says it was lost. */
  readonly topicId: string;
  readonly logDirectory: string;
  /** The log's own directory below it. */
  readonly directory: string;
};

export type LogStart = {
  readonly identity: LogIdentity;
  readonly config: LogConfig;
  readonly opening: LogOpening;
};

export class Log implements PartitionLog, Flushable {
  readonly topic: string;
  readonly partition: number;
  readonly logDirectory: string;
  readonly #world: LogWorld;
  readonly #keeper: LogKeeper;
  readonly #body: LogBody;
  readonly #flusher: Flusher;
  readonly #plan = new AppendPlan();
  #topicId: string;
  #offline: StorageFault | undefined;
  #closed = false;
  /** Appended since a flush was last begun. */
  #bytesUnflushed = 0;
  #messagesUnflushed = 0;
  #lastFlushMs: number;

  constructor(world: LogWorld, keeper: LogKeeper, { identity, config, opening }: LogStart) {
    this.#world = world;
    this.#keeper = keeper;
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.logDirectory = identity.logDirectory;
    this.#topicId = identity.topicId;
    this.#body = new LogBody(world, identity.directory, config, opening);
    this.#flusher = new Flusher(this);
    this.#lastFlushMs = world.clock.nowMs();
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
    return this.#guard(() => this.#body.sizeBytes);
  }

  get latestEpoch(): number | undefined {
    return this.#state.epochs.latest;
  }

  /** The fault that took it offline, if one did. */
  get fault(): StorageFault | undefined {
    return this.#offline;
  }

  /** The log turns out to be that of this topic: its own note of it was lost. */
  adopt(topicId: string): void {
    this.#topicId = topicId;
    this.#body.durability.newborn = true;
    this.#guard(() => writePartitionMetadata(this.#world.files, this.#body.directory, topicId, 'later'));
  }

  reconfigure(config: LogConfig): void {
    const wasCompacted = this.config.cleanupCompact;
    this.#body.config = config;
    if (wasCompacted && !config.cleanupCompact) this.#keeper.compactionUnwanted(this);
  }

  append(request: AppendRequest): AppendOutcome {
    const closed = this.#refuseWrite(request);
    if (closed !== undefined) return closed;
    try {
      return this.#append(request, this.#body.state);
    } catch (cause) {
      return this.#refusalOf(cause);
    }
  }

  read(request: ReadRequest): Outcome<ReadResult> | Promise<Outcome<ReadResult>> {
    const { fromOffset } = request;
    const { logStartOffset, logEndOffset } = this.#body;
    if (fromOffset < logStartOffset || fromOffset > logEndOffset) return this.#outside(fromOffset);
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
    const found: AbortedTransaction[] = [];
    this.#guard(() => {
      const { segments } = this.#body;
      for (const segment of segments.slice(Math.max(0, segmentIndexOf(segments, fromOffset)))) {
        if (collectAborted(segment.indexes.aborted(), { fromOffset, upToOffset }, found)) break;
      }
    });
    return found;
  }

  offsetForTimestamp(timestampMs: number, upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
    return this.#asked(() => offsetForTimestamp(this.#body, timestampMs, upToOffset));
  }

  offsetOfMaxTimestamp(upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
    return this.#asked(() => offsetOfMaxTimestamp(this.#body, upToOffset));
  }

  timestampAt(offset: number, upToOffset: number): number | undefined | Promise<number | undefined> {
    const end = Math.min(upToOffset, this.logEndOffset);
    const from = Math.max(offset, this.logStartOffset);
    if (from >= end) return undefined;
    const recent = this.#body.tail.read(from, end, 0, true)?.chunks[0];
    if (recent !== undefined && batch.recordsCount(recent, 0) > 0) return timeOfBatch(recent);
    return this.#asked(() => timestampAt(this.#body, from, end));
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
    this.#cutting(() => {
      const firstOffset = this.#body.segments[0]?.baseOffset ?? 0;
      if (offset <= this.#body.logStartOffset && offset <= firstOffset) return this.#startAnew(offset);
      this.#lowerTo(offset);
      this.#body.cutTo(offset);
      this.#keeper.cleanedLowered(this);
      this.#flusher.truncated(this.#body.logEndOffset);
    });
  }

  truncateFullyAndStartAt(offset: number): void {
    this.#cutting(() => this.#startAnew(offset));
  }

  advanceLogStart(offset: number, highWatermark: number): Outcome<number> {
    if (offset > highWatermark) {
      const why = `records up to ${offset} cannot be deleted: the high watermark is ${highWatermark}`;
      return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, why);
    }
    if (offset > this.#body.logStartOffset) {
      this.#guard(() => this.#body.advanceStart(offset));
      this.#keeper.logStartAdvanced(this.logDirectory);
    }
    return ok(this.#body.logStartOffset);
  }

  deleteOldSegments(nowMs: number, highWatermark: number): number {
    return this.#guard(() => {
      const due = this.#body.countDue(nowMs, highWatermark);
      if (due === 0) return 0;
      if (due === this.#body.segments.length) this.#body.roll();
      const paths = this.#body.dropOldest(due);
      this.#keeper.logStartAdvanced(this.logDirectory);
      this.#keeper.removeLater(paths, this.config.fileDeleteDelayMs);
      this.#flushInBackground();
      return due;
    });
  }

  rollIfDue(nowMs: number): void {
    this.#guard(() => {
      if (this.#body.isOverdue(nowMs) && this.#body.roll()) this.#flushInBackground();
    });
  }

  expireProducers(nowMs: number, expirationMs: number): void {
    if (this.#body.isLoaded) this.#state.producers.expire(nowMs, expirationMs);
  }

  activeProducers(): ActiveProducer[] {
    return this.#state.producers.active();
  }

  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  /** Flushes when flush.ms has passed since the last time. */
  flushIfDue(nowMs: number): Promise<void> {
    const isDue = this.recoveryPoint < this.logEndOffset && nowMs - this.#lastFlushMs >= this.config.flushMs;
    return isDue ? this.flush() : Promise.resolve();
  }

  /** Closing it takes more than letting go of its files. */
  get mustFlushToClose(): boolean {
    if (this.#closed || this.#offline !== undefined || !this.#body.isLoaded) return false;
    return this.recoveryPoint < this.logEndOffset || this.hasLooseEnds;
  }

  /** Writes everything that an orderly start relies on. Nothing is synced, and nothing may be appended any more. Throws StorageFault. */
  seal(): void {
    this.#guard(() => {
      this.#body.seal();
      this.#body.writeOut();
    });
  }

  /** What {@link seal} wrote has been synced: it takes its names. Throws StorageFault. */
  renameSealed(): void {
    this.#guard(() => this.#body.durability.rename(this.#body.directory));
  }

  /** All of it, names too, has been made durable by somebody else: the flush has only to ask the segment whether that went well. */
  syncedFromOutside(): void {
    this.#body.durability.syncedFromOutside(this.#body.active);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#body.isLoaded && this.#offline === undefined) {
      this.#guard(() => this.#body.seal());
      await this.flush();
    }
    this.#closed = true;
    this.#body.closeFiles();
  }

  // What the cleaner asks of the log.

  get isClosed(): boolean {
    return this.#closed;
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
    return this.#guard(() => this.#body.segments);
  }

  /** What compaction would find now. */
  cleanable(nowMs: number, highWatermark: number): Cleanable {
    return this.#guard(() => this.#body.cleanable(nowMs, this.lastStableOffset(highWatermark)));
  }

  /** Where the last batch of each producer lies that is still known. */
  lastOfProducers(): Map<number, LastOfProducer> {
    const found = new Map<number, LastOfProducer>();
    for (const { producerId, epoch, batches } of this.#state.producers.entries()) {
      found.set(producerId, { lastDataOffset: batches.at(-1)?.lastOffset ?? -1, epoch });
    }
    return found;
  }

  /** Puts what compaction has written in the place of its sources. @returns false when these have changed meanwhile */
  async swapIn(sources: readonly Segment[], cleaned: CleanedSegment): Promise<boolean> {
    if (this.#closed || this.#offline !== undefined) return false;
    try {
      const paths = await this.#body.swapIn(sources, cleaned);
      if (paths === undefined) return false;
      this.#keeper.removeLater(paths, this.config.fileDeleteDelayMs);
      return true;
    } catch (cause) {
      if (this.#closed) return false; // its directory has been renamed under the swap, which recovery would finish
      if (cause instanceof StorageFault) this.#goOffline(cause);
      throw cause;
    }
  }

  delete(): void {
    const aside = this.#moveAside('delete');
    if (aside !== undefined) this.#keeper.removeLater([aside], this.config.fileDeleteDelayMs);
  }

  /** Renames the directory to `topic-N.<uuid>-stray` and forgets it: its data stays for the operator to look at. */
  setAside(): void {
    this.#moveAside('stray');
  }

  // What a flush asks of the log.

  get hasLooseEnds(): boolean {
    return this.#body.durability.pending;
  }

  async syncAll(): Promise<void> {
    this.#bytesUnflushed = 0;
    this.#messagesUnflushed = 0;
    try {
      await this.#body.sync(this.logDirectory, (fault) => {
        if (!this.#closed) this.#goOffline(fault);
      });
    } catch (cause) {
      if (this.#closed) return; // deleted or closed meanwhile: nothing is promised any more
      throw this.#noteFault(cause);
    }
  }

  flushed(upToOffset: number): void {
    this.#body.recoveryPoint = Math.max(this.recoveryPoint, Math.min(upToOffset, this.logEndOffset));
    this.#lastFlushMs = this.#world.clock.nowMs();
  }

  get #state(): LogState {
    return this.#guard(() => this.#body.state);
  }

  #append(request: AppendRequest, state: LogState): AppendOutcome {
    const plan = this.#plan;
    const { config, logEndOffset, logStartOffset } = this.#body;
    const unpackedBytesMax = this.#world.limits.decompressedBatchBytesMax;
    const refusal = planAppend(request, { config, logEndOffset, unpackedBytesMax }, plan);
    if (refusal !== undefined) return refusal;
    if (plan.records.length > config.segmentBytes && request.origin !== 'replication') return this.#tooLarge();
    const verdict = judgeProducer(state.producers, plan.records, request.origin);
    if (verdict.kind === 'refused') return verdict.refusal;
    if (verdict.kind === 'duplicate') return this.#duplicate(verdict.of);
    const rolled = this.#body.makeRoomFor(plan, request.nowMs);
    sealPlan(request, plan);
    this.#body.write(plan);
    this.#appended(plan, rolled);
    return ok({
      firstOffset: plan.firstOffset,
      lastOffset: plan.lastOffset,
      logAppendTimeMs: plan.logAppendTimeMs,
      logStartOffset,
      sizeBytes: plan.records.length,
      recordCount: plan.recordCount,
      duplicate: false,
    });
  }

  /** The append has succeeded: nothing that follows may undo that. */
  #appended(plan: AppendPlan, rolled: boolean): void {
    const { active } = this.#body;
    if (active.indexes.waiting) {
      try {
        active.saveIndexes();
      } catch (cause) {
        this.#noteFault(cause); // on a full disk the rows wait in memory
      }
    }
    this.#bytesUnflushed += plan.records.length;
    this.#messagesUnflushed += plan.recordCount;
    const isDue =
      rolled ||
      this.#bytesUnflushed >= this.#world.limits.backgroundSyncBytes ||
      this.#messagesUnflushed >= this.config.flushMessages;
    if (!isDue) return;
    this.#bytesUnflushed = 0;
    this.#messagesUnflushed = 0;
    this.#flushInBackground();
  }

  #flushInBackground(): void {
    this.flush().catch((cause: unknown) => {
      // A fault has been noted where it happened: the log is offline, and every later append says so. A bug must not pass in silence.
      this.#world.logger.error({ cause, log: this.#body.directory }, 'background flush failed');
      if (cause instanceof AssertionError) {
        queueMicrotask(() => {
          throw cause;
        });
      }
    });
  }

  #refuseWrite(request: AppendRequest): Refusal | undefined {
    if (this.#closed) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `log ${this.topic}-${this.partition} is closed`);
    const why = this.#offline?.message ?? this.#keeper.refusesWrites(this.logDirectory, request.origin);
    return why === undefined ? undefined : refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }

  #tooLarge(): Refusal {
    return refuse(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `an append of ${this.#plan.records.length} bytes does not fit into a segment: segment.bytes is ${this.config.segmentBytes}`,
    );
  }

  #duplicate(of: KeptBatch): AppendOutcome {
    return ok({
      firstOffset: of.firstOffset,
      lastOffset: of.lastOffset,
      logAppendTimeMs: this.config.messageTimestampType === 'LogAppendTime' ? of.timestampMs : -1,
      logStartOffset: this.logStartOffset,
      sizeBytes: 0,
      recordCount: of.lastOffset - of.firstOffset + 1,
      duplicate: true,
    });
  }

  #outside(offset: number): Refusal {
    return refuse(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `offset ${offset} is outside ${this.topic}-${this.partition}, which holds ${this.logStartOffset} to ${this.logEndOffset - 1}`,
    );
  }

  async #readFromDisk(request: ReadRequest): Promise<Outcome<ReadResult>> {
    const chunkBytes = this.#world.limits.readChunkBytes;
    const bounds = { chunkBytes, indexIntervalBytes: this.config.indexIntervalBytes };
    try {
      const result = await readFromDisk(this.#body, request, bounds);
      return result === undefined ? this.#outside(request.fromOffset) : ok(result);
    } catch (cause) {
      return this.#refusalOf(cause);
    }
  }

  /** The end moves down: nothing above may be claimed any more, neither in memory, nor by a flush, nor by the checkpoint on file. */
  #lowerTo(offset: number): void {
    this.#flusher.truncated(offset);
    if (this.#body.lowerTo(offset)) this.#keeper.recoveryPointLowered(this.logDirectory);
  }

  #startAnew(offset: number): void {
    this.#lowerTo(Math.min(offset, this.logEndOffset));
    this.#body.startAnew(offset);
    this.#keeper.cleanedLowered(this);
    this.#keeper.logStartAdvanced(this.logDirectory);
  }

  #moveAside(why: 'delete' | 'stray'): string | undefined {
    if (this.#closed) return undefined;
    this.#closed = true;
    const uuidHex = Buffer.from(this.#world.random.bytes(16)).toString('hex');
    const aside = `${this.logDirectory}/${asideDirectoryName(this.topic, this.partition, uuidHex, why)}`;
    this.#body.closeFiles();
    this.#keeper.deleted(this.topic, this.partition);
    this.#guard(() => this.#world.files.rename(this.#body.directory, aside));
    this.#body.directory = aside;
    return aside;
  }

  /** A cut that stops half-way leaves a log that cannot go on, even when the disk is merely full. */
  #cutting(act: () => void): void {
    try {
      act();
    } catch (cause) {
      if (cause instanceof StorageFault) this.#goOffline(cause);
      throw cause;
    }
  }

  async #asked<T>(find: () => Promise<T>): Promise<T> {
    try {
      return await find();
    } catch (cause) {
      throw this.#noteFault(cause);
    }
  }

  #guard<T>(act: () => T): T {
    try {
      return act();
    } catch (cause) {
      throw this.#noteFault(cause);
    }
  }

  /** THE place where a fault of the storage decides over the log: a full disk does not take it offline, everything else does. */
  #noteFault(cause: unknown): unknown {
    if (!(cause instanceof StorageFault)) return cause;
    if (isFullDisk(cause)) this.#keeper.faulted(this.logDirectory, cause);
    else this.#goOffline(cause);
    return cause;
  }

  #goOffline(fault: StorageFault): void {
    if (this.#offline !== undefined) return;
    this.#offline = fault;
    this.#keeper.faulted(this.logDirectory, fault);
  }

  #refusalOf(cause: unknown): Refusal {
    const noted = this.#noteFault(cause);
    if (noted instanceof StorageFault) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, noted.message);
    throw noted;
  }
}
