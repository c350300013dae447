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
  #held: (() => void)[] = [];

  get isHeld(): boolean {
    return this.#state === 'held';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  pass(run: () => void): void {
    if (this.#state === 'open') run();
    else if (this.#state === 'held') this.#held.push(run);
  }

  hold(): void {
    if (this.#state === 'open') this.#state = 'held';
  }

  /** @param soon runs what was held back, one after another, each in a turn of its own */
  release(soon: (run: () => void) => void): void {
    if (this.#state !== 'held') return;
    this.#state = 'open';
    for (const run of this.#held.splice(0)) soon(() => this.pass(run));
  }

  end(): void {
    this.#state = 'over';
    this.#held = [];
  }
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
