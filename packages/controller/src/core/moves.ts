/**
 * What becomes of partitions when a broker comes or goes, a slice at a time: a broker may have to do with a hundred thousand of them, and
 * neither the loop nor a batch of the log takes that many at once. What one slice leaves over is remembered here and goes on with `tick`;
 * a new active controller finds it again in the image (`resume`), so nothing of it is written down.
 */
import { assert } from '@odradek/base';
import {
  record,
  type MetadataRecord,
  type PartitionImage,
  type PartitionSet,
  type TopicImage,
} from '@odradek/metadata';
import { NO_RECORDS, type ControllerContext } from './context.ts';
import { changePartition } from './leader-election.ts';
import { directoryOf, isOnline, mayLead, policyOf, type BrokerMove, type Policy } from './partitions.ts';

export type Leave = {
  readonly brokerId: number;
  /** It lost what it had not synced (KIP-966): it is not eligible either. */
  readonly isUnclean: boolean;
  /** It leaves only what lies on no directory of these; undefined: it leaves everything. */
  readonly keeps: readonly string[] | undefined;
};

/** `part`: what it leads, what else it is in sync with, what it may still lead. */
type LeaveUnderway = Leave & { part: number; place: number };

export type Slice = { readonly records: MetadataRecord[]; readonly isDone: boolean };

/** Partitions that one slice looks at for each record that it may make. */
const LOOKS_PER_RECORD = 16;

/** What is under way; remembered by the active controller alone. */
export class Moves {
  readonly #leaves = new Map<number, LeaveUnderway>();
  /** Brokers that have left everything and not come back, and whether they did so uncleanly. */
  readonly #left = new Map<number, boolean>();
  /** From where on leaderless partitions may have found a leader. */
  #sweepFrom: number | undefined;
  /** When uncleanly leaderless partitions are looked at again. */
  #recheckDueMs = 0;

  get isPending(): boolean {
    return this.#leaves.size > 0 || this.#sweepFrom !== undefined;
  }

  /** Something of the broker has still to leave. */
  isLeaving(brokerId: number): boolean {
    return this.#leaves.get(brokerId)?.keeps === undefined && this.#leaves.has(brokerId);
  }

  get recheckDueMs(): number {
    return this.#recheckDueMs;
  }

  set recheckDueMs(dueMs: number) {
    this.#recheckDueMs = dueMs;
  }

  get leaving(): LeaveUnderway | undefined {
    return this.#leaves.values().next().value;
  }

  get sweepFrom(): number | undefined {
    return this.#sweepFrom;
  }

  /** @param from undefined: the sweep is over */
  sweep(from: number | undefined): void {
    this.#sweepFrom = from === undefined || this.#sweepFrom === undefined ? from : Math.min(from, this.#sweepFrom);
  }

  /**
   * The same leave goes on from where it is; another one begins anew, and includes what was under way.
   * @returns undefined when the broker has left already
   */
  leave(leave: Leave): LeaveUnderway | undefined {
    const { brokerId, isUnclean } = leave;
    const left = this.#left.get(brokerId);
    if (left === true || (left === false && !isUnclean)) return undefined;
    const underway = this.#leaves.get(brokerId);
    const includes = underway?.keeps === undefined && (leave.keeps !== undefined || underway?.isUnclean || !isUnclean);
    if (underway !== undefined && includes) return underway;
    const begun = { ...leave, part: 0, place: 0 };
    this.#leaves.set(brokerId, begun);
    return begun;
  }

  left({ brokerId, keeps, isUnclean }: Leave): void {
    this.#leaves.delete(brokerId);
    if (keeps === undefined) this.#left.set(brokerId, isUnclean);
  }

  /** The broker may lead again, or is no more. */
  forget(brokerId: number): void {
    this.#leaves.delete(brokerId);
    this.#left.delete(brokerId);
  }
}

const NOTHING_LEFT: Slice = { records: [], isDone: true };

/** The first or next slice of what a broker leaves: what it leads comes first. */
export function leaveSlice(context: ControllerContext, leave: Leave): Slice {
  const underway = context.moves.leave(leave);
  return underway === undefined ? NOTHING_LEFT : sliceOf(context, underway);
}

function sliceOf(context: ControllerContext, underway: LeaveUnderway): Slice {
  const { index } = context.image.topics;
  const { brokerId, isUnclean } = underway;
  const parts = [index.ledBy(brokerId), index.inSyncOn(brokerId)];
  if (isUnclean) parts.push(index.eligibleOn(brokerId));
  const making = new Making(context, { leaves: brokerId, ...(isUnclean ? { isUnclean } : {}) });
  for (let set = parts[underway.part]; set !== undefined; set = parts[underway.part]) {
    const stoppedAt = making.over(set, underway.place, (partition) => isLeft(underway, partition));
    underway.place = stoppedAt ?? 0;
    if (stoppedAt !== undefined) return { records: making.records, isDone: false };
    underway.part += 1;
  }
  context.moves.left(underway);
  return { records: making.records, isDone: true };
}

/** Everything that a broker leaves, in one batch: for whom asks it of a broker that has few partitions. */
export function leaveWhole(context: ControllerContext, leave: Leave): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (;;) {
    const slice = leaveSlice(context, leave);
    for (const each of slice.records) records.push(each);
    if (slice.isDone) return records;
  }
}

