/**
 * A stream within one process: a broker and the active controller of the same node speak as if they were apart, so there is one way only.
 * Messages go through the codecs, so nobody shares an object; what is held is counted and bounded as between processes, and nothing is
 * called back within a call.
 */
import type { Clock, Limits } from '@odradek/base';
import { endingOfFarewell, wordlessWhy } from '../core/endings.ts';
import type { Codec } from '../core/schema.ts';
import type { Service } from '../core/service.ts';
import { Closing, Outflow } from '../core/stream-state.ts';
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
  readonly #outflow: Outflow;
  readonly #closing: Closing;
  /** What the other end has sent and this one has not taken. */
  #inbox: Item[] = [];
  #inboxAt = 0;
  #isReading = false;
  #isPaused = false;
  /** Sent by this end and not taken by the other: up to the window it is under way, beyond (lengths) it counts as queued. */
  #windowBytes = 0;
  #queued: number[] = [];
  #take: ((message: Received) => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(options: EndOptions<Sent, Received>) {
    const { clock, limits } = options;
    this.#options = options;
    this.#outflow = new Outflow(limits);
    this.#closing = new Closing((tell) => void clock.after(0, tell));
    this.peer = options.peer;
  }

  send(message: Sent): boolean {
    if (this.isOver) return false;
    const { sends } = this.#options;
    const bytes = sends.encode(message);
    const ending = this.#outflow.admit(sends.name, bytes.length, this.peer);
    if (ending !== undefined) {
      if (ending.kind === 'invalid') this.close({ reason: 'invalid', why: ending.why });
      else this.#cut(ending);
      return false;
    }
    this.#queued.push(bytes.length);
    this.other?.arrive({ kind: 'message', bytes });
    this.#letGo();
    return this.#outflow.hasRoom();
  }

  queuedBytes(): number {
    return this.#outflow.queuedBytes;
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
    this.#closing.onClosed(closed);
  }

  close(farewell: Farewell = CLOSED): void {
    if (this.isOver) return;
    const { reason, why } = farewell;
    const { other } = this;
    const { clock, limits } = this.#options;
    this.#end({ kind: reason, by: 'us', why });
    other?.arrive({ kind: 'end', ending: endingOfFarewell(farewell), isOrderly: true });
    // What the other does not take in time is gone.
    if (other?.isOver === false) clock.after(limits.rpcCloseMs, () => other.break());
  }

  destroy(why: string): void {
    if (this.isOver) this.other?.break();
    else this.#cut({ kind: 'broken', by: 'us', why });
  }

  get isOver(): boolean {
    return this.#closing.ending !== undefined;
  }

  arrive(item: Item): void {
    if (!this.isOver) {
      this.#inbox.push(item);
      this.#read();
    } else if (item.kind === 'message') this.other?.taken(item.bytes.length);
  }

  /** The other end is gone without a word. */
  break(): void {
    if (this.isOver) return;
    this.#dropInbox();
    this.arrive({
      kind: 'end',
      ending: { kind: 'broken', by: 'network', why: wordlessWhy(this.peer) },
      isOrderly: false,
    });
  }

  /** The other end has taken so many bytes. */
  taken(lengthBytes: number): void {
    this.#windowBytes -= lengthBytes;
    this.#letGo();
  }

  #letGo(): void {
    const { clock, limits } = this.#options;
    let goesOn = false;
    while (this.#windowBytes < limits.rpcWindowBytes) {
      const lengthBytes = this.#queued.shift();
      if (lengthBytes === undefined) break;
      this.#windowBytes += lengthBytes;
      if (this.#outflow.taken(lengthBytes)) goesOn = true;
    }
    if (!goesOn) return;
    clock.after(0, () => {
      if (!this.isOver) this.#drained?.();
    });
  }

  /** In a turn of its own, and not for longer than one. */
  #read(): void {
    if (this.#isReading || !this.#mayRead()) return;
    this.#isReading = true;
    const { clock, limits } = this.#options;
    clock.after(0, () => {
      this.#isReading = false;
      const endMs = clock.monotonicMs() + limits.turnMs;
      while (this.#readOne()) if (clock.monotonicMs() >= endMs) break;
      this.#read();
    });
  }

  /** Like a broken connection, an end without words is heard by who reads nothing, too. */
  #mayRead(): boolean {
    const next = this.#inbox[this.#inboxAt];
    if (next === undefined || this.isOver) return false;
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
    this.other?.taken(bytes.length);
    const decoded = this.#options.receives.decode(bytes);
    if (decoded.ok) this.#take?.(decoded.value);
    else this.close({ reason: 'invalid', why: decoded.why });
  }

  #cut(ending: Ending): void {
    this.#end(ending);
    this.other?.break();
  }

  #end(ending: Ending): void {
    if (this.#closing.end(ending)) this.#dropInbox();
  }

  #dropInbox(): void {
    const dropped = this.#inbox.slice(this.#inboxAt);
    this.#inbox = [];
    this.#inboxAt = 0;
    for (const item of dropped) if (item.kind === 'message') this.other?.taken(item.bytes.length);
  }
}
