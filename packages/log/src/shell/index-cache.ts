/** Rows of indexes that are in memory for lookups only, over all segments: beyond the budget those noted longest ago are let go. */

export type IndexHolder = {
  /** Lets go of what can be read again. @returns bytes still held */
  evictIndexes(): number;
};

export class IndexCache {
  readonly budgetBytes: number;
  readonly #held = new Map<IndexHolder, number>();
  #heldBytes = 0;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** `holder` holds so many bytes now, and has just used them. */
  note(holder: IndexHolder, bytes: number): void {
    this.forget(holder);
    this.#held.set(holder, bytes);
    this.#heldBytes += bytes;
    for (const [other, otherBytes] of this.#held) {
      if (this.#heldBytes <= this.budgetBytes || other === holder) break;
      other.evictIndexes();
      this.#held.delete(other);
      this.#heldBytes -= otherBytes;
    }
  }

  forget(holder: IndexHolder): void {
    this.#heldBytes -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
