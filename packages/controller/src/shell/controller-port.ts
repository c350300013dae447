/** What sessions of brokers ask of the controller of their node, put to the machine, or to the quorum that the machine runs on. */
import { assert, ok } from '@odradek/base';
import type { Logger, Outcome } from '@odradek/base';
import type { AdminReply, AdminRequest, BrokerRegistration, ForRequest, QuorumRequest } from '@odradek/metadata';
import type { Heartbeat, HeartbeatReply } from '../core/brokers.ts';
import type { ControllerOp, ControllerReply } from '../core/controller.ts';
import type { ControllerPort, KnownLeader, LogReader, LostBroker } from '../ports.ts';
import type { BrokerOffsets } from './broker-offsets.ts';
import type { ControllerRuntime, LeaderSeen } from './runtime.ts';
import { tellAnswered } from './tell.ts';

type Answered<R extends AdminRequest> = Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>;

/** Answers what is asked of the quorum itself. */
export interface QuorumDesk {
  /** @param of stands in the lines about it */
  answer(request: QuorumRequest, of?: ForRequest): Promise<Answered<QuorumRequest>>;
}

export class RunningPort implements ControllerPort {
  readonly #runtime: ControllerRuntime;
  readonly #quorum: QuorumDesk;
  readonly #brokers: BrokerOffsets;
  readonly #log: Logger;

  /** @param log what became of the requests of clients, at DEBUG */
  constructor(runtime: ControllerRuntime, quorum: QuorumDesk, brokers: BrokerOffsets, log: Logger) {
    this.#log = log;
    this.#runtime = runtime;
    this.#quorum = quorum;
    this.#brokers = brokers;
  }

  async register(registration: BrokerRegistration): Promise<Outcome<{ readonly brokerEpoch: number }>> {
    const outcome = await this.#runtime.submit({ kind: 'registered', registration });
    return outcome.ok ? replyOf(outcome.value.reply, 'registered').outcome : outcome;
  }

  async heartbeat(beat: Heartbeat): Promise<Outcome<HeartbeatReply>> {
    const outcome = await this.#runtime.submit({ kind: 'heartbeat', beat });
    if (!outcome.ok) return outcome;
    const answer = replyOf(outcome.value.reply, 'heartbeat').outcome;
    if (answer.ok) this.#brokers.heard(beat, outcome.value.committedOffset);
    return answer;
  }

  sessionLost({ brokerId, brokerEpoch, isNodeDown = false }: LostBroker): void {
    // Refused by a controller that is not the active one: another counts the broker's time.
    void this.#runtime.submit({ kind: 'sessionLost', brokerId, brokerEpoch, isNodeDown });
  }

  async admin(request: AdminRequest, principal: string, of?: ForRequest): Promise<Answered<AdminRequest>> {
    const outcome = await this.#answered(request, of);
    if (of !== undefined) tellAnswered(this.#log, { request, principal, of }, outcome);
    return outcome;
  }

  async #answered(request: AdminRequest, of: ForRequest | undefined): Promise<Answered<AdminRequest>> {
    if (isOfQuorum(request)) return this.#quorum.answer(request, of);
    const op: ControllerOp = { kind: 'admin', request };
    const outcome = await this.#runtime.submit(op, of);
    if (!outcome.ok) return outcome;
    const { reply, committedOffset } = outcome.value;
    return ok({ reply: replyOf(reply, 'admin').reply, committedOffset });
  }

  read(from: { readonly endOffset: number; readonly epoch: number }, reader: LogReader): { close(): void } {
    return this.#runtime.read(from, reader);
  }

  onFenced(
    told: (broker: { readonly brokerId: number; readonly brokerEpoch: number; readonly why: string }) => void,
  ): void {
    this.#runtime.onFenced(told);
  }

  leader(): KnownLeader {
    return this.#known(this.#runtime.leader);
  }

  onLeader(changed: (leader: KnownLeader) => void): void {
    this.#runtime.onLeader((seen) => changed(this.#known(seen)));
  }

  #known({ leaderId, epoch }: LeaderSeen): KnownLeader {
    const voter = this.#runtime.voters.find(({ id }) => id === leaderId);
    const [first] = voter?.endpoints ?? [];
    const endpoint = first === undefined ? undefined : { host: first.host, port: first.port };
    return { nodeId: leaderId, epoch, endpoint };
  }
}

function isOfQuorum(request: AdminRequest): request is QuorumRequest {
  return request.kind === 'describeQuorum' || request.kind.endsWith('RaftVoter');
}

function replyOf<K extends ControllerReply['kind']>(
  reply: ControllerReply,
  kind: K,
): Extract<ControllerReply, { readonly kind: K }> {
  assert(reply.kind === kind, 'an operation is answered in its kind', { kind, reply: reply.kind });
  return reply as Extract<ControllerReply, { readonly kind: K }>;
}
