/**
 * Streams between simulated nodes on a simulated clock: ordered, late, bounded, and broken as TCP breaks. A cut link loses nothing for a
 * while (TCP sends again); when it stays cut for the keepalive's time, both ends hear that the stream is broken. A process that dies
 * resets its streams; a machine that loses power says nothing. Messages go through the codecs, so nobody shares an object.
 */
import { assert } from '@odradek/base';
import type { Clock, Limits, Listening } from '@odradek/base';
import { targetName } from '../core/endings.ts';
import { helloHeaders } from '../core/handshake.ts';
import type { Service } from '../core/service.ts';
import type { Dialled, Ending, Identity, Stream, StreamClient, StreamServer, Target } from '../ports.ts';
import { Direction, SimEnd } from './sim-end.ts';
import type { Item, Served, World } from './sim-end.ts';

export type SimStreamsOptions = {
  readonly clock: Clock;
  readonly limits: Limits;
  /** One way of one message, milliseconds; drawn for each. */
  readonly delayMs: () => number;
};

type AnyEnd = SimEnd<unknown, unknown>;
/** The two ends of a stream, of the nodes `dialler` and `listener`. */
type Pair = { readonly dialler: SimNode; readonly listener: SimNode; readonly ends: readonly [AnyEnd, AnyEnd] };

export type SimNodeOptions = {
  /** Instead of those of the simulation. */
  readonly limits?: Limits;
  /** The clock of this process, by which it waits and hears; left out: that of the simulation. */
  readonly clock?: Clock;
  readonly onRefused?: (why: string) => void;
};

const FIRST_FREE_PORT = 40_000;

export class SimStreams {
  readonly options: SimStreamsOptions;
  readonly #nodes = new Set<SimNode>();
  readonly #pairs = new Set<Pair>();
  /** `from>to` of links on which nothing travels. */
  readonly #cuts = new Set<string>();
  nextPort = FIRST_FREE_PORT;

  constructor(options: SimStreamsOptions) {
    this.options = options;
  }

