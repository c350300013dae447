/**
 * What a controller wants of the quorum for itself: that its voters know where it is reached and which directory it has (KIP-853), and, where
 * `controller.quorum.auto.join.enable` says so, to be a voter, in place of the one that had its id with a disk that is gone (KIP-1186).
 */
import { UUID_ZERO, ok, refuse } from '@odradek/base';
import type { Clock, Logger, Outcome, TimerHandle } from '@odradek/base';
import { decodeAdminReply, decodeAdminRequest, encodeAdminReply, encodeAdminRequest } from '@odradek/metadata';
import type { AdminRequest, QuorumRequest } from '@odradek/metadata';
import { ErrorCode, FeatureName } from '@odradek/protocol';
import type { Identity } from '@odradek/rpc';
import type { Voter, VoterEndpoint } from '../raft/core/messages.ts';
import type { Answered, Asked } from '../raft/shell/asks.ts';
import { isStatic } from '../raft/shell/entry-codec.ts';
import type { StreamTransport } from '../raft/shell/transport.ts';
import type { ControllerPort } from '../ports.ts';
import type { QuorumDesk } from './controller-port.ts';
import type { ControllerRuntime } from './runtime.ts';

export type JoiningOptions = {
  readonly runtime: ControllerRuntime;
  readonly transport: StreamTransport;
  readonly desk: QuorumDesk;
  readonly port: ControllerPort;
  readonly identity: Identity;
  /** Where this controller is reached. */
  readonly endpoints: readonly VoterEndpoint[];
  /** `controller.quorum.auto.join.enable` */
  readonly joins: boolean;
  /** `controller.quorum.request.timeout.ms` */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** The pace of tries that were refused. */
const RETRY_MS = 1_000;

export class Joining {
  readonly #options: JoiningOptions;
  #isAsking = false;
  #timer: TimerHandle | undefined;
  #isClosed = false;
  #toldWhy = '';
  #isToldToObserve = false;

  constructor(options: JoiningOptions) {
    this.#options = options;
    options.runtime.onLeader(() => this.#look());
    options.runtime.onVoters(() => this.#look());
    options.runtime.onFeatures(() => this.#look());
    options.transport.onAsk((asked) => this.#answer(asked));
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    if (this.#isClosed || this.#isAsking || this.#timer !== undefined) return;
    const { leaderId, epoch } = this.#options.runtime.leader;
    const request = leaderId === null ? undefined : this.#wanted(epoch);
    if (leaderId === null || request === undefined) return;
    this.#isAsking = true;
    void this.#ask(leaderId, request).then((why) => {
      this.#isAsking = false;
      if (why !== undefined && why !== this.#toldWhy)
        this.#options.log.warn({ leaderId }, `the quorum has not granted ${request.kind} to this controller: ${why}`);
      this.#toldWhy = why ?? '';
      if (this.#isClosed) return;
      this.#timer = this.#options.clock.after(RETRY_MS, () => {
        this.#timer = undefined;
        this.#look();
      });
    });
  }

  /** @returns undefined when everything is as it should be */
  #wanted(currentLeaderEpoch: number): QuorumRequest | undefined {
    const { runtime, identity, endpoints, joins, requestTimeoutMs } = this.#options;
    const { clusterId, nodeId, directoryId } = identity;
    const { voters } = runtime;
    const mayChange = runtime.image.features.level(FeatureName.KRAFT_VERSION) > 0 || !isStatic(voters);
    if (voters.length === 0 || !mayChange || endpoints.length === 0 || endpoints.some(({ port }) => port === 0))
      return undefined;
    const voter = { voterId: nodeId, voterDirectoryId: directoryId };
    const listeners = endpoints.map(({ name, host, port }) => ({ name, host, port }));
    const same = voters.find(({ id }) => id === nodeId);
    if (same?.directoryId === directoryId || same?.directoryId === UUID_ZERO) {
      if (same.directoryId === directoryId && isEqual(same.endpoints, endpoints)) return undefined;
      const kRaftVersionFeature = { minSupportedVersion: 0, maxSupportedVersion: 1 };
      const request = { clusterId, currentLeaderEpoch, ...voter, listeners, kRaftVersionFeature };
      return { kind: 'updateRaftVoter', request };
    }
    if (!joins) return this.#observes(voters);
    if (same !== undefined) {
      const gone = { clusterId, voterId: same.id, voterDirectoryId: same.directoryId };
      return { kind: 'removeRaftVoter', request: gone };
    }
    const request = { clusterId, timeoutMs: requestTimeoutMs, ...voter, listeners, ackWhenCommitted: false };
    return { kind: 'addRaftVoter', request };
  }

  #observes(voters: readonly Voter[]): undefined {
    if (this.#isToldToObserve) return;
    this.#isToldToObserve = true;
    const ids = voters.map(({ id }) => id).join(', ');
    const how =
      'it votes once it is added with `odradek quorum add`, or at its start with controller.quorum.auto.join.enable';
    this.#options.log.info({ voters: ids }, `this controller observes the quorum of ${ids}: ${how}`);
  }

  /** @returns why it was not granted */
  async #ask(leaderId: number, request: QuorumRequest): Promise<string | undefined> {
    const outcome = await this.#asked(leaderId, request);
    if (!outcome.ok) return outcome.why;
    const { errorCode, errorMessage } = outcome.value;
    if (errorCode === ErrorCode.NONE) return undefined;
    return errorMessage === '' ? `code ${errorCode}` : errorMessage;
  }

  async #asked(
    leaderId: number,
    request: QuorumRequest,
  ): Promise<Outcome<{ readonly errorCode: number; readonly errorMessage: string }>> {
    const { desk, transport, identity, requestTimeoutMs } = this.#options;
    if (leaderId === identity.nodeId) {
      const own = await desk.answer(request);
      return own.ok ? ok(errorOf(own.value.reply)) : own;
    }
    const deadlineMs = 2 * requestTimeoutMs;
    const answered = await transport.ask(leaderId, { ...encodeAdminRequest(request), deadlineMs });
    if (!answered.ok) return answered;
    const reply = decodeAdminReply<QuorumRequest>(request.kind, answered.value);
    return reply.ok ? ok(errorOf(reply.value)) : reply;
  }

  async #answer({ apiKey, apiVersion, body }: Asked): Promise<Outcome<Answered>> {
    const request = decodeAdminRequest({ apiKey, apiVersion, body });
    if (!request.ok) return request;
    if (request.value.kind === 'registerController') {
      const registered = await this.#options.port.admin(request.value, '');
      return registered.ok ? ok(encodeAdminReply(request.value.kind, registered.value.reply)) : registered;
    }
    if (!isOfVoters(request.value)) {
      const why = `A controller does not ask another for ${request.value.kind}.`;
      return refuse(ErrorCode.INVALID_REQUEST, why);
    }
    const outcome = await this.#options.desk.answer(request.value);
    return outcome.ok ? ok(encodeAdminReply<QuorumRequest>(request.value.kind, outcome.value.reply)) : outcome;
  }
}

function isOfVoters(request: AdminRequest): request is QuorumRequest {
  return request.kind.endsWith('RaftVoter');
}

function errorOf(reply: object): { readonly errorCode: number; readonly errorMessage: string } {
  const errorCode = 'errorCode' in reply && typeof reply.errorCode === 'number' ? reply.errorCode : ErrorCode.NONE;
  const errorMessage = 'errorMessage' in reply && typeof reply.errorMessage === 'string' ? reply.errorMessage : '';
  return { errorCode, errorMessage };
}

function isEqual(one: readonly VoterEndpoint[], other: readonly VoterEndpoint[]): boolean {
  const text = (endpoints: readonly VoterEndpoint[]): string =>
    endpoints
      .map(({ name, host, port }) => `${name}://${host}:${port}`)
      .toSorted()
      .join(',');
  return text(one) === text(other);
}