function isLeft({ brokerId, keeps, part }: LeaveUnderway, partition: PartitionImage): boolean {
  // What it leads was decided in the first part, perhaps in this very batch.
  if (part > 0 && partition.leader === brokerId) return false;
  return keeps === undefined || !isOnline(directoryOf(partition, brokerId), keeps);
}

/** Leaderless partitions that `joins` may lead now, although the image still says that it is fenced; what is over goes on by itself. */
export function joinSlice(context: ControllerContext, joins: number): MetadataRecord[] {
  context.moves.forget(joins);
  const making = new Making(context, { joins });
  const { leaderless } = context.image.topics.index;
  const stoppedAt = making.over(leaderless, 0, (partition) => partition.replicas.includes(joins));
  if (stoppedAt !== undefined) context.moves.sweep(stoppedAt);
  return making.records;
}

/** One slice of what is under way. @returns undefined when nothing is */
export function goOn(context: ControllerContext, nowMs: number): readonly MetadataRecord[] | undefined {
  const { moves, image } = context;
  if (moves.leaving !== undefined) return sliceOf(context, moves.leaving).records;
  if (moves.sweepFrom === undefined && isRecheckDue(context, nowMs)) {
    moves.recheckDueMs = nowMs + context.settings.config.get('unclean.leader.election.interval.ms');
    moves.sweep(0);
  }
  const from = moves.sweepFrom;
  if (from === undefined) return undefined;
  const making = new Making(context, {});
  const stoppedAt = making.over(image.topics.index.leaderless, from, () => true);
  moves.sweep(undefined);
  if (stoppedAt !== undefined) moves.sweep(stoppedAt);
  return making.records.length === 0 ? NO_RECORDS : making.records;
}

function isRecheckDue({ moves, image }: ControllerContext, nowMs: number): boolean {
  return nowMs >= moves.recheckDueMs && image.topics.index.leaderless.size > 0;
}

/** Milliseconds until `goOn` has something to do; undefined: nobody knows of anything. */
export function nextMoveMs({ moves, image }: ControllerContext, nowMs: number): number | undefined {
  if (moves.isPending) return 0;
  return image.topics.index.leaderless.size === 0 ? undefined : Math.max(0, moves.recheckDueMs - nowMs);
}

/** What a controller before this one may have left half done: what fenced brokers lead, what lies on lost directories. */
export function resume(context: ControllerContext, nowMs: number): void {
  const { image, moves, settings } = context;
  const { index } = image.topics;
  for (const { id, logDirs } of image.cluster.brokers()) {
    if (index.inSyncOn(id).size === 0) continue;
    moves.leave({ brokerId: id, isUnclean: false, keeps: image.cluster.isActive(id) ? logDirs : undefined });
  }
  moves.recheckDueMs = nowMs + settings.config.get('unclean.leader.election.interval.ms');
  if (index.leaderless.size > 0) moves.sweep(0);
}

/** Makes the records of one slice. */
class Making {
  readonly records: MetadataRecord[] = [];
  readonly #context: ControllerContext;
  readonly #move: BrokerMove;
  #looked = 0;
  /** Of the topic that was last looked at: its partitions stand together. */
  #topic: TopicImage | undefined;
  #policy: Policy | undefined;

  constructor(context: ControllerContext, move: BrokerMove) {
    this.#context = context;
    this.#move = move;
  }

  /** @returns the place to go on from; undefined: all of the set has been looked at */
  over(set: PartitionSet, from: number, isTouched: (partition: PartitionImage) => boolean): number | undefined {
    const { index } = this.#context.image.topics;
    const { recordsPerSliceMax } = this.#context.settings;
    for (let place = set.next(from); place !== undefined; place = set.next(place + 1)) {
      if (this.records.length >= recordsPerSliceMax || this.#looked >= LOOKS_PER_RECORD * recordsPerSliceMax)
        return place;
      this.#looked += 1;
      const partition = index.partitionAt(place);
      if (isTouched(partition)) this.#decide(index.topicAt(place), partition);
    }
    return undefined;
  }

  #decide(topic: TopicImage, partition: PartitionImage): void {
    const { leaves } = this.#move;
    const policy = this.#policyOf(topic);
    const isLast = leaves !== undefined && partition.isr.length === 1 && partition.leader !== leaves;
    // Without ELR the last member stays in the ISR: of those there may be very many, and nothing becomes of them.
    if (isLast && !policy.elrEnabled) return;
    const changed = changePartition({
      ...policy,
      topicId: topic.id,
      partition,
      mayLead: (brokerId) => mayLead(this.#context, partition, brokerId, this.#move),
      isr: leaves === undefined ? partition.isr : partition.isr.filter((replica) => replica !== leaves),
      ...(leaves !== undefined && this.#move.isUnclean === true ? { uncleanlyStopped: [leaves] } : {}),
    });
    if (changed !== undefined) this.records.push(record('PartitionChangeRecord', changed));
  }

  #policyOf(topic: TopicImage): Policy {
    if (this.#topic !== topic || this.#policy === undefined) {
      this.#topic = topic;
      this.#policy = policyOf(this.#context, topic);
    }
    assert(this.#policy !== undefined, 'a topic has a policy');
    return this.#policy;
  }
}
