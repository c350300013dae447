/**
 * One partition on this broker: its log, who waits for its progress, and its part while this broker leads it (led.ts) or follows (followed.ts).
 * Every check that stands between a request and the log is here: do I lead, at the epoch the client believes in, with enough replicas.
 */
import { assert, refuse, StorageFault } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { AppendOrigin, EpochEnd, PartitionLog, ReadResult } from '@odradek/log';
import { NO_LEADER } from '@odradek/metadata';
import type { PartitionImage } from '@odradek/metadata';
import { ErrorCode, LeaderRecoveryState } from '@odradek/protocol';
import { hasEnoughReplicas, isHighWatermarkLagging, wasReplicatedEnough } from '../core/leader.ts';
import { preferredReadReplica } from '../core/replica-selector.ts';
import { emptyWaitList } from '../core/waiters.ts';
import type { WaitList } from '../core/waiters.ts';
import type {
  FollowAnswer,
  FollowedPartition,
  FollowerClaim,
  FollowerPosition,
  LeaderProgress,
  LedPartition,
  ReplicaWatcher,
} from '../replica-types.ts';
import type { FetchPartition, FetchResult, LeaderHint, ProduceResult } from '../types.ts';
import type { TopicCounters } from './counters.ts';
import { diverging, outOfRange, positionOf, progress, replicate } from './followed.ts';
import { Led } from './led.ts';
import { readFor } from './reading.ts';
import type { FetchShare } from './reading.ts';
import { NO_RECORD_ERRORS, refusedProduce } from './refusals.ts';
import type { PartitionRoom } from './room.ts';
import type { Waiting } from './waiting-room.ts';

/** What metadata says of a partition that matters to who leads or follows it. */
export type Assignment = Pick<
  PartitionImage,
  'leader' | 'leaderEpoch' | 'partitionEpoch' | 'replicas' | 'isr' | 'leaderRecoveryState'
>;

/** Bytes that fill any long poll: how much became readable is not known, so whoever waits looks. */
const ENOUGH_BYTES = Number.MAX_SAFE_INTEGER;
const NO_EPOCH = -1;

