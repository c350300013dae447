/**
 * The sessions of brokers at this controller. A stream is served while this controller is the active one; others are told who is, or hear
 * nothing until somebody knows. A broker speaks on one stream at a time: the last on which it was taken. When that one breaks, and only
 * then, the broker is lost.
 */
import type { Clock, Limits, Logger, Metrics } from '@odradek/base';
import type { FromBroker, FromController, Identity, Peer, ServiceHandler, Stream } from '@odradek/rpc';
import type { ControllerPort, KnownLeader } from '../../ports.ts';
import { RollCall } from './roll-call.ts';
import type { Expected } from './roll-call.ts';
import { Session } from './session.ts';
import type { SessionEnd, SpokenFor } from './session.ts';

export type SessionHostOptions = {
  readonly controller: ControllerPort;
  /** Brokers that are registered and not fenced: who is expected when this controller becomes active. */
  readonly expected: () => Iterable<Expected>;
  /** Whether the host of a broker says that its process, a controller too, is not there. */
  readonly isGone: (brokerId: number) => Promise<boolean>;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly metrics: Metrics;
};

const STOPS = 'this controller stops';

export class SessionHost implements ServiceHandler<FromBroker, FromController> {
  readonly #options: SessionHostOptions;
  readonly #sessions = new Set<Session>();
  /** By broker id: the session on which it speaks. */
  readonly #owners = new Map<number, Session>();
  readonly #departures = new Set<{ readonly awaited: Set<Session>; readonly resolve: () => void }>();
  readonly #rollCall: RollCall;
  #isClosed = false;

  constructor(options: SessionHostOptions) {
    this.#options = options;
    const { controller, metrics } = options;
    this.#rollCall = new RollCall({ ...options, isHere: (brokerId) => this.#owners.has(brokerId) });
    controller.onLeader((leader) => this.#leaderIs(leader));
    this.#leaderIs(controller.leader());
    controller.onFenced(({ brokerId, brokerEpoch, why }) => this.#owners.get(brokerId)?.fenced(brokerEpoch, why));
    metrics.sample('odradek_controller_sessions', {}, () => this.#sessions.size);
  }

  admit(peer: Peer): string | undefined {
    if (this.#isClosed) return STOPS;
    const { sessionsMax } = this.#options.limits;
    if (this.#sessions.size < sessionsMax) return undefined;
    return `node ${peer.nodeId} is one too many: a controller has at most ${sessionsMax} sessions (sessionsMax)`;
  }

  /** Serves a stream: of another process, or the far end of a pipe. */
  opened(stream: Stream<FromController, FromBroker>): void {
    if (this.#isClosed) return stream.close({ reason: 'closed', why: STOPS });
    const { controller, identity, clock, limits } = this.#options;
    const session: Session = new Session({
      controller,
      nodeId: identity.nodeId,
      clock,
      limits,
      stream,
      speaks: (broker) => this.#speaks(session, broker),
      ended: (end) => this.#ended(session, end),
    });
    this.#sessions.add(session);
    session.open();
    session.leaderIs(controller.leader());
  }

  /** Resolves when all sessions that there are now have ended: who was told of another controller goes once it is answered. */
  departed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const awaited = new Set(this.#sessions);
    if (awaited.size === 0) resolve();
    else this.#departures.add({ awaited, resolve });
    return promise;
  }

  /** This controller stops: every broker is told, and looks for another. */
  close(): void {
    this.#isClosed = true;
    this.#rollCall.end();
    const nobody: KnownLeader = { nodeId: null, epoch: this.#options.controller.leader().epoch, endpoint: undefined };
    for (const session of this.#sessions) session.leave('moved', STOPS, nobody);
  }

  #leaderIs(leader: KnownLeader): void {
    for (const session of this.#sessions) session.leaderIs(leader);
    if (leader.nodeId === this.#options.identity.nodeId && !this.#isClosed) this.#rollCall.begin();
    else this.#rollCall.end();
  }

  /** A broker was taken on a stream. What was decided on a stream that has ended since counts for the broker, not for the stream. */
  #speaks(session: Session, broker: SpokenFor): void {
    const owner = this.#owners.get(broker.brokerId);
    if (owner?.broker !== undefined && owner.broker.brokerEpoch > broker.brokerEpoch) return;
    if (session.isOver) {
      // Who has another stream by then has not lost this one.
      const isElsewhere = owner?.broker?.brokerEpoch === broker.brokerEpoch || this.#standsIn(session, broker);
      if (!isElsewhere) this.#options.controller.sessionLost(broker);
      return;
    }
    this.#owners.set(broker.brokerId, session);
    if (owner === undefined || owner === session) return;
    if (!owner.hasSpoken) return owner.standInFor(undefined);
    const { log } = this.#options;
    log.info({ ...broker }, `broker ${broker.brokerId} speaks on another stream now`);
    owner.leave('closed', `broker ${broker.brokerId} speaks on another stream now, with epoch ${broker.brokerEpoch}`);
  }

  #ended(session: Session, end: SessionEnd): void {
    this.#sessions.delete(session);
    for (const departure of this.#departures) {
      departure.awaited.delete(session);
      if (departure.awaited.size > 0) continue;
      this.#departures.delete(departure);
      departure.resolve();
    }
    const { broker } = session;
    const isOwner = broker !== undefined && this.#owners.get(broker.brokerId) === session;
    const { controller, log, metrics } = this.#options;
    metrics.counter('odradek_controller_sessions_ended_total', { why: end.how }).inc();
    if (!isOwner) return;
    this.#owners.delete(broker.brokerId);
    // Of another active controller it is the broker; of a broker that stops as agreed nothing is lost.
    if (end.how === 'moved' || end.how === 'closed') return;
    if (this.#standsIn(session, broker)) return;
    log.info({ ...broker }, `the session of broker ${broker.brokerId} has ended: ${end.why}`);
    if (end.how === 'lost') this.#rollCall.lost(broker);
    else controller.sessionLost(broker);
  }

  /**
   * Another stream of the broker's process, if there is one, is its own from now on: it speaks there already, or is about to. What it said
   * there may not be decided yet, and is not to be undone by the end of the first.
   */
  #standsIn(session: Session, broker: SpokenFor): boolean {
    const next = this.#another(session);
    if (next === undefined) return false;
    next.standInFor(broker);
    this.#owners.set(broker.brokerId, next);
    return true;
  }

  /** Another stream of the same process that is served. */
  #another(session: Session): Session | undefined {
    const { nodeId, incarnationId } = session.peer;
    for (const other of this.#sessions)
      if (other.isServed && other.peer.nodeId === nodeId && other.peer.incarnationId === incarnationId) return other;
    return undefined;
  }
}
