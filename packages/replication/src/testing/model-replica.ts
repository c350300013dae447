/**
 * One replica as the replica streams see it, over a real log, without metadata and without a machine that decides about the ISR: it leads
 * or follows as a test says, and what all of its followers have is committed.
 */
import { refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { PartitionLog, ReadResult } from '@odradek/log';
import { batch, ErrorCode } from '@odradek/protocol';
import type {
  FollowAnswer,
  FollowedPartition,
  FollowerClaim,
  FollowerPosition,
  LeaderProgress,
  LedPartition,
  ReplicaWatcher,
} from '../replica-types.ts';

export class ModelReplica implements LedPartition, FollowedPartition {
  readonly log: PartitionLog;
  readonly brokerId: number;
  leader = -1;
  leaderEpoch = -1;
  highWatermark = 0;
  #followers: readonly number[] = [];
  readonly #watchers = new Map<ReplicaWatcher, number>();
  readonly #ends = new Map<number, number>();
  /** Called with each range of offsets that a leader sent. */
  onReplicated: (from: number, to: number) => void = () => {};

  constructor(log: PartitionLog, brokerId: number) {
    this.log = log;
    this.brokerId = brokerId;
  }

  get topic(): string {
    return this.log.topic;
  }

  get partition(): number {
    return this.log.partition;
  }

  get topicId(): string {
    return this.log.topicId;
  }

  get logStartOffset(): number {
    return this.log.logStartOffset;
  }

  get logEndOffset(): number {
    return this.log.logEndOffset;
  }

  /** @param followers the other replicas, when this one leads */
  assign(leader: number, leaderEpoch: number, followers: readonly number[]): void {
    this.leader = leader;
    this.leaderEpoch = leaderEpoch;
    this.#followers = followers.filter((id) => id !== this.brokerId);
    this.#ends.clear();
    const watchers = Array.from(this.#watchers.keys());
    this.#watchers.clear();
    for (const watcher of watchers) watcher.lost(this, ErrorCode.FENCED_LEADER_EPOCH, 'there is a newer leader epoch');
  }

  append(records: Buffer, nowMs: number): void {
    const appended = this.log.append({ records, origin: 'client', leaderEpoch: this.leaderEpoch, nowMs });
    if (!appended.ok) throw new Error(appended.why);
    for (const watcher of this.#watchers.keys()) watcher.appended(this);
    this.#commit();
  }

  /** The log start moves, as after DeleteRecords. */
  deleteBefore(offset: number): void {
    const moved = this.log.advanceLogStart(offset, this.highWatermark);
    if (!moved.ok) throw new Error(moved.why);
    for (const watcher of this.#watchers.keys()) watcher.moved(this);
  }

  // As a leader.

  follow(claim: FollowerClaim, watcher: ReplicaWatcher): FollowAnswer {
    const refused = (code: number, why: string): FollowAnswer => {
      const { logStartOffset, logEndOffset } = this.log;
      return { kind: 'refused', code, why, logStartOffset, logEndOffset };
    };
    if (claim.leaderEpoch < this.leaderEpoch) return refused(ErrorCode.FENCED_LEADER_EPOCH, 'an older epoch');
    if (claim.leaderEpoch > this.leaderEpoch) return refused(ErrorCode.UNKNOWN_LEADER_EPOCH, 'a newer epoch');
    if (this.leader !== this.brokerId) return refused(ErrorCode.NOT_LEADER_OR_FOLLOWER, 'another broker leads');
    const { fetchOffset, lastFetchedEpoch } = claim;
    if (fetchOffset < this.logStartOffset || fetchOffset > this.logEndOffset) {
      return refused(ErrorCode.OFFSET_OUT_OF_RANGE, 'outside of the log');
    }
    if (lastFetchedEpoch >= 0) {
      // Its own epoch is not written down before its first record.
      const end = this.log.endOffsetForEpoch(Math.min(lastFetchedEpoch, this.log.latestEpoch ?? lastFetchedEpoch));
      if (end === undefined) return refused(ErrorCode.OFFSET_OUT_OF_RANGE, 'before the first epoch');
      if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset) {
        return { kind: 'diverging', epoch: end.leaderEpoch, endOffset: end.endOffset };
      }
    }
    this.#watchers.set(watcher, claim.brokerId);
    this.replicaHas({ ...claim, endOffset: fetchOffset });
    return { kind: 'from', offset: fetchOffset };
  }

  unfollow(watcher: ReplicaWatcher): void {
    this.#watchers.delete(watcher);
  }

  readForReplica(fromOffset: number, maxBytes: number): Outcome<ReadResult> | Promise<Outcome<ReadResult>> {
    return this.log.read({ fromOffset, maxBytes, upToOffset: this.logEndOffset, minOneBatch: true });
  }

  replicaHas({ brokerId, endOffset }: FollowerPosition): void {
    if (!this.#followers.includes(brokerId)) return;
    this.#ends.set(brokerId, endOffset);
    this.#commit();
  }

  #commit(): void {
    let committed = this.logEndOffset;
    for (const id of this.#followers) committed = Math.min(committed, this.#ends.get(id) ?? 0);
    if (committed <= this.highWatermark) return;
    this.highWatermark = committed;
    for (const watcher of this.#watchers.keys()) watcher.moved(this);
  }

  // As a follower.

  position(): ReturnType<FollowedPartition['position']> {
    const { logEndOffset: fetchOffset, latestEpoch, logStartOffset } = this.log;
    return { fetchOffset, lastFetchedEpoch: latestEpoch ?? -1, logStartOffset };
  }

  replicate(records: Buffer, from: LeaderProgress & { readonly fetchOffset: number }): Outcome<number> {
    if (from.fetchOffset !== this.logEndOffset) {
      return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, `${from.fetchOffset} is not the end ${this.logEndOffset}`);
    }
    const { leaderEpoch } = this;
    for (let at = 0; at < records.length; at += batch.sizeInBytes(records, at)) {
      const epoch = batch.partitionLeaderEpoch(records, at);
      if (epoch > leaderEpoch) return refuse(ErrorCode.UNKNOWN_LEADER_EPOCH, `epoch ${epoch} is newer`);
    }
    const appended = this.log.append({ records, origin: 'replication', leaderEpoch, nowMs: 0 });
    if (!appended.ok) return appended;
    this.onReplicated(from.fetchOffset, this.logEndOffset);
    this.progress(from);
    return { ok: true, value: this.logEndOffset };
  }

  progress({ highWatermark, logStartOffset }: LeaderProgress): void {
    this.highWatermark = Math.max(this.highWatermark, Math.min(highWatermark, this.logEndOffset));
    if (logStartOffset > this.logStartOffset) this.log.advanceLogStart(logStartOffset, this.highWatermark);
  }

  diverging(epoch: number, endOffset: number): Outcome<void> {
    const own = this.log.endOffsetForEpoch(epoch);
    this.log.truncateTo(Math.min(endOffset, own?.endOffset ?? endOffset));
    return this.#truncated();
  }

  outOfRange(leaderLogStart: number, leaderLogEnd: number): Outcome<void> {
    if (this.logEndOffset < leaderLogStart) this.log.truncateFullyAndStartAt(leaderLogStart);
    else this.log.truncateTo(leaderLogEnd);
    return this.#truncated();
  }

  /** Any replica may be elected here, so what was committed may go. */
  #truncated(): Outcome<void> {
    this.highWatermark = Math.min(this.highWatermark, this.logEndOffset);
    return { ok: true, value: undefined };
  }
}
