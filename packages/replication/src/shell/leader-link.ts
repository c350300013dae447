/**
 * The stream to one broker that leads, on the follower's side: all partitions that are followed there, each under a slot number. What comes is
 * appended as it comes, and acknowledged at the end of the turn, together. A partition that is refused is named again after a while; when the
 * stream breaks it is dialled again, the first time at once, and every partition is named anew from its log end.
 */
import { StorageFault } from '@odradek/base';
import type { Clock, Counter, Limits, Logger, Random, Refusal, TimerHandle } from '@odradek/base';
import { ErrorCode, errorName } from '@odradek/protocol';
import type {
  Diverging,
  Ending,
  FollowPosition,
  FollowRefused,
  FromLeader,
  ReplicaPart,
  ReplicaProgress,
  StreamClient,
} from '@odradek/rpc';
import type { FollowedPartition } from '../replica-types.ts';
import { LeaderDialler } from './leader-dialler.ts';
import type { Outgoing } from './leader-dialler.ts';
import type { ReassignmentBytes } from './moves.ts';
import type { ReplicationThrottle } from './replication-throttle.ts';

/** A broker as metadata tells it: where it listens for other brokers, and of which registration that is. */
export type ReplicaPeer = { readonly host: string; readonly port: number; readonly epoch: number };

export type LinkRoom = {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly log: Logger;
  /** Of this broker. */
  readonly nodeId: number;
  readonly bytesIn: Counter;
  readonly reassigned: ReassignmentBytes;
  readonly streams: Pick<StreamClient, 'dial'>;
  /** `follower.replication.throttled.*` */
  readonly throttle: ReplicationThrottle;
  readonly peerOf: (brokerId: number) => ReplicaPeer | undefined;
  /** Of the own registration; undefined: there is none yet. */
  readonly brokerEpoch: () => number | undefined;
  /** `replica.fetch.backoff.ms`: the longest wait before a refused partition is named again. */
  readonly fetchBackoffMs: () => number;
};

/** One partition that is followed. */
type Followed = {
  readonly partition: FollowedPartition;
  /** 0: it is not named on the stream. */
  slot: number;
  isNameDue: boolean;
  isAckDue: boolean;
  /** Refusals since it was last sent something. */
  failures: number;
  timer: TimerHandle | undefined;
  /** What was told to people of its refusals, each once. */
  toldWhy: string;
};

type Batches = Extract<FromLeader, { kind: 'batches' }>;

export class LeaderLink {
  readonly leaderId: number;
  readonly #room: LinkRoom;
  readonly #emptied: () => void;
  readonly #dialler: LeaderDialler;
  readonly #followed = new Map<FollowedPartition, Followed>();
  readonly #bySlot = new Map<number, Followed>();
  #lastSlot = 0;
  #nameDue: Followed[] = [];
  #ackDue: Followed[] = [];
  /** Acknowledged when the quota has room again, since the leader sends no more before that. */
  #ackHeld: Followed[] = [];
  #throttleTimer: TimerHandle | undefined;
  #unfollowDue: number[] = [];
  #stream: Outgoing | undefined;
  /** With which the stream said hello. */
  #saidEpoch = -1;
  /** What came and is not applied yet: the first of them from part `#partIndex` on. */
  #inbox: Batches[] = [];
  #partIndex = 0;
  #sliceEndMs = 0;
  #isPaused = false;
  #isTurnDue = false;
  #isOver = false;

