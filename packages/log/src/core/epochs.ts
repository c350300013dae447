/** Which leader epoch began where (KIP-101, KIP-279): what followers and consumers compare to find where histories part. */
import { assert } from '@odradek/base';
import type { EpochEnd } from '../types.ts';

export type EpochStart = { readonly epoch: number; readonly startOffset: number };

export class Epochs {
  /** Rising in both epoch and start offset. */
  #starts: EpochStart[] = [];

  load(starts: readonly EpochStart[]): void {
    this.#starts = [];
    for (const start of starts) this.assign(start.epoch, start.startOffset);
  }

  entries(): readonly EpochStart[] {
    return this.#starts;
  }

  get latest(): number | undefined {
    return this.#starts.at(-1)?.epoch;
  }

  /** Records that `epoch` began at `startOffset`. Entries that contradict it are dropped. @returns whether anything changed */
  assign(epoch: number, startOffset: number): boolean {
    const last = this.#starts.at(-1);
    if (last !== undefined && last.epoch === epoch && startOffset >= last.startOffset) return false;
    assert(epoch >= 0, 'a leader epoch is not negative', { epoch });
    assert(startOffset >= 0, 'an epoch starts at an offset that is not negative', { startOffset });
    let kept = this.#starts.length;
    for (; kept > 0; kept -= 1) {
      const entry = this.#starts[kept - 1];
      if (entry === undefined || (entry.epoch < epoch && entry.startOffset < startOffset)) break;
    }
    this.#starts.length = kept;
    this.#starts.push({ epoch, startOffset });
    return true;
  }

  epochForOffset(offset: number): number | undefined {
    let found: number | undefined;
    for (const entry of this.#starts) {
      if (entry.startOffset > offset) break;
      found = entry.epoch;
    }
    return found;
  }

  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd | undefined {
    if (epoch < 0 || this.#starts.length === 0) return undefined;
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset };
    const above = this.#starts.findIndex((entry) => entry.epoch > epoch);
    const next = this.#starts[above];
    if (next === undefined) return undefined;
    const floor = this.#starts[above - 1];
    return { leaderEpoch: floor?.epoch ?? epoch, endOffset: next.startOffset };
  }

  /** Nothing begins at or after `endOffset`. */
  truncateFromEnd(endOffset: number): boolean {
    const kept = this.#starts.findIndex((entry) => entry.startOffset >= endOffset);
    if (kept < 0) return false;
    this.#starts.length = kept;
    return true;
  }

  /** The log begins at `startOffset`: the epoch that holds it begins there now. */
  truncateFromStart(startOffset: number): boolean {
    let passed = 0;
    while ((this.#starts[passed]?.startOffset ?? Infinity) <= startOffset) passed += 1;
    const holder = this.#starts[passed - 1];
    if (holder === undefined || (passed === 1 && holder.startOffset === startOffset)) return false;
    this.#starts.splice(0, passed, { epoch: holder.epoch, startOffset });
    return true;
  }

  clear(): void {
    this.#starts = [];
  }
}
