/**
 * TCP in memory behind the `Network` port: listeners by port, byte streams in order, backpressure, resets. Nothing moves by itself: each
 * delivery is handed to `schedule`, so a simulator decides when, and a test runs it in microtasks.
 */
import { assert } from '../assert.ts';
import type { Listening, Network, Socket } from '../ports.ts';

export type SimNetworkOptions = {
  /** Runs a delivery soon, never within the call. Default: as a microtask. */
  readonly schedule?: (deliver: () => void) => void;
  /** Bytes that a socket takes before `write` returns false; what the kernel would buffer. Default 64 KiB. */
  readonly bufferBytes?: number;
  /** How many of the `availableBytes` arrive in the next piece, in [1, availableBytes]. Default: all. */
  readonly fragment?: (availableBytes: number) => number;
};

type Accept = (socket: Socket) => void;

const FIRST_FREE_PORT = 40_000;
const DEFAULT_BUFFER_BYTES = 64 * 1024;

export class SimNetwork implements Network {
  readonly #listeners = new Map<number, { readonly host: string; readonly accept: Accept }>();
  readonly #schedule: (deliver: () => void) => void;
  readonly #bufferBytes: number;
  readonly #fragment: (availableBytes: number) => number;
  #nextPort = FIRST_FREE_PORT;

  constructor(options: SimNetworkOptions = {}) {
    this.#schedule = options.schedule ?? ((deliver) => queueMicrotask(deliver));
    this.#bufferBytes = options.bufferBytes ?? DEFAULT_BUFFER_BYTES;
    this.#fragment = options.fragment ?? ((availableBytes) => availableBytes);
  }

  listen(host: string, port: number, accept: Accept): Promise<Listening> {
    const taken = port === 0 ? this.#nextPort++ : port;
    if (this.#listeners.has(taken)) {
      const busy = Object.assign(new Error(`listen EADDRINUSE: ${host}:${taken}`), { code: 'EADDRINUSE' });
      return Promise.reject(busy);
    }
    this.#listeners.set(taken, { host, accept });
    const close = (): Promise<void> => {
      this.#listeners.delete(taken);
      return Promise.resolve();
    };
    return Promise.resolve({ host, port: taken, close });
  }

  connect(host: string, port: number, _deadlineMs: number): Promise<Socket> {
    return Promise.resolve().then(() => this.open({ host, port }));
  }

  /** As `connect`, at once, from an address of the caller's choice. Throws ECONNREFUSED when nobody listens. */
  open(to: { readonly host?: string; readonly port: number; readonly from?: string }): SimSocket {
    const host = to.host ?? '127.0.0.1';
    const listener = this.#listeners.get(to.port);
    if (listener === undefined) {
      throw Object.assign(new Error(`connect ECONNREFUSED ${host}:${to.port}`), { code: 'ECONNREFUSED' });
    }
    const world = { schedule: this.#schedule, bufferBytes: this.#bufferBytes, fragment: this.#fragment };
    const local = { address: to.from ?? '127.0.0.1', port: this.#nextPort++ };
    const [near, far] = pair(world, local, { address: host, port: to.port });
    this.#schedule(() => listener.accept(far));
    return near;
  }
}

type Address = { readonly address: string; readonly port: number };
type World = {
  readonly schedule: (deliver: () => void) => void;
  readonly bufferBytes: number;
  readonly fragment: (availableBytes: number) => number;
};

function pair(world: World, near: Address, far: Address): [SimSocket, SimSocket] {
  const a = new SimSocket(world, near, far);
  const b = new SimSocket(world, far, near);
  a.join(b);
  b.join(a);
  return [a, b];
}

/** One end of a stream. What is written waits here until the peer reads it. */
export class SimSocket implements Socket {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #world: World;
  #peer: SimSocket | undefined;
  #outgoing: Buffer[] = [];
  #outgoingBytes = 0;
  #full = false;
  #ending = false;
  #closed = false;
  #paused = false;
  #delivering = false;
  #cause: Error | undefined;
  #take: ((bytes: Buffer) => void) | undefined;
  #drained: (() => void) | undefined;
  #onClose: ((cause?: Error) => void) | undefined;

  constructor(world: World, local: Address, remote: Address) {
    this.#world = world;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
  }

  join(peer: SimSocket): void {
    this.#peer = peer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#closed || this.#ending) return false;
    for (const chunk of chunks) {
      // The kernel copies; so does this, so that a chunk reused too early shows as nothing worse than in reality.
      this.#outgoing.push(Buffer.from(chunk));
      this.#outgoingBytes += chunk.length;
    }
    if (this.#outgoingBytes > this.#world.bufferBytes) this.#full = true;
    this.#deliverSoon();
    return !this.#full;
  }

  queuedBytes(): number {
    return this.#outgoingBytes;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#peer?.deliverSoon();
  }

  end(): void {
    this.#ending = true;
    this.#deliverSoon();
  }

  destroy(): void {
    this.#shut(undefined);
    const peer = this.#peer;
    this.#world.schedule(() => peer?.hangUp(undefined));
  }

  /** The peer sees a reset instead of an end. */
  reset(): void {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    this.#shut(undefined);
    const peer = this.#peer;
    this.#world.schedule(() => peer?.hangUp(reset));
  }

  onData(take: (bytes: Buffer) => void): void {
    this.#take = take;
    this.#peer?.deliverSoon();
  }

  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  onClose(closed: (cause?: Error) => void): void {
    this.#onClose = closed;
    if (this.#closed) closed(this.#cause);
  }

  deliverSoon(): void {
    this.#deliverSoon();
  }

  /** The other side is gone. */
  hangUp(cause: Error | undefined): void {
    this.#shut(cause);
  }

  #deliverSoon(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    this.#world.schedule(() => {
      this.#delivering = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const peer = this.#peer;
    assert(peer !== undefined, 'a socket has a peer');
    if (this.#closed) return;
    if (this.#outgoingBytes > 0 && peer.#reads()) {
      const count = this.#world.fragment(this.#outgoingBytes);
      assert(count >= 1 && count <= this.#outgoingBytes, 'a piece holds some of what is there', { count });
      peer.#take?.(this.#cut(count));
    }
    if (this.#outgoingBytes > 0) {
      if (peer.#reads()) this.#deliverSoon();
      return;
    }
    if (this.#full) {
      this.#full = false;
      this.#drained?.();
    }
    if (this.#ending && this.#outgoingBytes === 0 && !this.#closed) {
      this.#shut(undefined);
      peer.hangUp(undefined);
    }
  }

  #reads(): boolean {
    return !this.#paused && !this.#closed && this.#take !== undefined;
  }

  #cut(count: number): Buffer {
    const all = this.#outgoing.length === 1 ? this.#outgoing[0] : Buffer.concat(this.#outgoing);
    assert(all !== undefined, 'there is something to cut');
    this.#outgoing = count === all.length ? [] : [all.subarray(count)];
    this.#outgoingBytes -= count;
    return all.subarray(0, count);
  }

  #shut(cause: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cause = cause;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#onClose?.(cause);
  }
}
