/** One stream of a broker: what it asks is put to the controller, and answered in turn; what is committed is told. */
import { assert, refuse, unreachable } from '@odradek/base';
import type { Clock, Limits, Outcome, TimerHandle } from '@odradek/base';
import { decodeAdminRequest, encodeAdminReply } from '@odradek/metadata';
import type { BrokerRegistration } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { Ending, FromBroker, FromController, Peer, Stream } from '@odradek/rpc';
import type { ControllerPort, KnownLeader } from '../../ports.ts';
import { Feed } from './feed.ts';

export type SpokenFor = { readonly brokerId: number; readonly brokerEpoch: number };
/** `lost`: it broke, or the broker went without having been let go. */
export type SessionEnd = { readonly how: 'closed' | 'moved' | 'slow' | 'lost'; readonly why: string };

export type SessionOptions = {
  readonly controller: ControllerPort;
  /** Of this controller. */
  readonly nodeId: number;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly stream: Stream<FromController, FromBroker>;
  /** The controller has taken the broker on this stream. */
  readonly speaks: (broker: SpokenFor) => void;
  readonly ended: (end: SessionEnd) => void;
};

type Of<K extends FromBroker['kind']> = Extract<FromBroker, { readonly kind: K }>;
type Refused = { readonly code: number; readonly why: string };
type Answer = Omit<Extract<FromController, { readonly kind: 'answer' }>, 'kind' | 'requestId'>;

const NO_BODY = Buffer.alloc(0);

