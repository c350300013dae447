/**
 * What producers sent and what they were told of it. Every record's value names its producer and counts up, so that a log tells by itself
 * whether something is missing, there twice, or in another order than it was sent in.
 */
import type { Judge } from '../../nodes/judge.ts';

export type SentBatch = {
  readonly producer: string;
  /** `topic-partition`. */
  readonly where: string;
  /** The number of its first record, and how many there are. */
  readonly first: number;
  readonly count: number;
  readonly acks: -1 | 0 | 1;
  readonly isIdempotent: boolean;
};
export type LogRecord = { readonly offset: number; readonly value: string };

type Promise_ = { readonly batch: SentBatch; readonly offset: number; readonly by: string };
type Refused = { readonly batch: SentBatch; readonly why: string };

export function valueOf(producer: string, number: number): string {
  return `${producer}:${number}`;
}

export class Written {
  readonly #judge: Judge;
  readonly #acknowledged = new Map<string, Promise_[]>();
  readonly #refused = new Map<string, Refused[]>();
  /** By value; the batches of a producer without a sequence of its own are in the log at most once, too. */
  readonly #sent = new Map<string, SentBatch>();
  readonly #starts = new Map<string, number>();
  acknowledgedCount = 0;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  sent(batch: SentBatch): void {
    for (let at = 0; at < batch.count; at += 1) this.#sent.set(valueOf(batch.producer, batch.first + at), batch);
  }

  /** @param offset of its first record */
  acknowledged(batch: SentBatch, offset: number, by: string): void {
    if (batch.acks === -1) this.acknowledgedCount += 1;
    listOf(this.#acknowledged, batch.where).push({ batch, offset, by });
  }

  /** The answer said that nothing of it was appended, and it was sent once. */
  refused(batch: SentBatch, why: string): void {
    listOf(this.#refused, batch.where).push({ batch, why });
  }

  /** Records below were deleted, or may have been: somebody asked for it. */
  deletedBefore(where: string, offset: number): void {
    this.#starts.set(where, Math.max(this.#starts.get(where) ?? 0, offset));
  }

  /** Up to where records may have been deleted. */
  startOf(where: string): number {
    return this.#starts.get(where) ?? 0;
  }

  /** Of a partition where everybody has the same: all that is committed in it. */
  settle(where: string, records: readonly LogRecord[], logStartOffset: number): void {
    const byOffset = new Map(records.map(({ offset, value }) => [offset, value]));
    const start = this.startOf(where);
    this.#judge.holds(logStartOffset <= start, 'nothing is deleted unless somebody asks', () => {
      return `${where} begins at ${logStartOffset}, and what was deleted ends at ${start}`;
    });
    for (const { batch, offset, by } of this.#acknowledged.get(where) ?? []) {
      if (batch.acks !== -1) continue;
      for (let at = 0; at < batch.count; at += 1) {
        const [there, value] = [byOffset.get(offset + at), valueOf(batch.producer, batch.first + at)];
        this.#judge.holds(there === value || offset + at < start, 'what is acknowledged survives', () => {
          return `${by} acknowledged ${value} at ${offset + at} of ${where}, where ${there ?? 'nothing'} is`;
        });
      }
    }
    this.#inOrder(where, records);
    for (const { batch, why } of this.#refused.get(where) ?? []) {
      const value = valueOf(batch.producer, batch.first);
      const at = records.find((each) => each.value === value)?.offset;
      this.#judge.holds(at === undefined, 'what is refused is not there', () => {
        return `${value} is at ${at} of ${where}, but was refused: ${why}`;
      });
    }
  }

  #inOrder(where: string, records: readonly LogRecord[]): void {
    const last = new Map<string, LogRecord & { readonly number: number }>();
    const seen = new Set<string>();
    for (const { offset, value } of records) {
      const batch = this.#sent.get(value);
      if (batch?.where !== where) {
        this.#judge.say('only what was sent is there', `${value} at ${offset} of ${where}`);
        continue;
      }
      const number = Number(value.slice(value.lastIndexOf(':') + 1));
      const before = last.get(batch.producer);
      if (!batch.isIdempotent) {
        // What it sent on a connection that broke may come after what it sent on the next one.
        this.#judge.holds(
          !seen.has(value),
          'nothing is there twice',
          () => `${value} is again at ${offset} of ${where}`,
        );
        seen.add(value);
        continue;
      }
      const next = (before?.number ?? number - 1) + 1;
      const told = (): string => `${value} at ${offset} of ${where} follows ${before?.value} at ${before?.offset}`;
      this.#judge.holds(number >= next, 'nothing is there twice or out of order', told);
      // A producer that tries until it is told leaves nothing out, except at the beginning where records may have been deleted.
      this.#judge.holds(number <= next, 'a sequence has no gap', told);
      last.set(batch.producer, { offset, value, number });
    }
  }
}

function listOf<T>(map: Map<string, T[]>, key: string): T[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
