/**
 * A clock that runs as the machine's does and can be moved ahead. Sockets stay real, so time must go on by itself: a long poll ends, a
 * session is kept by heartbeats. What `advance` skips is only waiting: every timer that falls into the skipped time fires in its order.
 */
import type { Clock, TimerHandle } from '@odradek/base';
import { durationMs } from '../core/duration.ts';

/** The clock of a node under test. */
export interface TestClock {
  /** What the node takes for the time, milliseconds since the epoch: ahead of the machine's by all that was advanced. */
  nowMs(): number;
  /**
   * Lets time pass at once; resolves when everything that was due has been done.
   * @param by milliseconds, or a duration such as '90s', '45m', '12h' or '7d'
   */
  advance(by: number | string): Promise<void>;
}

type Timer = { readonly atMs: number; readonly order: number; readonly fire: () => void; cancelled: boolean };

/**
 * One advance is made of at most this many steps, so that a week of a timer that comes every second is over soon. A timer that was set
 * before a step fires at its own time; one that is set and due within the same step fires at the step's end, as on a busy machine.
 */
const STEPS_MAX = 4_000;
/** Turns that one timer's work may take of the event loop before time goes on all the same. */
const TURNS_MAX = 1_000;

export class VirtualClock implements Clock, TestClock {
  readonly #real: Clock;
  /** The time of day at which monotonic time began: both go ahead by the same, to the millisecond. */
  readonly #epochMs: number;
  /** Latest first, so that the next one is taken off the end. */
  readonly #timers: Timer[] = [];
  #order = 0;
  /** What was advanced, milliseconds. */
  #aheadMs = 0;
  /** Monotonic time while it is advanced; undefined while it runs by itself. */
  #heldMs: number | undefined;
  #wake: { readonly atMs: number; readonly handle: TimerHandle } | undefined;
  /** Those who only gave others their turn, and go on without time passing. */
  #yielded = 0;
  #advancing: Promise<void> = Promise.resolve();

  constructor(real: Clock) {
    this.#real = real;
    this.#epochMs = real.nowMs() - real.monotonicMs();
  }

  nowMs(): number {
    return Math.floor(this.#epochMs + this.monotonicMs());
  }

  monotonicMs(): number {
    return this.#heldMs ?? this.#real.monotonicMs() + this.#aheadMs;
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    if (delayMs <= 0) return this.#yield(fire);
    this.#order += 1;
    const timer: Timer = { atMs: this.monotonicMs() + delayMs, order: this.#order, fire, cancelled: false };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    this.#arm();
    return { cancel: () => this.#cancel(timer) };
  }

  advance(by: number | string): Promise<void> {
    const byMs = durationMs(by);
    this.#advancing = this.#advancing.then(() => this.#pass(byMs));
    const done = this.#advancing;
    this.#advancing = done.catch(() => undefined); // it is told to whoever asked; the next one is not hindered
    return done;
  }

  async #pass(byMs: number): Promise<void> {
    const targetMs = this.monotonicMs() + byMs;
    const stepMs = byMs / STEPS_MAX;
    this.#heldMs = this.monotonicMs();
    this.#disarm();
    try {
      for (let next = this.#timers.at(-1); next !== undefined && next.atMs <= targetMs; next = this.#timers.at(-1)) {
        const stepEndMs = Math.min(targetMs, Math.max(next.atMs, this.#heldMs) + stepMs);
        for (const timer of this.#takeDue(stepEndMs)) await this.#fire(timer, timer.atMs);
        for (const timer of this.#takeDue(stepEndMs)) await this.#fire(timer, stepEndMs);
      }
      this.#heldMs = targetMs;
      await this.#turn();
    } finally {
      this.#aheadMs = this.#heldMs - this.#real.monotonicMs();
      this.#heldMs = undefined;
      this.#arm();
    }
  }

  async #fire(timer: Timer, atMs: number): Promise<void> {
    if (timer.cancelled) return;
    timer.cancelled = true;
    this.#heldMs = Math.max(this.#heldMs ?? atMs, atMs);
    timer.fire();
    await this.#turn();
  }

  /** Lets everything go on that waits for nothing but its turn. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; this.#yielded > 0 && turn < TURNS_MAX; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
  }

  #yield(fire: () => void): TimerHandle {
    this.#yielded += 1;
    let over = false;
    const end = (): boolean => {
      if (over) return false;
      over = true;
      this.#yielded -= 1;
      return true;
    };
    // Not a timer of the machine, which takes a millisecond at least: an advance waits for thousands of these.
    const immediate = setImmediate(() => {
      if (end()) fire();
    });
    return {
      cancel: () => {
        clearImmediate(immediate);
        end();
      },
    };
  }

  /** Takes off every timer that is due by then, earliest first. */
  #takeDue(byMs: number): Timer[] {
    let from = this.#timers.length;
    while (from > 0 && (this.#timers[from - 1]?.atMs ?? Number.POSITIVE_INFINITY) <= byMs) from -= 1;
    return this.#timers.splice(from).reverse();
  }

  /** The first place whose timer is due before this one. */
  #placeOf({ atMs, order }: Timer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle];
      const isLater = other !== undefined && (other.atMs > atMs || (other.atMs === atMs && other.order > order));
      if (isLater) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #cancel(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    const place = this.#placeOf(timer);
    if (this.#timers[place] === timer) this.#timers.splice(place, 1);
  }

  /** One timer of the machine for the next of these, while time runs by itself. */
  #arm(): void {
    const next = this.#timers.at(-1);
    if (this.#heldMs !== undefined || next === undefined) return;
    if (this.#wake !== undefined && this.#wake.atMs <= next.atMs) return;
    this.#disarm();
    const handle = this.#real.after(Math.max(1, next.atMs - this.monotonicMs()), () => this.#ring());
    this.#wake = { atMs: next.atMs, handle };
  }

  #disarm(): void {
    this.#wake?.handle.cancel();
    this.#wake = undefined;
  }

  #ring(): void {
    this.#wake = undefined;
    const due = this.#takeDue(this.monotonicMs());
    this.#arm();
    for (const timer of due) {
      if (timer.cancelled) continue;
      timer.cancelled = true;
      timer.fire();
    }
  }
}
