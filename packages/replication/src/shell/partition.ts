/**
 * One partition on this broker: its log, the leader machine while this broker leads, and who waits for its progress. Every check that
 * stands between a request and the log is here: do I lead, at the epoch the client believes in, with enough replicas.
 */
import { assert, refuse, StorageFault } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { AppendOrigin, EpochEnd, PartitionLog, ReadRequest, ReadResult } from '@odradek/log';
import { ErrorCode } from '@odradek/protocol';
import { becomeLeader, hasEnoughReplicas, isHighWatermarkLagging, step } from '../core/leader.ts';
import type { LeaderEffect, LeaderInput, LeaderState } from '../core/leader.ts';
import { emptyWaitList } from '../core/waiters.ts';
import type { WaitList } from '../core/waiters.ts';
import type { FetchPartition, FetchResult, LeaderHint, ProduceResult } from '../types.ts';
import type { TopicCounters } from './counters.ts';
import { NO_CHUNKS, NO_RECORD_ERRORS, refusedFetch, refusedProduce } from './refusals.ts';
import type { Waiting, WaitingRoom } from './waiting-room.ts';

export type Isolation = 'read_uncommitted' | 'read_committed';

/** What all partitions of a broker share. */
export type PartitionRoom = {
  readonly nodeId: number;
  readonly waitingRoom: WaitingRoom;
  /** Where leaders' effects are collected while one of them steps; shared, since a step never meets another. */
  readonly effects: LeaderEffect[];
};

export type Assignment = {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly minInsyncReplicas: number;
};

export type FetchShare = {
  readonly isolation: Isolation;
  readonly maxBytes: number;
  /** Nothing was found for this request so far: the first batch is given whole whatever the limits say. */
  readonly minOneBatch: boolean;
  /** KIP-392: a follower answers too, up to the high watermark that it has heard of. */
  readonly fromAnyReplica: boolean;
};

/** Bytes that fill any long poll: how much became readable is not known, so whoever waits looks. */
const ENOUGH_BYTES = Number.MAX_SAFE_INTEGER;
const NO_FIND: ReadResult = { chunks: NO_CHUNKS, sizeBytes: 0 };
const NO_EPOCH = -1;

export class Partition {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly waits: WaitList<Waiting> = emptyWaitList();
  readonly counters: TopicCounters;
  readonly #room: PartitionRoom;
  #leader: LeaderState | undefined;
  #leaderId = -1;
  #leaderEpoch = -1;
  /** While this broker does not lead: committed as far as it has heard. */
  #highWatermark: number;
  #bytesSinceAdvance = 0;
  #stableOffsetTold = 0;

  /** @param start.highWatermark from the checkpoint; what the log does not hold any more is not committed data of this replica */
  constructor(
    log: PartitionLog,
    start: { readonly highWatermark: number; readonly counters: TopicCounters },
    room: PartitionRoom,
  ) {
    this.topic = log.topic;
    this.partition = log.partition;
    this.log = log;
    this.#highWatermark = Math.min(Math.max(start.highWatermark, log.logStartOffset), log.logEndOffset);
    this.counters = start.counters;
    this.#room = room;
  }

