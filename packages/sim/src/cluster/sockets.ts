/**
 * TCP between hosts of the simulated world: byte streams in order, each piece late, none while the link is cut (TCP sends again once it is
 * healed). A process that dies resets its connections; a machine that loses power says nothing. What a process hears passes its gate.
 */
import { assert } from '@odradek/base';
import type { Listening, Network, Socket } from '@odradek/base';
import type { Gate } from '../nodes/process.ts';
import type { Scheduler } from '../scheduler.ts';

/** Who has sockets: a process, or a client, whose gate is never shut. */
export type Owner = { readonly host: string; readonly gate: Gate };

type Accept = (socket: Socket) => void;
type Listener = { readonly owner: Owner; readonly accept: Accept };
type Item = { readonly kind: 'data'; readonly bytes: Buffer } | { readonly kind: 'end' } | { readonly kind: 'reset' };

export type SocketsOptions = {
  readonly scheduler: Scheduler;
  /** One way of one piece, milliseconds; drawn for each. */
  readonly delayMs: () => number;
  /** Bytes that are under way before `write` says that the peer reads too slowly. */
  readonly bufferBytes: number;
};

const FIRST_FREE_PORT = 50_000;

export class Sockets {
  readonly options: SocketsOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #ends = new Set<End>();
  readonly #stuck = new Set<End>();
  /** `from>to` of hosts between which nothing travels that way. */
  readonly #cuts = new Set<string>();
  #nextPort = FIRST_FREE_PORT;

  constructor(options: SocketsOptions) {
    this.options = options;
  }

