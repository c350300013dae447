/**
 * DeleteRecords on one partition (KIP-107): the leader moves its log start, and the request is answered once every replica whose broker lives
 * has moved its own, since until then a new leader could give the records back.
 */
import { ok, refuse, StorageFault } from '@odradek/base';
import type { Clock, Outcome } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Wait } from '../core/waiters.ts';
import type { Partition } from './partition.ts';
import type { Waiting, WaitingRoom } from './waiting-room.ts';

const HIGH_WATERMARK = -1;

export type Deletion = { readonly offset: number; readonly timeoutMs: number };

/** @returns the low watermark. Refused with REQUEST_TIMED_OUT: deleted here, and not everywhere within `timeoutMs` */
export async function deleteRecords(
  partition: Partition,
  asked: Deletion,
  at: { readonly clock: Clock; readonly room: WaitingRoom },
): Promise<Outcome<number>> {
  const refused = partition.checkEpoch(-1);
  if (refused !== undefined) return refuse(refused.code, refused.why);
  const moved = moveLogStart(partition, asked.offset);
  if (!moved.ok) return moved;
  const target = moved.value;
  if (partition.lowWatermark >= target) return ok(partition.lowWatermark);
  if (!at.room.hasRoomFor(1)) {
    return refuse(ErrorCode.REQUEST_TIMED_OUT, 'too many requests wait on this broker to wait for the replicas, too');
  }
  return new Promise((resolve) => {
    const over = (wait: Wait<Waiting>): void => resolve(outcomeOf(partition, wait));
    at.room.park({
      kind: 'delete',
      token: { over },
      deadlineMs: at.clock.monotonicMs() + asked.timeoutMs,
      stableOnly: false,
      missingBytes: 0,
      targets: [{ list: partition.lowWaits, index: 0, target, counted: 0 }],
    });
  });
}

/** @returns the offset that every replica's log start has to reach */
function moveLogStart(partition: Partition, offset: number): Outcome<number> {
  const { log, highWatermark } = partition;
  if (!log.config.cleanupDelete && log.config.cleanupCompact) {
    return refuse(
      ErrorCode.POLICY_VIOLATION,
      `records of ${log.topic} are kept by compaction alone: DeleteRecords needs "delete" in cleanup.policy`,
    );
  }
  const before = offset === HIGH_WATERMARK ? highWatermark : offset;
  if (before < 0 || before > highWatermark) {
    const why = `offset ${before} is not within 0 and the high watermark ${highWatermark}`;
    return refuse(ErrorCode.OFFSET_OUT_OF_RANGE, why);
  }
  if (before <= log.logStartOffset) return ok(before);
  try {
    const moved = log.advanceLogStart(before, highWatermark);
    if (moved.ok) partition.logStartMoved();
    return moved;
  } catch (cause) {
    if (!(cause instanceof StorageFault)) throw cause;
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
  }
}

function outcomeOf(partition: Partition, wait: Wait<Waiting>): Outcome<number> {
  const state = wait.entries[0]?.state;
  if (state === 'moved') return ok(partition.lowWatermark);
  if (state === 'lost')
    return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, 'the partition got another leader epoch meanwhile');
  return refuse(ErrorCode.REQUEST_TIMED_OUT, 'deleted here, but not every replica has done so in time');
}
