/** One stream to one controller, from its first word to its last: who asked what, and what was told. */
import { unreachable } from '@odradek/base';
import type { Clock, TimerHandle } from '@odradek/base';
import type { Ending, FromBroker, FromController, Stream } from '@odradek/rpc';

type Of<K extends FromController['kind']> = Extract<FromController, { readonly kind: K }>;
type Reply = Of<'registered' | 'heartbeatReply' | 'answer'>;
type Asked = 'register' | 'heartbeat' | 'ask';
type ReplyTo = { register: Of<'registered'>; heartbeat: Of<'heartbeatReply'>; ask: Of<'answer'> };
type WithoutId<T> = T extends unknown ? Omit<T, 'requestId'> : never;

/** `unsent`: the stream had ended. `gone`: it ended before the answer. `late`: the answer was not there in time. */
export type Replied<R> =
  | { readonly kind: 'reply'; readonly reply: R }
  | { readonly kind: 'unsent' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'late' };

export type Told = Of<'snapshotChunk' | 'committed' | 'fenced'>;

export type ConversationOptions = {
  readonly stream: Stream<FromBroker, FromController>;
  readonly clock: Clock;
  /** The first words: is it the active one? Also later, when it is no longer. */
  readonly standing: (standing: Of<'active' | 'notActive'>) => void;
  readonly told: (message: Told) => void;
  readonly ended: (ending: Ending) => void;
};

const REPLIES = { register: 'registered', heartbeat: 'heartbeatReply', ask: 'answer' } as const;

type Waiting = {
  readonly wants: Reply['kind'];
  readonly resolve: (replied: Replied<Reply>) => void;
  readonly timer: TimerHandle;
};

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isRetired = false;
  #isOver = false;
  #heardMs: number;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
    const { stream } = options;
    stream.onClosed((ending) => this.#over(ending));
    stream.onMessage((message) => this.#received(message));
  }

  /** When the controller was last heard. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Asks, and waits for the answer for so long. */
  ask<K extends Asked>(
    message: WithoutId<Extract<FromBroker, { readonly kind: K }>>,
    timeoutMs: number,
  ): Promise<Replied<ReplyTo[K]>> {
    if (this.#isOver) return Promise.resolve({ kind: 'unsent' });
    const requestId = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Replied<Reply>>();
    const timer = this.#options.clock.after(timeoutMs, () => this.#settle(requestId, { kind: 'late' }));
    this.#waiting.set(requestId, { wants: REPLIES[message.kind], resolve, timer });
    // The compiler does not follow that a message without its id is one with it.
    this.say({ ...message, requestId } as FromBroker);
    // `#settle` sees to it that each kind is answered in its own kind.
    return promise as Promise<Replied<ReplyTo[K]>>;
  }

  say(message: FromBroker): void {
    this.#options.stream.send(message);
  }

  /** Nothing more is asked here: it ends once requests are answered, or when the controller ends it. A heart beats elsewhere. */
  retire(): void {
    this.#isRetired = true;
    for (const [requestId, { wants }] of this.#waiting)
      if (wants !== 'answer') this.#settle(requestId, { kind: 'gone' });
    this.#leaveIfDone();
  }

  close(why: string): void {
    this.#options.stream.close({ reason: 'closed', why });
  }

  /** What the controller says makes no sense. */
  reject(why: string): void {
    this.#options.stream.close({ reason: 'invalid', why });
  }

  destroy(why: string): void {
    this.#options.stream.destroy(why);
  }

  #received(message: FromController): void {
    this.#heardMs = this.#options.clock.monotonicMs();
    switch (message.kind) {
      case 'active':
      case 'notActive':
        return this.#options.standing(message);
      case 'registered':
      case 'heartbeatReply':
      case 'answer':
        return this.#settle(message.requestId, { kind: 'reply', reply: message });
      case 'snapshotChunk':
      case 'committed':
      case 'fenced':
        return this.#options.told(message);
      default:
        return unreachable(message);
    }
  }

  #settle(requestId: number, replied: Replied<Reply>): void {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return;
    if (replied.kind === 'reply' && replied.reply.kind !== waiting.wants)
      return this.reject(`request ${requestId} is answered by ${replied.reply.kind} instead of ${waiting.wants}`);
    this.#waiting.delete(requestId);
    waiting.timer.cancel();
    waiting.resolve(replied);
    this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (this.#isRetired && this.#waiting.size === 0) this.close('another controller is active');
  }

  #over(ending: Ending): void {
    this.#isOver = true;
    for (const requestId of this.#waiting.keys()) this.#settle(requestId, { kind: 'gone' });
    this.#options.ended(ending);
  }
}
