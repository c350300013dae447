/**
 * One life of a process in the simulated world: all that comes to it from outside (time, the disk, messages) passes its gate, so that it can
 * stand still, and so that nothing of it runs any more once it is dead.
 */
import type { Clock, TimerHandle } from '@odradek/base';
import type { Scheduler } from '../scheduler.ts';

/** Of the world's clock at its beginning: people and records see times after it. */
const EPOCH_MS = 1_700_000_000_000;

export class Gate {
  #state: 'open' | 'held' | 'over' = 'open';
  /** Nothing overtakes what waits here, also after the release. */
  #held: (() => void)[] = [];
  #soon: (run: () => void) => void = () => undefined;

  get isHeld(): boolean {
    return this.#state === 'held';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  pass(run: () => void): void {
    if (this.#state === 'over') return;
    if (this.#state === 'open' && this.#held.length === 0) return run();
    this.#held.push(run);
    if (this.#state === 'open') this.#soon(this.#next);
  }

  hold(): void {
    if (this.#state === 'open') this.#state = 'held';
  }

  /** @param soon runs what was held back, one after another, each in a turn of its own */
  release(soon: (run: () => void) => void): void {
    if (this.#state !== 'held') return;
    this.#state = 'open';
    this.#soon = soon;
    for (let count = this.#held.length; count > 0; count -= 1) soon(this.#next);
  }

  end(): void {
    this.#state = 'over';
    this.#held = [];
  }

  readonly #next = (): void => {
    if (this.#state === 'open') this.#held.shift()?.();
  };
}

/** Time as the network has it: true, and nobody's own. */
export function worldClock(scheduler: Scheduler): Clock {
  return clockOf(scheduler, 1, (run) => run());
}

/** A process's own clock. @param rate how much faster than the world's it runs */
export function processClock(scheduler: Scheduler, gate: Gate, rate: number): Clock {
  return clockOf(scheduler, rate, (run) => gate.pass(run));
}

function clockOf(scheduler: Scheduler, rate: number, pass: (run: () => void) => void): Clock {
  return {
    nowMs: () => Math.floor(EPOCH_MS + scheduler.nowMs * rate),
    monotonicMs: () => scheduler.nowMs * rate,
    after(delayMs, fire): TimerHandle {
      let isCancelled = false;
      scheduler.after(delayMs / rate, () => {
        if (isCancelled) return;
        pass(() => {
          if (!isCancelled) fire();
        });
      });
      return { cancel: () => void (isCancelled = true) };
    },
  };
}
