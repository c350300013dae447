/**
 * What one partition has promised: every record by its number from 0 on, whether it was acknowledged, at which offset and when. In the end
 * the log is held against it.
 */
import { assert } from '@odradek/base';
import { bytes, counts, numbers } from './grown.ts';

/** Acknowledgements are counted in slices of so many milliseconds. */
export const SLICE_MS = 100;
/** Records of one partition that a run remembers; it writes no more then. */
export const RECORDS_MAX = 20_000_000;
const EXAMPLES_MAX = 10;
/** Pauses between acknowledgements that are told one by one, the longest ones. */
const PAUSES_KEPT_MAX = 20;

/** Nothing was acknowledged from `fromMs` to `toMs`, milliseconds since the run began. */
export type Pause = { readonly fromMs: number; readonly toMs: number };

const ISSUED = 0;
const ACKNOWLEDGED = 1;
/** Nobody knows what became of it: it may be in the log, once. */
const GIVEN_UP = 2;

export type Judgement = {
  /** Acknowledged, and not in the log. */
  readonly lost: number;
  /** In the log more than once, whether acknowledged or not. */
  readonly duplicated: number;
  /** In the log behind a record that was written after it. */
  readonly outOfOrder: number;
  /** Acknowledged at another offset than the one where it is. */
  readonly misplaced: number;
  /** In the log although nobody wrote it. */
  readonly invented: number;
  /** Some of each, for people. */
  readonly examples: readonly string[];
};

export class Ledger {
  readonly partition: number;
  issued = 0;
  acknowledged = 0;
  givenUp = 0;
  /** Records that the log holds. */
  read = 0;
  /** When the first write was issued; pauses count from there. */
  private lastAckMs = -1;
  private readonly issuedMs = numbers();
  private readonly states = bytes();
  private readonly seen = bytes();
  /** One more than the offset, so that 0 means that nobody told. */
  private readonly offsets = numbers();
  private readonly slices = counts();
  private slicesEnd = 0;
  private pauses: Pause[] = [];
  private roundFromMs = 0;
  private roundLongest: Pause | undefined;
  private highest = -1;
  private readonly found = { duplicated: 0, outOfOrder: 0, misplaced: 0, invented: 0 };
  private readonly examples: string[] = [];

  constructor(partition: number) {
    this.partition = partition;
  }

  /** @returns the number of the record */
  issue(nowMs: number): number {
    const number = this.issued;
    if (this.lastAckMs < 0) this.lastAckMs = nowMs;
    this.issuedMs.set(number, nowMs);
    this.issued += 1;
    return number;
  }

  issuedAt(number: number): number {
    assert(number < this.issued, 'the record was issued');
    return this.issuedMs.get(number);
  }

  /** @param baseOffset of the first record; -1 when the broker does not tell (it has them from before) */
  acknowledge(first: number, count: number, at: { readonly baseOffset: number; readonly nowMs: number }): void {
    const { baseOffset, nowMs } = at;
    let fresh = 0;
    for (let number = first; number < first + count; number += 1) {
      const before = this.states.get(number);
      if (before === ACKNOWLEDGED) continue;
      if (before === GIVEN_UP) this.givenUp -= 1;
      this.states.set(number, ACKNOWLEDGED);
      if (baseOffset >= 0) this.offsets.set(number, baseOffset + number - first + 1);
      fresh += 1;
    }
    if (fresh === 0) return;
    this.acknowledged += fresh;
    const slice = Math.floor(nowMs / SLICE_MS);
    this.slices.add(slice, fresh);
    this.slicesEnd = Math.max(this.slicesEnd, slice + 1);
    this.pausedUntil(nowMs);
    this.lastAckMs = nowMs;
  }

  giveUp(first: number, count: number): void {
    for (let number = first; number < first + count; number += 1) {
      if (this.states.get(number) !== ISSUED) continue;
      this.states.set(number, GIVEN_UP);
      this.givenUp += 1;
    }
  }

  /** Records whose answer is still awaited. */
  get open(): number {
    return this.issued - this.acknowledged - this.givenUp;
  }

  beginRound(nowMs: number): void {
    this.roundFromMs = nowMs;
    this.roundLongest = undefined;
  }

  /** The longest time without an acknowledgement that ended in this round, or goes on. */
  longestOfRound(nowMs: number): Pause {
    const open = this.lastAckMs < 0 ? undefined : { fromMs: this.lastAckMs, toMs: nowMs };
    return longer(this.roundLongest, open) ?? { fromMs: this.roundFromMs, toMs: this.roundFromMs };
  }

  /** Whether something was acknowledged since. */
  acknowledgedSince(ms: number): boolean {
    return this.acknowledged > 0 && this.lastAckMs > ms;
  }

  /** No more is written: a pause that goes on counts up to here. */
  close(nowMs: number): void {
    if (this.open > 0) this.pausedUntil(nowMs);
  }

  /** The longest pauses, longest first. */
  get longestPauses(): readonly Pause[] {
    return this.pauses;
  }

  /** Acknowledgements in each slice of {@link SLICE_MS}. */
  acknowledgements(): number[] {
    return Array.from({ length: this.slicesEnd }, (_, slice) => this.slices.get(slice));
  }

  /** A record of the log, in the log's order. @param number undefined for one that this run has not written */
  take(number: number | undefined, offset: number): void {
    this.read += 1;
    if (number === undefined || number >= this.issued) {
      this.note('invented', `offset ${offset} holds a record that nobody wrote`);
      return;
    }
    const before = this.seen.get(number);
    this.seen.set(number, 1);
    if (before > 0) {
      this.note('duplicated', `record ${number} is there again at offset ${offset}`);
      return;
    }
    // What was given up may still come from a former producer id; no order was promised for it.
    if (this.states.get(number) === GIVEN_UP) return;
    if (number < this.highest)
      this.note('outOfOrder', `record ${number} at offset ${offset} is behind ${this.highest}`);
    this.highest = Math.max(this.highest, number);
    const told = this.offsets.get(number) - 1;
    if (told >= 0 && told !== offset) {
      this.note('misplaced', `record ${number} is at offset ${offset}, acknowledged at ${told}`);
    }
  }

  /** After the whole log was taken. */
  judge(): Judgement {
    let lost = 0;
    const missing: string[] = [];
    for (let number = 0; number < this.issued; number += 1) {
      if (this.states.get(number) !== ACKNOWLEDGED || this.seen.get(number) > 0) continue;
      lost += 1;
      const offset = this.offsets.get(number) - 1;
      const where = offset < 0 ? '' : ` at offset ${offset}`;
      if (missing.length < EXAMPLES_MAX) missing.push(`record ${number} was acknowledged${where} and is not there`);
    }
    return { lost, ...this.found, examples: [...missing, ...this.examples].slice(0, EXAMPLES_MAX) };
  }

  private pausedUntil(nowMs: number): void {
    const pause = { fromMs: this.lastAckMs, toMs: nowMs };
    this.roundLongest = longer(this.roundLongest, pause);
    const shortest = this.pauses.at(-1);
    if (shortest !== undefined && this.pauses.length >= PAUSES_KEPT_MAX && length(shortest) >= length(pause)) return;
    this.pauses = [...this.pauses, pause].toSorted((a, b) => length(b) - length(a)).slice(0, PAUSES_KEPT_MAX);
  }

  private note(what: keyof typeof this.found, example: string): void {
    this.found[what] += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(example);
  }
}

export function length({ fromMs, toMs }: Pause): number {
  return toMs - fromMs;
}

function longer(one: Pause | undefined, other: Pause | undefined): Pause | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return length(other) > length(one) ? other : one;
}
