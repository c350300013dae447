/**
 * The one look at all leaders from time to time: who has been behind for too long (KIP-16), and whether a high watermark that waited for a
 * replica to join still should. No partition has a timer of its own.
 */
import type { Clock, TimerHandle } from '@odradek/base';

export interface Lagging {
  tick(nowMs: number): void;
  recheck(nowMs: number): void;
}

export type LagCheckOptions = {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** See LeaderTerms.joinWaitMs. */
  readonly joinWaitMs: number;
};

export class LagCheck {
  readonly #options: LagCheckOptions;
  #heldBack = new Set<Lagging>();
  #recheck: TimerHandle | undefined;
  #tick: TimerHandle | undefined;
  #closed = false;

  constructor(options: LagCheckOptions) {
    this.#options = options;
  }

  /** @param leaders every partition that is led here, asked anew each time */
  start(leaders: () => Iterable<Lagging>): void {
    if (this.#closed) return;
    const { clock, intervalMs } = this.#options;
    this.#tick = clock.after(intervalMs, () => {
      const nowMs = clock.monotonicMs();
      for (const leader of leaders()) leader.tick(nowMs);
      this.start(leaders);
    });
  }

  /** Looked at again once what it waits for can no longer be waited for. */
  heldBack(leader: Lagging): void {
    if (this.#closed) return;
    this.#heldBack.add(leader);
    // One later than the wait allows: whoever was caught up just then is not any more.
    this.#recheck ??= this.#options.clock.after(this.#options.joinWaitMs + 1, () => this.#recheckNow());
  }

  close(): void {
    this.#closed = true;
    this.#tick?.cancel();
    this.#recheck?.cancel();
    this.#heldBack.clear();
  }

  #recheckNow(): void {
    this.#recheck = undefined;
    const due = this.#heldBack;
    this.#heldBack = new Set();
    const nowMs = this.#options.clock.monotonicMs();
    for (const leader of due) leader.recheck(nowMs);
  }
}
