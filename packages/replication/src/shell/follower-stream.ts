/**
 * The stream of one follower's broker, on the leader's side: the partitions that it follows here, each under a slot number, and what is sent of
 * them. Nothing is asked for: what is appended is sent at the end of the turn in which it was, as far as windows allow. All that is due
 * goes into one message, round robin; what takes long goes on in the next turn.
 */
import { assert, BoundedQueue } from '@odradek/base';
import type { Clock, Counter, Limits, Logger, Outcome, TimerHandle } from '@odradek/base';
import type { ReadResult } from '@odradek/log';
import { batch, ErrorCode } from '@odradek/protocol';
import type {
  Diverging,
  FollowPosition,
  FollowRefused,
  FromFollower,
  FromLeader,
  ReplicaPart,
  ReplicaPosition,
  ReplicaProgress,
  Stream,
} from '@odradek/rpc';
import type { LedPartition } from '../replica-types.ts';
import type { ReassignmentBytes } from './moves.ts';
import type { ReplicationThrottle } from './replication-throttle.ts';
import { ReplicaSlot } from './replica-slot.ts';
import type { SlotOwner } from './replica-slot.ts';
import { SlotLanes } from './slot-lanes.ts';

export type FollowerStreamOptions = {
  readonly stream: Stream<FromLeader, FromFollower>;
  readonly brokerEpoch: number;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly bytesOut: Counter;
  readonly reassigned: ReassignmentBytes;
  readonly throttle: ReplicationThrottle;
  /** What this broker has of a partition, whoever leads it. */
  readonly partitionOf: (topicId: string, partition: number) => LedPartition | undefined;
};

/** Of a message, beside the records of one batch that is larger than all others. */
const ENVELOPE_BYTES = 1024;

export class FollowerStream implements SlotOwner {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly #options: FollowerStreamOptions;
  readonly #slots = new Map<number, ReplicaSlot>();
  readonly #lanes: SlotLanes;
  /** Named by the follower, and not looked at yet. */
  readonly #claims: BoundedQueue<FollowPosition>;
  /** Slots that were given up before their claim was looked at. */
  readonly #withdrawn = new Set<number>();
  #lastSlot = 0;
  #refused: FollowRefused[] = [];
  #diverging: Diverging[] = [];
  #progressDue: ReplicaSlot[] = [];
  #progressTimer: TimerHandle | undefined;
  /** Sent and not acknowledged. */
  #sentBytes = 0;
  /** Of that, what was sent to who is behind. */
  #behindBytes = 0;
  /** What reads from disk may bring, or have brought. */
  #reservedBytes = 0;
  #readsUnderWay = 0;
  /** Held back by the quota until the timer fires. */
  #throttled: ReplicaSlot[] = [];
  #throttleTimer: TimerHandle | undefined;
  #isTurnDue = false;
  /** The connection has enough to carry. */
  #isHeld = false;
  #isOver = false;

  constructor(options: FollowerStreamOptions) {
    const { stream, brokerEpoch, limits } = options;
    this.#options = options;
    this.brokerId = stream.peer.nodeId;
    this.brokerEpoch = brokerEpoch;
    this.#lanes = new SlotLanes(limits);
    this.#claims = new BoundedQueue('replica claims', limits.replicaSlotsMax);
    stream.onDrain(() => {
      this.#isHeld = false;
      this.#schedule();
    });
  }

  get slotCount(): number {
    return this.#slots.size;
  }

  // What the follower says.

  follow(positions: readonly FollowPosition[]): void {
    for (const position of positions) {
      if (position.slot <= this.#lastSlot) {
        return this.#invalid(`slot ${position.slot} was named after slot ${this.#lastSlot}`);
      }
      this.#lastSlot = position.slot;
      if (this.#slots.size + this.#claims.length >= this.#options.limits.replicaSlotsMax) {
        return this.#invalid(`more than ${this.#options.limits.replicaSlotsMax} partitions on one stream`);
      }
      this.#claims.push(position);
    }
    this.#schedule();
  }

