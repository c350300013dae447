/** Virtual time: events happen in the order of their times, those of one time in the order in which they were set. */
import { assert } from '@odradek/base';

type Event = { readonly atMs: number; readonly order: number; readonly run: () => void };

/** Events of one run: one that makes more goes in circles. */
const EVENTS_MAX = 5_000_000;

export class Scheduler {
  #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;
  #count = 0;
  readonly #eventsMax: number;

  constructor(eventsMax = EVENTS_MAX) {
    this.#eventsMax = eventsMax;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have happened. */
  get count(): number {
    return this.#count;
  }

  at(atMs: number, run: () => void): void {
    assert(atMs >= this.#nowMs, 'nothing happens in the past', { atMs, nowMs: this.#nowMs });
    this.#order += 1;
    const heap = this.#heap;
    heap.push({ atMs, order: this.#order, run });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!isBefore(heap[child], heap[parent])) break;
      swap(heap, child, parent);
      child = parent;
    }
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + Math.max(0, delayMs), run);
  }

  /** Runs everything up to `untilMs`; time stands there afterwards. */
  run(untilMs: number): void {
    for (let next = this.#take(untilMs); next !== undefined; next = this.#take(untilMs)) next.run();
    this.#nowMs = untilMs;
  }

  /** As `run`, for machines that wait for promises: after each event everything goes on that can. */
  async runTurns(untilMs: number): Promise<void> {
    for (let next = this.#take(untilMs); next !== undefined; next = this.#take(untilMs)) {
      next.run();
      await drained();
    }
    this.#nowMs = untilMs;
  }

  #take(untilMs: number): Event | undefined {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) return undefined;
    this.#pop();
    this.#nowMs = next.atMs;
    this.#count += 1;
    assert(this.#count < this.#eventsMax, 'a run comes to an end', { nowMs: this.#nowMs });
    return next;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      const left = parent * 2 + 1;
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!isBefore(heap[child], heap[parent])) return;
      swap(heap, child, parent);
      parent = child;
    }
  }
}

/** Nothing here waits for the real world, so all promises that can go on have done so when the event loop turns. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function swap(heap: Event[], a: number, b: number): void {
  const [first, second] = [heap[a], heap[b]];
  if (first === undefined || second === undefined) return;
  heap[a] = second;
  heap[b] = first;
}
