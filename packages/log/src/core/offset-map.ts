/**
 * The last offset of each key, for compaction: a table of fixed size that holds digests of keys rather than keys, so that its memory is known
 * before it is filled.
 */
import { DIGEST_WORDS } from './key-digest.ts';
import type { Digest } from './key-digest.ts';

/** Four words of digest, two of the offset plus one (0: the slot is free). */
const SLOT_WORDS = 6;
export const SLOT_BYTES = SLOT_WORDS * 4;
const WORD = 2 ** 32;

export class OffsetMap {
  readonly #words: Uint32Array;
  readonly #slots: number;
  readonly #digest: Digest;
  /** Of the key that is looked for. */
  readonly #wanted = new Uint32Array(DIGEST_WORDS);
  /** Keys it takes before it counts as full. */
  readonly keysMax: number;
  #count = 0;

  /** @param memoryBytes of the table @param loadFactor share of its slots that may be used, in (0, 1) */
  constructor(memoryBytes: number, loadFactor: number, digest: Digest) {
    this.#slots = Math.max(2, Math.floor(memoryBytes / SLOT_BYTES));
    this.keysMax = Math.max(1, Math.min(this.#slots - 1, Math.floor(this.#slots * loadFactor)));
    this.#words = new Uint32Array(this.#slots * SLOT_WORDS);
    this.#digest = digest;
  }

  get count(): number {
    return this.#count;
  }

  /** Notes that `key` was written at `offset`, which is above all offsets noted before. @returns false when a new key has no room left */
  put(key: Buffer, offset: number): boolean {
    const at = this.#find(key);
    if (this.#offsetAt(at) < 0) {
      if (this.#count >= this.keysMax) return false;
      this.#count += 1;
    }
    const stored = offset + 1;
    this.#words[at + 4] = Math.floor(stored / WORD);
    this.#words[at + 5] = stored % WORD;
    return true;
  }

  /** -1 when the key was not noted. */
  get(key: Buffer): number {
    return this.#offsetAt(this.#find(key));
  }

  #offsetAt(at: number): number {
    return (this.#words[at + 4] ?? 0) * WORD + (this.#words[at + 5] ?? 0) - 1;
  }

  /** Where the digest lies, or the free slot in which it belongs; that gets the digest at once, which without an offset still reads as free. */
  #find(key: Buffer): number {
    this.#digest(key, this.#wanted);
    const [a = 0, b = 0, c = 0, d = 0] = this.#wanted;
    const words = this.#words;
    let slot = a % this.#slots;
    for (;;) {
      const at = slot * SLOT_WORDS;
      if (this.#offsetAt(at) < 0) {
        words[at] = a;
        words[at + 1] = b;
        words[at + 2] = c;
        words[at + 3] = d;
        return at;
      }
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return at;
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
  }
}
