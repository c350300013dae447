/** What the coordinator is told of the logs that groups consume. The broker stands behind it. */

export type KnownEnd = {
  readonly kind: 'known';
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** -1 when it was not asked for. */
  readonly lastStableOffset: number;
};
/** Offline, or gone; `why` is for a person. */
export type UnknownEnd = { readonly kind: 'unknown'; readonly why: string };
/** Another broker leads it, and knows. */
export type EndElsewhere = { readonly kind: 'elsewhere'; readonly leader: number };

export type PartitionEnd = KnownEnd | UnknownEnd | EndElsewhere;

/** Answers at once, so that all that is asked in one turn is of one instant. */
export interface PartitionEnds {
  endOf(topic: string, partition: number, stable: boolean): PartitionEnd;
}

/** For coordinators without logs beside them. */
export const noEnds: PartitionEnds = {
  endOf: () => ({ kind: 'unknown', why: 'this coordinator sees no logs' }),
};
