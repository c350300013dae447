/** Whether the history of who asks for an offset is the one of this log: the same for followers and for consumers (KIP-320, KIP-595). */
import type { EpochEnd } from '@odradek/log';

export interface EpochHistory {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Where an epoch, or the largest below it, ends; undefined when none is known. May throw StorageFault. */
  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined;
}

export type Parted =
  | { readonly kind: 'same' }
  | ({ readonly kind: 'diverging' } & EpochEnd)
  | { readonly kind: 'outOfRange'; readonly why: string };

const NOT_GIVEN = -1;
const SAME: Parted = { kind: 'same' };

/**
 * In Kafka's order: who is beyond the end of this log because its history is another one is told where they part, not that it is out of range.
 * @param asked.lastFetchedEpoch of the last record before `fetchOffset`; -1: not given, or there is none
 */
export function divergenceOf(
  of: EpochHistory,
  asked: { readonly fetchOffset: number; readonly lastFetchedEpoch: number },
): Parted {
  const { fetchOffset, lastFetchedEpoch } = asked;
  const { logStartOffset, logEndOffset } = of;
  const range = `this log holds offsets ${logStartOffset} to ${logEndOffset}, not ${fetchOffset}`;
  if (lastFetchedEpoch !== NOT_GIVEN) {
    const end = of.endOffsetForEpoch(lastFetchedEpoch);
    if (end === undefined) return { kind: 'outOfRange', why: `nothing is known of leader epoch ${lastFetchedEpoch}` };
    if (fetchOffset < logStartOffset) return { kind: 'outOfRange', why: range };
    if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset) return { kind: 'diverging', ...end };
  }
  if (fetchOffset < logStartOffset || fetchOffset > logEndOffset) return { kind: 'outOfRange', why: range };
  return SAME;
}
