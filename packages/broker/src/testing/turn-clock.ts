/** A simulated clock on which work takes as long as a test says, and who gives others their turn goes on when the test says. */
import type { TimerHandle } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';

export class TurnClock extends SimClock {
  #workedMs = 0;
  #yielded: (() => void)[] = [];

  /** Time passes within a turn. */
  work(ms: number): void {
    this.#workedMs += ms;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#workedMs;
  }

  override after(delayMs: number, fire: () => void): TimerHandle {
    if (delayMs > 0) return super.after(delayMs, fire);
    this.#yielded.push(fire);
    return { cancel: () => (this.#yielded = this.#yielded.filter((other) => other !== fire)) };
  }

  /** Whoever waits for a turn gets it. @returns how many there were */
  turn(): number {
    const fires = this.#yielded;
    this.#yielded = [];
    for (const fire of fires) fire();
    return fires.length;
  }
}
