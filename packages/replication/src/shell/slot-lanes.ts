/**
 * Whose turn it is to send on a stream to a follower. Partitions at their log end come first, so that one that catches up does not keep
 * acks=all waiting; but one turn of a few is always theirs who are behind. Within a lane everybody has a turn before anybody has two.
 */
import { BoundedQueue } from '@odradek/base';
import type { Limits } from '@odradek/base';
import type { ReplicaSlot } from './replica-slot.ts';

/** One message of so many begins with those who are behind. */
const TURNS_OF_THE_TAIL = 8;

/** Messages of those who are behind that may wait in the connection, so that the tail has not far to go. */
const MESSAGES_AHEAD = 8;

/** Share of the stream's window that those who are behind leave to the tail. */
const TAIL_SHARE = 1 / 4;

export type Room = {
  /** Monotonic. */
  readonly nowMs: number;
  /** Bytes that are under way or being read. */
  readonly usedBytes: number;
  /** Those of them that are sent to who is behind. */
  readonly behindBytes: number;
  readonly readsUnderWay: number;
  /** Bytes that the connection has not taken yet: the tail waits behind them. */
  readonly queuedBytes: number;
};

export class SlotLanes {
  readonly #limits: Limits;
  readonly #tail: BoundedQueue<ReplicaSlot>;
  readonly #behind: BoundedQueue<ReplicaSlot>;
  readonly #found: BoundedQueue<ReplicaSlot>;
  #messageCount = 0;
  /** When the tail had something to send last. */
  #tailMs = -Infinity;

  /** @param limits a slot that has gone holds its place until its turn, hence twice as many */
  constructor(limits: Limits) {
    const bound = limits.replicaSlotsMax * 2;
    this.#limits = limits;
    this.#tail = new BoundedQueue('replica tail', bound);
    this.#behind = new BoundedQueue('replicas behind', bound);
    this.#found = new BoundedQueue('replica reads', bound);
  }

  /** Puts a slot last in its lane. @returns false: there are too many */
  enqueue(slot: ReplicaSlot, state: 'tail' | 'behind' | 'found'): boolean {
    slot.state = state;
    if (state === 'tail') return this.#tail.push(slot);
    return state === 'found' ? this.#found.push(slot) : this.#behind.push(slot);
  }

  /** Somebody waits for records at the log end: who is behind sends little at a time, since the follower takes all in its order. */
  isTailBusy(nowMs: number): boolean {
    return nowMs - this.#tailMs < this.#limits.replicaTailBusyMs;
  }

  /** A message begins. */
  beginMessage(): void {
    this.#messageCount += 1;
  }

  /** Takes out who is next, if there is room for what it sends. */
  next(room: Room): ReplicaSlot | undefined {
    const isTurnOfBehind = this.#messageCount % TURNS_OF_THE_TAIL === 0;
    if (isTurnOfBehind) return this.#nextFound(room) ?? this.#nextBehind(room, 0) ?? this.#nextTail(room);
    return this.#nextTail(room) ?? this.#nextFound(room) ?? this.#nextBehind(room, TAIL_SHARE);
  }

  #nextTail({ usedBytes, nowMs }: Room): ReplicaSlot | undefined {
    const slot = usedBytes < this.#limits.replicaStreamWindowBytes ? live(this.#tail) : undefined;
    if (slot !== undefined) this.#tailMs = nowMs;
    return slot;
  }

  /** What was read has its room in the window already. Acknowledgements of what is queued bring the next turn. */
  #nextFound({ queuedBytes }: Room): ReplicaSlot | undefined {
    return queuedBytes < this.#limits.replicaMessageBytes * MESSAGES_AHEAD ? live(this.#found) : undefined;
  }

  #nextBehind(room: Room, leftToTail: number): ReplicaSlot | undefined {
    const { usedBytes, behindBytes, readsUnderWay, queuedBytes, nowMs } = room;
    const { replicaStreamWindowBytes, replicaReadsAtOnceMax, replicaMessageBytes, replicaBehindBytes } = this.#limits;
    if (behindBytes >= replicaBehindBytes && this.isTailBusy(nowMs)) return undefined;
    const hasRoom = usedBytes < replicaStreamWindowBytes * (1 - leftToTail) && readsUnderWay < replicaReadsAtOnceMax;
    return hasRoom && queuedBytes < replicaMessageBytes * MESSAGES_AHEAD ? live(this.#behind) : undefined;
  }
}

function live(lane: BoundedQueue<ReplicaSlot>): ReplicaSlot | undefined {
  for (;;) {
    const slot = lane.shift();
    if (slot === undefined || !slot.isGone) return slot;
  }
}
