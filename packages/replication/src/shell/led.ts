/**
 * A partition for as long as this broker leads it at one epoch: steps the leader machine, carries out its orders, and keeps the streams that
 * carry the partition to its followers informed.
 */
import { StorageFault } from '@odradek/base';
import type { PartitionLog } from '@odradek/log';
import { ErrorCode, errorName } from '@odradek/protocol';
import { isOfFormerLife } from '../core/isr.ts';
import type { Proposal, ProposalAnswer } from '../core/isr.ts';
import { becomeLeader, lowWatermark, step } from '../core/leader.ts';
import type { LeaderInput, LeaderStart, LeaderState } from '../core/leader.ts';
import type { FollowAnswer, FollowerClaim, FollowerPosition, LedPartition, ReplicaWatcher } from '../replica-types.ts';
import { divergenceOf } from './divergence.ts';
import type { EpochHistory } from './divergence.ts';
import type { Proposer } from './isr-changes.ts';
import type { Lagging } from './lag-check.ts';
import type { PartitionRoom } from './room.ts';

/** The partition that is led. */
export interface LedOwner extends LedPartition, EpochHistory {
  readonly log: PartitionLog;
  highWatermarkMoved(highWatermark: number): void;
  lowWatermarkMoved(): void;
}

type Watch = { readonly watcher: ReplicaWatcher; readonly brokerId: number };
const NOBODY: readonly Watch[] = [];

export class Led implements Proposer, Lagging {
  readonly state: LeaderState;
  readonly #owner: LedOwner;
  readonly #room: PartitionRoom;
  #watches: readonly Watch[] = NOBODY;
  #logStartTold: number;

  /** @param former of the epoch before, when this broker led that, too */
  constructor(owner: LedOwner, room: PartitionRoom, start: LeaderStart, former: LeaderState | undefined) {
    this.#owner = owner;
    this.#room = room;
    this.#logStartTold = owner.logStartOffset;
    room.effects.length = 0;
    this.state = becomeLeader(room.terms, start, former, room.effects);
    this.#carryOut();
  }

  get topicId(): string {
    return this.#owner.topicId;
  }

  get partition(): number {
    return this.#owner.partition;
  }