  unfollow(slots: readonly { readonly slot: number }[]): void {
    for (const { slot: number } of slots) {
      const slot = this.#slots.get(number);
      if (slot === undefined) {
        if (this.#claims.length > 0) this.#withdrawn.add(number);
        continue;
      }
      slot.partition.unfollow(slot);
      this.#forget(slot);
    }
    this.#schedule();
  }

  /** The follower's log holds this now: windows open, and the partition learns of it. */
  appended(positions: readonly ReplicaPosition[]): void {
    const { brokerId, brokerEpoch } = this;
    const { replicaPartitionWindowBytes } = this.#options.limits;
    for (const { slot: number, endOffset, logStartOffset } of positions) {
      const slot = this.#slots.get(number);
      // It was given up on this side, which the follower has not heard of yet.
      if (slot === undefined) continue;
      if (endOffset > slot.nextOffset || endOffset < slot.endOffset) {
        const { topic, partition } = slot.partition;
        const sent = `it was sent offsets up to ${slot.nextOffset} and has said ${slot.endOffset} before`;
        return this.#invalid(`broker ${brokerId} says that it has ${topic}-${partition} up to ${endOffset}: ${sent}`);
      }
      slot.endOffset = endOffset;
      const arrivedBytes = slot.unacknowledged.arrived(endOffset);
      this.#sentBytes -= arrivedBytes;
      this.#countBehind(slot, -Math.min(arrivedBytes, slot.behindBytes));
      slot.partition.replicaHas({ brokerId, brokerEpoch, endOffset, logStartOffset });
      if (slot.state === 'full' && slot.unacknowledged.bytes < replicaPartitionWindowBytes) this.#enqueue(slot);
    }
    this.#schedule();
  }

  /** The stream has ended: nobody is watched for it any more. */
  over(): void {
    this.#isOver = true;
    this.#progressTimer?.cancel();
    this.#throttleTimer?.cancel();
    for (const slot of this.#slots.values()) {
      slot.partition.unfollow(slot);
      slot.state = 'gone';
    }
    this.#slots.clear();
  }

  // What partitions say, from within their steps.

  slotAppended(slot: ReplicaSlot): void {
    this.#enqueue(slot);
    this.#schedule();
  }

  slotMoved(slot: ReplicaSlot): void {
    const { clock, limits } = this.#options;
    slot.isProgressDue = true;
    this.#progressDue.push(slot);
    if (this.#isTurnDue || this.#progressTimer !== undefined) return;
    this.#progressTimer = clock.after(limits.replicaProgressMs, () => {
      this.#progressTimer = undefined;
      this.#turn();
    });
  }

  slotLost(slot: ReplicaSlot, code: number, why: string): void {
    const { logStartOffset, logEndOffset } = slot.partition;
    this.#refuse(slot.number, { code, why, logStartOffset, logEndOffset });
    this.#forget(slot);
    this.#schedule();
  }

  // Turns.

