/**
 * A heap of deadlines whose items know their place, so that one which is answered early leaves at once instead of being kept (with all that
 * it holds) until its time is over. One timer serves any number of waits.
 */
import { assert } from '@odradek/base';

export type Timed = {
  readonly deadlineMs: number;
  /** Its index in the heap; -1 when it is in none. Written by this file only. */
  heapIndex: number;
};

const ABSENT = -1;

export class Deadlines<T extends Timed> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline, or undefined when nothing waits. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.deadlineMs;
  }

  add(item: T): void {
    assert(item.heapIndex === ABSENT, 'an item waits once');
    this.#heap.push(item);
    this.#up(this.#heap.length - 1, item);
  }

  remove(item: T): void {
    const at = item.heapIndex;
    if (at === ABSENT) return;
    assert(this.#heap[at] === item, 'an item knows its place in the heap');
    item.heapIndex = ABSENT;
    const last = this.#heap.pop();
    if (last === undefined || last === item) return;
    this.#up(at, last);
    this.#down(last.heapIndex, last);
  }

  /** Takes out and returns one whose deadline is over, or undefined. */
  popDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadlineMs > nowMs) return undefined;
    this.remove(first);
    return first;
  }

  #place(at: number, item: T): void {
    this.#heap[at] = item;
    item.heapIndex = at;
  }

  #up(from: number, item: T): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.deadlineMs <= item.deadlineMs) break;
      this.#place(at, parent);
      at = above;
    }
    this.#place(at, item);
  }

  #down(from: number, item: T): void {
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      let child = this.#heap[below];
      const right = this.#heap[below + 1];
      if (child !== undefined && right !== undefined && right.deadlineMs < child.deadlineMs) {
        below += 1;
        child = right;
      }
      if (child === undefined || child.deadlineMs >= item.deadlineMs) break;
      this.#place(at, child);
      at = below;
    }
    this.#place(at, item);
  }
}
