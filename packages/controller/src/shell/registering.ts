/**
 * This controller says of itself where it is reached and which feature levels it lives up to (KIP-919), to whoever is the active one, until
 * the metadata holds it: a feature rises only when every voter is known to support it.
 */
import type { Clock, Logger, Outcome, TimerHandle } from '@odradek/base';
import { ok } from '@odradek/base';
import { builtFeatures, decodeAdminReply, encodeAdminRequest } from '@odradek/metadata';
import type { AdminReply, AdminRequest, Endpoint } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { Identity } from '@odradek/rpc';
import type { ControllerPort } from '../ports.ts';
import type { StreamTransport } from '../raft/shell/transport.ts';
import type { ControllerRuntime } from './runtime.ts';

export type RegisteringOptions = {
  readonly runtime: ControllerRuntime;
  readonly port: ControllerPort;
  readonly transport: StreamTransport;
  readonly identity: Identity;
  /** Where this controller is reached. */
  readonly endpoints: readonly Endpoint[];
  /** `controller.quorum.request.timeout.ms` */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

type Registration = Extract<AdminRequest, { readonly kind: 'registerController' }>;

/** The pace of looks whether it is registered, until it is: after refusals it grows from the first to the second. */
const RETRY_MS = 50;
const LOOK_MS = 1_000;

export class Registering {
  readonly #options: RegisteringOptions;
  #isAsking = false;
  #timer: TimerHandle | undefined;
  #isClosed = false;
  #toldWhy = '';
  #refusals = 0;

  constructor(options: RegisteringOptions) {
    this.#options = options;
    options.runtime.onLeader(() => this.#look());
    options.runtime.onReady(() => this.#look());
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    const { runtime, endpoints, clock, log } = this.#options;
    if (this.#isClosed || this.#isAsking || this.#isRegistered()) return;
    // Whom nobody reaches is alone, and knows what it supports itself.
    if (endpoints.length === 0 || endpoints.some(({ port }) => port === 0)) return;
    const { leaderId } = runtime.leader;
    if (leaderId === null) return;
    this.#isAsking = true;
    this.#timer?.cancel();
    void this.#ask(leaderId).then((why) => {
      this.#isAsking = false;
      if (why !== undefined && why !== this.#toldWhy)
        log.debug({ leaderId }, `this controller is not registered: ${why}`);
      this.#toldWhy = why ?? '';
      this.#refusals = why === undefined ? 0 : this.#refusals + 1;
      const waitMs = why === undefined ? LOOK_MS : Math.min(LOOK_MS, RETRY_MS * 2 ** (this.#refusals - 1));
      if (!this.#isClosed) this.#timer = clock.after(waitMs, () => this.#look());
    });
  }

  #isRegistered(): boolean {
    const { runtime, identity } = this.#options;
    for (const { controllerId, incarnationId } of runtime.image.cluster.controllers())
      if (controllerId === identity.nodeId && incarnationId === identity.incarnationId) return true;
    return false;
  }

  /** @returns why it is not registered */
  async #ask(leaderId: number): Promise<string | undefined> {
    const outcome = await this.#asked(leaderId);
    if (!outcome.ok) return outcome.why;
    const { errorCode, errorMessage } = outcome.value;
    return errorCode === ErrorCode.NONE ? undefined : (errorMessage ?? `code ${errorCode}`);
  }

  async #asked(leaderId: number): Promise<Outcome<AdminReply<Registration>>> {
    const { port, transport, identity, requestTimeoutMs } = this.#options;
    const request = this.#registration();
    if (leaderId === identity.nodeId) {
      const outcome = await port.admin(request, '');
      return outcome.ok ? ok(outcome.value.reply as AdminReply<Registration>) : outcome;
    }
    const answered = await transport.ask(leaderId, { ...encodeAdminRequest(request), deadlineMs: requestTimeoutMs });
    return answered.ok ? decodeAdminReply<Registration>('registerController', answered.value) : answered;
  }

  #registration(): Registration {
    const { identity, endpoints } = this.#options;
    const features = builtFeatures.map(({ name, min, max }) => ({
      name,
      minSupportedVersion: min,
      maxSupportedVersion: max,
    }));
    const listeners = endpoints.map(({ name, host, port, securityProtocol }) => ({
      name,
      host,
      port,
      securityProtocol,
    }));
    const { nodeId: controllerId, incarnationId } = identity;
    return {
      kind: 'registerController',
      request: { controllerId, incarnationId, zkMigrationReady: false, listeners, features },
    };
  }
}
