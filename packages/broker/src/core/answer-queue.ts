/**
 * Answers of one connection leave in the order of its requests, whatever order they become ready in. A linked list: an idle connection
 * holds nothing, and taking the ready ones from its front costs nothing per waiting one.
 */
import { assert } from '@odradek/base';

/** The place of one request's answer, from its start on. Settled once. */
export type AnswerSlot = {
  next: AnswerSlot | undefined;
  settled: boolean;
  chunks: readonly Uint8Array[];
  sizeBytes: number;
  /** What the request holds until it is settled: its frame, and what its answer may grow to. */
  readonly requestBytes: number;
  reservedBytes: number;
};

const NOTHING: readonly Uint8Array[] = [];

export class AnswerQueue {
  #head: AnswerSlot | undefined;
  #tail: AnswerSlot | undefined;
  #inFlightCount = 0;
  #queuedBytes = 0;
  #requestBytes = 0;
  #reservedBytes = 0;

  /** Requests started whose answer has not been taken. */
  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Bytes of answers that are ready and wait for an earlier one. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes of the frames of requests under way. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  /** What the answers under way may grow to, as far as their handlers have said. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  get frontReady(): boolean {
    return this.#head !== undefined && this.#head.settled;
  }

  open(requestBytes: number): AnswerSlot {
    const slot: AnswerSlot = {
      next: undefined,
      settled: false,
      chunks: NOTHING,
      sizeBytes: 0,
      requestBytes,
      reservedBytes: 0,
    };
    this.#requestBytes += requestBytes;
    if (this.#tail === undefined) this.#head = slot;
    else this.#tail.next = slot;
    this.#tail = slot;
    this.#inFlightCount += 1;
    return slot;
  }

  /** Notes what the answer of a request that now begins may grow to. */
  reserve(slot: AnswerSlot, bytes: number): void {
    assert(!slot.settled && slot.reservedBytes === 0, 'bytes are reserved once, before the answer');
    slot.reservedBytes = bytes;
    this.#reservedBytes += bytes;
  }

  /** @param chunks the framed answer; null: the request has none (Produce with acks=0) */
  settle(slot: AnswerSlot, chunks: readonly Uint8Array[] | null): void {
    assert(!slot.settled, 'an answer is given once');
    slot.settled = true;
    this.#requestBytes -= slot.requestBytes;
    this.#reservedBytes -= slot.reservedBytes;
    if (chunks === null) return;
    slot.chunks = chunks;
    for (const chunk of chunks) slot.sizeBytes += chunk.length;
    this.#queuedBytes += slot.sizeBytes;
  }

  /** Moves every answer that may leave to `out`, in order.
   * @returns the bytes moved */
  takeReady(out: Uint8Array[]): number {
    let takenBytes = 0;
    let slot = this.#head;
    while (slot !== undefined && slot.settled) {
      for (const chunk of slot.chunks) out.push(chunk);
      takenBytes += slot.sizeBytes;
      this.#inFlightCount -= 1;
      slot = slot.next;
    }
    this.#head = slot;
    if (slot === undefined) this.#tail = undefined;
    this.#queuedBytes -= takenBytes;
    assert(this.#queuedBytes >= 0 && this.#inFlightCount >= 0, 'counts of an answer queue are not negative');
    return takenBytes;
  }
}
