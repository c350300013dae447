/** One partition of a stream to a follower, on the leader's side: what was sent, what the follower has, and whether something is due. */
import { Unacknowledged } from '../core/unacknowledged.ts';
import type { LedPartition, ReplicaWatcher } from '../replica-types.ts';

/**
 * - `idle`: everything was sent; the next append makes it `tail`.
 * - `tail`: its turn comes, and what it sends is mostly in memory.
 * - `behind`: its turn comes after those of the tail, and what it sends mostly has to come from disk.
 * - `reading`: a read from disk is under way.
 * - `found`: its turn comes, and what it sends has been read.
 * - `full`: nothing may be sent until more is acknowledged.
 * - `throttled`: it waits for the quota.
 * - `gone`: it is not sent any more.
 */
export type SlotState = 'idle' | 'tail' | 'behind' | 'reading' | 'found' | 'full' | 'throttled' | 'gone';

/** What the stream does when a partition has something for its follower. Called from within the partition's step: it only notes it. */
export interface SlotOwner {
  slotAppended(slot: ReplicaSlot): void;
  slotMoved(slot: ReplicaSlot): void;
  slotLost(slot: ReplicaSlot, code: number, why: string): void;
}

export class ReplicaSlot implements ReplicaWatcher {
  readonly number: number;
  readonly partition: LedPartition;
  readonly unacknowledged = new Unacknowledged();
  readonly #owner: SlotOwner;
  state: SlotState = 'behind';
  /** Whether it has reached the log end, and has kept to what is in memory since. */
  isTail = false;
  /** Sent up to here. */
  nextOffset: number;
  /** The follower has everything below. */
  endOffset: number;
  /** Read from disk, and not sent yet. */
  found: readonly Buffer[] | undefined;
  /** Of what is unacknowledged, bytes that were sent while it was behind. */
  behindBytes = 0;
  /** Bytes that its read from disk may bring. */
  reservedBytes = 0;
  isProgressDue = false;

  constructor(number: number, partition: LedPartition, from: number, owner: SlotOwner) {
    this.number = number;
    this.partition = partition;
    this.nextOffset = from;
    this.endOffset = from;
    this.#owner = owner;
  }

  get isGone(): boolean {
    return this.state === 'gone';
  }

  appended(): void {
    if (this.state === 'idle') this.#owner.slotAppended(this);
  }

  moved(): void {
    if (!this.isProgressDue && this.state !== 'gone') this.#owner.slotMoved(this);
  }

  lost(_partition: LedPartition, code: number, why: string): void {
    if (this.state !== 'gone') this.#owner.slotLost(this, code, why);
  }
}
