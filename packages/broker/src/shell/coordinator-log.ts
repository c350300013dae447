/** A coordinator's log on the partitions of an internal topic that this broker leads, through the replicas' door. */
import { ok, refuse } from '@odradek/base';
import type { Clock, Outcome } from '@odradek/base';
import type { CoordinatorLog, KeyValue } from '@odradek/coordinator';
import { ErrorCode, buildBatch, readBatch } from '@odradek/protocol';
import type { CompressionType } from '@odradek/protocol';
import type { FetchResult, ReplicasPort } from '@odradek/replication';

export type ReplicaCoordinatorLogOptions = {
  readonly topic: string;
  readonly clock: Clock;
  readonly replicas: ReplicasPort;
  /** How long an append may wait for the in-sync replicas. */
  readonly timeoutMs: () => number;
  /** Bytes read at once while loading. */
  readonly loadChunkBytes: () => number;
  readonly compression: () => CompressionType;
};

/** Loading gives the event loop its turn after this long. */
const SLICE_MS = 5;
/** How long one read waits for the high watermark to reach what is in the log; then it asks again. */
const LOAD_POLL_MS = 500;
/** Pause after a read that brought nothing (too many wait already, or the high watermark stands still). */
const LOAD_PAUSE_MS = 10;
/** How long the high watermark may stand still before the load says why it does not end, and is begun anew. */
const LOAD_STALLED_MS = 10_000;
/** Chunks are smaller than the buffer that the user allows, so that one is decoded within a slice. */
const LOAD_CHUNK_BYTES_MAX = 256 * 1024;
const ALL_REPLICAS = -1;

type Apply = (record: KeyValue, offset: number, timestampMs: number) => void;

export class ReplicaCoordinatorLog implements CoordinatorLog {
  readonly #options: ReplicaCoordinatorLogOptions;

  constructor(options: ReplicaCoordinatorLogOptions) {
    this.#options = options;
  }

  async append(
    partition: number,
    records: readonly KeyValue[],
    nowMs: number,
  ): Promise<Outcome<{ readonly lastOffset: number }>> {
    const { topic, replicas, timeoutMs, compression } = this.#options;
    const batch = buildBatch(
      { compression: compression() },
      records.map(({ key, value }) => ({ timestampMs: nowMs, key, value })),
    );
    const [result] = await replicas.produce({
      acks: ALL_REPLICAS,
      timeoutMs: timeoutMs(),
      origin: 'coordinator',
      partitions: [{ topic, partition, records: batch }],
    });
    if (result === undefined) return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'the append was not answered');
    if (result.code === ErrorCode.NONE) return ok({ lastOffset: result.lastOffset });
    return refuse(result.code, result.why ?? `${topic}-${partition} refused the records`);
  }

  /**
   * Reads up to where the log ended when loading began, and only what is committed: on a new leader the last records may have to wait
   * for the followers, and what is answered from them must not be lost again.
   */
  async load(partition: number, apply: Apply): Promise<Outcome<{ readonly endOffset: number }>> {
    const { topic, replicas, clock } = this.#options;
    const state = replicas.partitionState(topic, partition);
    if (state === undefined || !state.isLeader) return notLed(topic, partition);
    const { logEndOffset: endOffset, leaderEpoch } = state;
    let offset = state.logStartOffset;
    let sliceEndMs = clock.monotonicMs() + SLICE_MS;
    let movedMs = clock.monotonicMs();
    while (offset < endOffset) {
      const result = await this.#read(partition, offset, leaderEpoch);
      if (!result.ok) return result;
      const before = offset;
      for (const chunk of result.value.chunks) {
        const applied = applyChunk(chunk, offset, apply);
        if (!applied.ok) return applied;
        offset = applied.value;
      }
      const stands = offset === before;
      if (!stands) movedMs = clock.monotonicMs();
      else if (clock.monotonicMs() - movedMs >= LOAD_STALLED_MS)
        return notCommitted(topic, partition, { offset, endOffset });
      if (!stands && clock.monotonicMs() < sliceEndMs) continue;
      await new Promise<void>((resolve) => void clock.after(stands ? LOAD_PAUSE_MS : 0, resolve));
      sliceEndMs = clock.monotonicMs() + SLICE_MS;
    }
    return ok({ endOffset });
  }

  async #read(partition: number, fetchOffset: number, currentLeaderEpoch: number): Promise<Outcome<FetchResult>> {
    const { topic, replicas, loadChunkBytes } = this.#options;
    const maxBytes = Math.min(loadChunkBytes(), LOAD_CHUNK_BYTES_MAX);
    const [result] = await replicas.fetch({
      maxWaitMs: LOAD_POLL_MS,
      minBytes: 1,
      maxBytes,
      isolation: 'read_uncommitted',
      partitions: [{ topic, partition, fetchOffset, currentLeaderEpoch, lastFetchedEpoch: -1, maxBytes }],
    });
    if (result === undefined) return notLed(topic, partition);
    return result.code === ErrorCode.NONE ? ok(result) : refuse(result.code, `${topic}-${partition} cannot be read`);
  }
}

/** @returns the offset after the last batch of the chunk */
function applyChunk(chunk: Buffer, fromOffset: number, apply: Apply): Outcome<number> {
  let nextOffset = fromOffset;
  for (let at = 0; at < chunk.length;) {
    const batch = readBatch(chunk, at);
    if (!batch.ok) return batch;
    const { isControl, records, lastOffset, sizeInBytes } = batch.value;
    if (!isControl)
      for (const { key, value, offset, timestampMs } of records)
        if (key !== null && offset >= fromOffset) apply({ key, value }, offset, timestampMs);
    nextOffset = lastOffset + 1;
    at += sizeInBytes;
  }
  return ok(nextOffset);
}

function notLed(topic: string, partition: number): Outcome<never> {
  return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, `this broker does not lead ${topic}-${partition}`);
}

function notCommitted(
  topic: string,
  partition: number,
  { offset, endOffset }: { readonly offset: number; readonly endOffset: number },
): Outcome<never> {
  const left = `the last ${endOffset - offset} offsets of ${topic}-${partition} are not committed yet`;
  return refuse(
    ErrorCode.NOT_ENOUGH_REPLICAS,
    `${left}: fewer replicas than min.insync.replicas are in sync, or one is slow`,
  );
}
