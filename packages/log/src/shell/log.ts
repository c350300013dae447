/** One partition's log: what an append, a read, a truncation do to its files and to what is known of it in memory. */
import { AssertionError, StorageFault, assert, ok, refuse } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import { ErrorCode, batch } from '@odradek/protocol';
import { AppendPlan, planAppend, sealPlan } from '../core/append.ts';
import { applyBatch, judgeProducer } from '../core/producer-batches.ts';
import type { KeptBatch } from '../core/producers.ts';
import { segmentsDue } from '../core/retention.ts';
import { isOverdue, mustRoll } from '../core/roll.ts';
import { Tail } from '../core/tail.ts';
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
import { epochsText, writePartitionMetadata } from './checkpoints.ts';
import { Durability } from './durability.ts';
import { Flusher } from './flusher.ts';
import type { Flushable } from './flusher.ts';
import { createSegment, loadClean } from './load.ts';
import type { Loaded, LogState } from './load.ts';
import { NOTHING_READ, offsetForTimestamp, offsetOfMaxTimestamp, readFromDisk, segmentIndexOf } from './log-reader.ts';
import type { ReadableLog } from './log-reader.ts';
import { asideDirectoryName } from './names.ts';
import { rebuildProducers, snapshotOffsets, snapshotPath, writeSnapshot } from './replay.ts';
import type { Segment } from './segment.ts';
import { isFullDisk } from './world.ts';
import type { LogKeeper, LogWorld } from './world.ts';

const RELATIVE_OFFSET_MAX = 0x7fff_ffff;

export type LogIdentity = {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly logDirectory: string;
  /** The log's own directory below it. */
  readonly directory: string;
};

/** How the log comes into being: with its state read, or (after a clean stop) with its offsets known and the rest read on first use. */
export type LogOpening =
  | { readonly kind: 'loaded'; readonly loaded: Loaded; readonly isNew: boolean }
  | { readonly kind: 'closedCleanly'; readonly logStartOffset: number; readonly logEndOffset: number };

export class Log implements PartitionLog, Flushable, ReadableLog {
  readonly topic: string;
  readonly partition: number;
  readonly logDirectory: string;
  /** Counts truncations and deletions of segments: what a read on its way compares. */
  generation = 0;
  #topicId: string;
  readonly #world: LogWorld;
  readonly #keeper: LogKeeper;
  readonly #plan = new AppendPlan();
  readonly #tail: Tail;
  readonly #flusher: Flusher;
  #directory: string;
  #config: LogConfig;
  #state: LogState | undefined;
  #logStartOffset: number;
  #logEndOffset: number;
  #recoveryPoint: number;
  #sizeBytes = -1;
  #offline: StorageFault | undefined;
  #closed = false;
  readonly #durability: Durability;
  #bytesSinceSync = 0;
  #lastFlushMs: number;
  #unflushedSince = 0;

  constructor(world: LogWorld, keeper: LogKeeper, identity: LogIdentity, config: LogConfig, opening: LogOpening) {
    this.#world = world;
    this.#keeper = keeper;
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.#topicId = identity.topicId;
    this.logDirectory = identity.logDirectory;
    this.#directory = identity.directory;
    this.#config = config;
    this.#tail = new Tail(world.tailCache);
    this.#flusher = new Flusher(this);
    this.#lastFlushMs = world.clock.nowMs();
    const isLoaded = opening.kind === 'loaded';
    const offsets = isLoaded ? opening.loaded : opening;
    this.#state = isLoaded ? opening.loaded.state : undefined;
    this.#logStartOffset = offsets.logStartOffset;
    this.#logEndOffset = offsets.logEndOffset;
    this.#recoveryPoint = isLoaded ? opening.loaded.recoveryPoint : opening.logEndOffset;
    // Creation and recovery may have made files.
    this.#durability = new Durability(world.files, { newborn: isLoaded && opening.isNew, namesDirty: isLoaded });
  }

  /** Empty when the file that says it was lost. */
  get topicId(): string {
    return this.#topicId;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  get recoveryPoint(): number {
    return this.#recoveryPoint;
  }

  get config(): LogConfig {
    return this.#config;
  }

