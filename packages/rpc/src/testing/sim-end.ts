/** One end of a simulated stream, and the way of its messages to the other. */
import type { Clock, Limits, TimerHandle } from '@odradek/base';
import { endingOfFarewell, oversizedWhy, peerName, targetName } from '../core/endings.ts';
import { judgeHello, judgeWelcome, welcomeHeaders } from '../core/handshake.ts';
import type { Headers } from '../core/handshake.ts';
import type { Codec } from '../core/schema.ts';
import type { Service, VersionRange } from '../core/service.ts';
import { Closing, Outflow } from '../core/stream-state.ts';
import type { Dialled, Ending, Farewell, Identity, Peer, ServiceHandler, Stream, Target } from '../ports.ts';

/** What an end has of its process, and of the network. */
export type World = { readonly clock: Clock; readonly limits: Limits; readonly delayMs: () => number };

export type Item =
  | { readonly kind: 'hello'; readonly headers: Headers }
  | { readonly kind: 'welcome'; readonly headers: Headers }
  | { readonly kind: 'refusal'; readonly ending: Ending }
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'farewell'; readonly farewell: Farewell }
  | { readonly kind: 'reset' };

/** One way of a stream: items arrive in order, each after its delay, none while the link is cut. */
export class Direction {
  arrive: (item: Item) => void = () => {};
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  readonly #isCut: () => boolean;
  #items: Item[] = [];
  /** Of the first items: their delay is over. */
  #dueCount = 0;
  #lastDueMs = 0;
  #generation = 0;
  #isShut = false;

  constructor(clock: Clock, delayMs: () => number, isCut: () => boolean) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#isCut = isCut;
  }

  put(item: Item): void {
    if (this.#isShut) return;
    const clock = this.#clock;
    const nowMs = clock.monotonicMs();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + this.#delayMs());
    this.#items.push(item);
    const generation = this.#generation;
    clock.after(this.#lastDueMs - nowMs, () => {
      if (generation !== this.#generation) return;
      this.#dueCount += 1;
      this.pump();
    });
  }

  /** What is under way is gone, and nothing comes after it: a stream has no gaps. */
  shut(): void {
    this.#isShut = true;
    this.drop();
  }

  /** What is under way is gone. */
  drop(): void {
    this.#items = [];
    this.#dueCount = 0;
    this.#generation += 1;
  }

  pump(): void {
    while (this.#dueCount > 0 && !this.#isCut()) {
      this.#dueCount -= 1;
      const item = this.#items.shift();
      if (item !== undefined) this.arrive(item);
    }
  }
}

export type SimEndOptions = {
  readonly self: Identity;
  readonly out: Direction;
  /** The codecs of the end that listens are those that it serves, once it is asked. */
  readonly sends: Codec<unknown>;
  readonly receives: Codec<unknown>;
  /** Of the other, as this end sees it. */
  readonly address: string;
  /** Of the end that dials. */
  readonly want: { readonly versions: VersionRange; readonly target: Target } | null;
};

export type Served = {
  readonly service: Service<unknown, unknown>;
  readonly handler: ServiceHandler<unknown, unknown>;
};

const CLOSED: Farewell = { reason: 'closed', why: 'it is not needed any more' };