  #schedule(): void {
    if (this.#isTurnDue || this.#isOver) return;
    this.#isTurnDue = true;
    this.#options.clock.after(0, () => {
      this.#isTurnDue = false;
      this.#turn();
    });
  }

  /** Does what is due until it has lasted long enough; the rest follows in the next turn. */
  #turn(): void {
    if (this.#isOver) return;
    const { clock, limits } = this.#options;
    const endMs = clock.monotonicMs() + limits.turnMs;
    while (this.#claims.length > 0) {
      this.#judgeNext();
      if (clock.monotonicMs() >= endMs) break;
    }
    if (this.#claims.length === 0) this.#withdrawn.clear();
    this.#sendAnswers();
    while (!this.#isHeld && !this.#isOver) {
      if (!this.#sendMessage()) break;
      if (clock.monotonicMs() >= endMs) return this.#schedule();
    }
    if (this.#claims.length > 0) this.#schedule();
  }

  #judgeNext(): void {
    const position = this.#claims.shift();
    if (position === undefined || this.#withdrawn.delete(position.slot)) return;
    const { slot: number, topicId, partition: index } = position;
    const partition = this.#options.partitionOf(topicId, index);
    if (partition === undefined) {
      const why = `this broker has no partition ${index} of the topic with id ${topicId}`;
      return this.#refuse(number, { code: ErrorCode.UNKNOWN_TOPIC_ID, why, logStartOffset: 0, logEndOffset: 0 });
    }
    const { brokerId, brokerEpoch } = this;
    const { leaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset } = position;
    const slot = new ReplicaSlot(number, partition, fetchOffset, this);
    const claim = { brokerId, brokerEpoch, leaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset };
    const answer = partition.follow(claim, slot);
    if (answer.kind === 'diverging') {
      this.#diverging.push({ slot: number, epoch: answer.epoch, endOffset: answer.endOffset });
    } else if (answer.kind === 'refused') {
      this.#refuse(number, answer);
    } else {
      assert(answer.offset === fetchOffset, 'a follower is sent what follows its log', { answer, fetchOffset });
      this.#slots.set(number, slot);
      this.#continue(slot);
      this.slotMoved(slot);
    }
  }

  #sendAnswers(): void {
    const { stream, limits } = this.#options;
    while (this.#refused.length + this.#diverging.length > 0 && !this.#isOver) {
      const refused = this.#refused.splice(0, limits.replicaNamesPerMessageMax);
      const diverging = this.#diverging.splice(0, limits.replicaNamesPerMessageMax);
      if (!stream.send({ kind: 'answers', refused, diverging })) this.#isHeld = true;
    }
  }

  /** @returns whether there was anything to send */
  #sendMessage(): boolean {
    const { stream, limits, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const parts: ReplicaPart[] = [];
    let bytes = 0;
    this.#lanes.beginMessage();
    while (bytes < limits.replicaMessageBytes && parts.length < limits.replicaNamesPerMessageMax) {
      const usedBytes = this.#sentBytes + this.#reservedBytes;
      const queuedBytes = bytes + stream.queuedBytes();
      const behindBytes = this.#behindBytes + this.#reservedBytes;
      const slot = this.#lanes.next({ nowMs, usedBytes, behindBytes, readsUnderWay: this.#readsUnderWay, queuedBytes });
      if (slot === undefined) break;
      bytes += this.#take(slot, parts);
    }
    const progress = this.#takeProgress();
    if (parts.length === 0 && progress.length === 0) return false;
    this.#options.bytesOut.inc(bytes);
    if (!stream.send({ kind: 'batches', parts, progress })) this.#isHeld = true;
    return true;
  }

  /** A partition has its turn. @returns the bytes that it gave to the message */
  #take(slot: ReplicaSlot, parts: ReplicaPart[]): number {
    const { limits } = this.#options;
    if (slot.found !== undefined) return this.#give(slot, slot.found, parts);
    const roomBytes = limits.replicaPartitionWindowBytes - slot.unacknowledged.bytes;
    if (roomBytes <= 0) {
      slot.state = 'full';
      return 0;
    }
    if (this.#isHeldBack(slot)) return 0;
    const isSmall = slot.isTail || this.#lanes.isTailBusy(this.#options.clock.monotonicMs());
    const maxBytes = Math.min(roomBytes, isSmall ? limits.replicaPartBytes : limits.readChunkBytes);
    const read = slot.partition.readForReplica(slot.nextOffset, maxBytes);
    if (read instanceof Promise) {
      this.#await(slot, read, maxBytes);
      return 0;
    }
    if (read.ok) return this.#give(slot, read.value.chunks, parts);
    this.#giveUp(slot, read);
    return 0;
  }

  /** A replica that has all that is committed is never held back: acks=all would wait for it. */
  #isHeldBack(slot: ReplicaSlot): boolean {
    const { throttle, clock } = this.#options;
    if (slot.endOffset >= slot.partition.highWatermark || !throttle.isThrottled(slot.partition)) return false;
    const waitMs = throttle.waitMs();
    if (waitMs === 0) return false;
    slot.state = 'throttled';
    this.#throttled.push(slot);
    this.#throttleTimer ??= clock.after(waitMs, () => {
      this.#throttleTimer = undefined;
      const held = this.#throttled;
      this.#throttled = [];
      for (const each of held) if (!each.isGone) this.#enqueue(each);
      this.#schedule();
    });
    return true;
  }

  #give(slot: ReplicaSlot, chunks: readonly Buffer[], parts: ReplicaPart[]): number {
    this.#release(slot);
    const sizeBytes = sizeOf(chunks);
    const { partition, nextOffset: fetchOffset } = slot;
    const { limits, throttle } = this.#options;
    if (sizeBytes > limits.rpcMessageBytesMax - ENVELOPE_BYTES) {
      const why = `a batch of ${sizeBytes} bytes at offset ${fetchOffset} does not fit into a message between brokers`;
      this.#giveUp(slot, { code: ErrorCode.MESSAGE_TOO_LARGE, why });
      return 0;
    }
    if (sizeBytes === 0 && fetchOffset < partition.logEndOffset) {
      const why = `nothing can be read at offset ${fetchOffset} of a log that ends at ${partition.logEndOffset}`;
      this.#giveUp(slot, { code: ErrorCode.KAFKA_STORAGE_ERROR, why });
      return 0;
    }
    if (sizeBytes > 0) {
      const { highWatermark, logStartOffset } = partition;
      parts.push({ slot: slot.number, fetchOffset, highWatermark, logStartOffset, records: chunks });
      slot.nextOffset = endOf(chunks);
      slot.unacknowledged.sent(slot.nextOffset, sizeBytes);
      this.#sentBytes += sizeBytes;
      if (!slot.isTail) this.#countBehind(slot, sizeBytes);
      slot.isProgressDue = false;
      if (throttle.isThrottled(partition)) throttle.record(sizeBytes);
      this.#options.reassigned.went(partition, this.brokerId, sizeBytes);
    }
    this.#continue(slot);
    return sizeBytes;
  }

  #countBehind(slot: ReplicaSlot, bytes: number): void {
    slot.behindBytes += bytes;
    this.#behindBytes += bytes;
  }

  #continue(slot: ReplicaSlot): void {
    if (slot.nextOffset < slot.partition.logEndOffset) return this.#enqueue(slot);
    slot.isTail = true;
    slot.state = 'idle';
  }

  #await(slot: ReplicaSlot, read: Promise<Outcome<ReadResult>>, maxBytes: number): void {
    slot.state = 'reading';
    slot.isTail = false;
    slot.reservedBytes = maxBytes;
    this.#reservedBytes += maxBytes;
    this.#readsUnderWay += 1;
    void read.then((outcome) => {
      this.#readsUnderWay -= 1;
      if (slot.isGone || this.#isOver) this.#release(slot);
      else if (!outcome.ok) this.#giveUp(slot, outcome);
      else {
        slot.found = outcome.value.chunks;
        this.#enqueue(slot);
      }
      this.#schedule();
    });
  }

  /** What was reserved for its read is free again. */
  #release(slot: ReplicaSlot): void {
    this.#reservedBytes -= slot.reservedBytes;
    slot.reservedBytes = 0;
    slot.found = undefined;
  }

  #takeProgress(): ReplicaProgress[] {
    const progress: ReplicaProgress[] = [];
    const due = this.#progressDue;
    let taken = 0;
    for (const slot of due) {
      if (progress.length >= this.#options.limits.replicaNamesPerMessageMax) break;
      taken += 1;
      if (!slot.isProgressDue || slot.isGone) continue;
      slot.isProgressDue = false;
      const { highWatermark, logStartOffset } = slot.partition;
      progress.push({ slot: slot.number, highWatermark, logStartOffset });
    }
    this.#progressDue = taken === due.length ? [] : due.slice(taken);
    if (this.#progressDue.length === 0) {
      this.#progressTimer?.cancel();
      this.#progressTimer = undefined;
    }
    return progress;
  }

  #enqueue(slot: ReplicaSlot): void {
    const lane = slot.found !== undefined ? 'found' : slot.isTail ? 'tail' : 'behind';
    if (!this.#lanes.enqueue(slot, lane)) this.#invalid('partitions are named again faster than they are sent');
  }

  /** This side cannot go on with it. */
  #giveUp(slot: ReplicaSlot, why: { readonly code: number; readonly why: string }): void {
    const { topic, partition } = slot.partition;
    this.#options.log.warn({ topic, partition, broker: this.brokerId }, `a follower is not sent more: ${why.why}`);
    slot.partition.unfollow(slot);
    const { logStartOffset, logEndOffset } = slot.partition;
    this.#refuse(slot.number, { ...why, logStartOffset, logEndOffset });
    this.#forget(slot);
    this.#schedule();
  }

  /** @param why.logStartOffset and why.logEndOffset are the leader's log: a follower that is out of range is cut to it */
  #refuse(slot: number, { code, why, logStartOffset, logEndOffset }: Refusing): void {
    const range = { logStartOffset: Math.max(0, logStartOffset), logEndOffset: Math.max(0, logEndOffset) };
    this.#refused.push({ slot, code, why, ...range });
  }

  #forget(slot: ReplicaSlot): void {
    this.#slots.delete(slot.number);
    this.#sentBytes -= slot.unacknowledged.bytes;
    this.#countBehind(slot, -slot.behindBytes);
    // A read that is under way gives back its own room when it ends.
    if (slot.state !== 'reading') this.#release(slot);
    slot.state = 'gone';
  }

  #invalid(why: string): void {
    if (this.#isOver) return;
    this.over();
    this.#options.stream.close({ reason: 'invalid', why });
  }
}

type Refusing = {
  readonly code: number;
  readonly why: string;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
};

function sizeOf(chunks: readonly Buffer[]): number {
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  return sizeBytes;
}

/** One past the last offset of whole batches. */
function endOf(chunks: readonly Buffer[]): number {
  const last = chunks.at(-1);
  assert(last !== undefined && last.length > 0, 'what is sent holds a batch');
  let at = 0;
  for (;;) {
    const sizeBytes = batch.sizeInBytes(last, at);
    assert(sizeBytes >= batch.HEADER_BYTES, 'a log gives whole batches', { at, sizeBytes });
    if (at + sizeBytes >= last.length) return batch.lastOffset(last, at) + 1;
    at += sizeBytes;
  }
}
