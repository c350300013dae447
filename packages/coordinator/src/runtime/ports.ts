/** The door through which a coordinator writes and reads its internal topic; it knows no partition. The broker implements it on Replicas. */
import type { Outcome } from '@odradek/base';

export type KeyValue = { readonly key: Buffer; readonly value: Buffer | null };

export interface CoordinatorLog {
  /**
   * Appends to one partition of the internal topic. The outcome's promise resolves when the records are committed (below the high
   * watermark) or refused (NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, …). Appends of one partition keep their order.
   */
  append(
    partition: number,
    records: readonly KeyValue[],
    nowMs: number,
  ): Promise<Outcome<{ readonly lastOffset: number }>>;
  /** Replays the partition from its log start to its end, batch by batch, in order. */
  load(
    partition: number,
    apply: (record: KeyValue, offset: number, timestampMs: number) => void,
  ): Promise<Outcome<{ readonly endOffset: number }>>;
}
