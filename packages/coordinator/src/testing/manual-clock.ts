/** A clock that a test moves. Timers fire in the order of their times, each at its own time. */
import type { Clock, TimerHandle } from '@odradek/base';

type Timer = { readonly atMs: number; readonly sequence: number; readonly fire: () => void };

export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #sequence = 0;
  #timers: Timer[] = [];

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    this.#sequence += 1;
    const timer = { atMs: this.#monotonicMs + delayMs, sequence: this.#sequence, fire };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  /** Moves time on, letting promises settle between timers. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#monotonicMs + byMs;
    await settle();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#moveTo(timer.atMs);
      this.#timers = this.#timers.filter((other) => other !== timer);
      timer.fire();
      await settle();
    }
    this.#moveTo(endMs);
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > endMs) continue;
      if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.sequence < next.sequence))
        next = timer;
    }
    return next;
  }

  #moveTo(monotonicMs: number): void {
    if (monotonicMs <= this.#monotonicMs) return;
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

/** Lets every promise that can go on do so: what waits only on others' microtasks is done within a few turns of the loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
