/** Requests from controller to controller over their stream, in Kafka's encoding: what a newcomer wants of the one that leads. */
import { ok, refuse } from '@odradek/base';
import type { Clock, Limits, Outcome, TimerHandle } from '@odradek/base';
import { ErrorCode } from '@odradek/protocol';
import type { Peer, RaftMessage } from '@odradek/rpc';
import type { RaftStream } from './dialler.ts';

/** @param deadlineMs how long the asker waits */
export type Asked = {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly body: Buffer;
  readonly deadlineMs: number;
};
export type Answered = { readonly apiKey: number; readonly apiVersion: number; readonly body: Buffer };

type Answer = RaftMessage & { readonly kind: 'answer' };
type Waiting = {
  readonly stream: RaftStream;
  readonly done: (outcome: Outcome<Answered>) => void;
  readonly timer: TimerHandle;
};

const PRINCIPAL = 'User:CONTROLLER';

export class Asks {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #nodeId: number;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #answering = 0;
  #answer: ((asked: Asked, peer: Peer) => Promise<Outcome<Answered>>) | undefined;

  constructor(clock: Clock, limits: Limits, nodeId: number) {
    this.#clock = clock;
    this.#limits = limits;
    this.#nodeId = nodeId;
  }

  onAsk(answer: (asked: Asked, peer: Peer) => Promise<Outcome<Answered>>): void {
    this.#answer = answer;
  }

  ask(stream: RaftStream, asked: Asked): Promise<Outcome<Answered>> {
    const { promise, resolve } = Promise.withResolvers<Outcome<Answered>>();
    const requestId = this.#nextId;
    this.#nextId += 1;
    const late = (): void => {
      const why = `controller ${stream.peer.nodeId} has not answered within ${asked.deadlineMs} ms`;
      this.#finish(requestId, refuse(ErrorCode.REQUEST_TIMED_OUT, why));
    };
    this.#waiting.set(requestId, { stream, done: resolve, timer: this.#clock.after(asked.deadlineMs, late) });
    stream.send({ kind: 'ask', requestId, ...asked, principal: PRINCIPAL, clientRequest: null });
    return promise;
  }

  /** @returns false when the message is none of ours */
  take(stream: RaftStream, message: RaftMessage): boolean {
    if (message.kind === 'answer') this.#answered(stream, message);
    else if (message.kind === 'ask') void this.#asked(stream, message);
    else return false;
    return true;
  }

  lost(stream: RaftStream): void {
    for (const [requestId, waiting] of this.#waiting) {
      if (waiting.stream !== stream) continue;
      const why = `the stream to controller ${stream.peer.nodeId} broke before it answered`;
      this.#finish(requestId, refuse(ErrorCode.REQUEST_TIMED_OUT, why));
    }
  }

  close(): void {
    for (const requestId of this.#waiting.keys())
      this.#finish(requestId, refuse(ErrorCode.NOT_CONTROLLER, `controller ${this.#nodeId} stops`));
  }

  #answered(stream: RaftStream, { requestId, refused, apiKey, apiVersion, body }: Answer): void {
    if (this.#waiting.get(requestId)?.stream !== stream) return;
    const outcome = refused === null ? ok({ apiKey, apiVersion, body }) : refuse(refused.code, refused.why);
    this.#finish(requestId, outcome);
  }

  async #asked(stream: RaftStream, message: RaftMessage & { readonly kind: 'ask' }): Promise<void> {
    const { requestId, apiKey, apiVersion, body, deadlineMs } = message;
    const outcome = await this.#outcome({ apiKey, apiVersion, body, deadlineMs }, stream.peer);
    const reply = outcome.ok ? outcome.value : { apiKey, apiVersion, body: NOTHING };
    const refused = outcome.ok ? null : { code: outcome.code, why: outcome.why };
    stream.send({ kind: 'answer', requestId, refused, ...reply, committedOffset: 0 });
  }

  async #outcome(asked: Asked, peer: Peer): Promise<Outcome<Answered>> {
    if (this.#answer === undefined || this.#answering >= this.#limits.raftPeersMax)
      return refuse(ErrorCode.REQUEST_TIMED_OUT, `controller ${this.#nodeId} cannot answer now: try again shortly`);
    this.#answering += 1;
    try {
      return await this.#answer(asked, peer);
    } finally {
      this.#answering -= 1;
    }
  }

  #finish(requestId: number, outcome: Outcome<Answered>): void {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(requestId);
    waiting.timer.cancel();
    waiting.done(outcome);
  }
}

const NOTHING = Buffer.alloc(0);
