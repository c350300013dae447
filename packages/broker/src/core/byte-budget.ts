/**
 * Bytes that all connections hold together: requests under way and answers not yet taken by their readers. Beyond the bound a connection
 * that holds bytes waits with its next request; one that holds none may still have one, so that a few slow readers do not stop everyone.
 * Beyond twice the bound nobody starts anything until bytes are given back. Frames that are only partly here would then wait for one
 * another, so one connection at a time, the finisher, may go on reading; who stalls meanwhile is cut by the idle sweep.
 */
import { assert } from '@odradek/base';

/** Of the bound, what an answer may always bring. */
const ALLOWANCE_LEAST = 1 / 512;

export class ByteBudget {
  readonly maxBytes: number;
  #heldBytes = 0;
  #finisher: object | undefined;
  readonly #waiting = new Set<() => void>();
  #waking = false;
  #givenBack = false;

  constructor(maxBytes: number) {
    assert(maxBytes > 0, 'a budget is more than nothing', { maxBytes });
    this.maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get over(): boolean {
    return this.#heldBytes > this.maxBytes;
  }

  /** @param ownBytes what the asking connection holds itself */
  mayGoOn(ownBytes: number): boolean {
    if (this.#heldBytes <= this.maxBytes) return true;
    return ownBytes === 0 && this.#heldBytes <= 2 * this.maxBytes;
  }

  /**
   * How much one more answer may bring: a quarter of what is left, so that many that are made side by side stay within the bound together,
   * but never nothing: who has begun gets something.
   */
  allowance(): number {
    return Math.ceil(Math.max(this.maxBytes * ALLOWANCE_LEAST, (this.maxBytes - this.#heldBytes) / 4));
  }

  take(bytes: number): void {
    this.change(bytes);
  }

  /** Lets one connection with a frame in part go on although the bound is reached. @returns whether it is this one */
  elect(connection: object): boolean {
    this.#finisher ??= connection;
    return this.#finisher === connection;
  }

  isFinisher(connection: object): boolean {
    return this.#finisher === connection;
  }

  /** The finisher has its frame whole, or is gone: the next may be elected. */
  retire(connection: object): void {
    if (this.#finisher !== connection) return;
    this.#finisher = undefined;
    this.#wakeOne();
  }

  /** Takes bytes (positive) or gives them back (negative); giving back lets those that wait go on, first come first served. */
  change(deltaBytes: number): void {
    this.#heldBytes += deltaBytes;
    assert(this.#heldBytes >= 0, 'bytes given back were taken', { heldBytes: this.#heldBytes });
    if (deltaBytes < 0 && this.#waiting.size > 0) this.#wake();
  }

  /** Who goes on may give bytes back at once: that is another round here, not a call within a call for each that waits. */
  #wake(): void {
    this.#givenBack = true;
    if (this.#waking) return;
    this.#waking = true;
    try {
      while (this.#givenBack) {
        this.#givenBack = false;
        this.#wakeRound();
      }
    } finally {
      this.#waking = false;
    }
  }

  /** Below the bound everyone is asked; between it and its double, until one has gone on. */
  #wakeRound(): void {
    for (const goOn of Array.from(this.#waiting)) {
      if (this.#heldBytes > 2 * this.maxBytes) return;
      if (!this.#waiting.delete(goOn)) continue;
      goOn();
      if (this.over && !this.#waiting.has(goOn)) return;
    }
  }

  /** Calls `goOn` once, when the held bytes have come under the bound or a finisher is sought. The same function waits only once. */
  wait(goOn: () => void): void {
    this.#waiting.add(goOn);
  }

  forget(goOn: () => void): void {
    this.#waiting.delete(goOn);
  }

  /** Everyone is asked in turn until one has become the finisher: only connections in the middle of a frame do. */
  #wakeOne(): void {
    for (const goOn of Array.from(this.#waiting)) {
      if (this.#finisher !== undefined) return;
      if (this.#waiting.delete(goOn)) goOn();
    }
  }
}