  /** @param emptied nothing is followed here any more: the link is over */
  constructor(leaderId: number, room: LinkRoom, emptied: () => void) {
    this.leaderId = leaderId;
    this.#room = room;
    this.#emptied = emptied;
    this.#dialler = new LeaderDialler(leaderId, room, (stream, brokerEpoch) => this.#opened(stream, brokerEpoch));
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  /** The broker died, or the way to it broke, and it cannot be dialled. */
  get isCutOff(): boolean {
    return this.#dialler.isCutOff;
  }

  /** Follows a partition, or follows it anew: its epoch has changed. */
  follow(partition: FollowedPartition): void {
    this.#nameAnew(this.#followed.get(partition) ?? this.#add(partition));
    this.#schedule();
  }

  /** After it returns nothing that was sent reaches the partition. */
  unfollow(partition: FollowedPartition): void {
    const followed = this.#followed.get(partition);
    if (followed === undefined) return;
    this.#silence(followed, true);
    this.#followed.delete(partition);
    this.#schedule();
  }

  /** Brokers, or the own registration, may have changed. */
  metadataChanged(): void {
    const epoch = this.#room.brokerEpoch();
    if (this.#stream === undefined) this.#dialler.metadataChanged();
    else if (epoch !== undefined && epoch !== this.#saidEpoch) {
      this.#stream.close({ reason: 'closed', why: 'this broker has registered anew' });
    }
  }

  close(why: string): void {
    this.#isOver = true;
    this.#dialler.close();
    this.#throttleTimer?.cancel();
    for (const followed of this.#followed.values()) this.#silence(followed, false);
    this.#followed.clear();
    this.#inbox = [];
    this.#stream?.close({ reason: 'closed', why });
    this.#stream = undefined;
  }

  #add(partition: FollowedPartition): Followed {
    const followed: Followed = {
      partition,
      slot: 0,
      isNameDue: false,
      isAckDue: false,
      failures: 0,
      timer: undefined,
      toldWhy: '',
    };
    this.#followed.set(partition, followed);
    return followed;
  }

  #opened(stream: Outgoing, brokerEpoch: number): void {
    this.#stream = stream;
    this.#saidEpoch = brokerEpoch;
    this.#isPaused = false;
    this.#lastSlot = 0;
    stream.onMessage((message) => {
      if (this.#stream === stream) this.#received(message);
    });
    stream.onClosed((ending) => {
      if (this.#stream === stream) this.#closed(ending);
    });
    stream.send({ kind: 'hello', brokerEpoch });
    for (const followed of this.#followed.values()) this.#nameAnew(followed);
    this.#turn();
  }

  #closed(ending: Ending): void {
    this.#stream = undefined;
    this.#inbox = [];
    this.#partIndex = 0;
    this.#unfollowDue = [];
    for (const followed of this.#followed.values()) this.#silence(followed, false);
    this.#dialler.lost(ending);
  }

  // What is said.

  #nameAnew(followed: Followed): void {
    this.#silence(followed, true);
    if (followed.isNameDue) return;
    followed.isNameDue = true;
    this.#nameDue.push(followed);
  }

  /** Forgets its slot, and what is due for it. */
  #silence(followed: Followed, isTold: boolean): void {
    followed.timer?.cancel();
    followed.timer = undefined;
    if (followed.slot === 0) return;
    this.#bySlot.delete(followed.slot);
    if (isTold && this.#stream !== undefined) this.#unfollowDue.push(followed.slot);
    followed.slot = 0;
  }

  #schedule(): void {
    if (this.#isTurnDue || this.#isOver) return;
    this.#isTurnDue = true;
    this.#room.clock.after(0, () => {
      this.#isTurnDue = false;
      this.#turn();
    });
  }

  /** The end of a turn: what has been noted is said, and what came meanwhile is applied. */
  #turn(): void {
    if (this.#isOver) return;
    if (this.#followed.size === 0) {
      this.close(`broker ${this.leaderId} is not followed any more`);
      return this.#emptied();
    }
    if (this.#stream === undefined) return this.#dialler.dial();
    this.#sliceEndMs = 0;
    this.#work();
    this.#sliceEndMs = 0;
    if (this.#stream !== undefined) this.#say(this.#stream);
  }

  #say(stream: Outgoing): void {
    const most = this.#room.limits.replicaNamesPerMessageMax;
    while (this.#unfollowDue.length > 0) {
      stream.send({ kind: 'unfollow', slots: this.#unfollowDue.splice(0, most).map((slot) => ({ slot })) });
    }
    const acks = this.#ackDue;
    this.#ackDue = [];
    for (let from = 0; from < acks.length; from += most) this.#acknowledge(stream, acks.slice(from, from + most));
    this.#name(stream);
  }

  #acknowledge(stream: Outgoing, due: readonly Followed[]): void {
    const positions = [];
    for (const followed of due) {
      followed.isAckDue = false;
      const { slot, partition } = followed;
      if (slot === 0) continue;
      positions.push({ slot, endOffset: partition.logEndOffset, logStartOffset: partition.logStartOffset });
    }
    if (positions.length > 0) stream.send({ kind: 'appended', positions });
  }

  /** The first look at a log may read files: what takes longer than a turn is named in the next ones. */
  #name(stream: Outgoing): void {
    const { clock, limits } = this.#room;
    const endMs = clock.monotonicMs() + limits.turnMs;
    const due = this.#nameDue;
    const partitions: FollowPosition[] = [];
    let count = 0;
    for (const followed of due) {
      count += 1;
      followed.isNameDue = false;
      const { partition } = followed;
      if (this.#followed.get(partition) !== followed) continue;
      const position = this.#positionOf(followed);
      if (position === undefined) continue;
      this.#lastSlot += 1;
      followed.slot = this.#lastSlot;
      this.#bySlot.set(followed.slot, followed);
      const { topicId, partition: index, leaderEpoch } = partition;
      partitions.push({ slot: followed.slot, topicId, partition: index, leaderEpoch, ...position });
      if (partitions.length >= limits.replicaNamesPerMessageMax || clock.monotonicMs() >= endMs) break;
    }
    this.#nameDue = count === due.length ? [] : due.slice(count);
    if (this.#nameDue.length > 0) this.#schedule();
    if (partitions.length > 0) stream.send({ kind: 'follow', partitions });
  }

  /** @returns undefined when its files cannot be read */
  #positionOf(followed: Followed): ReturnType<FollowedPartition['position']> | undefined {
    try {
      return followed.partition.position();
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      this.#warn(followed, { ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR, why: cause.message });
      this.#nameLater(followed);
      return undefined;
    }
  }

  // What comes.

  #received(message: FromLeader): void {
    this.#dialler.heard();
    if (message.kind === 'answers') {
      for (const diverging of message.diverging) this.#diverges(diverging);
      for (const refused of message.refused) this.#refused(refused);
      return this.#schedule();
    }
    this.#inbox.push(message);
    if (this.#inbox.length === 1) this.#work();
    this.#schedule();
  }

  /** Applies what came, until it has lasted long enough; then the stream waits for the next turn. */
  #work(): void {
    const { clock, limits } = this.#room;
    if (this.#sliceEndMs === 0) this.#sliceEndMs = clock.monotonicMs() + limits.turnMs;
    for (let message = this.#inbox[0]; message !== undefined; message = this.#inbox[0]) {
      while (this.#partIndex < message.parts.length) {
        const part = message.parts[this.#partIndex];
        this.#partIndex += 1;
        if (part !== undefined) this.#append(part);
        // What it led to may have ended the stream.
        if (this.#inbox.length === 0) return;
        if (clock.monotonicMs() >= this.#sliceEndMs) return this.#pause();
      }
      for (const progress of message.progress) this.#progress(progress);
      this.#inbox.shift();
      this.#partIndex = 0;
    }
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream?.resume();
  }

  #pause(): void {
    if (!this.#isPaused) this.#stream?.pause();
    this.#isPaused = true;
    this.#schedule();
  }

  #append(part: ReplicaPart): void {
    const followed = this.#bySlot.get(part.slot);
    const [records] = part.records;
    if (followed === undefined || records === undefined) return;
    const { fetchOffset, highWatermark, logStartOffset } = part;
    const appended = followed.partition.replicate(records, { fetchOffset, highWatermark, logStartOffset });
    // The partition may have been given up by what it told others meanwhile.
    if (followed.slot !== part.slot) return;
    if (!appended.ok) return this.#notAppended(followed, appended);
    this.#room.bytesIn.inc(records.length);
    this.#room.reassigned.went(followed.partition, this.#room.nodeId, records.length);
    followed.failures = 0;
    followed.toldWhy = '';
    if (this.#isHeldBack(followed, records.length, highWatermark)) this.#ackHeld.push(followed);
    else this.#ack(followed);
  }

  /** Only one that lacks something that is committed is held back. */
  #isHeldBack({ partition }: Followed, bytes: number, highWatermark: number): boolean {
    const { throttle, clock } = this.#room;
    if (!throttle.isThrottled(partition)) return false;
    throttle.record(bytes);
    const waitMs = partition.logEndOffset < highWatermark ? throttle.waitMs() : 0;
    if (waitMs === 0) return false;
    this.#throttleTimer ??= clock.after(waitMs, () => {
      this.#throttleTimer = undefined;
      const held = this.#ackHeld;
      this.#ackHeld = [];
      for (const each of held) this.#ack(each);
      this.#schedule();
    });
    return true;
  }

  #ack(followed: Followed): void {
    if (followed.isAckDue) return;
    followed.isAckDue = true;
    this.#ackDue.push(followed);
  }

  #notAppended(followed: Followed, refusal: Refusal): void {
    this.#warn(followed, refusal);
    this.#silence(followed, true);
    // A full disk has room again some day; what lies in a directory that has failed is let go of by whoever hosts it.
    this.#nameLater(followed);
  }

  #progress({ slot, highWatermark, logStartOffset }: ReplicaProgress): void {
    const followed = this.#bySlot.get(slot);
    if (followed === undefined) return;
    const { partition } = followed;
    const startBefore = partition.logStartOffset;
    partition.progress({ highWatermark, logStartOffset });
    // The leader deletes what every replica has let go of.
    if (followed.slot === slot && partition.logStartOffset !== startBefore) this.#ack(followed);
  }

