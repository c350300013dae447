/**
 * A replica moves to another log directory of its broker (KIP-113): what to do next with the copy, by how it and its log stand. The copy
 * follows the log as a follower follows its leader: first it cuts what it does not share, then it copies up to the log's end; once it is
 * there the controller learns where the replica is to lie (KIP-858), and then it takes the log's place.
 */
import type { EpochEnd } from '@odradek/log';

/** A log, or its copy, as it stands. */
export type Standing = {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly latestEpoch: number | undefined;
  endOffsetForEpoch(leaderEpoch: number): EpochEnd | undefined;
};

export type MoveState = {
  /** All that the copy holds the log holds too: compared once, since from then on the copy is cut with its log. */
  agrees: boolean;
  /** The controller knows where the replica is to lie. */
  isTold: boolean;
  /** All that was copied up to some point is durable. */
  isPrepared: boolean;
};

export type MoveStep =
  /** The copy drops everything and starts at the offset. */
  | { readonly kind: 'begin'; readonly offset: number }
  | { readonly kind: 'cut'; readonly offset: number }
  /** Records below the offset are gone from the log. */
  | { readonly kind: 'advance'; readonly offset: number }
  | { readonly kind: 'copy'; readonly fromOffset: number }
  | { readonly kind: 'tell' }
  | { readonly kind: 'prepare' }
  | { readonly kind: 'swap' };

export function beginMove(): MoveState {
  return { agrees: false, isTold: false, isPrepared: false };
}

export function nextStep(state: MoveState, log: Standing, copy: Standing): MoveStep {
  if (!state.agrees || copy.logEndOffset > log.logEndOffset) {
    const sharedEnd = sharedEndOf(log, copy);
    state.agrees = true;
    if (sharedEnd < copy.logEndOffset)
      return sharedEnd <= log.logStartOffset || sharedEnd <= copy.logStartOffset
        ? { kind: 'begin', offset: log.logStartOffset }
        : { kind: 'cut', offset: sharedEnd };
  }
  const isElsewhere = copy.logEndOffset < log.logStartOffset || copy.logStartOffset > log.logStartOffset;
  if (isElsewhere) return { kind: 'begin', offset: log.logStartOffset };
  if (copy.logStartOffset < log.logStartOffset) return { kind: 'advance', offset: log.logStartOffset };
  if (copy.logEndOffset < log.logEndOffset) return { kind: 'copy', fromOffset: copy.logEndOffset };
  if (!state.isTold) return { kind: 'tell' };
  return state.isPrepared ? { kind: 'swap' } : { kind: 'prepare' };
}

/** Up to where both hold the same, by their leader epochs (KIP-101, KIP-279): no epoch has two histories. */
export function sharedEndOf(log: Standing, copy: Standing): number {
  let end = Math.min(copy.logEndOffset, log.logEndOffset);
  for (let epoch = copy.latestEpoch; epoch !== undefined && epoch >= 0;) {
    const asked = Math.min(epoch, log.latestEpoch ?? -1);
    const theirs = log.endOffsetForEpoch(asked);
    const own = theirs === undefined ? undefined : copy.endOffsetForEpoch(theirs.leaderEpoch);
    // Nothing that the copy knows is of the log's history any more.
    if (theirs === undefined || own === undefined) return Math.min(end, log.logStartOffset);
    end = Math.min(end, theirs.endOffset, own.endOffset);
    if (own.leaderEpoch === theirs.leaderEpoch) return end;
    epoch = own.leaderEpoch < epoch ? own.leaderEpoch : undefined;
  }
  return end;
}
