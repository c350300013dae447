/** A coordinator's log in memory. A test may hold commits back, refuse appends, and look at what was appended. */
import { ok } from '@odradek/base';
import type { Outcome, Refusal } from '@odradek/base';
import type { CoordinatorLog, KeyValue } from '../runtime/ports.ts';

type Held = {
  readonly partition: number;
  readonly records: readonly KeyValue[];
  readonly done: (outcome: Outcome<{ lastOffset: number }>) => void;
};

export class MemoryLog implements CoordinatorLog {
  readonly #partitions = new Map<number, KeyValue[]>();
  /** Sizes of the appends, in records. */
  readonly batches: number[] = [];
  loads = 0;
  #holding = false;
  #held: Held[] = [];
  #refusal: Refusal | undefined;
  #loadRefusal: Refusal | undefined;

  records(partition: number): readonly KeyValue[] {
    return this.#partitions.get(partition) ?? [];
  }

  /** Appends from now on wait for `release` or `refuseHeld`. */
  hold(): void {
    this.#holding = true;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  release(): void {
    this.#holding = false;
    const held = this.#held;
    this.#held = [];
    for (const { partition, records, done } of held) done(this.#store(partition, records));
  }

  refuseHeld(refusal: Refusal): void {
    this.#holding = false;
    const held = this.#held;
    this.#held = [];
    for (const { done } of held) done(refusal);
  }

  /** Every append is refused with it; undefined: none is. */
  refuse(refusal: Refusal | undefined): void {
    this.#refusal = refusal;
  }

  refuseLoads(refusal: Refusal | undefined): void {
    this.#loadRefusal = refusal;
  }

  append(partition: number, records: readonly KeyValue[]): Promise<Outcome<{ readonly lastOffset: number }>> {
    if (this.#refusal !== undefined) return Promise.resolve(this.#refusal);
    if (this.#holding) return new Promise((done) => void this.#held.push({ partition, records, done }));
    return Promise.resolve(this.#store(partition, records));
  }

  async load(
    partition: number,
    apply: (record: KeyValue, offset: number, timestampMs: number) => void,
  ): Promise<Outcome<{ readonly endOffset: number }>> {
    this.loads += 1;
    await Promise.resolve();
    if (this.#loadRefusal !== undefined) return this.#loadRefusal;
    const records = this.records(partition);
    records.forEach((record, offset) => apply(record, offset, 0));
    return ok({ endOffset: records.length });
  }

  #store(partition: number, records: readonly KeyValue[]): Outcome<{ readonly lastOffset: number }> {
    const stored = this.#partitions.get(partition) ?? [];
    stored.push(...records);
    this.#partitions.set(partition, stored);
    this.batches.push(records.length);
    return ok({ lastOffset: stored.length - 1 });
  }
}