  get isLeader(): boolean {
    return this.#leader !== undefined;
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  get highWatermark(): number {
    return this.#leader?.highWatermark ?? this.#highWatermark;
  }

  get lastStableOffset(): number {
    return this.log.lastStableOffset(this.highWatermark);
  }

  get hint(): LeaderHint {
    return { leaderId: this.#leaderId, leaderEpoch: this.#leaderEpoch };
  }

  get replicaCount(): number {
    return this.#leader?.replicas.length ?? 0;
  }

  /** Whether what was appended and replicated may be acknowledged to acks=all. */
  get hasEnoughReplicas(): boolean {
    return this.#leader !== undefined && hasEnoughReplicas(this.#leader);
  }

  /** Metadata said who leads at which epoch. A new epoch ends every wait: who waited asks again and learns of it. */
  assign(to: Assignment): void {
    assert(to.leaderEpoch >= this.#leaderEpoch, 'the leader epoch never moves back', { was: this.#leaderEpoch, to });
    const isNewEpoch = to.leaderEpoch > this.#leaderEpoch;
    this.#leaderId = to.leader;
    this.#leaderEpoch = to.leaderEpoch;
    if (to.leader !== this.#room.nodeId) this.#resign();
    else if (isNewEpoch || this.#leader === undefined) this.#lead(to);
    else {
      this.#step({ kind: 'reconfigured', minInsyncReplicas: to.minInsyncReplicas });
      this.#step({ kind: 'assigned', replicas: to.replicas, isr: to.isr });
    }
    if (isNewEpoch) this.#room.waitingRoom.lost(this.waits);
  }

  reconfigure(minInsyncReplicas: number): void {
    if (this.#leader !== undefined) this.#step({ kind: 'reconfigured', minInsyncReplicas });
  }

  /** The partition leaves this broker, or its directory went offline: nobody is served by it any more. */
  stop(): void {
    this.#resign();
    this.#room.waitingRoom.lost(this.waits);
  }

  append(records: Buffer, how: { origin: AppendOrigin; acks: number; nowMs: number }): ProduceResult {
    const leader = this.#leader;
    if (leader === undefined) return this.#refuseProduce(ErrorCode.NOT_LEADER_OR_FOLLOWER, this.#whyNotLeader());
    if (how.acks === -1 && !hasEnoughReplicas(leader)) {
      const why = `${leader.isr.length} of ${leader.replicas.length} replicas are in sync, min.insync.replicas asks for ${leader.minInsyncReplicas}`;
      return this.#refuseProduce(ErrorCode.NOT_ENOUGH_REPLICAS, why);
    }
    const endBefore = this.log.logEndOffset;
    let outcome;
    try {
      outcome = this.log.append({
        records,
        origin: how.origin,
        leaderEpoch: leader.leaderEpoch,
        nowMs: how.nowMs,
      });
    } catch (cause) {
      return this.#refuseProduce(ErrorCode.KAFKA_STORAGE_ERROR, storageFault(cause));
    }
    if (!outcome.ok) {
      const recordErrors = outcome.recordErrors ?? NO_RECORD_ERRORS;
      const refused = this.#refuseProduce(outcome.code, outcome.why);
      return { ...refused, recordErrors, logStartOffset: this.log.logStartOffset };
    }
    const info = outcome.value;
    const logEnd = this.log.logEndOffset;
    if (logEnd > endBefore) {
      this.#bytesSinceAdvance += info.sizeBytes;
      this.counters.bytesIn.inc(info.sizeBytes);
      this.counters.recordsIn.inc(info.recordCount);
      this.#step({ kind: 'appended', logEnd });
    }
    return {
      topic: this.topic,
      partition: this.partition,
      code: ErrorCode.NONE,
      why: null,
      baseOffset: info.firstOffset,
      lastOffset: info.lastOffset,
      logAppendTimeMs: info.logAppendTimeMs,
      logStartOffset: info.logStartOffset,
      recordErrors: NO_RECORD_ERRORS,
    };
  }

  /** One partition's answer to a fetch; a promise only when the records have to come from disk. */
  read(asked: FetchPartition, share: FetchShare): FetchResult | Promise<FetchResult> {
    const refused = this.checkEpoch(asked.currentLeaderEpoch, share.fromAnyReplica);
    if (refused !== undefined) return this.#refuseFetch(refused.code);
    if (asked.topicId !== undefined && asked.topicId !== '' && asked.topicId !== this.log.topicId) {
      return this.#refuseFetch(ErrorCode.INCONSISTENT_TOPIC_ID);
    }
    const { fetchOffset } = asked;
    const { logStartOffset, logEndOffset } = this.log;
    if (fetchOffset < logStartOffset || fetchOffset > logEndOffset) {
      return this.#refuseFetch(ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    try {
      if (asked.lastFetchedEpoch !== NO_EPOCH) {
        const diverged = this.#divergence(asked);
        if (diverged !== undefined) return diverged;
      }
      const stableOffset = this.lastStableOffset;
      const upToOffset = share.isolation === 'read_committed' ? stableOffset : this.highWatermark;
      const maxBytes = Math.min(asked.maxBytes, share.maxBytes);
      if (fetchOffset >= upToOffset || (maxBytes <= 0 && !share.minOneBatch)) {
        return this.#found(asked, share.isolation, NO_FIND, stableOffset);
      }
      return this.#readLog(asked, share.isolation, {
        fromOffset: fetchOffset,
        maxBytes: Math.max(0, maxBytes),
        upToOffset,
        minOneBatch: share.minOneBatch,
      });
    } catch (cause) {
      storageFault(cause);
      return this.#refuseFetch(ErrorCode.KAFKA_STORAGE_ERROR);
    }
  }

  /** Called before a read_committed fetch is parked here, so that progress is told from what it has seen. */
  noteStableOffset(): void {
    this.#stableOffsetTold = this.lastStableOffset;
  }

  /** Whether this broker leads, or may follow, at the epoch that the client believes in (-1: it believes nothing). */
  checkEpoch(
    currentLeaderEpoch: number,
    fromAnyReplica = false,
  ): { readonly code: number; readonly why: string } | undefined {
    if (currentLeaderEpoch !== NO_EPOCH && currentLeaderEpoch !== this.#leaderEpoch) {
      const isOld = currentLeaderEpoch < this.#leaderEpoch;
      return {
        code: isOld ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH,
        why: `the client believes in leader epoch ${currentLeaderEpoch}, this broker in ${this.#leaderEpoch}`,
      };
    }
    if (this.#leader !== undefined || fromAnyReplica) return undefined;
    return { code: ErrorCode.NOT_LEADER_OR_FOLLOWER, why: this.#whyNotLeader() };
  }

  /** After an election "latest" would move back until the new leader knows what is committed (KIP-207). */
  get isHighWatermarkLagging(): boolean {
    return this.#leader !== undefined && isHighWatermarkLagging(this.#leader);
  }

  /**
   * Where `leaderEpoch`, or the largest epoch below it, ends. The log writes an epoch down with its first record, so that becoming the
   * leader of 10,000 partitions opens none of them; until then the leader's own epoch is empty and begins at the log end.
   */
  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined {
    const { latestEpoch, logEndOffset } = this.log;
    const isUnwritten = this.#leader !== undefined && latestEpoch !== this.#leaderEpoch;
    if (!isUnwritten || leaderEpoch < 0 || leaderEpoch > this.#leaderEpoch)
      return this.log.endOffsetForEpoch(leaderEpoch);
    const isBelowAll = latestEpoch === undefined;
    if (isBelowAll || leaderEpoch === this.#leaderEpoch) return { leaderEpoch, endOffset: logEndOffset };
    return this.log.endOffsetForEpoch(Math.min(leaderEpoch, latestEpoch));
  }

  /** The epoch of the record at the log start, or of the one that will be there. */
  get earliestEpoch(): number | undefined {
    const { logStartOffset, logEndOffset } = this.log;
    if (logStartOffset === logEndOffset && this.#leader !== undefined) return this.#leaderEpoch;
    return this.log.epochForOffset(logStartOffset);
  }

  /** When the first committed record at or after `offset` came in; see PartitionLog.timestampAt. */
  async timestampAt(offset: number): Promise<Outcome<number | undefined>> {
    try {
      return { ok: true, value: await this.log.timestampAt(offset, this.highWatermark) };
    } catch (cause) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, storageFault(cause));
    }
  }

  deleteRecordsBefore(offset: number): Outcome<number> {
    if (!this.log.config.cleanupDelete) {
      return refuse(
        ErrorCode.POLICY_VIOLATION,
        `records of ${this.topic} are kept by compaction alone: DeleteRecords needs "delete" in cleanup.policy`,
      );
    }
    const before = offset === NO_EPOCH ? this.highWatermark : offset;
    if (before < 0 || before > this.highWatermark) {
      const why = `offset ${before} is not within 0 and the high watermark ${this.highWatermark}`;
      return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, why);
    }
    if (before <= this.log.logStartOffset) return { ok: true, value: this.log.logStartOffset };
    try {
      return this.log.advanceLogStart(before, this.highWatermark);
    } catch (cause) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, storageFault(cause));
    }
  }

  #lead(to: Assignment): void {
    const { logEndOffset } = this.log;
    const { effects } = this.#room;
    effects.length = 0;
    this.#leader = becomeLeader(
      {
        self: this.#room.nodeId,
        leaderEpoch: to.leaderEpoch,
        replicas: to.replicas,
        isr: to.isr,
        minInsyncReplicas: to.minInsyncReplicas,
        logEnd: logEndOffset,
        highWatermark: Math.min(this.highWatermark, logEndOffset),
      },
      effects,
    );
    if (effects.length > 0) this.#highWatermarkAdvanced(this.#leader.highWatermark);
  }

  #resign(): void {
    if (this.#leader === undefined) return;
    this.#highWatermark = this.#leader.highWatermark;
    this.#leader = undefined;
  }

  #step(input: LeaderInput): void {
    assert(this.#leader !== undefined, 'only a leader steps');
    const { effects } = this.#room;
    effects.length = 0;
    step(this.#leader, input, effects);
    for (const effect of effects) this.#highWatermarkAdvanced(effect.offset);
  }

  #highWatermarkAdvanced(highWatermark: number): void {
    const bytes = this.#bytesSinceAdvance;
    this.#bytesSinceAdvance = 0;
    if (this.waits.first === undefined) return;
    const stable = this.log.lastStableOffset(highWatermark);
    const stableBytes = stable <= this.#stableOffsetTold ? 0 : stable === highWatermark ? bytes : ENOUGH_BYTES;
    this.#stableOffsetTold = stable;
    this.#room.waitingRoom.advanced(this.waits, { highWatermark, bytes, stableBytes });
  }

  /** KIP-595: a client whose last record is of an epoch that ended earlier here must truncate before it goes on. */
  #divergence(asked: FetchPartition): FetchResult | undefined {
    const end = this.endOffsetForEpoch(asked.lastFetchedEpoch);
    if (end === undefined) return this.#refuseFetch(ErrorCode.OFFSET_OUT_OF_RANGE);
    if (end.leaderEpoch >= asked.lastFetchedEpoch && end.endOffset >= asked.fetchOffset) return undefined;
    const found = this.#found(asked, 'read_uncommitted', NO_FIND, this.lastStableOffset);
    return { ...found, divergingEpoch: end };
  }

  #readLog(asked: FetchPartition, isolation: Isolation, request: ReadRequest): FetchResult | Promise<FetchResult> {
    const outcome = this.log.read(request);
    if (!(outcome instanceof Promise)) {
      if (!outcome.ok) return this.#refuseFetch(outcome.code);
      return this.#found(asked, isolation, outcome.value, this.lastStableOffset);
    }
    return outcome.then(
      (read) =>
        read.ok ? this.#found(asked, isolation, read.value, this.lastStableOffset) : this.#refuseFetch(read.code),
      (cause: unknown) => {
        storageFault(cause);
        return this.#refuseFetch(ErrorCode.KAFKA_STORAGE_ERROR);
      },
    );
  }

