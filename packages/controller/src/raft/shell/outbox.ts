/** Messages that must not leave before what they say is on the disk. */
import type { Effect } from '../core/state.ts';

type Order = Effect & { readonly kind: 'send' };

export class Outbox {
  readonly #bound: number;
  #orders: Order[] = [];

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** @returns false when it took the place of the oldest, which is dropped: Raft says it again */
  push(order: Order): boolean {
    this.#orders.push(order);
    if (this.#orders.length <= this.#bound) return true;
    this.#orders.shift();
    return false;
  }

  /** What may leave now, in order. */
  take(durableSeq: number): readonly Order[] {
    const ready = this.#orders.filter(({ afterSeq }) => afterSeq <= durableSeq);
    if (ready.length > 0) this.#orders = this.#orders.filter(({ afterSeq }) => afterSeq > durableSeq);
    return ready;
  }
}