  /** A process starts. Two with one id may run at a time, as in real life.
   * @param host the name under which others dial it */
  node(self: Identity, host: string, options: SimNodeOptions = {}): SimNode {
    for (const each of this.#nodes) if (each.isDead && each.host === host) this.#nodes.delete(each);
    const node = new SimNode(this, self, host, options);
    this.#nodes.add(node);
    return node;
  }

  /** From now on nothing travels from one node to the other. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
    for (const pair of this.#pairsOf(from, to)) for (const end of pair.ends) end.linkCut();
  }

  heal(from: number, to: number): void {
    this.#cuts.delete(`${from}>${to}`);
    for (const pair of this.#pairsOf(from, to)) this.#healed(pair);
  }

  /** A process stands still: it hears nothing and says nothing, not even to the keepalive of its peers. */
  hold(node: SimNode): void {
    node.isHeld = true;
    for (const pair of this.#pairs)
      if (pair.dialler === node || pair.listener === node) for (const end of pair.ends) end.linkCut();
  }

  release(node: SimNode): void {
    node.isHeld = false;
    for (const pair of this.#pairs) if (pair.dialler === node || pair.listener === node) this.#healed(pair);
  }

  #healed(pair: Pair): void {
    if (this.#isSilent(pair)) return;
    for (const end of pair.ends) end.linkHealed();
  }

  #isSilent({ dialler, listener }: Pair): boolean {
    const [a, b] = [dialler.self.nodeId, listener.self.nodeId];
    return dialler.isHeld || listener.isHeld || this.isCut(a, b) || this.isCut(b, a);
  }

  healAll(): void {
    for (const link of this.#cuts) {
      const [from = 0, to = 0] = link.split('>').map(Number);
      this.heal(from, to);
    }
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Every stream between the two is reset, as by a firewall: both ends hear it, what was under way is gone. */
  reset(a: number, b: number): void {
    for (const pair of this.#pairsOf(a, b)) for (const end of pair.ends) end.reset();
  }

  /** How many streams there are, dials under way included. */
  get streamCount(): number {
    return this.#pairs.size;
  }

  find(host: string, port: number): { readonly node: SimNode; readonly isListening: boolean } | undefined {
    let found: SimNode | undefined;
    for (const node of this.#nodes) {
      if (node.host !== host) continue;
      if (node.isListening(port)) return { node, isListening: true };
      found = node;
    }
    return found === undefined ? undefined : { node: found, isListening: false };
  }

  dial(
    dialler: SimNode,
    service: Service<unknown, unknown>,
    target: Target,
  ): Promise<Dialled<Stream<unknown, unknown>>> {
    const { promise, resolve } = Promise.withResolvers<Dialled<Stream<unknown, unknown>>>();
    const { limits, clock } = dialler;
    const found = this.find(target.host, target.port);
    if (found === undefined) {
      const why = `${targetName(target)} cannot be reached: the name ${target.host} is not known`;
      clock.after(0, () => resolve({ ok: false, ending: { kind: 'unreachable', by: 'network', why } }));
      return promise;
    }
    const pair = this.#pair(dialler, found.node, service, target);
    const [near, far] = pair.ends;
    far.onHello = (headers) => {
      const served = servedBy(found.node, target, service);
      if (served.ok) far.welcome(served.value, headers, found.node.onRefused);
      else far.refuse(served.ending);
    };
    near.onAnswered = (dialled) => {
      late.cancel();
      resolve(dialled);
    };
    const late = clock.after(limits.rpcDialMs, () => {
      const why = `${targetName(target)} has not answered within ${limits.rpcDialMs} ms`;
      near.giveUp({ kind: 'unreachable', by: 'network', why });
    });
    near.put({ kind: 'hello', headers: helloHeaders(dialler.self, service.versions, target) });
    return promise;
  }

  #pair(dialler: SimNode, listener: SimNode, service: Service<unknown, unknown>, target: Target): Pair {
    const { clock, delayMs } = this.options;
    const isCut = (from: SimNode, to: SimNode) => () => to.isHeld || this.isCut(from.self.nodeId, to.self.nodeId);
    const there = new Direction(clock, delayMs, isCut(dialler, listener));
    const back = new Direction(clock, delayMs, isCut(listener, dialler));
    const worldOf = (node: SimNode): World => ({ clock: node.clock, limits: node.limits, delayMs });
    const port = this.nextPort++;
    const near: AnyEnd = new SimEnd(worldOf(dialler), {
      self: dialler.self,
      out: there,
      sends: service.asked,
      receives: service.told,
      address: `${target.host}:${target.port}`,
      want: { versions: service.versions, target },
    });
    const far: AnyEnd = new SimEnd(worldOf(listener), {
      self: listener.self,
      out: back,
      sends: service.told,
      receives: service.asked,
      address: `${dialler.host}:${port}`,
      want: null,
    });
    there.arrive = (item: Item) => far.arrived(item);
    back.arrive = (item: Item) => near.arrived(item);
    near.other = far;
    far.other = near;
    const pair: Pair = { dialler, listener, ends: [near, far] };
    this.#pairs.add(pair);
    dialler.ends.add(near);
    listener.ends.add(far);
    const gone = (node: SimNode, end: AnyEnd) => (): void => {
      node.ends.delete(end);
      if (near.isOver && far.isOver) this.#pairs.delete(pair);
    };
    // Each for itself: who is killed after the other must not hear what is still under way.
    near.onOver = gone(dialler, near);
    far.onOver = gone(listener, far);
    if (listener.isOff) far.silenced();
    if (this.#isSilent(pair)) for (const end of pair.ends) end.linkCut();
    return pair;
  }

  #pairsOf(a: number, b: number): Pair[] {
    return [...this.#pairs].filter(({ dialler, listener }) => {
      const [from, to] = [dialler.self.nodeId, listener.self.nodeId];
      return (from === a && to === b) || (from === b && to === a);
    });
  }
}

type Answered = { readonly ok: true; readonly value: Served } | { readonly ok: false; readonly ending: Ending };

function servedBy(node: SimNode, target: Target, { name, path }: Service<unknown, unknown>): Answered {
  if (!node.isListening(target.port)) {
    const why = `${targetName(target)} cannot be reached: connection refused`;
    return { ok: false, ending: { kind: 'unreachable', by: 'network', why, isAbsent: true } };
  }
  const served = node.servedAt(path);
  if (served !== undefined) return { ok: true, value: served };
  const why = `${targetName(target)} does not serve ${name}`;
  return { ok: false, ending: { kind: 'refused', by: 'peer', why } };
}

/** One simulated process: its doors to the others. */
export class SimNode {
  readonly self: Identity;
  readonly host: string;
  readonly server: StreamServer;
  readonly client: StreamClient;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Set by `SimStreams.hold` and `release`. */
  isHeld = false;
  readonly onRefused: (why: string) => void;
  readonly ends = new Set<AnyEnd>();
  readonly #ports = new Set<number>();
  readonly #served = new Map<string, Served>();
  #isDead = false;
  #isOff = false;
  #isClosed = false;

  constructor(streams: SimStreams, self: Identity, host: string, options: SimNodeOptions) {
    this.self = self;
    this.host = host;
    this.limits = options.limits ?? streams.options.limits;
    this.clock = options.clock ?? streams.options.clock;
    this.onRefused = options.onRefused ?? (() => {});
    this.server = {
      serve: (service, handler) => void this.#served.set(service.path, { service, handler } as unknown as Served),
      listen: (_host, port) => this.#listen(streams, port),
      close: () => this.#close(`node ${self.nodeId} stops`),
    };
    this.client = {
      dial: <A, T>(service: Service<A, T>, target: Target) => {
        if (this.#isClosed || this.#isDead) {
          const ending: Ending = { kind: 'closed', by: 'us', why: 'this node stops' };
          return Promise.resolve<Dialled<Stream<A, T>>>({ ok: false, ending });
        }
        const dialled = streams.dial(this, service as unknown as Service<unknown, unknown>, target);
        return dialled as Promise<Dialled<Stream<A, T>>>;
      },
      close: () => {
        this.#isClosed = true;
        for (const end of this.ends) if (end.isDialler) end.close();
      },
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isOff(): boolean {
    return this.#isOff;
  }

  isListening(port: number): boolean {
    return this.#ports.has(port);
  }

  servedAt(path: string): Served | undefined {
    return this.#served.get(path);
  }

  /** kill -9: nothing of this process runs any more, its peers hear a reset. */
  kill(): void {
    this.#die((end) => end.killed());
  }

  /** The machine is off: its peers hear nothing, and find out by themselves. */
  powerOff(): void {
    this.#isOff = true;
    this.#die((end) => end.silenced());
  }

  #die(each: (end: AnyEnd) => void): void {
    this.#isDead = true;
    this.#ports.clear();
    for (const end of this.ends) each(end);
  }

  #listen(streams: SimStreams, port: number): Promise<Listening> {
    assert(!this.#isDead, 'the dead do not listen');
    const taken = port === 0 ? streams.nextPort++ : port;
    if (streams.find(this.host, taken)?.isListening === true) {
      const busy = Object.assign(new Error(`listen EADDRINUSE: ${this.host}:${taken}`), { code: 'EADDRINUSE' });
      return Promise.reject(busy);
    }
    this.#ports.add(taken);
    const close = (): Promise<void> => {
      this.#ports.delete(taken);
      return Promise.resolve();
    };
    return Promise.resolve({ host: this.host, port: taken, close });
  }

  #close(why: string): Promise<void> {
    this.#ports.clear();
    for (const end of this.ends) if (!end.isDialler) end.close({ reason: 'closed', why });
    return Promise.resolve();
  }
}
