/**
 * The broker's standing with the controller: registers, keeps the image of the committed metadata, proves that it lives, and lets handlers
 * read what they have written. A controller that has forgotten this broker, or fenced it, is told again that it is here.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Clock, Limits, Logger, Metrics, Outcome, TimerHandle } from '@odradek/base';
import type { AdminReply, AdminRequest, MetadataDelta, MetadataImage } from '@odradek/metadata';
import type { BrokerRegistration, ControllerLink, Subscription } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { AppliedMetadata } from '../session/shell/applied-metadata.ts';
import type { MetadataFollower } from '../session/shell/applied-metadata.ts';

export type { MetadataFollower };

export type ControllerSessionOptions = {
  readonly link: ControllerLink;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** In the order in which they learn of a change. */
  readonly followers: readonly MetadataFollower[];
  /** `broker.heartbeat.interval.ms`. */
  readonly heartbeatMs: number;
  /** `initial.broker.registration.timeout.ms`. */
  readonly registerMs: number;
  /** Ids of the log directories that have failed since the start. */
  readonly offlineLogDirs: () => readonly string[];
  /** Ids of those that get nothing new. */
  readonly cordonedLogDirs: () => readonly string[];
  /** `log.dir.failure.timeout.ms`; left out: the controller may take its time to hear of failed directories. */
  readonly offlineTellMs?: number;
  /** Metadata can no longer be applied: the broker must stop. */
  readonly bug: (error: unknown) => void;
  /** It lives on under another broker epoch. */
  readonly registeredAgain?: () => void;
  /** The cluster does not want this broker any more: it should stop in order. */
  readonly fault: (fault: Error) => void;
};

type Beat = Awaited<ReturnType<ControllerLink['heartbeat']>>;

/** How long a change that the controller has committed may take until this broker has applied it. */
const APPLY_DEADLINE_MS = 30_000;
/** A change of the registration that this broker waits for is asked for at this pace, not at that of heartbeats. */
const SOON_MS = 20;

export class ControllerSession {
  readonly #options: ControllerSessionOptions;
  readonly #metadata: AppliedMetadata;
  #subscription: Subscription | undefined;
  #registration: BrokerRegistration | undefined;
  #registered: { readonly brokerId: number; readonly brokerEpoch: number } | undefined;
  /** `still`: no heartbeat before somebody asks for it. `leaving`: it asks for leave with each. */
  #heart: 'still' | 'beating' | 'leaving' | 'stopped' = 'still';
  #timer: TimerHandle | undefined;
  /** What the heartbeat under way waits for. */
  #awaits: 'answer' | 'registration' | undefined;
  #beatCount = 0;
  /** Something has happened that the heartbeat under way does not know. */
  #beatsAgain = false;
  #mayLeave: (() => void) | undefined;
  /** Failed directories that the controller has heard of. */
  #offlineTold = 0;
  /** Until when it must have heard of another. */
  #offlineTimer: TimerHandle | undefined;
  /** Why the last heartbeat was refused; it is told once, not at every beat. */
  #refusedWhy = '';
  /** Monotonic: when an active controller answered last, whatever it said. */
  #answeredMs: number;

