/** A clock that a test moves: timers fire in order of their time, and never by themselves. */
import type { Clock, TimerHandle } from '../ports.ts';

type Timer = { readonly atMs: number; readonly order: number; readonly fire: () => void };

export class SimClock implements Clock {
  #nowMs: number;
  #order = 0;
  #timers: Timer[] = [];
  /** Timers with no delay fire as soon as the test gives others a turn, without time passing. */
  readonly #promptly: boolean;

  /** @param promptly a delay of 0 (somebody giving others their turn) fires by itself, in a macrotask of the test's own loop */
  constructor(startMs = 1_700_000_000_000, options: { readonly promptly?: boolean } = {}) {
    this.#nowMs = startMs;
    this.#promptly = options.promptly ?? true;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    if (delayMs <= 0 && this.#promptly) {
      let cancelled = false;
      queueMicrotask(() => {
        if (!cancelled) fire();
      });
      return { cancel: () => (cancelled = true) };
    }
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: (this.#order += 1), fire };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Lets time pass; what is due fires at its own time, and promises get their turn in between. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#nextDue(untilMs);
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = due.atMs;
      due.fire();
      await drain();
    }
    this.#nowMs = untilMs;
    await drain();
  }

  #nextDue(untilMs: number): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      if (best === undefined || timer.atMs < best.atMs || (timer.atMs === best.atMs && timer.order < best.order))
        best = timer;
    }
    return best;
  }
}

/** Lets every promise that is ready go on, and those that they make ready. */
export async function drain(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
