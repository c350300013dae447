/** When the work of the log manager comes: again and again, after a while, and in slices between which others get their turn. */
import type { Clock, TimerHandle } from '@odradek/base';

/** Longest slice of work before others get their turn. */
const SLICE_MS = 5;
/** Intervals beyond this are Kafka's way to say never. */
const NEVER_MS = 2 ** 53;

/** Something that comes again and again. */
export type Recurring = {
  /** The interval has changed: the wait that is under way begins anew. */
  readonly reschedule: () => void;
};

export class Agenda {
  readonly #clock: Clock;
  readonly #timers = new Set<TimerHandle>();
  #sliceEndMs = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Each turn begins so long after the one before has ended. */
  every(interval: number | (() => number), act: () => Promise<void>): Recurring {
    let waiting: TimerHandle | undefined;
    let isTurn = false;
    const wait = (): void => {
      const intervalMs = typeof interval === 'number' ? interval : interval();
      isTurn = false;
      waiting = intervalMs >= NEVER_MS ? undefined : this.after(intervalMs, take);
    };
    const take = (): void => {
      isTurn = true;
      act().then(wait, raise);
    };
    const reschedule = (): void => {
      if (isTurn) return; // the next wait asks for the interval anyway
      if (waiting !== undefined) this.#cancel(waiting);
      wait();
    };
    wait();
    return { reschedule };
  }

  /** @returns undefined once the agenda is closed: nothing comes any more */
  after(delayMs: number, act: () => void): TimerHandle | undefined {
    if (this.#closed) return undefined;
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      act();
    });
    this.#timers.add(timer);
    return timer;
  }

  /** Gives other work its turn when this slice has lasted long enough. */
  async breathe(): Promise<void> {
    if (this.#clock.monotonicMs() < this.#sliceEndMs) return;
    await new Promise<void>((resolve) => {
      this.#clock.after(0, resolve);
    });
    this.#sliceEndMs = this.#clock.monotonicMs() + SLICE_MS;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Nothing comes any more. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #cancel(timer: TimerHandle): void {
    timer.cancel();
    this.#timers.delete(timer);
  }
}

/** A bug that nobody waits for must not pass in silence: the process stops. */
export function raise(cause: unknown): void {
  queueMicrotask(() => {
    throw cause;
  });
}