  constructor(options: ControllerSessionOptions) {
    this.#options = options;
    const { clock, bug, metrics } = options;
    this.#answeredMs = clock.monotonicMs();
    this.#metadata = new AppliedMetadata({
      clock,
      followers: options.followers,
      waitingMax: options.limits.sessionUnappliedBatchesMax,
      roomy: () => this.#subscription?.more(),
      applied: (delta, image) => this.#applied(delta, image),
      bug,
    });
    metrics.sample('odradek_metadata_offset', {}, () => this.#metadata.end);
    metrics.sample('odradek_topics', {}, () => this.#metadata.image.topics.size);
  }

  get image(): MetadataImage {
    return this.#metadata.image;
  }

  get brokerEpoch(): number {
    return this.#registered?.brokerEpoch ?? -1;
  }

  /** Milliseconds since an active controller answered this broker; from its start on while none has. */
  get silentMs(): number {
    return this.#options.clock.monotonicMs() - this.#answeredMs;
  }

  /** Registers and takes in all that was committed before. Refused when the controller does not want this broker. */
  async join(registration: BrokerRegistration): Promise<Outcome<void>> {
    this.#registration = registration;
    const outcome = await this.#options.link.register(registration, this.#options.registerMs);
    if (!outcome.ok) return outcome;
    this.#answered();
    this.#registered = { brokerId: registration.brokerId, brokerEpoch: outcome.value.brokerEpoch };
    this.#subscription = this.#options.link.subscribe({
      hasRoom: () => this.#metadata.hasRoom(),
      snapshot: (records) => this.#metadata.take({ kind: 'snapshot', records }),
      committed: (records) => this.#metadata.take({ kind: 'batch', records }),
      opened: () => this.#opened(),
      fenced: (brokerEpoch, why) => this.#fenced(brokerEpoch, why),
    });
    const registeredEnd = outcome.value.brokerEpoch + 1;
    const metadata = this.#metadata;
    const applied = await metadata.await(() => metadata.isWhole && metadata.end >= registeredEnd, APPLY_DEADLINE_MS);
    return applied ? ok(undefined) : refuse(ErrorCode.REQUEST_TIMED_OUT, 'metadata was not applied in time');
  }

  /** Tells that this broker serves; resolves once the cluster knows it, as this broker has applied it itself. Heartbeats go on from here. */
  async unfence(deadlineMs: number): Promise<Outcome<void>> {
    assert(this.#heart === 'still', 'a broker begins to serve once');
    this.#heart = 'beating';
    this.beatNow();
    const isServing = (image: MetadataImage): boolean => !this.#isFencedIn(image);
    if (await this.awaitImage(isServing, deadlineMs)) return ok(undefined);
    const why = `this broker did not see itself unfenced within ${deadlineMs} ms`;
    return refuse(ErrorCode.REQUEST_TIMED_OUT, this.#refusedWhy === '' ? why : `${why}: ${this.#refusedWhy}`);
  }

  /** Other nodes reach this broker elsewhere from now on: it registers anew, under the same epoch. @returns whether the cluster knows it */
  async moved(endpoints: BrokerRegistration['endpoints']): Promise<boolean> {
    const { link, registerMs, log, offlineLogDirs } = this.#options;
    if (this.#registration === undefined || this.#heart !== 'beating') return false;
    // A directory that has failed since it registered has not come back with that.
    const logDirs = this.#registration.logDirs.filter((directory) => !offlineLogDirs().includes(directory));
    this.#registration = { ...this.#registration, endpoints, logDirs };
    const outcome = await link.register(this.#registration, registerMs);
    if (!outcome.ok)
      log.warn({ code: outcome.code }, `the new addresses of this broker are not known yet: ${outcome.why}`);
    else if (outcome.value.brokerEpoch !== this.brokerEpoch) this.#registeredAs(outcome.value.brokerEpoch);
    return outcome.ok;
  }

  /** Asks to leave: resolves when the controller has moved what could be moved and agrees, or after `deadlineMs`. */
  leave(deadlineMs: number): Promise<boolean> {
    if (this.#registered === undefined || this.#heart === 'leaving' || this.#heart === 'stopped')
      return Promise.resolve(true);
    this.#heart = 'leaving';
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = (agreed: boolean): void => {
      late.cancel();
      this.#stop();
      resolve(agreed);
    };
    const late = this.#options.clock.after(deadlineMs, () => end(false));
    this.#mayLeave = () => end(true);
    this.beatNow();
    return promise;
  }

  /** Something has happened that the controller should know at once. */
  beatNow(): void {
    this.#timer?.cancel();
    if (this.#heart !== 'beating' && this.#heart !== 'leaving') return;
    this.#awaitOfflineTold();
    if (this.#awaits !== undefined) this.#beatsAgain = true;
    else void this.#beat();
  }

  close(): void {
    this.#stop();
    this.#subscription?.close();
    this.#metadata.close();
  }

  /** @see ControllerLink.submit */
  async admin<R extends AdminRequest>(
    request: R,
    principal: string,
    clientRequest?: string,
  ): Promise<Outcome<AdminReply<R>>> {
    const { link, metrics } = this.#options;
    metrics.counter('odradek_admin_requests_total', { kind: request.kind }).inc();
    const outcome = await link.submit(request, principal, clientRequest);
    if (!outcome.ok) return outcome;
    const { reply, committedOffset } = outcome.value;
    const applied = await this.#metadata.await(() => this.#metadata.end >= committedOffset, APPLY_DEADLINE_MS);
    if (applied) return ok(reply);
    return refuse(ErrorCode.REQUEST_TIMED_OUT, 'the change is committed, but this broker has not applied it in time');
  }

  /** @see Services.awaitImage */
  awaitImage(holds: (image: MetadataImage) => boolean, timeoutMs: number): Promise<boolean> {
    return this.#metadata.awaitImage(holds, timeoutMs);
  }

  #isFencedIn(image: MetadataImage): boolean {
    const broker = this.#registered === undefined ? undefined : image.cluster.broker(this.#registered.brokerId);
    return broker === undefined || broker.fenced || broker.epoch !== this.brokerEpoch;
  }

  #fenced(brokerEpoch: number, why: string): void {
    if (brokerEpoch !== this.brokerEpoch || this.#heart !== 'beating') return;
    this.#options.log.warn({ brokerEpoch }, `the controller has fenced this broker: ${why}`);
    this.beatNow();
  }

  /** Who stops in order waits until every other broker knows who leads instead of it. */
  #applied(delta: MetadataDelta, image: MetadataImage): void {
    for (const id of delta.brokers.keys()) if (image.cluster.broker(id)?.inControlledShutdown === true) this.beatNow();
  }

  #stop(): void {
    this.#heart = 'stopped';
    this.#timer?.cancel();
    this.#offlineTimer?.cancel();
  }

  /** As long as the controller does not know of a failed directory it leaves leaders there (KIP-858). */
  #awaitOfflineTold(): void {
    const { offlineTellMs, offlineLogDirs, clock, fault } = this.#options;
    const isTold = offlineLogDirs().length <= this.#offlineTold;
    if (offlineTellMs === undefined || isTold || this.#offlineTimer !== undefined) return;
    const why = `the controller has not heard of a failed data directory for log.dir.failure.timeout.ms=${offlineTellMs}`;
    this.#offlineTimer = clock.after(offlineTellMs, () => fault(new Error(why)));
  }

  #toldOffline(count: number): void {
    this.#offlineTold = count;
    this.#offlineTimer?.cancel();
    this.#offlineTimer = undefined;
    this.#awaitOfflineTold();
  }

  #answered(): void {
    this.#answeredMs = this.#options.clock.monotonicMs();
  }

  /** There is another session: the controller that was asked in the one before may take its time, or never answer. */
  #opened(): void {
    if (this.#awaits === 'answer') this.#awaits = undefined;
    this.beatNow();
  }

  async #beat(): Promise<void> {
    assert(this.#registered !== undefined, 'a broker registers before its heart beats');
    const number = (this.#beatCount += 1);
    this.#awaits = 'answer';
    this.#beatsAgain = false;
    const offlineLogDirs = this.#options.offlineLogDirs();
    const beat = await this.#options.link.heartbeat({
      ...this.#registered,
      metadataOffset: this.#metadata.end,
      wantFence: false,
      wantShutDown: this.#heart === 'leaving',
      offlineLogDirs,
      cordonedLogDirs: this.#options.cordonedLogDirs(),
    });
    if (number !== this.#beatCount) return;
    if (beat.ok || isDecided(beat.code)) this.#answered();
    if (beat.ok) this.#toldOffline(offlineLogDirs.length);
    this.#tellRefused(beat);
    this.#awaits = 'registration';
    const isNew = isForgotten(beat) && (await this.#registeredAgain());
    this.#awaits = undefined;
    if (beat.ok && beat.value.shouldShutDown) this.#mayLeave?.();
    if (this.#heart !== 'beating' && this.#heart !== 'leaving') return;
    if (this.#beatsAgain) return void this.#beat();
    const isAwaited = isNew || this.#heart === 'leaving' || (beat.ok && beat.value.fenced);
    this.#timer = this.#options.clock.after(isAwaited ? SOON_MS : this.#options.heartbeatMs, () => this.beatNow());
  }

  /** The controller does not know this registration: it was unregistered, or another process had this id for a while. */
  async #registeredAgain(): Promise<boolean> {
    const { link, registerMs, fault } = this.#options;
    const registration = this.#registration;
    if (this.#heart !== 'beating' || registration === undefined) return false;
    const { brokerId } = registration;
    const outcome = await link.register(registration, registerMs);
    if (outcome.ok) {
      this.#registeredAs(outcome.value.brokerEpoch);
    } else if (isDecided(outcome.code))
      fault(new Error(`the cluster does not take broker ${brokerId} any more: ${outcome.why}`));
    return outcome.ok;
  }

  #registeredAs(brokerEpoch: number): void {
    assert(this.#registration !== undefined, 'who registers again has registered');
    this.#registered = { brokerId: this.#registration.brokerId, brokerEpoch };
    this.#options.log.warn({ ...this.#registered }, 'this broker has registered again');
    this.#options.registeredAgain?.();
  }

  #tellRefused(beat: Beat): void {
    // There is no session, which the link tells.
    if (!beat.ok && beat.code === ErrorCode.NOT_CONTROLLER) return;
    const why = beat.ok ? '' : beat.why;
    if (!beat.ok && why !== this.#refusedWhy) this.#options.log.warn({ code: beat.code }, `heartbeat refused: ${why}`);
    if (beat.ok && this.#refusedWhy !== '') this.#options.log.info({}, 'heartbeats are taken again');
    this.#refusedWhy = why;
  }
}

/** An active controller has said so itself: it is not that nobody answers. */
function isDecided(code: number): boolean {
  return code !== ErrorCode.NOT_CONTROLLER && code !== ErrorCode.REQUEST_TIMED_OUT;
}

function isForgotten(beat: Beat): boolean {
  return !beat.ok && (beat.code === ErrorCode.STALE_BROKER_EPOCH || beat.code === ErrorCode.BROKER_ID_NOT_REGISTERED);
}
