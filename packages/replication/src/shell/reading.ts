/** One partition's answer to a client's fetch: by whoever has it when the client may read anywhere, else by its leader. */
import { StorageFault } from '@odradek/base';
import type { PartitionLog, ReadRequest, ReadResult } from '@odradek/log';
import { ErrorCode } from '@odradek/protocol';
import type { FetchPartition, FetchResult, LeaderHint } from '../types.ts';
import { divergenceOf } from './divergence.ts';
import type { EpochHistory } from './divergence.ts';
import { NO_CHUNKS, refusedFetch } from './refusals.ts';

export type Isolation = 'read_uncommitted' | 'read_committed';

export type FetchShare = {
  readonly isolation: Isolation;
  readonly maxBytes: number;
  /** Nothing was found for this request so far: the first batch is given whole whatever the limits say. */
  readonly minOneBatch: boolean;
  /** KIP-392: a follower answers too, up to the high watermark that it has heard of. */
  readonly fromAnyReplica: boolean;
  /** KIP-392: brokers in the client's rack; the leader sends it to one of them that has what it asks for. */
  readonly nearbyBrokers: readonly number[] | undefined;
};

/** The partition that is read. */
export interface Readable extends EpochHistory {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
  readonly hint: LeaderHint;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly knowsCommitted: boolean;
  checkEpoch(currentLeaderEpoch: number, fromAnyReplica: boolean): { readonly code: number } | undefined;
  preferredReplica(fetchOffset: number, nearby: readonly number[]): number | undefined;
}

const NO_FIND: ReadResult = { chunks: NO_CHUNKS, sizeBytes: 0 };

/** A promise only when the records have to come from disk. */
export function readFor(of: Readable, asked: FetchPartition, share: FetchShare): FetchResult | Promise<FetchResult> {
  const refused = of.checkEpoch(asked.currentLeaderEpoch, share.fromAnyReplica);
  if (refused !== undefined) return refuseRead(of, refused.code);
  if (asked.topicId !== undefined && asked.topicId !== '' && asked.topicId !== of.log.topicId) {
    return refuseRead(of, ErrorCode.INCONSISTENT_TOPIC_ID);
  }
  // The consumer asks for metadata and goes back to the leader.
  if (!of.knowsCommitted) return refuseRead(of, ErrorCode.OFFSET_NOT_AVAILABLE);
  const { fetchOffset } = asked;
  try {
    const preferred =
      share.nearbyBrokers === undefined ? undefined : of.preferredReplica(fetchOffset, share.nearbyBrokers);
    if (preferred !== undefined) {
      return { ...found(of, asked, 'read_uncommitted', NO_FIND), preferredReadReplica: preferred };
    }
    const parted = divergenceOf(of, asked);
    if (parted.kind === 'outOfRange') return refuseRead(of, ErrorCode.OFFSET_OUT_OF_RANGE);
    const stableOffset = of.lastStableOffset;
    if (parted.kind === 'diverging') {
      const { leaderEpoch, endOffset } = parted;
      return { ...found(of, asked, share.isolation, NO_FIND), divergingEpoch: { leaderEpoch, endOffset } };
    }
    const upToOffset = share.isolation === 'read_committed' ? stableOffset : of.highWatermark;
    const maxBytes = Math.min(asked.maxBytes, share.maxBytes);
    if (fetchOffset >= upToOffset || (maxBytes <= 0 && !share.minOneBatch)) {
      return found(of, asked, share.isolation, NO_FIND);
    }
    return readLog(of, asked, share.isolation, {
      fromOffset: fetchOffset,
      maxBytes: Math.max(0, maxBytes),
      upToOffset,
      minOneBatch: share.minOneBatch,
    });
  } catch (cause) {
    return faultOf(of, cause);
  }
}

function readLog(
  of: Readable,
  asked: FetchPartition,
  isolation: Isolation,
  request: ReadRequest,
): FetchResult | Promise<FetchResult> {
  const outcome = of.log.read(request);
  if (!(outcome instanceof Promise)) {
    return outcome.ok ? found(of, asked, isolation, outcome.value) : refuseRead(of, outcome.code);
  }
  return outcome.then(
    (read) => (read.ok ? found(of, asked, isolation, read.value) : refuseRead(of, read.code)),
    (cause: unknown) => faultOf(of, cause),
  );
}

function found(of: Readable, asked: FetchPartition, isolation: Isolation, read: ReadResult): FetchResult {
  const { chunks, sizeBytes } = read;
  const { lastStableOffset } = of;
  const aborted =
    isolation === 'read_uncommitted'
      ? null
      : sizeBytes === 0
        ? []
        : of.log.abortedTransactions(asked.fetchOffset, lastStableOffset);
  return {
    topic: of.topic,
    partition: of.partition,
    code: ErrorCode.NONE,
    highWatermark: of.highWatermark,
    lastStableOffset,
    logStartOffset: of.logStartOffset,
    abortedTransactions: aborted,
    chunks,
    sizeBytes,
  };
}

function refuseRead(of: Readable, code: number): FetchResult {
  const refused = refusedFetch(of, code);
  const mayHint = code === ErrorCode.NOT_LEADER_OR_FOLLOWER || code === ErrorCode.FENCED_LEADER_EPOCH;
  return mayHint ? { ...refused, currentLeader: of.hint } : refused;
}

/** The log has told its manager of its fault already. */
function faultOf(of: Readable, cause: unknown): FetchResult {
  if (!(cause instanceof StorageFault)) throw cause;
  return refuseRead(of, ErrorCode.KAFKA_STORAGE_ERROR);
}
