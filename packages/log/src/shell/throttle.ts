/** Holds work to so many bytes a second, and lets others have their turn in between. The rate may change while somebody waits. */
import type { Clock, TimerHandle } from '@odradek/base';

/** Time without work that may be made up for: what was not used before is lost, so that a pause is not followed by a burst. */
const CREDIT_MS = 100;

export class Throttle {
  readonly #clock: Clock;
  #bytesPerSecond: number;
  /** Spent since the last rest. */
  #unpaidBytes = 0;
  /** Monotonic: when everything before the last rest is paid for. */
  #paidMs: number;
  #waiting: { readonly timer: TimerHandle; readonly resolve: () => void } | undefined;
  #released = false;

  /** @param bytesPerSecond above 0; Infinity: as fast as it goes */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidMs = clock.monotonicMs();
  }

  spend(bytes: number): void {
    this.#unpaidBytes += bytes;
  }

  /** Resolves when what was spent is paid for. One at a time. */
  rest(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const costMs = (this.#unpaidBytes / this.#bytesPerSecond) * 1_000;
    this.#unpaidBytes = 0;
    this.#paidMs = Math.max(this.#paidMs, nowMs - CREDIT_MS) + costMs;
    return new Promise((resolve) => this.#wait(nowMs, resolve));
  }

  limit(bytesPerSecond: number): void {
    const nowMs = this.#clock.monotonicMs();
    const leftMs = Math.max(0, this.#paidMs - nowMs);
    if (leftMs > 0) this.#paidMs = nowMs + leftMs * (this.#bytesPerSecond / bytesPerSecond);
    this.#bytesPerSecond = bytesPerSecond;
    this.#again(nowMs);
  }

  /** Nobody waits any more, now or later. */
  release(): void {
    this.#released = true;
    this.#again(this.#clock.monotonicMs());
  }

  #again(nowMs: number): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    waiting.timer.cancel();
    this.#wait(nowMs, waiting.resolve);
  }

  #wait(nowMs: number, resolve: () => void): void {
    const waitMs = this.#released ? 0 : Math.max(0, this.#paidMs - nowMs);
    const timer = this.#clock.after(waitMs, () => {
      this.#waiting = undefined;
      resolve();
    });
    this.#waiting = { timer, resolve };
  }
}
