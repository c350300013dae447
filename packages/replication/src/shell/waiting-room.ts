/**
 * Where requests wait: one timer for all deadlines, and one wake-up for all that a burst of appends fills. Whoever is woken looks again
 * after the burst, so a long poll takes all of it in one answer and no append pays for somebody else's read.
 */
import type { Clock, TimerHandle } from '@odradek/base';
import { Waiters } from '../core/waiters.ts';
import type { Progress, Wait, WaitKind, WaitList, WaitStart } from '../core/waiters.ts';

/** Who waits: told once, when it is over. */
export interface Waiting {
  over(wait: Wait<Waiting>): void;
}

export class WaitingRoom {
  readonly #clock: Clock;
  readonly #waiters: Waiters<Waiting>;
  #woken: Wait<Waiting>[] = [];
  #wakeScheduled = false;
  #timer: TimerHandle | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  readonly #wake = (): void => this.#wakeNow();
  readonly #ring = (): void => this.#expire();

  constructor(clock: Clock, entriesMax: number) {
    this.#clock = clock;
    this.#waiters = new Waiters(entriesMax);
  }

  /** Requests that wait. */
  countOf(kind: WaitKind): number {
    return this.#waiters.countOf(kind);
  }

  hasRoomFor(entryCount: number): boolean {
    return this.#waiters.hasRoomFor(entryCount);
  }

  /** `start.deadlineMs` is monotonic time. The caller has asked `hasRoomFor` first. */
  park(start: WaitStart<Waiting>): Wait<Waiting> {
    const wait = this.#waiters.park(start);
    if (wait.deadlineMs < this.#timerAtMs) this.#arm(wait.deadlineMs);
    return wait;
  }

  advanced(list: WaitList<Waiting>, progress: Progress): void {
    this.#waiters.advanced(list, progress, this.#woken);
    this.#wakeSoon();
  }

  lost(list: WaitList<Waiting>): void {
    if (list.first === undefined) return;
    this.#waiters.lost(list, this.#woken);
    this.#wakeSoon();
  }

  cancel(wait: Wait<Waiting>): void {
    if (!this.#waiters.cancel(wait)) return;
    this.#woken.push(wait);
    this.#wakeSoon();
  }

  /** Ends every wait as if its time were over. */
  close(): void {
    this.#timer?.cancel();
    this.#waiters.expired(Number.POSITIVE_INFINITY, this.#woken);
    this.#wakeNow();
  }

  #wakeSoon(): void {
    if (this.#wakeScheduled || this.#woken.length === 0) return;
    this.#wakeScheduled = true;
    queueMicrotask(this.#wake);
  }

  #wakeNow(): void {
    this.#wakeScheduled = false;
    const woken = this.#woken;
    this.#woken = [];
    for (const wait of woken) wait.token.over(wait);
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonicMs()), this.#ring);
  }

  #expire(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#waiters.expired(this.#clock.monotonicMs(), this.#woken);
    const next = this.#waiters.nextDeadlineMs;
    if (next !== undefined) this.#arm(next);
    this.#wakeNow();
  }
}
