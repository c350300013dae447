/** What every end of a stream keeps, whatever carries it: how much waits to be taken, and that it ends once. */
import { assert } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { overflowedWhy, oversizedWhy } from './endings.ts';
import type { Ending, Peer } from '../ports.ts';

/** Bytes that were sent and are not taken yet: bounded, and with a mark from which on the sender is to hold back. */
export class Outflow {
  readonly #limits: Limits;
  #queuedBytes = 0;
  #isFull = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Counts a message as queued. @returns how the stream ends instead, when it may not be sent */
  admit(name: string, lengthBytes: number, peer: Peer): Ending | undefined {
    const limits = this.#limits;
    if (lengthBytes > limits.rpcMessageBytesMax)
      return { kind: 'invalid', by: 'us', why: oversizedWhy(name, lengthBytes, limits) };
    const queuedBytes = this.#queuedBytes + lengthBytes;
    if (queuedBytes > limits.rpcQueuedBytesMax)
      return { kind: 'overflowed', by: 'us', why: overflowedWhy(peer, queuedBytes, limits) };
    this.#queuedBytes = queuedBytes;
    return undefined;
  }

  /** After a message was handed on. @returns whether the sender may go on at once */
  hasRoom(): boolean {
    if (this.#queuedBytes >= this.#limits.rpcQueuedBytesMark) this.#isFull = true;
    return !this.#isFull;
  }

  /** @returns whether a sender that was told to hold back may go on */
  taken(lengthBytes: number): boolean {
    this.#queuedBytes -= lengthBytes;
    assert(this.#queuedBytes >= 0, 'nothing is taken that was not queued');
    // Half of the mark, so that a sender that fills it is not woken for every message.
    if (!this.#isFull || this.#queuedBytes * 2 > this.#limits.rpcQueuedBytesMark) return false;
    this.#isFull = false;
    return true;
  }

  /** What is queued is gone. */
  drop(): void {
    this.#queuedBytes = 0;
  }
}

/** How a stream ended: the first word counts, and it is told once. */
export class Closing {
  readonly #later: (tell: () => void) => void;
  #ending: Ending | undefined;
  #closed: ((ending: Ending) => void) | undefined;

  /** @param later calls back after whatever runs now: nobody is told within a call of the stream's own methods */
  constructor(later: (tell: () => void) => void) {
    this.#later = later;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** @returns false when it has ended already */
  end(ending: Ending): boolean {
    if (this.#ending !== undefined) return false;
    this.#ending = ending;
    if (this.#closed !== undefined) this.#tell();
    return true;
  }

  onClosed(closed: (ending: Ending) => void): void {
    this.#closed = closed;
    if (this.#ending !== undefined) this.#tell();
  }

  #tell(): void {
    this.#later(() => {
      const closed = this.#closed;
      const ending = this.#ending;
      this.#closed = undefined;
      if (closed !== undefined && ending !== undefined) closed(ending);
    });
  }
}
