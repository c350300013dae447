/** What was sent to a follower and is not acknowledged yet: where each piece ends, and its bytes. */
import { assert } from '@odradek/base';

/** From so many that are done on, those before the first are dropped. */
const DONE_MAX = 64;

export class Unacknowledged {
  #ends: number[] = [];
  #sizes: number[] = [];
  #first = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  sent(endOffset: number, sizeBytes: number): void {
    assert(endOffset > (this.#ends.at(-1) ?? -1), 'what is sent goes up', { endOffset });
    this.#ends.push(endOffset);
    this.#sizes.push(sizeBytes);
    this.#bytes += sizeBytes;
  }

  /** Everything below `endOffset` has arrived. @returns the bytes of it that were under way */
  arrived(endOffset: number): number {
    let freed = 0;
    while (this.#first < this.#ends.length && (this.#ends[this.#first] ?? Infinity) <= endOffset) {
      freed += this.#sizes[this.#first] ?? 0;
      this.#first += 1;
    }
    this.#bytes -= freed;
    if (this.#first === this.#ends.length) this.#forget();
    else if (this.#first > DONE_MAX && this.#first * 2 > this.#ends.length) {
      this.#ends = this.#ends.slice(this.#first);
      this.#sizes = this.#sizes.slice(this.#first);
      this.#first = 0;
    }
    assert(this.#bytes >= 0, 'no more arrives than was sent');
    return freed;
  }

  #forget(): void {
    this.#ends.length = 0;
    this.#sizes.length = 0;
    this.#first = 0;
  }
}