  get sizeBytes(): number {
    if (this.#sizeBytes < 0)
      this.#sizeBytes = this.#loaded().segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    return this.#sizeBytes;
  }

  get latestEpoch(): number | undefined {
    return this.#loaded().epochs.latest;
  }

  get segments(): readonly Segment[] {
    return this.#loaded().segments;
  }

  get hasLooseEnds(): boolean {
    return this.#durability.pending;
  }

  /** The fault that took it offline, if one did. */
  get fault(): StorageFault | undefined {
    return this.#offline;
  }

  /** The log turns out to be that of this topic: its own note of it was lost. */
  adopt(topicId: string): void {
    this.#topicId = topicId;
    this.#durability.newborn = true;
    this.#guard(() => writePartitionMetadata(this.#world.files, this.#directory, topicId, 'later'));
  }

  reconfigure(config: LogConfig): void {
    this.#config = config;
  }

  append(request: AppendRequest): AppendOutcome {
    const closed = this.#refuseWrite(request);
    if (closed !== undefined) return closed;
    try {
      const state = this.#loaded();
      const plan = this.#plan;
      const rules = {
        config: this.#config,
        logEndOffset: this.#logEndOffset,
        unpackedBytesMax: this.#world.limits.decompressedBatchBytesMax,
      };
      const refusal = planAppend(request, rules, plan);
      if (refusal !== undefined) return refusal;
      if (plan.records.length > this.#config.segmentBytes && request.origin !== 'replication')
        return this.#tooLargeForSegment();
      const verdict = judgeProducer(state.producers, plan.records, request.origin);
      if (verdict.kind === 'refused') return verdict.refusal;
      if (verdict.kind === 'duplicate') return this.#duplicate(verdict.of);
      const segment = this.#segmentFor(plan, request.nowMs);
      sealPlan(request, plan);
      this.#write(state, segment, plan);
      return ok({
        firstOffset: plan.firstOffset,
        lastOffset: plan.lastOffset,
        logAppendTimeMs: plan.logAppendTimeMs,
        logStartOffset: this.#logStartOffset,
        sizeBytes: plan.records.length,
        recordCount: plan.recordCount,
        duplicate: false,
      });
    } catch (cause) {
      return this.#refusalOf(cause);
    }
  }

  read(request: ReadRequest): Outcome<ReadResult> | Promise<Outcome<ReadResult>> {
    const { fromOffset } = request;
    if (fromOffset < this.#logStartOffset || fromOffset > this.#logEndOffset) return this.#outside(fromOffset);
    const upToOffset = Math.min(request.upToOffset, this.#logEndOffset);
    if (fromOffset >= upToOffset) return ok(NOTHING_READ);
    const recent = this.#tail.read(fromOffset, upToOffset, request.maxBytes, request.minOneBatch);
    return recent === undefined ? this.#readFromDisk({ ...request, upToOffset }) : ok(recent);
  }

  lastStableOffset(highWatermark: number): number {
    const unstable = this.#loaded().producers.firstUnstableOffset(highWatermark);
    return unstable === undefined ? highWatermark : Math.min(highWatermark, Math.max(unstable, this.#logStartOffset));
  }

  abortedTransactions(fromOffset: number, upToOffset: number): AbortedTransaction[] {
    const { segments } = this.#loaded();
    const found: AbortedTransaction[] = [];
    for (let index = Math.max(0, segmentIndexOf(segments, fromOffset)); index < segments.length; index += 1) {
      const segment = segments[index];
      if (segment === undefined) break;
      if (collectAborted(segment.indexes.aborted(), { fromOffset, upToOffset }, found)) break;
    }
    return found;
  }

  async offsetForTimestamp(timestampMs: number, upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
    return this.#asked(() => offsetForTimestamp(this, timestampMs, upToOffset));
  }

  async offsetOfMaxTimestamp(upToOffset: number): Promise<OffsetAndTimestamp | undefined> {
    return this.#asked(() => offsetOfMaxTimestamp(this, upToOffset));
  }

  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined {
    return this.#loaded().epochs.endOffsetFor(leaderEpoch, this.#logEndOffset);
  }

  epochForOffset(offset: number): number | undefined {
    return this.#loaded().epochs.epochForOffset(offset);
  }

  assignEpochStart(leaderEpoch: number, startOffset: number): void {
    if (this.#loaded().epochs.assign(leaderEpoch, startOffset)) this.#durability.epochsDirty = true;
  }

  truncateTo(offset: number): void {
    if (offset >= this.#logEndOffset) return;
    this.#guard(() => {
      const state = this.#loaded();
      if (offset <= this.#logStartOffset && offset <= (state.segments[0]?.baseOffset ?? 0)) {
        this.#startAnew(state, offset);
        return;
      }
      this.#lowerTo(offset);
      const last = Math.max(0, segmentIndexOf(state.segments, offset));
      const later = state.segments.splice(last + 1);
      this.#durability.forget(later);
      for (const segment of later.toReversed()) segment.removeFiles();
      if (later.length > 0) this.#world.files.syncDirectory(this.#directory);
      const end = state.segments[last]?.truncateTo(offset) ?? offset;
      // A batch is cut as a whole: when the log start lay within it, nothing is left that counts.
      if (end < this.#logStartOffset && offset >= this.#logStartOffset)
        return this.#startAnew(state, this.#logStartOffset);
      this.#flusher.truncated(end);
      this.#afterCut(state, end);
    });
  }

  truncateFullyAndStartAt(offset: number): void {
    this.#guard(() => this.#startAnew(this.#loaded(), offset));
  }

  advanceLogStart(offset: number, highWatermark: number): Outcome<number> {
    if (offset > highWatermark) {
      return refuse(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `records up to ${offset} cannot be deleted: the high watermark is ${highWatermark}`,
      );
    }
    if (offset <= this.#logStartOffset) return ok(this.#logStartOffset);
    const { epochs } = this.#loaded();
    this.#logStartOffset = offset;
    if (epochs.truncateFromStart(offset)) this.#durability.epochsDirty = true;
    this.#keeper.logStartAdvanced(this.logDirectory);
    return ok(offset);
  }

  deleteOldSegments(nowMs: number, highWatermark: number): number {
    return this.#guard(() => {
      const state = this.#loaded();
      const due = segmentsDue({
        segments: state.segments.map((segment) => ({
          baseOffset: segment.baseOffset,
          sizeBytes: segment.sizeBytes,
          largestTimestampMs: segment.largestTimestampMs >= 0 ? segment.largestTimestampMs : segment.modifiedMs(),
        })),
        logStartOffset: this.#logStartOffset,
        logEndOffset: this.#logEndOffset,
        highWatermark,
        nowMs,
        config: this.#config,
      });
      if (due === 0) return 0;
      if (due === state.segments.length) this.#roll(state);
      this.#dropOldest(state, due);
      return due;
    });
  }

  rollIfDue(nowMs: number): void {
    const state = this.#loaded();
    const active = this.#active(state);
    if (isOverdue(active.facts(), nowMs, this.#config)) this.#guard(() => this.#roll(state));
  }

  expireProducers(nowMs: number, expirationMs: number): void {
    this.#state?.producers.expire(nowMs, expirationMs);
  }

  activeProducers(): ActiveProducer[] {
    return this.#loaded().producers.active();
  }

  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  /** Flushes when flush.ms has passed since the last time. */
  flushIfDue(nowMs: number): Promise<void> {
    const isDue = this.#recoveryPoint < this.#logEndOffset && nowMs - this.#lastFlushMs >= this.#config.flushMs;
    return isDue ? this.flush() : Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#state !== undefined && this.#offline === undefined) {
      const state = this.#state;
      this.#guard(() => {
        const active = this.#active(state);
        active.seal();
        // Nothing checks the indexes after an orderly stop, so they must be as durable as the records.
        if (active.indexes.unsynced) this.#durability.sealed(active);
        if (state.lastSnapshotOffset < this.#logEndOffset) this.#takeSnapshot(state);
      });
      await this.flush();
    }
    this.#closed = true;
    this.#forgetFiles();
  }

  delete(): void {
    const aside = this.#moveAside('delete');
    if (aside !== undefined) this.#keeper.removeLater([aside], this.#config.fileDeleteDelayMs);
  }

  /** Renames the directory to `topic-N.<uuid>-stray` and forgets it: its data stays for the operator to look at. */
  setAside(): void {
    this.#moveAside('stray');
  }

  // What a flush asks of the log.

  async syncAll(): Promise<void> {
    const state = this.#loaded();
    this.#bytesSinceSync = 0;
    try {
      await this.#durability.sync({
        directory: this.#directory,
        logDirectory: this.logDirectory,
        active: this.#active(state),
        hasUnflushed: () => this.#recoveryPoint < this.#logEndOffset,
        epochsText: () => epochsText(state.epochs.entries()),
        syncFailed: (fault) => (this.#closed ? undefined : this.#goOffline(fault)),
      });
    } catch (cause) {
      if (this.#closed) return; // deleted or closed meanwhile: nothing is promised any more
      throw this.#noteFault(cause);
    }
  }

  flushed(upToOffset: number): void {
    this.#recoveryPoint = Math.max(this.#recoveryPoint, Math.min(upToOffset, this.#logEndOffset));
    this.#lastFlushMs = this.#world.clock.nowMs();
    this.#unflushedSince = this.#recoveryPoint;
  }

  /** Everything but the offsets is read when it is first needed. */
  #loaded(): LogState {
    return this.#state ?? this.#load();
  }

  #load(): LogState {
    return this.#guard(() => {
      const input = {
        directory: this.#directory,
        config: this.#config,
        recoveryPoint: this.#recoveryPoint,
        logStartOffset: this.#logStartOffset,
      };
      const loaded = loadClean(this.#world, input);
      if (loaded.logEndOffset !== this.#logEndOffset) {
        throw new StorageFault(
          this.#directory,
          `it ends at offset ${loaded.logEndOffset}, but was closed at ${this.#logEndOffset}: files were changed while the broker was down; remove .kafka_cleanshutdown to have it recovered`,
        );
      }
      this.#state = loaded.state;
      return loaded.state;
    });
  }

  #refuseWrite(request: AppendRequest): Refusal | undefined {
    if (this.#closed) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `log ${this.topic}-${this.partition} is closed`);
    if (this.#offline !== undefined)
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `log is offline: ${this.#offline.message}`);
    const why = this.#keeper.refusesWrites(this.logDirectory, request.origin);
    return why === undefined ? undefined : refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }

  #tooLargeForSegment(): Refusal {
    return refuse(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `an append of ${this.#plan.records.length} bytes does not fit into a segment: segment.bytes is ${this.#config.segmentBytes}`,
    );
  }

  #duplicate(of: KeptBatch): AppendOutcome {
    return ok({
      firstOffset: of.firstOffset,
      lastOffset: of.lastOffset,
      logAppendTimeMs: this.#config.messageTimestampType === 'LogAppendTime' ? of.timestampMs : -1,
      logStartOffset: this.#logStartOffset,
      sizeBytes: 0,
      recordCount: of.lastOffset - of.firstOffset + 1,
      duplicate: true,
    });
  }

  #segmentFor(plan: AppendPlan, nowMs: number): Segment {
    const state = this.#loaded();
    const active = this.#active(state);
    const incoming = {
      sizeBytes: plan.records.length,
      maxTimestampMs: plan.maxTimestampMs,
      lastOffset: plan.lastOffset,
    };
    // A follower of a compacted log may have to leap over more offsets than a segment's indexes can tell.
    if (mustRoll(active.facts(), incoming, nowMs, this.#config))
      this.#roll(state, plan.lastOffset - RELATIVE_OFFSET_MAX);
    return this.#active(state);
  }

  #write(state: LogState, segment: Segment, plan: AppendPlan): void {
    const { records } = plan;
    let position = segment.sizeBytes;
    segment.write(records);
    this.#logEndOffset = plan.lastOffset + 1;
    if (this.#sizeBytes >= 0) this.#sizeBytes += records.length;
    for (let at = 0; at < records.length;) {
      const sizeBytes = batch.sizeInBytes(records, at);
      const lastOffset = batch.lastOffset(records, at);
      segment.enter(
        { position, sizeBytes, lastOffset, maxTimestampMs: batch.maxTimestamp(records, at) },
        this.#config.indexIntervalBytes,
      );
      const epoch = batch.partitionLeaderEpoch(records, at);
      if (epoch >= 0 && epoch !== state.epochs.latest && state.epochs.assign(epoch, batch.baseOffset(records, at)))
        this.#durability.epochsDirty = true;
      const aborted = applyBatch(state.producers, records, at);
      if (aborted !== undefined) segment.indexes.addAborted(aborted);
      position += sizeBytes;
      at += sizeBytes;
    }
    this.#tail.append(records, plan.firstOffset, plan.lastOffset);
    if (segment.indexes.waiting) this.#quietly(() => segment.saveIndexes());
    this.#flushAfter(records.length);
    assert(position === segment.sizeBytes, 'the segment ends where the last batch does', {
      position,
      size: segment.sizeBytes,
    });
  }

  #flushAfter(bytes: number): void {
    this.#bytesSinceSync += bytes;
    const messages = this.#logEndOffset - this.#unflushedSince;
    if (this.#bytesSinceSync < this.#world.limits.backgroundSyncBytes && messages < this.#config.flushMessages) return;
    this.#unflushedSince = this.#logEndOffset;
    this.#bytesSinceSync = 0;
    this.#flushInBackground();
  }

  #flushInBackground(): void {
    this.flush().catch((cause: unknown) => {
      // A fault has been noted where it happened: the log is offline, and every later append says so. A bug must not pass in silence.
      this.#world.logger.error({ cause, log: this.#directory }, 'background flush failed');
      if (cause instanceof AssertionError) {
        queueMicrotask(() => {
          throw cause;
        });
      }
    });
  }

  #roll(state: LogState, leastBaseOffset = 0): void {
    const active = this.#active(state);
    const baseOffset = Math.max(this.#logEndOffset, leastBaseOffset);
    if (active.baseOffset === baseOffset) return;
    active.seal();
    this.#durability.sealed(active);
    this.#takeSnapshot(state);
    state.segments.push(this.#createSegment(baseOffset));
    this.#durability.namesDirty = true;
    this.#flushInBackground();
  }

  #createSegment(baseOffset: number): Segment {
    const log = { directory: this.#directory, config: this.#config };
    return createSegment(this.#world, log, baseOffset);
  }

  #takeSnapshot(state: LogState): void {
    const { files } = this.#world;
    const before = state.lastSnapshotOffset;
    writeSnapshot(files, this.#directory, this.#logEndOffset, state.producers);
    state.lastSnapshotOffset = this.#logEndOffset;
    // That of an earlier stop stands between two segments and is of no more use.
    const isStray =
      before >= 0 && before !== this.#logEndOffset && !state.segments.some((segment) => segment.baseOffset === before);
    if (isStray) files.remove(snapshotPath(this.#directory, before));
  }

  #active(state: LogState): Segment {
    const active = state.segments.at(-1);
    assert(active !== undefined, 'a log has an active segment');
    return active;
  }

  async #readFromDisk(request: ReadRequest): Promise<Outcome<ReadResult>> {
    const { limits } = this.#world;
    const bounds = { chunkBytes: limits.readChunkBytes, indexIntervalBytes: this.#config.indexIntervalBytes };
    try {
      const result = await readFromDisk(this, request, bounds);
      return result === undefined ? this.#outside(request.fromOffset) : ok(result);
    } catch (cause) {
      return this.#refusalOf(cause);
    }
  }

  #outside(offset: number): Refusal {
    return refuse(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `offset ${offset} is outside ${this.topic}-${this.partition}, which holds ${this.#logStartOffset} to ${this.#logEndOffset - 1}`,
    );
  }

  /** The end moves down: nothing above may be claimed any more, neither in memory nor by the checkpoint on file. */
  #lowerTo(offset: number): void {
    this.generation += 1;
    this.#flusher.truncated(offset);
    this.#tail.truncateTo(offset);
    if (this.#recoveryPoint <= offset) return;
    this.#recoveryPoint = offset;
    this.#unflushedSince = Math.min(this.#unflushedSince, offset);
    this.#keeper.recoveryPointLowered(this.logDirectory);
  }

  #afterCut(state: LogState, offset: number): void {
    this.#logEndOffset = offset;
    this.#logStartOffset = Math.min(this.#logStartOffset, offset);
    this.#recoveryPoint = Math.min(this.#recoveryPoint, offset);
    this.#unflushedSince = Math.min(this.#unflushedSince, offset);
    this.#durability.cutDirty = true;
    this.#sizeBytes = -1;
    if (state.epochs.truncateFromEnd(offset)) this.#durability.epochsDirty = true;
    const { files } = this.#world;
    for (const snapshot of snapshotOffsets(files, this.#directory)) {
      if (snapshot > offset) files.remove(snapshotPath(this.#directory, snapshot));
    }
    const available = snapshotOffsets(files, this.#directory);
    state.producers.clear();
    state.lastSnapshotOffset = available.at(-1) ?? -1;
    rebuildProducers(
      files,
      { directory: this.#directory, segments: state.segments, available },
      offset,
      state.producers,
    );
  }

  #startAnew(state: LogState, offset: number): void {
    this.#lowerTo(Math.min(offset, this.#logEndOffset));
    this.#durability.forget(state.segments);
    for (const segment of state.segments.toReversed()) segment.removeFiles();
    try {
      state.segments.splice(0, state.segments.length, this.#createSegment(offset));
    } catch (cause) {
      // Even a full disk: a log without a segment cannot go on.
      if (cause instanceof StorageFault) this.#goOffline(cause);
      throw cause;
    }
    for (const snapshot of snapshotOffsets(this.#world.files, this.#directory)) {
      this.#world.files.remove(snapshotPath(this.#directory, snapshot));
    }
    this.#world.files.syncDirectory(this.#directory);
    this.#tail.clear();
    state.producers.clear();
    state.lastSnapshotOffset = -1;
    state.epochs.clear();
    this.#durability.epochsDirty = true;
    this.#sizeBytes = -1;
    this.#logStartOffset = offset;
    this.#logEndOffset = offset;
    // An empty log is durable as it is: its only file has just been named.
    this.#recoveryPoint = offset;
    this.#unflushedSince = offset;
    this.#keeper.logStartAdvanced(this.logDirectory);
  }

  #dropOldest(state: LogState, count: number): void {
    this.generation += 1;
    const dropped = state.segments.splice(0, count);
    this.#durability.forget(dropped);
    const firstOffset = state.segments[0]?.baseOffset ?? this.#logEndOffset;
    const paths = dropped.flatMap((segment) => segment.markDeleted());
    for (const snapshot of snapshotOffsets(this.#world.files, this.#directory)) {
      if (snapshot >= firstOffset) break;
      this.#world.files.remove(snapshotPath(this.#directory, snapshot));
    }
    this.#durability.namesDirty = true;
    this.#sizeBytes = -1;
    this.#logStartOffset = Math.max(this.#logStartOffset, firstOffset);
    this.#recoveryPoint = Math.max(this.#recoveryPoint, Math.min(firstOffset, this.#logEndOffset));
    if (state.epochs.truncateFromStart(this.#logStartOffset)) this.#durability.epochsDirty = true;
    this.#keeper.logStartAdvanced(this.logDirectory);
    this.#keeper.removeLater(paths, this.#config.fileDeleteDelayMs);
  }

  #moveAside(why: 'delete' | 'stray'): string | undefined {
    if (this.#closed) return undefined;
    this.#closed = true;
    const uuidHex = Buffer.from(this.#world.random.bytes(16)).toString('hex');
    const aside = `${this.logDirectory}/${asideDirectoryName(this.topic, this.partition, uuidHex, why)}`;
    this.#forgetFiles();
    this.#keeper.deleted(this.topic, this.partition);
    this.#guard(() => this.#world.files.rename(this.#directory, aside));
    this.#directory = aside;
    return aside;
  }

  #forgetFiles(): void {
    this.generation += 1;
    this.#tail.clear();
    for (const segment of this.#state?.segments ?? []) segment.closeFiles();
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

  /** For what can wait: a full disk is let pass, to be tried again later. */
  #quietly(act: () => void): void {
    try {
      act();
    } catch (cause) {
      this.#noteFault(cause);
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
