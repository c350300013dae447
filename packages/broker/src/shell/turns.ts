/**
 * Who has much to do does it in turns: it works for a while, then waits here while others have theirs. One of those who wait goes on in each
 * round of the event loop, so that however many they are, whoever comes new is held up by one turn, not by all of theirs.
 */
import type { Clock, Limits } from '@odradek/base';

export class Turns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #waiting = new Set<() => void>();
  readonly #goOn: () => void;

  constructor(clock: Clock, { turnMs }: Pick<Limits, 'turnMs'>) {
    this.#clock = clock;
    this.#turnMs = turnMs;
    this.#goOn = () => {
      const [first] = this.#waiting;
      if (first === undefined) return;
      this.#waiting.delete(first);
      // Before it goes on: it may throw, or wait again at once.
      if (this.#waiting.size > 0) clock.after(0, this.#goOn);
      first();
    };
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** @param startMs when the turn began, by `nowMs` */
  isOver(startMs: number): boolean {
    return this.#clock.monotonicMs() - startMs >= this.#turnMs;
  }

  /** Calls `go` when it is its turn again; a function that waits already waits once. */
  wait(go: () => void): void {
    const isAlone = this.#waiting.size === 0;
    this.#waiting.add(go);
    if (isAlone) this.#clock.after(0, this.#goOn);
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.wait(resolve));
  }
}
