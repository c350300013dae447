/**
 * What travels between one follower and its leader, message by message: each step of it is drawn, and everything under way may be lost. It
 * stands for a replica stream with one partition; what the real streams do beside (windows, fairness) has its own tests.
 */
import { batch, ErrorCode } from '@odradek/protocol';
import type { FollowedPartition, LedPartition, LeaderProgress, ReplicaWatcher } from '@odradek/replication';
import type { Machine } from './machine.ts';

type Position = ReturnType<FollowedPartition['position']>;
type ToLeader =
  | { readonly kind: 'claim'; readonly leaderEpoch: number; readonly position: Position }
  | { readonly kind: 'has'; readonly endOffset: number; readonly logStartOffset: number };
type ToFollower =
  | {
      readonly kind: 'batches';
      readonly records: Buffer;
      readonly from: LeaderProgress & { readonly fetchOffset: number };
    }
  | { readonly kind: 'progress'; readonly told: LeaderProgress }
  | { readonly kind: 'diverging'; readonly epoch: number; readonly endOffset: number }
  | { readonly kind: 'refused'; readonly code: number; readonly logStartOffset: number; readonly logEndOffset: number };

export class Link implements ReplicaWatcher {
  readonly follower: Machine;
  readonly followed: FollowedPartition;
  readonly #leaderOf: (id: number) => Machine | undefined;
  #toLeader: ToLeader[] = [];
  #toFollower: ToFollower[] = [];
  /** As the leader sees it: where it goes on reading, while it carries the partition. */
  #led: { readonly partition: LedPartition; next: number } | undefined;
  #asks = true;

  constructor(follower: Machine, followed: FollowedPartition, leaderOf: (id: number) => Machine | undefined) {
    this.follower = follower;
    this.followed = followed;
    this.#leaderOf = leaderOf;
  }

  appended(): void {}
  moved(): void {}

  lost(_partition: LedPartition, code: number): void {
    this.#led = undefined;
    this.#refuse(code);
  }

  /** Whatever was under way is gone, and the follower begins anew. */
  break(): void {
    this.#led?.partition.unfollow(this);
    this.#led = undefined;
    this.#toLeader = [];
    this.#toFollower = [];
    this.#asks = true;
  }

  followerSays(): void {
    if (!this.#asks) return;
    this.#asks = false;
    const { leaderEpoch } = this.followed;
    this.#toLeader.push({ kind: 'claim', leaderEpoch, position: this.followed.position() });
  }

  /** The leader hears one message. */
  leaderHears(): void {
    const leader = this.#leaderOf(this.followed.leader);
    const message = leader === undefined ? undefined : this.#toLeader.shift();
    if (leader === undefined || message === undefined) return;
    const { id: brokerId, epoch: brokerEpoch } = this.follower;
    if (message.kind === 'has') {
      const { endOffset, logStartOffset } = message;
      this.#led?.partition.replicaHas({ brokerId, brokerEpoch, endOffset, logStartOffset });
      return;
    }
    const partition = leader.rig?.replicas.byId(this.followed.topicId, this.followed.partition);
    if (partition === undefined) return this.#refuse(ErrorCode.UNKNOWN_TOPIC_ID);
    const { leaderEpoch, position } = message;
    const answer = partition.follow({ brokerId, brokerEpoch, leaderEpoch, ...position }, this);
    if (answer.kind === 'from') this.#led = { partition, next: answer.offset };
    else this.#toFollower.push(answer);
  }

  /** The leader sends what there is, up to about `maxBytes`. */
  async leaderSends(maxBytes: number): Promise<void> {
    const led = this.#led;
    if (led === undefined) return;
    const told = { highWatermark: led.partition.highWatermark, logStartOffset: led.partition.logStartOffset };
    if (led.next >= led.partition.logEndOffset) return void this.#toFollower.push({ kind: 'progress', told });
    const read = await led.partition.readForReplica(led.next, maxBytes);
    if (this.#led !== led) return;
    if (!read.ok) {
      led.partition.unfollow(this);
      this.#led = undefined;
      const { logStartOffset, logEndOffset } = led.partition;
      this.#toFollower.push({ kind: 'refused', code: read.code, logStartOffset, logEndOffset });
      return;
    }
    const records = Buffer.concat(read.value.chunks);
    if (records.length === 0) return;
    this.#toFollower.push({ kind: 'batches', records, from: { ...told, fetchOffset: led.next } });
    led.next = endOf(records);
  }

  /** The follower hears one message. */
  followerHears(): void {
    const message = this.#toFollower.shift();
    if (message === undefined) return;
    switch (message.kind) {
      case 'batches': {
        const end = this.followed.replicate(message.records, message.from);
        return end.ok ? this.#acknowledge() : this.break();
      }
      case 'progress': {
        const before = this.followed.logStartOffset;
        this.followed.progress(message.told);
        if (this.followed.logStartOffset !== before) this.#acknowledge();
        return;
      }
      case 'diverging':
        this.followed.diverging(message.epoch, message.endOffset);
        return this.break();
      case 'refused':
        if (message.code === ErrorCode.OFFSET_OUT_OF_RANGE)
          this.followed.outOfRange(message.logStartOffset, message.logEndOffset);
        return this.break();
    }
  }

  #acknowledge(): void {
    const { logEndOffset: endOffset, logStartOffset } = this.followed;
    this.#toLeader.push({ kind: 'has', endOffset, logStartOffset });
  }

  #refuse(code: number): void {
    this.#toFollower.push({ kind: 'refused', code, logStartOffset: -1, logEndOffset: -1 });
  }
}

function endOf(records: Buffer): number {
  let end = 0;
  for (let at = 0; at < records.length; at += batch.sizeInBytes(records, at)) end = batch.lastOffset(records, at) + 1;
  return end;
}
