/** The log as the core sees it: what comes after the last snapshot, and where it begins. Positions are always ends of entries. */
import { assert } from '@odradek/base';
import type { Entry, Position, Voter } from './messages.ts';

export type SnapshotMark = Position & { readonly voters: readonly Voter[] };

export class Entries {
  #start: Position;
  #entries: Entry[] = [];
  #snapshot: SnapshotMark;
  /** Bytes of data held in entries. */
  #bytes = 0;

  constructor(snapshot: SnapshotMark) {
    this.#snapshot = snapshot;
    this.#start = snapshot;
  }

  /** Position before the first entry that is held. */
  get start(): Position {
    return this.#start;
  }

  get snapshot(): SnapshotMark {
    return this.#snapshot;
  }

  get last(): Position {
    const entry = this.#entries.at(-1);
    return entry === undefined ? this.#start : { offset: entry.endOffset, epoch: entry.epoch };
  }

  get endOffset(): number {
    return this.#entries.at(-1)?.endOffset ?? this.#start.offset;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(entry: Entry): void {
    assert(entry.offset === this.endOffset, 'entries follow each other', { offset: entry.offset, end: this.endOffset });
    assert(entry.endOffset > entry.offset, 'an entry covers an offset');
    assert(entry.epoch >= this.last.epoch, 'epochs never go back in a log', { epoch: entry.epoch });
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
  }

  /** Removes every entry from the one that begins at `offset` on. */
  truncate(offset: number): void {
    const from = this.#indexOf(offset);
    assert(from < this.#entries.length, 'what is cut is there', { offset });
    for (const entry of this.#entries.splice(from)) this.#bytes -= sizeOf(entry);
  }

  /** The state up to `mark` is kept elsewhere; of the entries before it, the last stay for replicas that are behind, up to `keptBytesMax` of log. */
  compact(mark: SnapshotMark, keptBytesMax: number): void {
    assert(mark.offset >= this.#snapshot.offset, 'snapshots go forward');
    assert(this.epochAt(mark.offset) === mark.epoch, 'a snapshot ends where an entry ends', mark);
    this.#snapshot = mark;
    let count = 0;
    for (const entry of this.#entries) {
      if (entry.endOffset > mark.offset || this.#bytes <= keptBytesMax) break;
      this.#bytes -= sizeOf(entry);
      this.#start = { offset: entry.endOffset, epoch: entry.epoch };
      count += 1;
    }
    if (count > 0) this.#entries = this.#entries.slice(count);
  }

  /** The log becomes the snapshot alone. */
  reset(mark: SnapshotMark): void {
    this.#snapshot = mark;
    this.#start = mark;
    this.#entries = [];
    this.#bytes = 0;
  }

  /** Epoch of the entry that ends at `offset`; undefined when none that is held ends there. */
  epochAt(offset: number): number | undefined {
    if (offset === this.#start.offset) return this.#start.epoch;
    if (offset === this.#snapshot.offset) return this.#snapshot.epoch;
    const entry = this.#entries[this.#indexEndingAfter(offset) - 1];
    return entry?.endOffset === offset ? entry.epoch : undefined;
  }

  /** The entry that begins at `offset`. */
  at(offset: number): Entry | undefined {
    const entry = this.#entries[this.#indexOf(offset)];
    return entry?.offset === offset ? entry : undefined;
  }

  /** Entries from `offset` on, as many as fit in `bytesMax`, at least one when there is one. */
  slice(offset: number, bytesMax: number): Entry[] {
    const taken: Entry[] = [];
    let bytes = 0;
    for (let index = this.#indexOf(offset); index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry === undefined) break;
      bytes += sizeOf(entry);
      if (taken.length > 0 && bytes > bytesMax) break;
      taken.push(entry);
    }
    return taken;
  }

  /** Entries that end within (`from`, `to`]. */
  between(from: number, to: number): readonly Entry[] {
    return this.#entries.slice(this.#indexEndingAfter(from), this.#indexEndingAfter(to));
  }

  /** The latest position at or before `offset` whose epoch is not after `epoch`: where two logs may still agree. */
  meeting({ offset, epoch }: Position): Position {
    for (let index = this.#indexEndingAfter(offset) - 1; index >= 0; index -= 1) {
      const entry = this.#entries[index];
      if (entry !== undefined && entry.epoch <= epoch) return { offset: entry.endOffset, epoch: entry.epoch };
    }
    return this.#start;
  }

  /** Index of the first entry that begins at or after `offset`. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first entry that ends after `offset`. */
  #indexEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.endOffset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Bytes that an entry costs on a wire or in memory, about. */
export function sizeOf(entry: Entry): number {
  return ENTRY_BYTES + (entry.kind === 'data' ? entry.data.length : 0);
}

const ENTRY_BYTES = 64;
