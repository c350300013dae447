/** What consumers were given: what one has read stays at its offset for everybody, and offsets follow one another. */
import type { Judge } from '../../nodes/judge.ts';
import type { LogRecord } from './written.ts';

export class Reads {
  readonly #judge: Judge;
  readonly #seen = new Map<string, Map<number, { readonly value: string; readonly by: string }>>();
  count = 0;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  /** @param expected the offset that comes next for this consumer */
  read(by: string, where: string, { expected, record }: { expected: number; record: LogRecord }): void {
    const { offset, value } = record;
    this.#judge.holds(offset === expected, 'offsets have no gaps', () => {
      return `${by} expected ${expected} of ${where} and was given ${offset}`;
    });
    let seen = this.#seen.get(where);
    if (seen === undefined) {
      seen = new Map();
      this.#seen.set(where, seen);
    }
    const before = seen.get(offset);
    if (before === undefined) {
      seen.set(offset, { value, by });
      this.count += 1;
      return;
    }
    this.#judge.holds(before.value === value, 'what is read stays', () => {
      return `${by} was given ${value} at ${offset} of ${where}, where ${before.by} was given ${before.value}`;
    });
  }

  /** One past the last offset that was read. */
  endOf(where: string): number {
    return Math.max(-1, ...(this.#seen.get(where)?.keys() ?? [])) + 1;
  }

  settle(where: string, records: readonly LogRecord[], logStartOffset: number): void {
    const byOffset = new Map(records.map(({ offset, value }) => [offset, value]));
    for (const [offset, { value, by }] of this.#seen.get(where) ?? []) {
      const there = byOffset.get(offset);
      this.#judge.holds(there === value || offset < logStartOffset, 'what is read stays', () => {
        return `${by} was given ${value} at ${offset} of ${where}, where ${there ?? 'nothing'} is`;
      });
    }
  }
}
