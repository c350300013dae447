/** A partition while another broker leads it: what the fetcher brings goes into the log, or is refused with the reason. */
import { ok, refuse, StorageFault } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { PartitionLog } from '@odradek/log';
import { ErrorCode } from '@odradek/protocol';
import { cutAtDivergence, cutToRange, judgeBatches, progressOf } from '../core/follower.ts';
import type { Cut, FollowerFacts } from '../core/follower.ts';
import type { LeaderProgress } from '../replica-types.ts';
import type { PartitionRoom } from './room.ts';

/** The partition that follows. */
export interface FollowedOwner {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  /** false: the high watermark is only what a checkpoint says. */
  readonly knowsCommitted: boolean;
  /** Appended, and not readable yet. */
  noteBytes(sizeBytes: number): void;
  /** Forward, or to the end of a log that was cut. */
  setHighWatermark(highWatermark: number): void;
}

const NO_EPOCH = -1;

export function positionOf({ log }: FollowedOwner): {
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
} {
  const { logStartOffset, logEndOffset } = log;
  // What an empty log once held is gone, so its epoch says nothing of the next record.
  const lastFetchedEpoch = logStartOffset === logEndOffset ? NO_EPOCH : (log.latestEpoch ?? NO_EPOCH);
  return { fetchOffset: logEndOffset, lastFetchedEpoch, logStartOffset };
}

export function replicate(
  of: FollowedOwner,
  room: PartitionRoom,
  records: Buffer,
  from: LeaderProgress & { readonly fetchOffset: number },
): Outcome<number> {
  const { log, leaderEpoch } = of;
  return guarded(of, room, () => {
    const judged = judgeBatches(records, { ...from, leaderEpoch }, factsOf(of));
    if (!judged.ok) return judged;
    if (judged.value.kind === 'restart') log.truncateFullyAndStartAt(judged.value.at);
    const appended = log.append({ records, origin: 'replication', leaderEpoch, nowMs: room.clock.nowMs() });
    if (!appended.ok) return appended;
    of.noteBytes(appended.value.sizeBytes);
    takeProgress(of, from);
    return ok(log.logEndOffset);
  });
}

export function progress(of: FollowedOwner, room: PartitionRoom, told: LeaderProgress): void {
  guarded(of, room, () => {
    takeProgress(of, told);
    return ok(undefined);
  });
}

function takeProgress(of: FollowedOwner, told: LeaderProgress): void {
  const facts = factsOf(of);
  const { highWatermark, logStart } = progressOf(told, facts);
  if (highWatermark > facts.highWatermark) of.setHighWatermark(highWatermark);
  if (logStart > facts.logStart) of.log.advanceLogStart(logStart, highWatermark);
}

export function diverging(of: FollowedOwner, room: PartitionRoom, epoch: number, endOffset: number): Outcome<void> {
  return guarded(of, room, () => {
    const own = of.log.endOffsetForEpoch(epoch);
    const cut = cutAtDivergence({ leaderEpoch: epoch, endOffset }, own, factsOf(of));
    if (cut.ok) cutLog(of, room, cut.value);
    return cut.ok ? ok(undefined) : cut;
  });
}

export function outOfRange(
  of: FollowedOwner,
  room: PartitionRoom,
  leaderLogStart: number,
  leaderLogEnd: number,
): Outcome<void> {
  if (leaderLogStart < 0 || leaderLogEnd < leaderLogStart) {
    const why = `the leader says that its log holds ${leaderLogStart} to ${leaderLogEnd}`;
    return refuse(ErrorCode.INVALID_REQUEST, why);
  }
  return guarded(of, room, () => {
    cutLog(of, room, cutToRange(leaderLogStart, leaderLogEnd, factsOf(of)));
    return ok(undefined);
  });
}

function cutLog(of: FollowedOwner, room: PartitionRoom, cut: Cut): void {
  if (cut.kind === 'none') return;
  const { log, topic, partition, leader, leaderEpoch, highWatermark } = of;
  const from = log.logEndOffset;
  if (cut.kind === 'truncate') log.truncateTo(cut.to);
  else log.truncateFullyAndStartAt(cut.at);
  const to = log.logEndOffset;
  const fields = { topic, partition, leader, leaderEpoch, from, to, highWatermark };
  if (cut.losesCommitted && of.knowsCommitted) {
    room.isrCounters.committedLost.inc();
    room.log.warn(
      fields,
      'its leader lacks what was committed: an unclean election has lost it, and it is cut here too',
    );
  } else room.log.info(fields, 'the log is cut to where it agrees with its leader');
  of.setHighWatermark(Math.max(Math.min(highWatermark, log.logEndOffset), log.logStartOffset));
}

function factsOf({ log, highWatermark }: FollowedOwner): FollowerFacts {
  const { logStartOffset: logStart, logEndOffset: logEnd } = log;
  return { logStart, logEnd, highWatermark, latestEpoch: logStart === logEnd ? undefined : log.latestEpoch };
}

/** A fault of storage ends the following: the log has told its manager, and metadata will move the replica. */
function guarded<T>(of: FollowedOwner, room: PartitionRoom, work: () => Outcome<T>): Outcome<T> {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof StorageFault)) throw cause;
    const { topic, partition } = of;
    room.log.error({ topic, partition, path: cause.path, err: cause }, 'a follower cannot write: it stops following');
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
  }
}
