/** ListOffsets on one partition: each special timestamp with its meaning, and by time, exact to the record. */
import { ok, refuse, StorageFault } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { ErrorCode, listOffsetsRequestConstants as special } from '@odradek/protocol';
import type { ListedOffset } from '../types.ts';
import type { Partition } from './partition.ts';
import type { Isolation } from './reading.ts';

const UNKNOWN = -1;

export type ListOffsetAt = {
  readonly timestampMs: number;
  readonly currentLeaderEpoch: number;
  /** `log_end`: what is not committed yet counts, too. */
  readonly isolation: Isolation | 'log_end';
  /** A follower answers as well, by what it has. */
  readonly fromAnyReplica?: boolean;
};

/**
 * @returns undefined when there is no such record below the high watermark (read_committed: the last stable offset)
 * @see KIP-79 (by time), KIP-207 (OFFSET_NOT_AVAILABLE), KIP-734 (max timestamp), KIP-405, KIP-1005 and KIP-1023 (tiers, which are none here)
 */
export async function listOffset(partition: Partition, at: ListOffsetAt): Promise<Outcome<ListedOffset | undefined>> {
  const refused = partition.checkEpoch(at.currentLeaderEpoch, at.fromAnyReplica);
  if (refused !== undefined) return refuse(refused.code, refused.why);
  try {
    return await lookUp(partition, at);
  } catch (cause) {
    if (!(cause instanceof StorageFault)) throw cause;
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
  }
}

async function lookUp(partition: Partition, at: ListOffsetAt): Promise<Outcome<ListedOffset | undefined>> {
  const { log } = partition;
  const end = endOf(partition, at.isolation);
  const isLagging = at.isolation !== 'log_end' && partition.isHighWatermarkLagging;
  switch (at.timestampMs) {
    case special.LATEST_TIMESTAMP:
      if (isLagging) return notAvailable(partition);
      return ok({ offset: end, timestampMs: UNKNOWN, leaderEpoch: partition.leaderEpoch });
    case special.EARLIEST_TIMESTAMP:
    case special.EARLIEST_LOCAL_TIMESTAMP:
      return ok({ offset: log.logStartOffset, timestampMs: UNKNOWN, leaderEpoch: partition.earliestEpoch ?? UNKNOWN });
    case special.LATEST_TIERED_TIMESTAMP:
    case special.EARLIEST_PENDING_UPLOAD_TIMESTAMP:
      return ok({ offset: UNKNOWN, timestampMs: UNKNOWN, leaderEpoch: UNKNOWN });
    case special.MAX_TIMESTAMP: {
      const found = await log.offsetOfMaxTimestamp(end);
      return found === undefined && isLagging ? notAvailable(partition) : ok(found);
    }
    default: {
      const found = await log.offsetForTimestamp(at.timestampMs, end);
      return found === undefined && isLagging ? notAvailable(partition) : ok(found);
    }
  }
}

function endOf(partition: Partition, isolation: ListOffsetAt['isolation']): number {
  if (isolation === 'log_end') return partition.logEndOffset;
  return isolation === 'read_committed' ? partition.lastStableOffset : partition.highWatermark;
}

function notAvailable(partition: Partition): Outcome<never> {
  const why = `${partition.topic}-${partition.partition} has a new leader that does not know yet what is committed`;
  return refuse(ErrorCode.OFFSET_NOT_AVAILABLE, why);
}
