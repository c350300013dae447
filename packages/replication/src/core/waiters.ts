/**
 * Who waits for what: long polls for bytes, acks=all appends for offsets to be committed. A request waits once, however many partitions it
 * names; each partition holds a list of the entries that concern it, so that an append looks only at its own waiters. A wait that is over
 * leaves every list and the deadlines at once. Pure: nothing is resolved here, the waits that are over are handed out.
 */
import { assert } from '@odradek/base';
import { Deadlines } from './deadlines.ts';
import type { Timed } from './deadlines.ts';

/** Long polls wait for bytes, acks=all appends for offsets to be committed, deletions for the low watermark. */
export type WaitKind = 'fetch' | 'produce' | 'delete';
/** Why a wait is over. `lost`: a partition of it moved, went offline or was deleted, so the request must look again. */
export type WaitEnd = 'filled' | 'lost' | 'expired' | 'cancelled';

export type Wait<Token> = Timed & {
  readonly kind: WaitKind;
  readonly token: Token;
  readonly entries: readonly WaitEntry<Token>[];
  /** fetch: bytes still missing; else: partitions still missing. */
  missing: number;
  end: WaitEnd | undefined;
};

/** One partition's share in a wait, linked into that partition's list. */
export type WaitEntry<Token> = {
  readonly wait: Wait<Token>;
  readonly list: WaitList<Token>;
  /** Which partition of the request it is. */
  readonly index: number;
  /** fetch: the most that the request takes of this partition; produce: the offset that must be committed (exclusive end); delete: the log start. */
  readonly target: number;
  /** fetch: only what is below the last stable offset counts. */
  readonly stableOnly: boolean;
  /** fetch: bytes counted so far; produce: unused. */
  counted: number;
  /** `moved`: more became readable (fetch) or the target is committed (produce). */
  state: 'waiting' | 'moved' | 'lost';
  previous: WaitEntry<Token> | undefined;
  next: WaitEntry<Token> | undefined;
};

/** The entries that one partition's progress concerns, oldest first. */
export type WaitList<Token> = { first: WaitEntry<Token> | undefined; last: WaitEntry<Token> | undefined };

export type WaitTarget<Token> = {
  readonly list: WaitList<Token>;
  readonly index: number;
  readonly target: number;
  readonly counted: number;
};

export type WaitStart<Token> = {
  readonly kind: WaitKind;
  readonly token: Token;
  readonly deadlineMs: number;
  readonly stableOnly: boolean;
  /** fetch: bytes that are missing beyond what `targets` have counted; produce: ignored. */
  readonly missingBytes: number;
  readonly targets: readonly WaitTarget<Token>[];
};

/** What a partition's progress made readable; for who waits for the low watermark that stands in the place of the high one. Bytes need not be exact: who is woken looks again. */
export type Progress = { readonly highWatermark: number; readonly bytes: number; readonly stableBytes: number };

export function emptyWaitList<Token>(): WaitList<Token> {
  return { first: undefined, last: undefined };
}

export class Waiters<Token> {
  readonly #entriesMax: number;
  readonly #deadlines = new Deadlines<Wait<Token>>();
  readonly #waits = { fetch: 0, produce: 0, delete: 0 };
  #entryCount = 0;

  /** @param entriesMax partitions waited for, summed over all waits (`limits.waitersMax`) */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  countOf(kind: WaitKind): number {
    return this.#waits[kind];
  }

  get nextDeadlineMs(): number | undefined {
    return this.#deadlines.nextMs;
  }

  hasRoomFor(entryCount: number): boolean {
    return this.#entryCount + entryCount <= this.#entriesMax;
  }

