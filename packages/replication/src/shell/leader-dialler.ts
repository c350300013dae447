/**
 * The way to one broker that leads: dialled at once, and at a growing pace while it cannot be reached; at once again when a stream that worked
 * breaks, and when metadata has news of the broker. What people are told of it, each thing once.
 */
import { backoffMs, replicaFetchService } from '@odradek/rpc';
import type { Ending, FromFollower, FromLeader, Stream } from '@odradek/rpc';
import type { TimerHandle } from '@odradek/base';
import type { LinkRoom, ReplicaPeer } from './leader-link.ts';

export type Outgoing = Stream<FromFollower, FromLeader>;

/** Refusals in a row of which people are not told. */
const USUAL_REFUSALS = 4;

export class LeaderDialler {
  readonly #leaderId: number;
  readonly #room: LinkRoom;
  readonly #opened: (stream: Outgoing, brokerEpoch: number) => void;
  /** Whom the last dial, or the wait for the next, was meant for, and with which epoch. */
  #aimedAt: ReplicaPeer | undefined;
  #aimedWith: number | undefined;
  #isDialling = false;
  /** When the last stream broke, unless there is another one since. */
  #brokenAtMs: number | undefined;
  #redial: TimerHandle | undefined;
  /** Dials and streams that came to nothing since something was last heard. */
  #failures = 0;
  #toldWhy = '';
  #isOver = false;

  /** @param opened with the epoch that the stream is to say: the registration may have changed since it was dialled */
  constructor(leaderId: number, room: LinkRoom, opened: (stream: Outgoing, brokerEpoch: number) => void) {
    this.#leaderId = leaderId;
    this.#room = room;
    this.#opened = opened;
  }

  /** The stream broke a moment ago and there is no other yet. Who is not fenced soon lives: only the way from here to there is cut. */
  get isCutOff(): boolean {
    const { clock, limits } = this.#room;
    return this.#brokenAtMs !== undefined && clock.monotonicMs() - this.#brokenAtMs < limits.leaderDoubtMs;
  }

  /** There is no stream, and one is needed. */
  dial(): void {
    if (this.#isDialling || this.#redial !== undefined || this.#isOver) return;
    const { streams, peerOf, brokerEpoch } = this.#room;
    const peer = peerOf(this.#leaderId);
    const epoch = brokerEpoch();
    this.#aimedAt = peer;
    this.#aimedWith = epoch;
    if (peer === undefined || epoch === undefined) return this.#later();
    this.#isDialling = true;
    const target = { host: peer.host, port: peer.port, nodeId: this.#leaderId, directoryId: null };
    void streams.dial(replicaFetchService, target).then((dialled) => {
      this.#isDialling = false;
      if (this.#isOver) {
        if (dialled.ok) dialled.stream.close();
      } else if (dialled.ok) {
        this.#brokenAtMs = undefined;
        this.#opened(dialled.stream, brokerEpoch() ?? epoch);
      } else {
        this.#tell(dialled.ending);
        this.#later();
      }
    });
  }

  /** Something came over the stream. */
  heard(): void {
    this.#failures = 0;
    if (this.#toldWhy === '') return;
    this.#toldWhy = '';
    this.#room.log.info({ leader: this.#leaderId }, `broker ${this.#leaderId} is followed again`);
  }

  /** The stream has ended. */
  lost(ending: Ending): void {
    this.#brokenAtMs = ending.kind === 'broken' ? this.#room.clock.monotonicMs() : undefined;
    this.#tell(ending);
    this.#later();
  }

  /** Brokers, or the own registration, may have changed: a wait that was meant for what was before is over. */
  metadataChanged(): void {
    const { brokerEpoch, peerOf } = this.#room;
    const epoch = brokerEpoch();
    const peer = peerOf(this.#leaderId);
    if (this.#redial === undefined || epoch === undefined || peer === undefined) return;
    if (this.#aimedAt !== undefined && isSame(peer, this.#aimedAt) && epoch === this.#aimedWith) return;
    this.#failures = 0;
    this.#wait(0);
  }

  close(): void {
    this.#isOver = true;
    this.#redial?.cancel();
  }

  /** The first time it is dialled again at once: whoever leads now should not wait for it. */
  #later(): void {
    const { limits, random } = this.#room;
    this.#wait(this.#failures === 0 ? 0 : backoffMs(this.#failures, limits, random));
    this.#failures += 1;
  }

  #wait(delayMs: number): void {
    if (this.#isOver) return;
    this.#redial?.cancel();
    this.#redial = this.#room.clock.after(delayMs, () => {
      this.#redial = undefined;
      this.dial();
    });
  }

  #tell({ kind, why }: Ending): void {
    // Brokers hear of each other one after the other: who refuses one that it does not know yet soon does.
    const isEarly = kind === 'refused' && this.#failures < USUAL_REFUSALS;
    if (this.#toldWhy === why || kind === 'closed' || isEarly) return;
    this.#toldWhy = why;
    const fields = { leader: this.#leaderId, kind };
    const isTrouble = kind === 'refused' || kind === 'invalid';
    this.#room.log[isTrouble ? 'error' : 'warn'](fields, `broker ${this.#leaderId} cannot be followed: ${why}`);
  }
}

function isSame(one: ReplicaPeer, other: ReplicaPeer): boolean {
  return one.host === other.host && one.port === other.port && one.epoch === other.epoch;
}