  networkOf(owner: Owner): Network {
    return {
      listen: (host, port, accept) => this.#listen(owner, { host, port, accept }),
      connect: (host, port, deadlineMs) => this.#connect(owner, { host, port, deadlineMs }),
    };
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  healAll(): void {
    this.#cuts.clear();
    const stuck = [...this.#stuck];
    this.#stuck.clear();
    for (const end of stuck) end.pump();
  }

  /** Something of it waits until the link is healed. */
  waits(end: End): void {
    this.#stuck.add(end);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Connections between the hosts are reset, as by a firewall. */
  reset(a: string, b: string): void {
    for (const end of Array.from(this.#ends)) {
      const [from, to] = [end.owner.host, end.other?.owner.host];
      if ((from === a && to === b) || (from === b && to === a)) end.broken();
    }
  }

  /** The process is gone: its peers hear a reset, or after a power loss nothing. */
  end(owner: Owner, how: 'kill' | 'power'): void {
    for (const [key, listener] of this.#listeners) if (listener.owner === owner) this.#listeners.delete(key);
    for (const end of Array.from(this.#ends)) {
      if (end.owner !== owner) continue;
      if (how === 'kill') end.put({ kind: 'reset' });
      end.forget();
      this.#ends.delete(end);
    }
  }

  closed(end: End): void {
    this.#ends.delete(end);
  }

  #listen(owner: Owner, { host, port, accept }: { host: string; port: number; accept: Accept }): Promise<Listening> {
    const taken = port === 0 ? (this.#nextPort += 1) : port;
    const key = `${owner.host}:${taken}`;
    if (this.#listeners.has(key))
      return Promise.reject(Object.assign(new Error(`listen EADDRINUSE: ${key}`), { code: 'EADDRINUSE' }));
    this.#listeners.set(key, { owner, accept });
    const close = (): Promise<void> => {
      this.#listeners.delete(key);
      return Promise.resolve();
    };
    return Promise.resolve({ host, port: taken, close });
  }

  /** The kernel of a process that stands still accepts for it. */
  #connect(owner: Owner, to: { host: string; port: number; deadlineMs: number }): Promise<Socket> {
    const { scheduler, delayMs } = this.options;
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const fails = (afterMs: number, code: string): void =>
      scheduler.after(afterMs, () =>
        owner.gate.pass(() => reject(Object.assign(new Error(`connect ${code} ${to.host}:${to.port}`), { code }))),
      );
    scheduler.after(delayMs(), () => {
      const listener = this.#listeners.get(`${to.host}:${to.port}`);
      if (this.isCut(owner.host, to.host) || this.isCut(to.host, owner.host)) return fails(to.deadlineMs, 'ETIMEDOUT');
      if (listener === undefined) return fails(delayMs(), 'ECONNREFUSED');
      const near = new End(this, owner, { address: owner.host, port: (this.#nextPort += 1) });
      const far = new End(this, listener.owner, { address: to.host, port: to.port });
      near.join(far);
      far.join(near);
      this.#ends.add(near).add(far);
      listener.owner.gate.pass(() => listener.accept(far));
      scheduler.after(delayMs(), () => owner.gate.pass(() => resolve(near)));
    });
    return promise;
  }
}

type Place = { readonly address: string; readonly port: number };

/** One end of a connection; what is under way to the other is with this one. */
class End implements Socket {
  readonly owner: Owner;
  readonly localAddress: string;
  readonly localPort: number;
  other: End | undefined;
  readonly #sockets: Sockets;
  /** Sent, in order; the first `#dueCount` would have arrived. */
  #under: Item[] = [];
  #dueCount = 0;
  #lastDueMs = 0;
  /** Written and not yet taken by the peer's program. */
  #queuedBytes = 0;
  #isFull = false;
  #isEnding = false;
  #isClosed = false;
  #isPaused = false;
  /** Arrived while nobody took it. */
  #inbox: Buffer[] = [];
  #hasEnded = false;
  #cause: Error | undefined;
  #take: ((bytes: Buffer) => void) | undefined;
  #drained: (() => void) | undefined;
  #onClose: ((cause?: Error) => void) | undefined;

  constructor(sockets: Sockets, owner: Owner, local: Place) {
    this.#sockets = sockets;
    this.owner = owner;
    this.localAddress = local.address;
    this.localPort = local.port;
  }

  join(other: End): void {
    this.other = other;
  }

  get remoteAddress(): string {
    return this.other?.localAddress ?? '';
  }

  get remotePort(): number {
    return this.other?.localPort ?? 0;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed || this.#isEnding) return false;
    const bytes = Buffer.concat(chunks);
    this.#queuedBytes += bytes.length;
    this.put({ kind: 'data', bytes });
    this.#isFull ||= this.#queuedBytes > this.#sockets.options.bufferBytes;
    return !this.#isFull;
  }

  queuedBytes(): number {
    return this.#queuedBytes;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#sockets.options.scheduler.after(0, () => this.owner.gate.pass(() => this.#read()));
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.put({ kind: 'end' });
    this.#sockets.options.scheduler.after(0, () => this.owner.gate.pass(() => this.#close(undefined)));
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.put({ kind: 'reset' });
    this.#close(undefined);
  }

  onData(take: (bytes: Buffer) => void): void {
    this.#take = take;
    this.#sockets.options.scheduler.after(0, () => this.owner.gate.pass(() => this.#read()));
  }

  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  onClose(closed: (cause?: Error) => void): void {
    this.#onClose = closed;
    if (this.#isClosed) closed(this.#cause);
  }

  put(item: Item): void {
    const { scheduler, delayMs } = this.#sockets.options;
    this.#lastDueMs = Math.max(this.#lastDueMs, scheduler.nowMs + delayMs());
    this.#under.push(item);
    scheduler.at(this.#lastDueMs, () => {
      this.#dueCount += 1;
      this.pump();
    });
  }

  pump(): void {
    const { other } = this;
    assert(other !== undefined, 'a connection has two ends');
    while (this.#dueCount > 0 && this.#under.length > 0) {
      if (this.#sockets.isCut(this.owner.host, other.owner.host)) return this.#sockets.waits(this);
      this.#dueCount -= 1;
      const item = this.#under.shift();
      if (item !== undefined) other.owner.gate.pass(() => other.#arrived(item));
    }
  }

  /** Both ends hear of it, what was under way is gone. */
  broken(): void {
    this.#under = [];
    this.#dueCount = 0;
    this.#sockets.options.scheduler.after(0, () => this.owner.gate.pass(() => this.#close(resetError())));
  }

  /** Its process is gone and hears nothing more. */
  forget(): void {
    this.#isClosed = true;
    this.#take = undefined;
    this.#onClose = undefined;
    this.#drained = undefined;
  }

  #arrived(item: Item): void {
    if (this.#isClosed) return;
    if (item.kind === 'reset') return this.#close(resetError());
    if (item.kind === 'end') this.#hasEnded = true;
    else this.#inbox.push(item.bytes);
    this.#read();
  }

  #read(): void {
    while (!this.#isPaused && !this.#isClosed && this.#take !== undefined) {
      const bytes = this.#inbox.shift();
      if (bytes === undefined) break;
      this.other?.taken(bytes.length);
      this.#take(bytes);
    }
    if (this.#hasEnded && this.#inbox.length === 0) this.#close(undefined);
  }

  /** The peer's program has them. */
  taken(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (!this.#isFull || this.#queuedBytes > 0) return;
    this.#isFull = false;
    this.#sockets.options.scheduler.after(0, () => this.owner.gate.pass(() => this.#drained?.()));
  }

  #close(cause: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cause = cause;
    this.#inbox = [];
    this.#queuedBytes = 0;
    this.#sockets.closed(this);
    this.#onClose?.(cause);
  }
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}
