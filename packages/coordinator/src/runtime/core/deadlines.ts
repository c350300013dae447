/**
 * Timers by key, for many that are mostly pushed back before they are due (session timeouts under heartbeats): setting a key later than it
 * was costs no heap work; its node finds out when it comes up and goes back down.
 */
import { assert } from '@odradek/base';

type Entry<T> = {
  deadlineMs: number;
  input: T;
  /** The time of this key's live node in the heap, at most `deadlineMs`. */ nodeMs: number;
};
type Node = { readonly atMs: number; readonly sequence: number; readonly key: string };

/** Stale nodes that may lie in the heap before it is rebuilt. */
const STALE_NODES_SLACK = 64;

export class Deadlines<T> {
  readonly #entries = new Map<string, Entry<T>>();
  #heap: Node[] = [];
  #sequence = 0;

  get size(): number {
    return this.#entries.size;
  }

  set(key: string, deadlineMs: number, input: T): void {
    assert(Number.isFinite(deadlineMs), 'a deadline is a finite time', { key, deadlineMs });
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { deadlineMs, input, nodeMs: deadlineMs });
      this.#push(key, deadlineMs);
      return;
    }
    entry.deadlineMs = deadlineMs;
    entry.input = input;
    if (deadlineMs < entry.nodeMs) {
      entry.nodeMs = deadlineMs;
      this.#push(key, deadlineMs);
    }
  }

  cancel(key: string): void {
    if (!this.#entries.delete(key)) return;
    if (this.#heap.length > 2 * this.#entries.size + STALE_NODES_SLACK) this.#rebuild();
  }

  /** When to look again: never after the earliest deadline, perhaps before it. */
  nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Takes the earliest timer that is due at `nowMs`; equal deadlines in the order in which they were set. */
  due(nowMs: number): { readonly key: string; readonly input: T } | undefined {
    for (let node = this.#heap[0]; node !== undefined && node.atMs <= nowMs; node = this.#heap[0]) {
      this.#pop();
      const entry = this.#entries.get(node.key);
      if (entry === undefined || entry.nodeMs !== node.atMs) continue;
      if (entry.deadlineMs > node.atMs) {
        entry.nodeMs = entry.deadlineMs;
        this.#push(node.key, entry.deadlineMs);
        continue;
      }
      this.#entries.delete(node.key);
      return { key: node.key, input: entry.input };
    }
    return undefined;
  }

  #push(key: string, atMs: number): void {
    this.#sequence += 1;
    const heap = this.#heap;
    const node = { atMs, sequence: this.#sequence, key };
    let at = heap.length;
    heap.push(node);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !before(node, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = node;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && before(right, child)) {
        childAt += 1;
        child = right;
      }
      if (!before(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, entry] of this.#entries) {
      entry.nodeMs = entry.deadlineMs;
      this.#push(key, entry.deadlineMs);
    }
  }
}

function before(a: Node, b: Node): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