  #diverges({ slot, epoch, endOffset }: Diverging): void {
    const followed = this.#bySlot.get(slot);
    if (followed === undefined) return;
    this.#silence(followed, false);
    const why = `its log parts from the leader's, which ends epoch ${epoch} at ${endOffset}`;
    this.#repositioned(followed, followed.partition.diverging(epoch, endOffset), why);
  }

  #refused({ slot, code, why, logStartOffset, logEndOffset }: FollowRefused): void {
    const followed = this.#bySlot.get(slot);
    if (followed === undefined) return;
    this.#silence(followed, false);
    if (code === ErrorCode.OFFSET_OUT_OF_RANGE) {
      return this.#repositioned(followed, followed.partition.outOfRange(logStartOffset, logEndOffset), why);
    }
    this.#warn(followed, { ok: false, code, why });
    this.#nameLater(followed);
  }

  /** The first time it is named again at once: a truncation is a usual step on the way to a new leader. */
  #repositioned(followed: Followed, done: { readonly ok: true } | Refusal, why: string): void {
    if (this.#followed.get(followed.partition) !== followed) return;
    if (!done.ok) return this.#notAppended(followed, done);
    followed.failures += 1;
    if (followed.failures <= FREE_REPOSITIONS) return this.#nameAnew(followed);
    this.#warn(followed, { ok: false, code: ErrorCode.OFFSET_OUT_OF_RANGE, why: `${why}, again and again` });
    this.#nameLater(followed);
  }

  #nameLater(followed: Followed): void {
    const { clock, limits, random, fetchBackoffMs } = this.#room;
    if (followed.isNameDue || followed.timer !== undefined) return;
    followed.failures += 1;
    const doubled = limits.replicaRefollowMinMs * 2 ** Math.min(followed.failures - 1, BACKOFF_DOUBLINGS_MAX);
    const fullMs = Math.max(1, Math.min(fetchBackoffMs(), doubled));
    const delayMs = Math.ceil(fullMs / 2) + random.below(Math.ceil(fullMs / 2) + 1);
    followed.timer = clock.after(delayMs, () => {
      followed.timer = undefined;
      this.#nameAnew(followed);
      this.#schedule();
    });
  }

  // What people are told: each thing once.

  #warn(followed: Followed, { code, why }: Refusal): void {
    if (followed.toldWhy === why) return;
    followed.toldWhy = why;
    const { topic, partition } = followed.partition;
    const fields = { topic, partition, leader: this.leaderId, error: errorName(code) };
    const isUsual = USUAL_WHILE_LEADERS_MOVE.has(code);
    this.#room.log[isUsual ? 'debug' : 'warn'](
      fields,
      `a partition is not replicated until its leader takes it: ${why}`,
    );
  }
}

/** Truncations in a row before a wait: each epoch in which the logs differ may take one. */
const FREE_REPOSITIONS = 8;
const BACKOFF_DOUBLINGS_MAX = 20;

/** Leader and follower hear of a change one after the other. */
const USUAL_WHILE_LEADERS_MOVE: ReadonlySet<number> = new Set([
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.UNKNOWN_TOPIC_ID,
]);
