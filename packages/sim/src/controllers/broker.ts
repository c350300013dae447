/**
 * The metadata side of one broker, as production has it, without partitions: it registers, lives, asks on behalf of clients, and is watched at
 * each thing that it hears.
 */
import type { Clock, Limits, Outcome } from '@odradek/base';
import { builtFeatures } from '@odradek/metadata';
import type { AdminReply, AdminRequest, BrokerRegistration } from '@odradek/metadata';
import type { MetadataImage } from '@odradek/metadata';
import type { ControllerLink } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import { ImageWatch } from './claims/images.ts';
import type { Claims } from './claims/claims.ts';
import { watchedLink } from './claims/watched-link.ts';
import type { BrokerSession, Composition } from './composition.ts';

export type BrokerOptions = {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly incarnationId: string;
  /** Of its only log directory, which outlives processes. */
  readonly directoryId: string;
  readonly host: string;
  readonly link: ControllerLink;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly heartbeatMs: number;
  /** The cluster does not take this broker any more: its process stops. */
  readonly unwanted: (fault: Error) => void;
  readonly claims: Claims;
  readonly composition: Composition;
};

/** Longer than any run. */
const PATIENCE_MS = 3_600_000;
/** Nobody could be asked; or another life of this broker has a session still. */
const MAY_PASS = new Set<number>([ErrorCode.DUPLICATE_BROKER_REGISTRATION, ErrorCode.REQUEST_TIMED_OUT]);

export class SimBroker {
  readonly #options: BrokerOptions;
  readonly #session: BrokerSession;
  readonly #watch: ImageWatch;
  readonly #who: string;
  #isReady = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const { brokerId, incarnationId, claims, clock, limits, heartbeatMs, composition } = options;
    this.#who = `broker ${brokerId} (${incarnationId.slice(0, 4)})`;
    this.#watch = new ImageWatch(claims.judge, this.#who);
    this.#session = composition.sessionOf({
      link: watchedLink(options.link, { claims, brokerId, who: this.#who }),
      clock,
      limits,
      heartbeatMs,
      registerMs: PATIENCE_MS,
      offlineLogDirs: () => [],
      cordonedLogDirs: () => [],
      followers: [{ snapshot: (image) => this.#changed(image), changed: (_delta, image) => this.#changed(image) }],
      bug: (error) => claims.judge.say('a broker runs', `${this.#who}: ${String(error)}`),
      fault: (fault) => options.unwanted(fault),
    });
  }

  get brokerId(): number {
    return this.#options.brokerId;
  }

  get brokerEpoch(): number {
    return this.#session.brokerEpoch;
  }

  get image(): MetadataImage {
    return this.#session.image;
  }

  /** It is registered and was unfenced once: clients may ask it. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Joins, however long that takes. */
  async start(): Promise<void> {
    const { judge } = this.#options.claims;
    for (;;) {
      const joined = await this.#session.join(this.#registration());
      if (joined.ok) break;
      const mayPass = MAY_PASS.has(joined.code);
      judge.holds(mayPass, 'a broker may join', () => `${this.#who}: ${joined.code} ${joined.why}`);
    }
    const served = await this.#session.unfence(PATIENCE_MS);
    this.#isReady = served.ok;
  }

  admin<R extends AdminRequest>(request: R, principal: string): Promise<Outcome<AdminReply<R>>> {
    return this.#session.admin(request, principal);
  }

  /** As a broker stops in order. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isReady = false;
    await this.#session.leave(deadlineMs);
    this.#session.close();
  }

  /** What holds of every batch is judged where the log is; here it is compared with that. */
  #changed(image: MetadataImage): void {
    this.#watch.moved(image);
    this.#options.claims.ledger.imageAfter(this.#who, image);
  }

  #registration(): BrokerRegistration {
    const { brokerId, clusterId, incarnationId, directoryId, host } = this.#options;
    return {
      brokerId,
      clusterId,
      incarnationId,
      endpoints: [{ name: 'PLAINTEXT', host, port: 9092, securityProtocol: 0 }],
      rack: null,
      features: builtFeatures,
      logDirs: [directoryId],
    };
  }
}
