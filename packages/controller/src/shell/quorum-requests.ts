/** What is asked of the quorum itself: who votes, how far each replica is, and changes of the voters (KIP-595, KIP-836, KIP-853). */
import { refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import type { AdminReply, QuorumRequest } from '@odradek/metadata';
import { ErrorCode } from '@odradek/protocol';
import type { Identity } from '@odradek/rpc';
import type { RaftDriver } from '../raft/shell/driver.ts';
import type { QuorumDesk } from './controller-port.ts';
import type { ControllerRuntime } from './runtime.ts';

export type QuorumRequestsOptions = {
  readonly runtime: ControllerRuntime;
  readonly driver: RaftDriver;
  readonly identity: Identity;
};

export class QuorumRequests implements QuorumDesk {
  readonly #options: QuorumRequestsOptions;

  constructor(options: QuorumRequestsOptions) {
    this.#options = options;
  }

  answer(
    request: QuorumRequest,
  ): Promise<Outcome<{ readonly reply: AdminReply<QuorumRequest>; readonly committedOffset: number }>> {
    const { nodeId } = this.#options.identity;
    return Promise.resolve(refuse(ErrorCode.UNSUPPORTED_VERSION, `${request.kind} is not answered by node ${nodeId}`));
  }
}