export class Partition implements LedPartition, FollowedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly waits: WaitList<Waiting> = emptyWaitList();
  readonly counters: TopicCounters;
  readonly #room: PartitionRoom;
  #led: Led | undefined;
  #leaderId = NO_LEADER;
  #leaderEpoch = NO_EPOCH;
  /** A fetcher keeps it up to date. */
  #follows = false;
  /** A leader has agreed in this life with what the log holds. A cut that the power has undone may lie below the high watermark before. */
  #isVouched = false;
  /** While this broker does not lead: committed as far as it has heard. */
  #highWatermark: number;
  #bytesSinceAdvance = 0;
  #stableOffsetTold = 0;
  #lowWaits: WaitList<Waiting> | undefined;

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

  get topicId(): string {
    return this.log.topicId;
  }

  get isLeader(): boolean {
    return this.#led !== undefined;
  }

  /** Its part as a leader; undefined while another broker leads. */
  get led(): Led | undefined {
    return this.#led;
  }

  /** NO_LEADER: nobody leads. */
  get leader(): number {
    return this.#leaderId;
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  get logStartOffset(): number {
    return this.log.logStartOffset;
  }

  get logEndOffset(): number {
    return this.log.logEndOffset;
  }

  get highWatermark(): number {
    return this.#led?.state.highWatermark ?? this.#highWatermark;
  }

  /** Whether what lies below the high watermark is known to be committed: not yet for what only a checkpoint says. */
  get knowsCommitted(): boolean {
    return this.#isVouched || this.#led !== undefined || this.log.logStartOffset === this.log.logEndOffset;
  }

  get lastStableOffset(): number {
    return this.log.lastStableOffset(this.highWatermark);
  }

  get hint(): LeaderHint {
    return { leaderId: this.#leaderId, leaderEpoch: this.#leaderEpoch };
  }

  get replicaCount(): number {
    return this.#led?.state.replicas.length ?? 0;
  }

  /** Whether what was appended and replicated may be acknowledged to acks=all. */
  get wasReplicatedEnough(): boolean {
    return this.#led !== undefined && wasReplicatedEnough(this.#led.state);
  }

  /** Metadata said who leads at which epoch. A new epoch ends every wait: who waited asks again and learns of it. */
  assign(to: Assignment, minInsyncReplicas: number): void {
    assert(to.leaderEpoch >= this.#leaderEpoch, 'the leader epoch never moves back', { was: this.#leaderEpoch, to });
    const isNewEpoch = to.leaderEpoch > this.#leaderEpoch;
    this.#leaderId = to.leader;
    this.#leaderEpoch = to.leaderEpoch;
    if (to.leader !== this.#room.terms.self) this.#follow(isNewEpoch);
    else if (isNewEpoch || this.#led === undefined) this.#lead(to, minInsyncReplicas);
    else {
      const nowMs = this.#room.clock.monotonicMs();
      const { replicas, isr, partitionEpoch } = to;
      this.#led.step({ kind: 'reconfigured', minInsyncReplicas, nowMs });
      this.#led.step({ kind: 'assigned', replicas, isr, partitionEpoch, nowMs });
    }
    if (isNewEpoch) this.#endWaits();
  }

  reconfigure(minInsyncReplicas: number): void {
    this.#led?.step({ kind: 'reconfigured', minInsyncReplicas, nowMs: this.#room.clock.monotonicMs() });
  }

  /** Brokers came, went, or changed: who may join an in-sync set, and who counts for the low watermark. */
  brokersChanged(): void {
    if (this.#led === undefined || this.#led.state.followers.length === 0) return;
    this.#led.step({ kind: 'brokersChanged', nowMs: this.#room.clock.monotonicMs() });
  }

  /** The partition leaves this broker, or its directory went offline: nobody is served by it any more. */
  stop(): void {
    this.#resign();
    this.#unfollow();
    this.#endWaits();
  }

  append(records: Buffer, how: { origin: AppendOrigin; acks: number; nowMs: number }): ProduceResult {
    const led = this.#led;
    if (led === undefined) return this.#refuseProduce(ErrorCode.NOT_LEADER_OR_FOLLOWER, this.#whyNotLeader());
    const { state } = led;
    if (how.acks === -1 && !hasEnoughReplicas(state)) {
      const why = `${state.isr.length} of ${state.replicas.length} replicas are in sync, min.insync.replicas asks for ${state.minInsyncReplicas}`;
      return this.#refuseProduce(ErrorCode.NOT_ENOUGH_REPLICAS, why);
    }
    const endBefore = this.log.logEndOffset;
    let outcome;
    try {
      const { leaderEpoch } = state;
      outcome = this.log.append({ records, origin: how.origin, leaderEpoch, nowMs: how.nowMs });
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
      led.appended(logEnd);
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
    return readFor(this, asked, share);
  }

  /** Which of some brokers a consumer should read from; undefined: this one, which leads, or does not choose since it follows. */
  preferredReplica(fetchOffset: number, nearby: readonly number[]): number | undefined {
    const state = this.#led?.state;
    if (state === undefined || state.followers.length === 0) return undefined;
    const { followers, isr } = state;
    return preferredReadReplica({ leader: this.#leaderId, followers, isr, fetchOffset, nearby });
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
    if (this.#led !== undefined || fromAnyReplica) return undefined;
    return { code: ErrorCode.NOT_LEADER_OR_FOLLOWER, why: this.#whyNotLeader() };
  }

  /** After an election "latest" would move back until the new leader knows what is committed (KIP-207). */
  get isHighWatermarkLagging(): boolean {
    return this.#led !== undefined && isHighWatermarkLagging(this.#led.state);
  }

  /**
   * Where `leaderEpoch`, or the largest epoch below it, ends. The log writes an epoch down with its first record, so that becoming the
   * leader of 10,000 partitions opens none of them; until then the leader's own epoch is empty and begins at the log end.
   */
  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined {
    const { latestEpoch, logEndOffset } = this.log;
    const isUnwritten = this.#led !== undefined && latestEpoch !== this.#leaderEpoch;
    if (!isUnwritten || leaderEpoch < 0 || leaderEpoch > this.#leaderEpoch)
      return this.log.endOffsetForEpoch(leaderEpoch);
    const isBelowAll = latestEpoch === undefined;
    if (isBelowAll || leaderEpoch === this.#leaderEpoch) return { leaderEpoch, endOffset: logEndOffset };
    return this.log.endOffsetForEpoch(Math.min(leaderEpoch, latestEpoch));
  }

  /** The epoch of the record at the log start, or of the one that will be there. */
  get earliestEpoch(): number | undefined {
    const { logStartOffset, logEndOffset } = this.log;
    if (logStartOffset === logEndOffset && this.#led !== undefined) return this.#leaderEpoch;
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

  /** DeleteRecords has moved the log start: followers are told with it. */
  logStartMoved(): void {
    this.#led?.logStartMoved();
  }

  /** The log start that every replica has reached whose broker lives. */
  get lowWatermark(): number {
    return this.#led?.lowWatermark ?? this.log.logStartOffset;
  }

  /** Who waits for the low watermark. */
  get lowWaits(): WaitList<Waiting> {
    this.#lowWaits ??= emptyWaitList();
    return this.#lowWaits;
  }

  follow(claim: FollowerClaim, watcher: ReplicaWatcher): FollowAnswer {
    // Unlike a consumer, a replica always knows at which epoch it follows.
    const refused = this.checkEpoch(claim.leaderEpoch === NO_EPOCH ? NO_EPOCH - 1 : claim.leaderEpoch);
    if (refused === undefined && this.#led !== undefined) return this.#led.follow(claim, watcher);
    const { code = ErrorCode.NOT_LEADER_OR_FOLLOWER, why = '' } = refused ?? {};
    return { kind: 'refused', code, why, logStartOffset: -1, logEndOffset: -1 };
  }

  unfollow(watcher: ReplicaWatcher): void {
    this.#led?.unfollow(watcher);
  }

  replicaHas(has: FollowerPosition): void {
    this.#led?.replicaHas(has);
  }

  readForReplica(fromOffset: number, maxBytes: number): Outcome<ReadResult> | Promise<Outcome<ReadResult>> {
    try {
      const upToOffset = this.log.logEndOffset;
      const read = this.log.read({ fromOffset, maxBytes, upToOffset, minOneBatch: true });
      if (!(read instanceof Promise)) return read;
      return read.catch((cause: unknown) => refuse(ErrorCode.KAFKA_STORAGE_ERROR, storageFault(cause)));
    } catch (cause) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, storageFault(cause));
    }
  }

  position(): ReturnType<FollowedPartition['position']> {
    return positionOf(this);
  }

  replicate(records: Buffer, from: LeaderProgress & { readonly fetchOffset: number }): Outcome<number> {
    const appended = this.#whyNotFollowing() ?? replicate(this, this.#room, records, from);
    this.#isVouched ||= appended.ok;
    return appended;
  }

  progress(told: LeaderProgress): void {
    if (this.#whyNotFollowing() !== undefined) return;
    this.#isVouched = true;
    progress(this, this.#room, told);
  }

  diverging(epoch: number, endOffset: number): Outcome<void> {
    return this.#whyNotFollowing() ?? diverging(this, this.#room, epoch, endOffset);
  }

  outOfRange(leaderLogStart: number, leaderLogEnd: number): Outcome<void> {
    return this.#whyNotFollowing() ?? outOfRange(this, this.#room, leaderLogStart, leaderLogEnd);
  }

  noteBytes(sizeBytes: number): void {
    this.#bytesSinceAdvance += sizeBytes;
  }

  setHighWatermark(highWatermark: number): void {
    assert(this.#led === undefined, 'a leader finds out itself what is committed');
    const hasAdvanced = highWatermark > this.#highWatermark;
    this.#highWatermark = highWatermark;
    if (hasAdvanced) this.highWatermarkMoved(highWatermark);
  }

  highWatermarkMoved(highWatermark: number): void {
    const bytes = this.#bytesSinceAdvance;
    this.#bytesSinceAdvance = 0;
    if (this.waits.first === undefined) return;
    const stable = this.log.lastStableOffset(highWatermark);
    const stableBytes = stable <= this.#stableOffsetTold ? 0 : stable === highWatermark ? bytes : ENOUGH_BYTES;
    this.#stableOffsetTold = stable;
    this.#room.waitingRoom.advanced(this.waits, { highWatermark, bytes, stableBytes });
  }

  lowWatermarkMoved(): void {
    if (this.#lowWaits?.first === undefined) return;
    const progressed = { highWatermark: this.lowWatermark, bytes: 0, stableBytes: 0 };
    this.#room.waitingRoom.advanced(this.#lowWaits, progressed);
  }

  #lead(to: Assignment, minInsyncReplicas: number): void {
    this.#unfollow();
    this.#isVouched = true;
    const former = this.#led;
    const { logEndOffset } = this.log;
    const { leaderEpoch, replicas, isr, partitionEpoch } = to;
    const start = {
      leaderEpoch,
      replicas,
      isr,
      partitionEpoch,
      minInsyncReplicas,
      logEnd: logEndOffset,
      highWatermark: Math.min(this.highWatermark, logEndOffset),
      isRecovering: to.leaderRecoveryState === LeaderRecoveryState.RECOVERING,
      nowMs: this.#room.clock.monotonicMs(),
    };
    former?.end(ErrorCode.FENCED_LEADER_EPOCH, `the leader epoch is ${leaderEpoch} by now`);
    this.#led = new Led(this, this.#room, start, former?.state);
  }

  #follow(isNewEpoch: boolean): void {
    this.#resign();
    if (this.#leaderId === NO_LEADER) return this.#unfollow();
    if (this.#follows && !isNewEpoch) return;
    this.#follows = true;
    this.#room.fetchers.follow(this);
  }

  #unfollow(): void {
    if (!this.#follows) return;
    this.#follows = false;
    this.#room.fetchers.unfollow(this);
  }

  #resign(): void {
    const led = this.#led;
    if (led === undefined) return;
    this.#highWatermark = led.state.highWatermark;
    this.#led = undefined;
    led.end(ErrorCode.NOT_LEADER_OR_FOLLOWER, this.#whyNotLeader());
  }

  #endWaits(): void {
    this.#room.waitingRoom.lost(this.waits);
    if (this.#lowWaits !== undefined) this.#room.waitingRoom.lost(this.#lowWaits);
  }

  /** A fetcher that has not heard yet that this replica leads, or is gone, must not touch its log. */
  #whyNotFollowing(): { readonly ok: false; readonly code: number; readonly why: string } | undefined {
    if (this.#follows) return undefined;
    return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, `${this.topic}-${this.partition} follows nobody on this broker`);
  }

  #refuseProduce(code: number, why: string): ProduceResult {
    const refused = refusedProduce(this, code, why);
    return code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? { ...refused, currentLeader: this.hint } : refused;
  }

  #whyNotLeader(): string {
    return `broker ${this.#room.terms.self} does not lead ${this.topic}-${this.partition}; at epoch ${this.#leaderEpoch} ${
      this.#leaderId === NO_LEADER ? 'nobody does' : `broker ${this.#leaderId} does`
    }`;
  }
}

/** What a fault of the log says; the log has told its manager already. Anything else is a bug and goes on. */
function storageFault(cause: unknown): string {
  if (!(cause instanceof StorageFault)) throw cause;
  return cause.message;
}