export class Session {
  readonly #options: SessionOptions;
  /** `waiting`: nobody knows who leads. `leaving`: the broker was told to go, what is under way is answered. */
  #state: 'waiting' | 'serving' | 'leaving' | 'over' = 'waiting';
  #epoch = -1;
  #broker: SpokenFor | undefined;
  #standsInFor: SpokenFor | undefined;
  #mayStop = false;
  /** Requests do not keep the heart from beating. */
  readonly #underWay = { request: 0, heart: 0 };
  #feed: Feed | undefined;
  #closing: TimerHandle | undefined;
  /** How this side wants it to be seen. */
  #end: SessionEnd | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get broker(): SpokenFor | undefined {
    return this.#broker ?? this.#standsInFor;
  }

  /** The broker itself was taken on this stream. */
  get hasSpoken(): boolean {
    return this.#broker !== undefined;
  }

  /** The broker was told that it may. */
  get mayStop(): boolean {
    return this.#mayStop;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  get isServed(): boolean {
    return this.#state === 'serving';
  }

  get peer(): Peer {
    return this.#options.stream.peer;
  }

  /** The stream on which the broker was has ended: until it is heard on another, this one of the same process tells that it lives. */
  standInFor(broker: SpokenFor | undefined): void {
    this.#standsInFor = broker;
  }

  open(): void {
    const { stream } = this.#options;
    stream.onDrain(() => this.#feed?.drained());
    stream.onClosed((ending) => this.#over(ending));
    stream.onMessage((message) => this.#received(message));
  }

  leaderIs(leader: KnownLeader): void {
    const isActive = leader.nodeId === this.#options.nodeId;
    if (this.#state === 'waiting' && isActive) {
      this.#state = 'serving';
      this.#epoch = leader.epoch;
      this.#send({ kind: 'active', leaderEpoch: leader.epoch });
    } else if (this.#state === 'waiting' ? leader.nodeId !== null : !isActive || leader.epoch !== this.#epoch)
      this.leave('moved', 'another controller is active', leader);
  }

  fenced(brokerEpoch: number, why: string): void {
    if (this.#broker?.brokerEpoch === brokerEpoch) this.#send({ kind: 'fenced', brokerEpoch, why });
  }

  /**
   * Ends the session in words. Who is told of another controller goes by itself, once what it asked is answered.
   * @param leader whom the broker is told to ask instead
   */
  leave(how: SessionEnd['how'], why: string, leader?: KnownLeader): void {
    if (this.#state === 'leaving' || this.#state === 'over') return;
    const { stream, clock, limits } = this.#options;
    this.#state = 'leaving';
    this.#end = { how, why };
    this.#feed?.close();
    if (leader === undefined) return stream.close({ reason: 'closed', why });
    const { nodeId, epoch, endpoint } = leader;
    const { host, port } = endpoint ?? { host: '', port: 0 };
    this.#send({ kind: 'notActive', leaderId: nodeId ?? -1, leaderEpoch: epoch, host, port });
    this.#closing = clock.after(limits.rpcCloseMs, () => stream.close({ reason: 'closed', why }));
  }

  #over(ending: Ending): void {
    this.#state = 'over';
    this.#feed?.close();
    this.#closing?.cancel();
    const isOrderly = ending.kind === 'closed' && ending.by === 'peer' && (this.#broker === undefined || this.#mayStop);
    this.#options.ended(this.#end ?? { how: isOrderly ? 'closed' : 'lost', why: ending.why });
  }

  #received(message: FromBroker): void {
    switch (message.kind) {
      case 'register':
        return void this.#register(message);
      case 'heartbeat':
        return void this.#heartbeat(message);
      case 'subscribe':
        return this.#subscribe(message);
      case 'ask':
        return void this.#ask(message);
      default:
        return unreachable(message);
    }
  }

  async #register({ requestId, registration }: Of<'register'>): Promise<void> {
    const { previousBrokerEpoch, ...rest } = registration;
    const asked: BrokerRegistration = previousBrokerEpoch === null ? rest : { ...rest, previousBrokerEpoch };
    const { brokerId } = asked;
    const outcome = await this.#oneOfMany(brokerId, () => this.#options.controller.register(asked));
    if (outcome.ok) this.#speaks({ brokerId, brokerEpoch: outcome.value.brokerEpoch });
    const brokerEpoch = outcome.ok ? outcome.value.brokerEpoch : 0;
    this.#send({ kind: 'registered', requestId, refused: refusalOf(outcome), brokerEpoch });
  }

  async #heartbeat({ requestId, ...said }: Of<'heartbeat'>): Promise<void> {
    const { brokerId, brokerEpoch, metadataOffset, wantFence, wantShutDown } = said;
    const { offlineLogDirs, cordonedLogDirs } = said;
    const beat = { brokerId, brokerEpoch, metadataOffset, wantFence, wantShutDown, offlineLogDirs, cordonedLogDirs };
    const outcome = await this.#oneOfMany(brokerId, () => this.#options.controller.heartbeat(beat));
    if (outcome.ok) this.#speaks({ brokerId, brokerEpoch });
    const { fenced, shouldShutDown } = outcome.ok ? outcome.value : { fenced: false, shouldShutDown: false };
    if (shouldShutDown) this.#mayStop = true;
    this.#send({ kind: 'heartbeatReply', requestId, refused: refusalOf(outcome), fenced, shouldShutDown });
  }

  #subscribe({ endOffset, epoch }: Of<'subscribe'>): void {
    if (this.#state === 'leaving' || this.#state === 'over') return;
    const { controller, clock, limits, stream } = this.#options;
    this.#feed?.close();
    const feed = new Feed({
      stream,
      clock,
      limits,
      slow: (why) => this.leave('slow', why),
      ended: (why) => this.leave('moved', why, controller.leader()),
    });
    this.#feed = feed;
    feed.follow(controller.read({ endOffset, epoch }, feed));
  }

  async #ask(ask: Of<'ask'>): Promise<void> {
    const { requestId } = ask;
    const { clock, limits } = this.#options;
    const deadlineMs = Math.min(ask.deadlineMs, limits.sessionRequestMs);
    const { promise, resolve } = Promise.withResolvers<Answer>();
    // Nobody waits longer for what a controller does not decide.
    const late = clock.after(deadlineMs, () => {
      const why = `the controller has not decided within ${deadlineMs} ms: it may or may not happen`;
      resolve(refusedAnswer(refuse(ErrorCode.REQUEST_TIMED_OUT, why)));
    });
    void this.#answer(ask).then(resolve);
    const answer = await promise;
    late.cancel();
    this.#send({ kind: 'answer', requestId, ...answer });
  }

  async #answer({ apiKey, apiVersion, body, principal, clientRequest }: Of<'ask'>): Promise<Answer> {
    const decoded = decodeAdminRequest({ apiKey, apiVersion, body });
    if (!decoded.ok) return refusedAnswer(decoded);
    const request = decoded.value;
    const { controller, stream } = this.#options;
    const of = clientRequest === null ? undefined : { request: clientRequest, broker: stream.peer.nodeId };
    const outcome = await this.#bounded('request', () => controller.admin(request, principal, of));
    if (!outcome.ok) return refusedAnswer(outcome);
    const { reply, committedOffset } = outcome.value;
    return { refused: null, committedOffset, ...encodeAdminReply(request.kind, reply) };
  }

  /** A broker speaks for itself. */
  #oneOfMany<T>(brokerId: number, ask: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const { nodeId } = this.#options.stream.peer;
    if (nodeId === brokerId) return this.#bounded('heart', ask);
    const why = `node ${nodeId} speaks for broker ${brokerId}: a broker's id is that of its node`;
    return Promise.resolve(refuse(ErrorCode.INVALID_REQUEST, why));
  }

  async #bounded<T>(of: 'request' | 'heart', ask: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const { sessionRequestsMax } = this.#options.limits;
    if (this.#underWay[of] >= sessionRequestsMax) {
      const why = `${sessionRequestsMax} requests of this broker are under way, which is all it may have: nothing was done, try again`;
      return refuse(ErrorCode.REQUEST_TIMED_OUT, why);
    }
    this.#underWay[of] += 1;
    const outcome = await ask();
    this.#underWay[of] -= 1;
    return outcome;
  }

  #speaks(broker: SpokenFor): void {
    const before = this.#broker;
    assert(before === undefined || before.brokerId === broker.brokerId, 'a stream is of one broker', { ...broker });
    // An answer that was late is of an earlier registration.
    if (before !== undefined && before.brokerEpoch > broker.brokerEpoch) return;
    if (before?.brokerEpoch !== broker.brokerEpoch) this.#mayStop = false;
    this.#broker = broker;
    this.#options.speaks(broker);
  }

  #send(message: FromController): void {
    this.#options.stream.send(message);
  }
}

function refusalOf(outcome: Outcome<unknown>): Refused | null {
  return outcome.ok ? null : { code: outcome.code, why: outcome.why };
}

function refusedAnswer(refused: Outcome<never>): Answer {
  return { refused: refusalOf(refused), apiKey: 0, apiVersion: 0, body: NO_BODY, committedOffset: 0 };
}
