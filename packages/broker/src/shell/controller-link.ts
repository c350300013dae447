/**
 * The broker's side of its link to the controller: registers, keeps its own image of the committed metadata, hands each change to the
 * rooms that live by it, proves that it lives, and lets handlers read what they have written. Changes are applied one after another; a
 * change counts as applied once every room has taken it in.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Clock, Logger, Metrics, Outcome, TimerHandle } from '@odradek/base';
import { type AdminReply, type AdminRequest, type MetadataDelta, MetadataImage } from '@odradek/metadata';
import type { BrokerRegistration, CommittedRecords, ControllerLink } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';

/** A room that lives by metadata. Calls never overlap. */
export interface MetadataFollower {
  snapshot(image: MetadataImage): Promise<void> | void;
  changed(delta: MetadataDelta, image: MetadataImage): Promise<void> | void;
}

export type ControllerSessionOptions = {
  readonly link: ControllerLink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** In the order in which they learn of a change. */
  readonly followers: readonly MetadataFollower[];
  /** `broker.heartbeat.interval.ms`. */
  readonly heartbeatMs: number;
  /** Metadata can no longer be applied: the broker must stop. */
  readonly bug: (error: unknown) => void;
};

type Waiter = { readonly holds: () => boolean; readonly done: (held: boolean) => void; timer: TimerHandle };
type Event = { readonly kind: 'snapshot' | 'batch'; readonly records: CommittedRecords };

/** How long a change that the controller has committed may take until this broker has applied it. */
const APPLY_DEADLINE_MS = 30_000;
/** A first change of the registration (unfencing) is asked for at this pace, not at that of heartbeats. */
const UNFENCE_RETRY_MS = 20;

export class ControllerSession {
  readonly #options: ControllerSessionOptions;
  #image = new MetadataImage();
  readonly #queue: Event[] = [];
  #applying = false;
  /** End offset up to which every room has applied. */
  #appliedEnd = 0;
  #snapshotSeen = false;
  readonly #waiters = new Set<Waiter>();
  #subscription: { close(): void } | undefined;
  #registered: { readonly brokerId: number; readonly brokerEpoch: number } | undefined;
  #beatTimer: TimerHandle | undefined;
  #stopping = false;
  /** Why the last heartbeat was refused; it is told once, not at every beat. */
  #refusedWhy = '';

  constructor(options: ControllerSessionOptions) {
    this.#options = options;
    options.metrics.sample('odradek_metadata_offset', {}, () => this.#appliedEnd);
    options.metrics.sample('odradek_topics', {}, () => this.#image.topics.size);
  }

  get image(): MetadataImage {
    return this.#image;
  }

  get brokerEpoch(): number {
    return this.#registered?.brokerEpoch ?? -1;
  }

  /** Registers and takes in all that was committed before. Refused when the controller does not want this broker. */
  async join(registration: BrokerRegistration): Promise<Outcome<void>> {
    const outcome = await this.#options.link.register(registration);
    if (!outcome.ok) return outcome;
    this.#registered = { brokerId: registration.brokerId, brokerEpoch: outcome.value.brokerEpoch };
    this.#subscription = this.#options.link.subscribe({
      snapshot: (records) => this.#take({ kind: 'snapshot', records }),
      committed: (records) => this.#take({ kind: 'batch', records }),
    });
    const registeredEnd = outcome.value.brokerEpoch + 1;
    const applied = await this.#await(() => this.#snapshotSeen && this.#appliedEnd >= registeredEnd, APPLY_DEADLINE_MS);
    return applied ? ok(undefined) : refuse(ErrorCode.REQUEST_TIMED_OUT, 'metadata was not applied in time');
  }

  /** Tells that this broker serves; resolves once the cluster knows it, as this broker has applied it itself. Heartbeats go on from here. */
  async unfence(deadlineMs: number): Promise<Outcome<void>> {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    for (;;) {
      const beat = await this.#beat(false);
      if (!beat.ok) return beat;
      if (!beat.value.fenced) break;
      if (clock.monotonicMs() >= untilMs) {
        return refuse(ErrorCode.REQUEST_TIMED_OUT, `the controller kept this broker fenced for ${deadlineMs} ms`);
      }
      await new Promise<void>((resolve) => clock.after(UNFENCE_RETRY_MS, resolve));
    }
    this.#armBeat();
    const id = this.#registered?.brokerId ?? -1;
    const seen = await this.awaitImage(
      (image) => image.cluster.isAlive(id),
      Math.max(0, untilMs - clock.monotonicMs()),
    );
    return seen
      ? ok(undefined)
      : refuse(ErrorCode.REQUEST_TIMED_OUT, 'this broker did not see itself unfenced in time');
  }

