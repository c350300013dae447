/** Where requests wait for something that comes and goes, each until its deadline. */
import type { Clock, TimerHandle } from '@odradek/base';

export type Passed<T> =
  | { readonly kind: 'open'; readonly value: T }
  | { readonly kind: 'rejected'; readonly why: string }
  | { readonly kind: 'late' | 'closed' };

type Waiter<T> = {
  readonly tell: (passed: Passed<T>) => void;
  readonly timer: TimerHandle;
  readonly mayGiveUp: boolean;
};

export class Turnstile<T> {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter<T>>();
  #open: T | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get open(): T | undefined {
    return this.#open;
  }

  /** @param mayGiveUp whether `reject` ends this wait, too */
  pass(untilMs: number, mayGiveUp: boolean): Promise<Passed<T>> {
    if (this.#isClosed) return Promise.resolve({ kind: 'closed' });
    if (this.#open !== undefined) return Promise.resolve({ kind: 'open', value: this.#open });
    const { promise, resolve } = Promise.withResolvers<Passed<T>>();
    const leftMs = Math.max(0, untilMs - this.#clock.monotonicMs());
    const timer = this.#clock.after(leftMs, () => this.#tell(waiter, { kind: 'late' }));
    const waiter: Waiter<T> = { tell: resolve, timer, mayGiveUp };
    this.#waiters.add(waiter);
    return promise;
  }

  show(value: T): void {
    this.#open = value;
    for (const waiter of this.#waiters) this.#tell(waiter, { kind: 'open', value });
  }

  shut(): void {
    this.#open = undefined;
  }

  reject(why: string): void {
    for (const waiter of this.#waiters) if (waiter.mayGiveUp) this.#tell(waiter, { kind: 'rejected', why });
  }

  close(): void {
    this.#isClosed = true;
    this.#open = undefined;
    for (const waiter of this.#waiters) this.#tell(waiter, { kind: 'closed' });
  }

  #tell(waiter: Waiter<T>, passed: Passed<T>): void {
    this.#waiters.delete(waiter);
    waiter.timer.cancel();
    waiter.tell(passed);
  }
}