  #found(asked: FetchPartition, isolation: Isolation, read: ReadResult, lastStableOffset: number): FetchResult {
    const { chunks, sizeBytes } = read;
    const aborted =
      isolation === 'read_uncommitted'
        ? null
        : sizeBytes === 0
          ? []
          : this.log.abortedTransactions(asked.fetchOffset, lastStableOffset);
    return {
      topic: this.topic,
      partition: this.partition,
      code: ErrorCode.NONE,
      highWatermark: this.highWatermark,
      lastStableOffset,
      logStartOffset: this.log.logStartOffset,
      abortedTransactions: aborted,
      chunks,
      sizeBytes,
    };
  }

  #refuseProduce(code: number, why: string): ProduceResult {
    const refused = refusedProduce(this, code, why);
    return code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? { ...refused, currentLeader: this.hint } : refused;
  }

  #refuseFetch(code: number): FetchResult {
    const refused = refusedFetch(this, code);
    const mayHint = code === ErrorCode.NOT_LEADER_OR_FOLLOWER || code === ErrorCode.FENCED_LEADER_EPOCH;
    return mayHint ? { ...refused, currentLeader: this.hint } : refused;
  }

  #whyNotLeader(): string {
    return `broker ${this.#room.nodeId} does not lead ${this.topic}-${this.partition}; at epoch ${this.#leaderEpoch} ${
      this.#leaderId === -1 ? 'nobody does' : `broker ${this.#leaderId} does`
    }`;
  }
}

/** What a fault of the log says; the log has told its manager already. Anything else is a bug and goes on. */
function storageFault(cause: unknown): string {
  if (!(cause instanceof StorageFault)) throw cause;
  return cause.message;
}