  /** Asks to leave: resolves when the controller has moved what could be moved and agrees, or after `deadlineMs`. */
  async leave(deadlineMs: number): Promise<boolean> {
    if (this.#registered === undefined || this.#stopping) return true;
    this.#stopping = true;
    this.#beatTimer?.cancel();
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    while (clock.monotonicMs() < untilMs) {
      const beat = await this.#beat(true);
      if (!beat.ok) return false;
      if (beat.value.shouldShutDown) return true;
      await new Promise<void>((resolve) => clock.after(UNFENCE_RETRY_MS, resolve));
    }
    return false;
  }

  close(): void {
    this.#stopping = true;
    this.#beatTimer?.cancel();
    this.#subscription?.close();
    for (const waiter of this.#waiters) this.#finish(waiter, false);
  }

  async admin<R extends AdminRequest>(request: R, principal: string): Promise<Outcome<AdminReply<R>>> {
    const { link, metrics } = this.#options;
    metrics.counter('odradek_admin_requests_total', { kind: request.kind }).inc();
    const outcome = await link.submit(request, principal);
    if (!outcome.ok) return outcome;
    const { reply, committedOffset } = outcome.value;
    const applied = await this.#await(() => this.#appliedEnd >= committedOffset, APPLY_DEADLINE_MS);
    if (applied) return ok(reply);
    return refuse(ErrorCode.REQUEST_TIMED_OUT, 'the change is committed, but this broker has not applied it in time');
  }

  /** @see Services.awaitImage */
  awaitImage(holds: (image: MetadataImage) => boolean, timeoutMs: number): Promise<boolean> {
    return this.#await(() => !this.#applying && holds(this.#image), timeoutMs);
  }

  #await(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#options.clock.after(timeoutMs, () => this.#finish(waiter, waiter.holds()));
    const waiter: Waiter = { holds, done: resolve, timer };
    this.#waiters.add(waiter);
    return promise;
  }

  #finish(waiter: Waiter, held: boolean): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.timer.cancel();
    waiter.done(held);
  }

  #take(event: Event): void {
    this.#queue.push(event);
    if (this.#applying) return;
    this.#applying = true;
    this.#applyAll().catch((error: unknown) => this.#options.bug(error));
  }

  async #applyAll(): Promise<void> {
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      if (event.kind === 'snapshot') await this.#applySnapshot(event.records);
      else await this.#applyBatch(event.records);
      this.#appliedEnd = event.records.endOffset;
      // A waiter asks whether what it wants is applied; with an empty queue all of it is.
      if (this.#queue.length === 0) this.#applying = false;
      for (const waiter of this.#waiters) if (waiter.holds()) this.#finish(waiter, true);
      if (this.#queue.length > 0) this.#applying = true;
    }
  }

  async #applySnapshot(state: CommittedRecords): Promise<void> {
    this.#image = MetadataImage.from(state);
    for (const follower of this.#options.followers) await follower.snapshot(this.#image);
    this.#snapshotSeen = true;
  }

  async #applyBatch(batch: CommittedRecords): Promise<void> {
    assert(this.#snapshotSeen, 'the whole state comes before what is committed after it');
    const delta = this.#image.applyBatch(batch);
    if (delta.empty) return;
    for (const follower of this.#options.followers) await follower.changed(delta, this.#image);
  }

  #beat(wantShutDown: boolean): ReturnType<ControllerLink['heartbeat']> {
    assert(this.#registered !== undefined, 'a broker registers before its heart beats');
    return this.#options.link.heartbeat({
      ...this.#registered,
      metadataOffset: this.#appliedEnd,
      wantFence: false,
      wantShutDown,
    });
  }

  #armBeat(): void {
    if (this.#stopping) return;
    this.#beatTimer = this.#options.clock.after(this.#options.heartbeatMs, () => {
      this.#beat(false).then(
        (beat) => {
          this.#tellRefused(beat);
          this.#armBeat();
        },
        (error: unknown) => this.#options.bug(error),
      );
    });
  }

  #tellRefused(beat: Outcome<unknown>): void {
    const why = beat.ok ? '' : beat.why;
    if (!beat.ok && why !== this.#refusedWhy) this.#options.log.warn({ code: beat.code }, `heartbeat refused: ${why}`);
    if (beat.ok && this.#refusedWhy !== '') this.#options.log.info({}, 'heartbeats are taken again');
    this.#refusedWhy = why;
  }
}