  /** The caller has asked `hasRoomFor` first. */
  park(start: WaitStart<Token>): Wait<Token> {
    assert(this.hasRoomFor(start.targets.length), 'waits are bounded');
    const entries: WaitEntry<Token>[] = [];
    const wait: Wait<Token> = {
      kind: start.kind,
      token: start.token,
      entries,
      missing: start.kind === 'fetch' ? start.missingBytes : start.targets.length,
      end: undefined,
      deadlineMs: start.deadlineMs,
      heapIndex: -1,
    };
    assert(wait.missing > 0, 'only what is not there yet is waited for', start);
    for (const { list, index, target, counted } of start.targets) {
      const entry: WaitEntry<Token> = {
        wait,
        list,
        index,
        target,
        stableOnly: start.stableOnly,
        counted,
        state: 'waiting',
        previous: list.last,
        next: undefined,
      };
      if (list.last === undefined) list.first = entry;
      else list.last.next = entry;
      list.last = entry;
      entries.push(entry);
    }
    this.#entryCount += entries.length;
    this.#waits[wait.kind] += 1;
    this.#deadlines.add(wait);
    return wait;
  }

  /** A partition's high watermark passed: hands out the waits that this fills. */
  advanced(list: WaitList<Token>, progress: Progress, out: Wait<Token>[]): void {
    const from = out.length;
    for (let entry = list.first; entry !== undefined; entry = entry.next) {
      if (entry.wait.kind === 'fetch') countBytes(entry, entry.stableOnly ? progress.stableBytes : progress.bytes);
      else countOffset(entry, progress.highWatermark);
      if (entry.wait.missing <= 0 && entry.wait.end === undefined) {
        entry.wait.end = 'filled';
        out.push(entry.wait);
      }
    }
    this.#leave(out, from);
  }

  /** A partition moved away, changed its epoch, went offline or was deleted: every fetch looks again, every append loses this partition. */
  lost(list: WaitList<Token>, out: Wait<Token>[]): void {
    const from = out.length;
    for (let entry = list.first; entry !== undefined; entry = entry.next) {
      if (entry.state === 'waiting' && entry.wait.kind !== 'fetch') entry.wait.missing -= 1;
      entry.state = 'lost';
      const isOver = entry.wait.kind === 'fetch' || entry.wait.missing <= 0;
      if (isOver && entry.wait.end === undefined) {
        entry.wait.end = 'lost';
        out.push(entry.wait);
      }
    }
    this.#leave(out, from);
  }

  expired(nowMs: number, out: Wait<Token>[]): void {
    for (let due = this.#deadlines.popDue(nowMs); due !== undefined; due = this.#deadlines.popDue(nowMs)) {
      due.end = 'expired';
      this.#unlink(due);
      out.push(due);
    }
  }

  /** Nobody waits for the answer any more. @returns false when it was over already */
  cancel(wait: Wait<Token>): boolean {
    if (wait.end !== undefined) return false;
    wait.end = 'cancelled';
    this.#deadlines.remove(wait);
    this.#unlink(wait);
    return true;
  }

  /** Waits leave their lists after the walk over one of them, never during it: a request may name a partition twice. */
  #leave(out: readonly Wait<Token>[], from: number): void {
    for (let at = from; at < out.length; at += 1) {
      const wait = out[at];
      if (wait === undefined) break;
      this.#deadlines.remove(wait);
      this.#unlink(wait);
    }
  }

  #unlink(wait: Wait<Token>): void {
    for (const entry of wait.entries) {
      const { list, previous, next } = entry;
      if (previous === undefined) list.first = next;
      else previous.next = next;
      if (next === undefined) list.last = previous;
      else next.previous = previous;
      entry.previous = undefined;
      entry.next = undefined;
    }
    this.#waits[wait.kind] -= 1;
    this.#entryCount -= wait.entries.length;
    assert(this.#entryCount >= 0, 'an entry leaves once');
  }
}

/** A partition never counts for more than the request takes of it, so a busy one does not hide that others are asked for more. */
function countBytes<Token>(entry: WaitEntry<Token>, bytes: number): void {
  if (bytes <= 0) return;
  entry.state = 'moved';
  const counted = Math.min(bytes, entry.target - entry.counted);
  if (counted <= 0) return;
  entry.counted += counted;
  entry.wait.missing -= counted;
}

function countOffset<Token>(entry: WaitEntry<Token>, highWatermark: number): void {
  if (entry.state !== 'waiting' || highWatermark < entry.target) return;
  entry.state = 'moved';
  entry.wait.missing -= 1;
}
