/** Replicas that a reassignment adds (KIP-455): how much of what goes between replicas is for them. */
import type { Counter, Metrics } from '@odradek/base';

/** Replicas of a partition that come and go; undefined: metadata does not know the partition. */
export type MovesOf = (
  topicId: string,
  partition: number,
) => { readonly addingReplicas: readonly number[]; readonly removingReplicas: readonly number[] } | undefined;

export const nothingMoves: MovesOf = () => undefined;

/** One direction: `out`, to those who follow here; `in`, of what is followed here. */
export class ReassignmentBytes {
  readonly #bytes: Counter;
  readonly #movesOf: MovesOf;

  constructor(metrics: Metrics, direction: 'in' | 'out', movesOf: MovesOf) {
    this.#bytes = metrics.counter('odradek_reassignment_bytes_total', { direction });
    this.#movesOf = movesOf;
  }

  /** @param brokerId who gets them */
  went(of: { readonly topicId: string; readonly partition: number }, brokerId: number, sizeBytes: number): void {
    const moves = this.#movesOf(of.topicId, of.partition);
    if (moves !== undefined && moves.addingReplicas.includes(brokerId)) this.#bytes.inc(sizeBytes);
  }
}
