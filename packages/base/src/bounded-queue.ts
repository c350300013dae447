import { assert } from './assert.ts';

/** First in, first out, with a named bound; a ring that grows by doubling up to the bound. */
export class BoundedQueue<T> {
  readonly name: string;
  readonly bound: number;
  #ring: (T | undefined)[] = new Array<T | undefined>(16);
  #head = 0;
  #count = 0;

  constructor(name: string, bound: number) {
    assert(Number.isInteger(bound) && bound >= 1, 'a queue has a bound of at least 1', { name, bound });
    this.name = name;
    this.bound = bound;
  }

  get length(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= this.bound;
  }

  /** @returns false, and takes nothing, when the queue is full */
  push(item: T): boolean {
    if (this.full) return false;
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#count) & (this.#ring.length - 1)] = item;
    this.#count += 1;
    return true;
  }

  peek(): T | undefined {
    return this.#count === 0 ? undefined : this.#ring[this.#head];
  }

  shift(): T | undefined {
    if (this.#count === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count -= 1;
    return item;
  }

  #grow(): void {
    const larger = new Array<T | undefined>(this.#ring.length * 2);
    for (let at = 0; at < this.#count; at += 1) larger[at] = this.#ring[(this.#head + at) & (this.#ring.length - 1)];
    this.#ring = larger;
    this.#head = 0;
  }
}
