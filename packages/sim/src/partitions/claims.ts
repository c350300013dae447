/** What must hold in the model cluster at any moment. Each claim is told by its name when it is broken. */
import { batch } from '@odradek/protocol';
import type { Machine } from './machine.ts';

export class BrokenClaim extends Error {}

export type KeptBatch = { readonly end: number; readonly epoch: number; readonly crc: number };
/** A log's batches by their first offset. */
export type Contents = ReadonlyMap<number, KeptBatch>;
export type Acknowledged = ReadonlyMap<number, { readonly end: number; readonly crc: number }>;

export type Look = {
  readonly machine: Machine;
  /** Of this life of the broker, and since the replica was given to it. */
  readonly partition: object;
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  readonly logStart: number;
  readonly highWatermark: number;
  /** false: the high watermark is only what a checkpoint says, and nobody is given anything. */
  readonly knowsCommitted: boolean;
  readonly logEnd: number;
  readonly contents: Contents;
};

/** What a machine has at this moment; undefined when it is down or has not got the partition. */
export async function lookAt(machine: Machine, topic: string): Promise<Look | undefined> {
  const partition = Array.from(machine.rig?.replicas.partitions() ?? []).find((each) => each.topic === topic);
  if (partition === undefined) return undefined;
  const { log, isLeader, leaderEpoch, highWatermark, knowsCommitted } = partition;
  const { logStartOffset: logStart, logEndOffset: logEnd } = log;
  const contents = new Map<number, KeptBatch>();
  for (let at = logStart; at < logEnd;) {
    const read = await log.read({ fromOffset: at, maxBytes: 1 << 20, upToOffset: logEnd, minOneBatch: true });
    if (!read.ok) throw new Error(read.why);
    const bytes = Buffer.concat(read.value.chunks);
    for (let from = 0; from < bytes.length; from += batch.sizeInBytes(bytes, from)) {
      const end = batch.lastOffset(bytes, from) + 1;
      const epoch = batch.partitionLeaderEpoch(bytes, from);
      contents.set(batch.baseOffset(bytes, from), { end, epoch, crc: batch.crc(bytes, from) });
      at = end;
    }
  }
  return { machine, partition, isLeader, leaderEpoch, logStart, highWatermark, knowsCommitted, logEnd, contents };
}

/** Whoever leads at the newest epoch has all that was ever acknowledged and not deleted. */
export function acknowledgedSurvives(look: Look, newestEpoch: number, acknowledged: Acknowledged): void {
  const isOfCluster = look.isLeader && look.leaderEpoch === newestEpoch;
  for (const [offset, { end, crc }] of acknowledged) {
    const isOwed = isOfCluster || (look.knowsCommitted && end <= look.highWatermark);
    if (!isOwed || end <= look.logStart) continue;
    if (look.contents.get(offset)?.crc === crc) continue;
    throw new BrokenClaim(
      `acknowledged survives: broker ${look.machine.id} (epoch ${look.leaderEpoch}, high watermark ${look.highWatermark}, end ${look.logEnd}) lacks what was acknowledged at ${offset}`,
    );
  }
}

export function logsAgreeWhereCommitted(one: Look, other: Look): void {
  if (!one.knowsCommitted || !other.knowsCommitted) return;
  const from = Math.max(one.logStart, other.logStart);
  const to = Math.min(one.highWatermark, other.highWatermark);
  for (const [offset, { end, epoch, crc }] of one.contents) {
    if (offset < from || end > to) continue;
    const theirs = other.contents.get(offset);
    if (theirs?.crc === crc && theirs.epoch === epoch) continue;
    throw new BrokenClaim(
      `logs agree below the high watermark: brokers ${one.machine.id} and ${other.machine.id} do not at ${offset}`,
    );
  }
}

/** Within a life of a replica, from when it knows: the checkpoint with which it begins is older than the truth, or newer than its log. */
export function highWatermarkMonotone(look: Look, before: Look | undefined): void {
  if (
    before?.knowsCommitted !== true ||
    before.partition !== look.partition ||
    before.highWatermark <= look.highWatermark
  )
    return;
  throw new BrokenClaim(
    `high watermark monotone: that of broker ${look.machine.id} went from ${before.highWatermark} to ${look.highWatermark}`,
  );
}

export function oneLeaderPerEpoch(looks: readonly Look[], leaders: Map<number, number>): void {
  for (const { machine, isLeader, leaderEpoch } of looks) {
    if (!isLeader) continue;
    const known = leaders.get(leaderEpoch);
    leaders.set(leaderEpoch, machine.id);
    if (known !== undefined && known !== machine.id)
      throw new BrokenClaim(`one leader per epoch: brokers ${known} and ${machine.id} both lead epoch ${leaderEpoch}`);
  }
}

/** Whom the controller may elect has what the leader calls committed. `isr` is as committed, the looks are of lives it knows. */
export function inSyncHasCommitted(leader: Look, isr: readonly number[], looks: readonly Look[]): void {
  for (const { machine, logEnd, logStart } of looks) {
    if (!isr.includes(machine.id) || logEnd >= leader.highWatermark || logStart > leader.highWatermark) continue;
    throw new BrokenClaim(
      `ISR has what is committed: broker ${machine.id} ends at ${logEnd}, below the high watermark ${leader.highWatermark} of ${leader.machine.id}`,
    );
  }
}
