/**
 * The follower's side of one partition: which batches continue its log, where it is cut when its history parts from the leader's, and what the
 * leader's progress means for it. Pure: facts about the log come in, what to do with it goes out. Sources: KIP-101, 279, 320, 595.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { EpochEnd } from '@odradek/log';
import { batch, ErrorCode } from '@odradek/protocol';

/** What is known of the follower's own log. */
export type FollowerFacts = {
  readonly logStart: number;
  readonly logEnd: number;
  /** Committed as far as it has heard. */
  readonly highWatermark: number;
  /** Of its last record; undefined when the log is empty or its epochs are unknown. */
  readonly latestEpoch: number | undefined;
};

/** `truncate`: every batch that reaches `to` goes. `restart`: everything goes, the log begins anew at `at`. */
export type Cut =
  | { readonly kind: 'none' }
  | { readonly kind: 'truncate'; readonly to: number; readonly losesCommitted: boolean }
  | { readonly kind: 'restart'; readonly at: number; readonly losesCommitted: boolean };

/**
 * Whether batches that the leader sent for `fetchOffset` continue the log. Their own offsets may leap (compaction leaves gaps within what the
 * leader sends for one position), but they were sent for this log end, and epochs neither go back nor beyond the leader's.
 * @returns `append`; `restart` when the first batch begins below the log end, and nothing that lies there counts: the log is empty, or the leader
 * has deleted all of it (its start lies within that batch, and what it deleted may have been of another history)
 */
export function judgeBatches(
  records: Buffer,
  sent: { readonly fetchOffset: number; readonly leaderEpoch: number; readonly logStartOffset: number },
  facts: FollowerFacts,
): Outcome<{ readonly kind: 'append' } | { readonly kind: 'restart'; readonly at: number }> {
  if (sent.fetchOffset !== facts.logEnd) {
    const why = `batches for offset ${sent.fetchOffset}, but this log ends at ${facts.logEnd}`;
    return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, why);
  }
  let epoch = facts.latestEpoch ?? -1;
  for (let at = 0; at + batch.HEADER_BYTES <= records.length;) {
    const sizeBytes = batch.sizeInBytes(records, at);
    if (sizeBytes < batch.HEADER_BYTES) return refuse(ErrorCode.CORRUPT_MESSAGE, `a batch of ${sizeBytes} bytes`);
    const theirs = batch.partitionLeaderEpoch(records, at);
    if (theirs < epoch || theirs > sent.leaderEpoch) {
      const why = `a batch of leader epoch ${theirs} after one of ${epoch}, under a leader of epoch ${sent.leaderEpoch}`;
      return refuse(ErrorCode.INVALID_RECORD, why);
    }
    epoch = theirs;
    at += sizeBytes;
  }
  if (records.length < batch.HEADER_BYTES) return refuse(ErrorCode.INVALID_RECORD, 'no whole record batch');
  const first = batch.baseOffset(records, 0);
  if (first >= facts.logEnd) return ok({ kind: 'append' });
  const isAllDeleted = facts.logStart === facts.logEnd || sent.logStartOffset >= facts.logEnd;
  if (isAllDeleted && batch.lastOffset(records, 0) >= facts.logEnd) return ok({ kind: 'restart', at: first });
  const why = `a batch that begins at ${first}, below the end of this log at ${facts.logEnd}`;
  return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, why);
}

/**
 * The leader's log ends `theirs.leaderEpoch` at `theirs.endOffset`. What lies above the lesser of that and the own end of that epoch is not in the
 * leader's log. Where the own log does not know that epoch, it is cut to the end of the one below, and the next answer goes on from there.
 * @param own where the own log ends that epoch, or the largest below it; undefined when it has none
 * @returns refused when it says nothing that can be cut: the position that was named does not diverge there
 */
export function cutAtDivergence(theirs: EpochEnd, own: EpochEnd | undefined, facts: FollowerFacts): Outcome<Cut> {
  const ownEnd = own?.endOffset ?? facts.logEnd;
  const to = Math.min(ownEnd, theirs.endOffset, facts.logEnd);
  if (to < 0 || to >= facts.logEnd) {
    const why = `the leader says epoch ${theirs.leaderEpoch} ends at ${theirs.endOffset}, and so it does here`;
    return refuse(ErrorCode.INVALID_REQUEST, why);
  }
  return ok({ kind: 'truncate', to, losesCommitted: to < facts.highWatermark });
}

/**
 * The leader has no such position. Below its start there is nothing left to continue from; beyond its end the rest is not in its log (after
 * an unclean election); between them the leader has moved meanwhile, and it is asked again.
 */
export function cutToRange(leaderLogStart: number, leaderLogEnd: number, facts: FollowerFacts): Cut {
  assert(leaderLogStart <= leaderLogEnd, 'a log does not end before it starts', { leaderLogStart, leaderLogEnd });
  if (leaderLogEnd < facts.logEnd) {
    const losesCommitted = leaderLogEnd < facts.highWatermark;
    return { kind: 'truncate', to: leaderLogEnd, losesCommitted };
  }
  // What goes here was deleted by the leader, too.
  if (leaderLogStart > facts.logEnd) return { kind: 'restart', at: leaderLogStart, losesCommitted: false };
  return { kind: 'none' };
}

/** What the leader tells moves both forward only, and never past what this log holds. */
export function progressOf(
  told: { readonly highWatermark: number; readonly logStartOffset: number },
  facts: FollowerFacts,
): { readonly highWatermark: number; readonly logStart: number } {
  const highWatermark = Math.max(facts.highWatermark, Math.min(told.highWatermark, facts.logEnd));
  const logStart = Math.max(facts.logStart, Math.min(told.logStartOffset, highWatermark));
  return { highWatermark, logStart };
}