export class SimEnd<Sent, Received> implements Stream<Sent, Received> {
  onHello: (headers: Headers) => void = () => {};
  onAnswered: (dialled: Dialled<Stream<Sent, Received>>) => void = () => {};
  onOver: () => void = () => {};
  other: SimEnd<Received, Sent> | undefined;
  readonly #world: World;
  readonly #options: SimEndOptions;
  #sends: Codec<unknown>;
  #receives: Codec<unknown>;
  #peer: Peer | undefined;
  readonly #closing: Closing;
  #isDead = false;
  #isOff = false;
  #silence: TimerHandle | undefined;
  /** Sent by the program, not yet let go by the window. */
  #waiting: Buffer[] = [];
  readonly #outflow: Outflow;
  /** Let go, and not yet taken by the other program. */
  #windowBytes = 0;
  #last: Farewell | undefined;
  #isPaused = false;
  #inbox: Item[] = [];
  #take: ((message: Received) => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(world: World, options: SimEndOptions) {
    this.#world = world;
    this.#options = options;
    this.#sends = options.sends;
    this.#receives = options.receives;
    this.#outflow = new Outflow(world.limits);
    // The dead hear nothing.
    this.#closing = new Closing((tell) => void world.clock.after(0, () => this.#isDead || tell()));
  }

  get peer(): Peer {
    if (this.#peer === undefined) throw new Error('a stream is opened by both sides before anybody has it');
    return this.#peer;
  }

  get isDialler(): boolean {
    return this.#options.want !== null;
  }

  /** Its machine is. */
  get isOff(): boolean {
    return this.#isOff;
  }

  /** Nothing is under way from here any more, and nobody listens. */
  get isOver(): boolean {
    return this.#isDead || (this.#closing.ending !== undefined && this.#last === undefined);
  }

  send(message: Sent): boolean {
    if (this.#closing.ending !== undefined || this.#isDead) return false;
    const sends = this.#sends;
    const bytes = sends.encode(message);
    const ending = this.#outflow.admit(sends.name, bytes.length, this.peer);
    if (ending !== undefined) {
      if (ending.kind === 'invalid') this.close({ reason: 'invalid', why: ending.why });
      else this.#resetWith(ending);
      return false;
    }
    this.#waiting.push(bytes);
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
    this.#world.clock.after(0, () => this.#read());
  }

  onMessage(take: (message: Received) => void): void {
    this.#take = take;
    this.#world.clock.after(0, () => this.#read());
  }

  onDrain(drained: () => void): void {
    this.#drained = drained;
  }

  onClosed(closed: (ending: Ending) => void): void {
    this.#closing.onClosed(closed);
  }

  close(farewell: Farewell = CLOSED): void {
    if (this.#closing.ending !== undefined || this.#isDead) return;
    const { reason, why } = farewell;
    if (this.#peer === undefined) return this.giveUp({ kind: 'closed', by: 'us', why: 'this node stops' });
    this.#last = farewell;
    this.#end({ kind: reason, by: 'us', why });
    this.#letGo();
    // What the other does not take in time is gone.
    if (this.#last !== undefined)
      this.#world.clock.after(this.#world.limits.rpcCloseMs, () => {
        if (this.#last !== undefined) this.#abandon();
      });
  }

  destroy(why: string): void {
    this.#resetWith({ kind: 'broken', by: 'us', why });
  }

  put(item: Item): void {
    this.#options.out.put(item);
  }

  /** Of a dial: it came to nothing. */
  giveUp(ending: Ending): void {
    if (this.#peer !== undefined || this.#closing.ending !== undefined || this.#isDead) return;
    this.put({ kind: 'reset' });
    this.#end(ending);
    this.onAnswered({ ok: false, ending });
  }

  /** Of the end that listens: the dial ends so. */
  refuse(ending: Ending): void {
    this.put({ kind: 'refusal', ending });
    this.#end(ending);
  }

  /** Of the end that listens: judges who dials, and opens the stream. */
  welcome(served: Served, headers: Headers, onRefused: (why: string) => void): void {
    const { service, handler } = served;
    const { self, address } = this.#options;
    const refuse = (why: string): void => {
      onRefused(why);
      this.refuse({ kind: 'refused', by: 'peer', why });
    };
    const judged = judgeHello(self, service, headers);
    if (!judged.ok) return refuse(judged.why);
    const peer: Peer = { ...judged.value.from, version: judged.value.version, address };
    const refusal = handler.admit?.(peer);
    if (refusal !== undefined) return refuse(refusal);
    this.#peer = peer;
    this.#sends = service.told;
    this.#receives = service.asked;
    this.put({ kind: 'welcome', headers: welcomeHeaders(self, peer.version) });
    handler.opened(this as unknown as Stream<unknown, unknown>);
  }

  arrived(item: Item): void {
    if (this.#isDead || this.#closing.ending !== undefined) return;
    switch (item.kind) {
      case 'hello':
        return this.onHello(item.headers);
      case 'welcome':
        return this.#welcomed(item.headers);
      case 'refusal':
        this.#end(item.ending);
        return this.onAnswered({ ok: false, ending: item.ending });
      case 'message':
      case 'farewell':
        this.#inbox.push(item);
        return this.#read();
      case 'reset':
        return this.#broken('it was reset');
      default:
        return item satisfies never;
    }
  }

  /** Bytes of this end have been taken by the other program. */
  taken(count: number): void {
    this.#windowBytes -= count;
    this.#letGo();
  }

  linkCut(): void {
    const { clock, limits } = this.#world;
    if (this.#isDead) return;
    this.#silence ??= clock.after(limits.rpcKeepaliveMs + limits.rpcKeepaliveTimeoutMs, () => {
      // The other side may have heard all the time, or measure time otherwise: it is told as soon as anything gets through.
      this.put({ kind: 'reset' });
      this.#broken('it was not heard for the time of the keepalive');
    });
  }

  linkHealed(): void {
    if (this.other?.isOff !== true) {
      this.#silence?.cancel();
      this.#silence = undefined;
    }
    this.#options.out.pump();
  }

  /** As by a firewall between the two. */
  reset(): void {
    this.#options.out.shut();
    const { clock, delayMs } = this.#world;
    clock.after(delayMs(), () => this.#broken('it was reset'));
  }

  killed(): void {
    if (this.#closing.ending === undefined || this.#last !== undefined) this.put({ kind: 'reset' });
    this.#die();
  }

  silenced(): void {
    this.#isOff = true;
    this.#options.out.drop();
    this.#die();
    this.other?.linkCut();
  }

  #die(): void {
    this.#isDead = true;
    this.#silence?.cancel();
    this.#dropWaiting();
    this.#inbox = [];
    this.onOver();
  }

  #welcomed(headers: Headers): void {
    const { self, want, address } = this.#options;
    if (want === null || this.#peer !== undefined) return;
    const judged = judgeWelcome(self, want, headers);
    if (!judged.ok) return this.giveUp({ kind: 'refused', by: 'us', why: judged.why });
    this.#peer = { ...judged.value.from, version: judged.value.version, address };
    this.onAnswered({ ok: true, stream: this });
  }

  #letGo(): void {
    const { limits } = this.#world;
    let mayGoOn = false;
    while (this.#waiting.length > 0 && this.#windowBytes < limits.rpcWindowBytes) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) break;
      mayGoOn = this.#outflow.taken(bytes.length) || mayGoOn;
      this.#windowBytes += bytes.length;
      this.put({ kind: 'message', bytes });
    }
    if (this.#last !== undefined && this.#waiting.length === 0) {
      this.put({ kind: 'farewell', farewell: this.#last });
      this.#last = undefined;
      this.onOver();
    }
    if (!mayGoOn) return;
    // Never within a call of the program's own.
    this.#world.clock.after(0, () => {
      if (this.#closing.ending === undefined && !this.#isDead) this.#drained?.();
    });
  }

  #read(): void {
    while (this.#take !== undefined && !this.#isPaused && this.#closing.ending === undefined && !this.#isDead) {
      const item = this.#inbox.shift();
      if (item === undefined) return;
      if (item.kind === 'farewell') return this.#end(endingOfFarewell(item.farewell));
      if (item.kind !== 'message') continue;
      this.other?.taken(item.bytes.length);
      const receives = this.#receives;
      const { limits } = this.#world;
      const isLong = item.bytes.length > limits.rpcMessageBytesMax;
      const decoded = isLong ? undefined : receives.decode(item.bytes);
      if (decoded?.ok === true) this.#take(decoded.value as Received);
      else {
        const why = decoded?.why ?? oversizedWhy(receives.name, item.bytes.length, limits);
        this.close({ reason: 'invalid', why });
      }
    }
  }

  #resetWith(ending: Ending): void {
    if (this.#closing.ending !== undefined || this.#isDead) return;
    this.#abandon();
    this.#end(ending);
  }

  #abandon(): void {
    this.#dropWaiting();
    this.#last = undefined;
    this.put({ kind: 'reset' });
    this.onOver();
  }

  #broken(how: string): void {
    if (this.#closing.ending !== undefined || this.#isDead) return;
    const { want } = this.#options;
    if (this.#peer === undefined) {
      const who = want === null ? this.#options.address : targetName(want.target);
      const ending: Ending = { kind: 'unreachable', by: 'network', why: `${who} cannot be reached: ${how}` };
      this.#end(ending);
      return this.onAnswered({ ok: false, ending });
    }
    this.#end({ kind: 'broken', by: 'network', why: `the stream to ${peerName(this.#peer)} broke: ${how}` });
  }

  #end(ending: Ending): void {
    if (!this.#closing.end(ending)) return;
    this.#silence?.cancel();
    this.#inbox = [];
    if (this.#last !== undefined) return;
    this.#dropWaiting();
    this.onOver();
  }

  #dropWaiting(): void {
    this.#waiting = [];
    this.#outflow.drop();
  }
}
