/**
 * A stream within one process: a broker and the active controller of the same node speak as if they were apart, so there is one way only.
 * Messages go through the codecs, so nobody shares an object; what is held is counted and bounded as between processes, and nothing is
 * called back within a call.
 */
import type { Clock, Limits } from '@odradek/base';
import { endingOfFarewell, overflowedWhy, oversizedWhy, wordlessWhy } from '../core/endings.ts';
import type { Codec } from '../core/schema.ts';
import type { Service } from '../core/service.ts';
import type { Ending, Farewell, Identity, Peer, Stream } from '../ports.ts';

export type PipeOptions<Asked, Told> = {
  readonly service: Service<Asked, Told>;
  /** Of this process: both ends are its own. */
  readonly self: Identity;
  readonly clock: Clock;
  readonly limits: Limits;
};

export type Pipe<Asked, Told> = {
  /** The end of the side that asks. */
  readonly near: Stream<Asked, Told>;
  /** The end of the side that serves: for `ServiceHandler.opened`. */
  readonly far: Stream<Told, Asked>;
};

/** What `peer.address` says of the other end of a pipe. */
export const IN_PROCESS = 'the same process';

type Item =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly ending: Ending; readonly isOrderly: boolean };

type EndOptions<Sent, Received> = {
  readonly peer: Peer;
  readonly sends: Codec<Sent>;
  readonly receives: Codec<Received>;
  readonly clock: Clock;
  readonly limits: Limits;
};

const CLOSED: Farewell = { reason: 'closed', why: 'it is not needed any more' };

/** Opens a stream from this process to itself. */
export function pipe<Asked, Told>({ service, self, clock, limits }: PipeOptions<Asked, Told>): Pipe<Asked, Told> {
  const { asked, told, versions } = service;
  const peer: Peer = { ...self, address: IN_PROCESS, version: versions.max };
  const near = new PipeEnd<Asked, Told>({ peer, sends: asked, receives: told, clock, limits });
  const far = new PipeEnd<Told, Asked>({ peer, sends: told, receives: asked, clock, limits });
  near.other = far;
  far.other = near;
  return { near, far };
}

class PipeEnd<Sent, Received> implements Stream<Sent, Received> {
  readonly peer: Peer;
  other: PipeEnd<Received, Sent> | undefined;
  readonly #options: EndOptions<Sent, Received>;
  /** What the other end has sent and this one has not taken. */
  #inbox: Item[] = [];
  #inboxAt = 0;
  #isReading = false;
  #isPaused = false;
  /** Sent by this end and not taken by the other; up to the window it counts as under way, beyond as queued. */
  #untakenBytes = 0;
  #isFull = false;
  #ending: Ending | undefined;
  #take: ((message: Received) => void) | undefined;
  #drained: (() => void) | undefined;
  #closed: ((ending: Ending) => void) | undefined;

  constructor(options: EndOptions<Sent, Received>) {
    this.#options = options;
    this.peer = options.peer;
  }

