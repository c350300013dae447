/**
 * How leaders' proposals reach the controller (KIP-497): all that are due go in one request, one request is under way at a time, and what was
 * not answered is sent again after a while for as long as its leader stands by it.
 */
import { refuse } from '@odradek/base';
import type { Clock, Logger, TimerHandle } from '@odradek/base';
import type { AlterPartitionRequest } from '@odradek/protocol';
import { ErrorCode, errorName, LeaderRecoveryState } from '@odradek/protocol';
import type { Proposal, ProposalAnswer } from '../core/isr.ts';
import type { IsrPort } from '../replica-types.ts';

/** A leader that has something to propose, one at a time. */
export interface Proposer {
  readonly topicId: string;
  readonly partition: number;
  /** Whether it still waits for the answer: metadata or another epoch may have overtaken it. */
  isPending(proposal: Proposal): boolean;
  answered(proposal: Proposal, answer: ProposalAnswer): void;
}

export type IsrChangesOptions = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly port: IsrPort;
  /** Partitions of one request (`limits.isrChangesPerRequestMax`). */
  readonly perRequestMax: number;
  /** After something was refused or not answered, how long until the next request (`limits.isrRetryMs`). */
  readonly retryMs: number;
};

type Item = { readonly proposer: Proposer; readonly proposal: Proposal };
type Topic = AlterPartitionRequest['topics'][number];
type PartitionAsked = Topic['partitions'][number];
type Answer = Awaited<ReturnType<IsrPort['alterPartition']>>;

export class IsrChanges {
  readonly #options: IsrChangesOptions;
  /** At most one of each leader: the bound is the number of partitions. */
  readonly #due = new Map<Proposer, Proposal>();
  #state: 'idle' | 'scheduled' | 'asking' | 'backing off' | 'closed' = 'idle';
  #timer: TimerHandle | undefined;
  readonly #sendNow = (): void => void this.#send();

  constructor(options: IsrChangesOptions) {
    this.#options = options;
  }

  get dueCount(): number {
    return this.#due.size;
  }

  /** Sent at the end of this turn, along with what else is proposed in it, or once the request before it is answered. */
  submit(proposer: Proposer, proposal: Proposal): void {
    this.#due.set(proposer, proposal);
    this.#schedule();
  }

  close(): void {
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#due.clear();
  }

  #schedule(): void {
    if (this.#state !== 'idle' || this.#due.size === 0) return;
    this.#state = 'scheduled';
    queueMicrotask(this.#sendNow);
  }

  async #send(): Promise<void> {
    if (this.#state === 'closed') return;
    const items = this.#take();
    if (items.length === 0) {
      this.#state = 'idle';
      return;
    }
    this.#state = 'asking';
    const answer = await this.#ask(items);
    if (this.#isClosed()) return;
    const isWhole = answer.ok ? this.#handOut(items, answer.value) : this.#failed(items, answer.why);
    this.#state = 'idle';
    if (isWhole) return this.#schedule();
    this.#state = 'backing off';
    this.#timer = this.#options.clock.after(this.#options.retryMs, () => {
      this.#state = 'idle';
      this.#schedule();
    });
  }

  /** The state may have changed while an answer was waited for. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #take(): Item[] {
    const items: Item[] = [];
    for (const [proposer, proposal] of this.#due) {
      if (items.length === this.#options.perRequestMax) break;
      this.#due.delete(proposer);
      if (proposer.isPending(proposal)) items.push({ proposer, proposal });
    }
    return items;
  }

  async #ask(items: readonly Item[]): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await this.#options.port.alterPartition({ topics: topicsOf(items) });
    } catch (cause) {
      return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, cause instanceof Error ? cause.message : String(cause));
    }
    const code = answer.ok ? answer.value.errorCode : ErrorCode.NONE;
    return code === ErrorCode.NONE ? answer : refuse(code, `the controller refuses all of it: ${errorName(code)}`);
  }

  /** @returns whether every partition was answered, and none refused */
  #handOut(items: readonly Item[], answer: Extract<Answer, { ok: true }>['value']): boolean {
    const results = new Map<string, ProposalAnswer>();
    for (const { topicId, partitions } of answer.topics) {
      for (const result of partitions)
        results.set(`${topicId} ${result.partitionIndex}`, { ...result, code: result.errorCode });
    }
    let isWhole = true;
    for (const item of items) {
      const result = results.get(`${item.proposer.topicId} ${item.proposer.partition}`);
      if (result === undefined) this.#putBack(item);
      else item.proposer.answered(item.proposal, result);
      if (result?.code !== ErrorCode.NONE) isWhole = false;
    }
    return isWhole;
  }

  #failed(items: readonly Item[], why: string): boolean {
    this.#options.log.debug(
      { partitions: items.length, why },
      'changes of in-sync sets were not answered: asked again',
    );
    for (const item of items) this.#putBack(item);
    return false;
  }

  /** Unless the leader has proposed something else meanwhile. */
  #putBack({ proposer, proposal }: Item): void {
    if (!this.#due.has(proposer)) this.#due.set(proposer, proposal);
  }
}

function topicsOf(items: readonly Item[]): Topic[] {
  const topics = new Map<string, PartitionAsked[]>();
  for (const { proposer, proposal } of items) {
    let partitions = topics.get(proposer.topicId);
    if (partitions === undefined) {
      partitions = [];
      topics.set(proposer.topicId, partitions);
    }
    partitions.push({
      partitionIndex: proposer.partition,
      leaderEpoch: proposal.leaderEpoch,
      newIsr: [],
      newIsrWithEpochs: proposal.isr,
      leaderRecoveryState: LeaderRecoveryState.RECOVERED,
      partitionEpoch: proposal.partitionEpoch,
    });
  }
  return Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions }));
}