  get lowWatermark(): number {
    return lowWatermark(this.state, this.#owner.logStartOffset);
  }

  appended(logEnd: number): void {
    this.step({ kind: 'appended', logEnd, nowMs: this.#nowMs() });
    for (const { watcher } of this.#watches) watcher.appended(this.#owner);
  }

  step(input: LeaderInput): void {
    this.#room.effects.length = 0;
    step(this.state, input, this.#room.effects);
    if (this.#room.effects.length > 0) this.#carryOut();
  }

  /** See LedPartition.follow; in the order of Kafka's checks. */
  follow(claim: FollowerClaim, watcher: ReplicaWatcher): FollowAnswer {
    const { brokerId, brokerEpoch, fetchOffset, logStartOffset } = claim;
    const stranger = this.#strangerProblem(claim);
    if (stranger !== undefined) return stranger;
    // Records of which it does not know the epoch may be of any history: it gets all of it anew.
    const isOfUnknownHistory = claim.lastFetchedEpoch < 0 && fetchOffset > logStartOffset;
    if (isOfUnknownHistory) return { kind: 'diverging', epoch: claim.lastFetchedEpoch, endOffset: logStartOffset };
    try {
      const parted = divergenceOf(this.#owner, claim);
      if (parted.kind === 'diverging')
        return { kind: 'diverging', epoch: parted.leaderEpoch, endOffset: parted.endOffset };
      if (parted.kind === 'outOfRange') return this.#refuse(ErrorCode.OFFSET_OUT_OF_RANGE, parted.why);
    } catch (cause) {
      if (!(cause instanceof StorageFault)) throw cause;
      return this.#refuse(ErrorCode.KAFKA_STORAGE_ERROR, cause.message);
    }
    // A broker follows over one stream: what an older one still says is not heard any more.
    this.#watches = [...this.#watches.filter((watch) => watch.brokerId !== brokerId), { watcher, brokerId }];
    const nowMs = this.#nowMs();
    this.step({ kind: 'followed', replica: brokerId, brokerEpoch, endOffset: fetchOffset, logStartOffset, nowMs });
    return { kind: 'from', offset: fetchOffset };
  }

  unfollow(watcher: ReplicaWatcher): void {
    const gone = this.#watches.filter((watch) => watch.watcher === watcher);
    if (gone.length === 0) return;
    this.#watches = this.#watches.filter((watch) => watch.watcher !== watcher);
    for (const { brokerId } of gone) this.step({ kind: 'unfollowed', replica: brokerId, nowMs: this.#nowMs() });
  }

  replicaHas({ brokerId, brokerEpoch, endOffset, logStartOffset }: FollowerPosition): void {
    const nowMs = this.#nowMs();
    this.step({ kind: 'fetched', replica: brokerId, brokerEpoch, endOffset, logStartOffset, nowMs });
  }

  isPending(proposal: Proposal): boolean {
    return this.state.pending === proposal;
  }

  answered(proposal: Proposal, answer: ProposalAnswer): void {
    this.step({ kind: 'answered', proposal, answer, nowMs: this.#nowMs() });
  }

  tick(nowMs: number): void {
    if (this.state.followers.length === 0) return;
    this.step({ kind: 'tick', nowMs });
    // Retention moves the start without a word.
    if (this.#owner.logStartOffset !== this.#logStartTold) this.logStartMoved();
  }

  recheck(nowMs: number): void {
    this.step({ kind: 'recheck', nowMs });
  }

  logStartMoved(): void {
    this.#logStartTold = this.#owner.logStartOffset;
    for (const { watcher } of this.#watches) watcher.moved(this.#owner);
  }

  /** This broker does not lead any more, or not at this epoch: whoever follows asks again. */
  end(code: number, why: string): void {
    this.state.pending = undefined;
    const watches = this.#watches;
    this.#watches = NOBODY;
    for (const { watcher } of watches) watcher.lost(this.#owner, code, why);
  }

  #strangerProblem({ brokerId, brokerEpoch }: FollowerClaim): FollowAnswer | undefined {
    if (brokerId === this.#room.terms.self || !this.state.replicas.includes(brokerId)) {
      // Of this epoch, and yet not known: metadata that makes it a replica is on its way.
      const why = `broker ${brokerId} is none of the replicas ${this.state.replicas.join(',')} of this epoch`;
      return this.#refuse(ErrorCode.UNKNOWN_LEADER_EPOCH, why);
    }
    if (!isOfFormerLife(brokerId, brokerEpoch, this.#room.terms.brokers)) return undefined;
    const why = `broker ${brokerId} has been registered anew since broker epoch ${brokerEpoch}`;
    return this.#refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, why);
  }

  #refuse(code: number, why: string): FollowAnswer {
    const { logStartOffset, logEndOffset } = this.#owner;
    return { kind: 'refused', code, why, logStartOffset, logEndOffset };
  }

  #nowMs(): number {
    return this.state.followers.length === 0 ? 0 : this.#room.clock.monotonicMs();
  }

  #carryOut(): void {
    let hasMoved = false;
    for (const effect of this.#room.effects) {
      switch (effect.kind) {
        case 'highWatermark':
          hasMoved = true;
          this.#owner.highWatermarkMoved(effect.offset);
          break;
        case 'propose':
          this.#propose(effect.proposal);
          break;
        case 'isrCommitted':
          this.#committed(effect.change);
          break;
        case 'isrRefused':
          this.#refused(effect.proposal, effect.code);
          break;
        case 'heldBack':
          this.#room.lagCheck.heldBack(this);
          break;
        case 'lowWatermark':
          this.#owner.lowWatermarkMoved();
          break;
      }
    }
    if (hasMoved) for (const { watcher } of this.#watches) watcher.moved(this.#owner);
  }

  #propose(proposal: Proposal): void {
    const { isr, highWatermark, logEnd } = this.state;
    const to = proposal.isr.map(({ brokerId }) => brokerId);
    this.#room.log.debug(
      { ...this.#name, isr, to, highWatermark, logEnd },
      `proposes to ${proposal.kind} the in-sync set`,
    );
    this.#room.isrChanges.submit(this, proposal);
  }

  #committed(change: Proposal['kind']): void {
    const { isr, highWatermark, logEnd, leaderEpoch } = this.state;
    this.#room.isrCounters[change].inc();
    this.#room.log.info({ ...this.#name, leaderEpoch, isr, highWatermark, logEnd }, 'the in-sync set has changed');
  }

  #refused(proposal: Proposal, code: number): void {
    this.#room.isrCounters.failed.inc();
    const error = errorName(code);
    this.#room.log.debug({ ...this.#name, error }, `the controller refuses to ${proposal.kind} the in-sync set`);
  }

  get #name(): { readonly topic: string; readonly partition: number } {
    return { topic: this.#owner.topic, partition: this.#owner.partition };
  }
}