  send(message: Sent): boolean {
    if (this.#ending !== undefined) return false;
    const { sends, limits } = this.#options;
    const bytes = sends.encode(message);
    if (bytes.length > limits.rpcMessageBytesMax) {
      this.close({ reason: 'invalid', why: oversizedWhy(sends.name, bytes.length, limits) });
      return false;
    }
    const queuedBytes = this.queuedBytes() + bytes.length;
    if (queuedBytes > limits.rpcQueuedBytesMax) {
      this.#cut({ kind: 'overflowed', by: 'us', why: overflowedWhy(this.peer, queuedBytes, limits) });
      return false;
    }
    this.#untakenBytes += bytes.length;
    this.other?.arrive({ kind: 'message', bytes });
    if (this.queuedBytes() >= limits.rpcQueuedBytesMark) this.#isFull = true;
    return !this.#isFull;
  }

  queuedBytes(): number {
    return Math.max(0, this.#untakenBytes - this.#options.limits.rpcWindowBytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  onMessage(take: (message: Received) => void): void {
    this.#take = take;
    this.#read();
  }

  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  onClosed(closed: (ending: Ending) => void): void {
    this.#closed = closed;
    if (this.#ending !== undefined) this.#tellClosed();
  }

  close(farewell: Farewell = CLOSED): void {
    if (this.#ending !== undefined) return;
    const { reason, why } = farewell;
    const { other } = this;
    const { clock, limits } = this.#options;
    this.#end({ kind: reason, by: 'us', why });
    other?.arrive({ kind: 'end', ending: endingOfFarewell(farewell), isOrderly: true });
    // What the other does not take in time is gone.
    if (other?.isOver === false) clock.after(limits.rpcCloseMs, () => other.break());
  }

  destroy(why: string): void {
    if (this.#ending === undefined) this.#cut({ kind: 'broken', by: 'us', why });
    else this.other?.break();
  }

  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  arrive(item: Item): void {
    if (this.#ending !== undefined) {
      if (item.kind === 'message') this.other?.taken(item.bytes.length);
      return;
    }
    this.#inbox.push(item);
    this.#read();
  }

  /** The other end is gone without a word. */
  break(): void {
    if (this.#ending !== undefined) return;
    this.#dropInbox();
    this.arrive({
      kind: 'end',
      ending: { kind: 'broken', by: 'network', why: wordlessWhy(this.peer) },
      isOrderly: false,
    });
  }

  /** The other end has taken so many bytes. */
  taken(count: number): void {
    this.#untakenBytes -= count;
    const { clock, limits } = this.#options;
    if (!this.#isFull || this.queuedBytes() * 2 > limits.rpcQueuedBytesMark) return;
    this.#isFull = false;
    clock.after(0, () => {
      if (this.#ending === undefined) this.#drained?.();
    });
  }

  /** In a turn of its own, and not for longer than one. */
  #read(): void {
    if (this.#isReading || this.#inboxAt === this.#inbox.length) return;
    this.#isReading = true;
    const { clock, limits } = this.#options;
    clock.after(0, () => {
      this.#isReading = false;
      const endMs = clock.monotonicMs() + limits.turnMs;
      while (this.#readOne()) if (clock.monotonicMs() >= endMs) break;
      if (this.#mayRead()) this.#read();
    });
  }

  /** Like a broken connection, an end without words is heard by who reads nothing, too. */
  #mayRead(): boolean {
    const next = this.#inbox[this.#inboxAt];
    if (next === undefined || this.#ending !== undefined) return false;
    return (next.kind === 'end' && !next.isOrderly) || (this.#take !== undefined && !this.#isPaused);
  }

  #readOne(): boolean {
    const item = this.#mayRead() ? this.#inbox[this.#inboxAt] : undefined;
    if (item === undefined) return false;
    this.#inboxAt += 1;
    // What was taken is let go in large pieces.
    if (this.#inboxAt * 2 > this.#inbox.length) {
      this.#inbox = this.#inbox.slice(this.#inboxAt);
      this.#inboxAt = 0;
    }
    if (item.kind === 'end') this.#end(item.ending);
    else this.#received(item.bytes);
    return true;
  }

  #received(bytes: Buffer): void {
    const { receives, limits } = this.#options;
    this.other?.taken(bytes.length);
    if (bytes.length > limits.rpcMessageBytesMax)
      return this.close({ reason: 'invalid', why: oversizedWhy(receives.name, bytes.length, limits) });
    const decoded = receives.decode(bytes);
    if (decoded.ok) this.#take?.(decoded.value);
    else this.close({ reason: 'invalid', why: decoded.why });
  }

  #cut(ending: Ending): void {
    this.#end(ending);
    this.other?.break();
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#dropInbox();
    if (this.#closed !== undefined) this.#tellClosed();
  }

  #dropInbox(): void {
    const dropped = this.#inbox.slice(this.#inboxAt);
    this.#inbox = [];
    this.#inboxAt = 0;
    for (const item of dropped) if (item.kind === 'message') this.other?.taken(item.bytes.length);
  }

  #tellClosed(): void {
    this.#options.clock.after(0, () => {
      const closed = this.#closed;
      const ending = this.#ending;
      this.#closed = undefined;
      if (closed !== undefined && ending !== undefined) closed(ending);
    });
  }
}
