/**
 * Streams between replicas on a clock that a test moves. What is said to one peer arrives in order, late by chance, until the stream breaks
 * or the peers are cut off from each other; it can also get lost, for whoever does not trust streams.
 */
import type { Clock, Random } from '@odradek/base';
import type { Message, ReplicaKey } from '../core/messages.ts';
import type { RaftReceiver, RaftTransport } from '../ports.ts';

export type NetOptions = {
  /** The longest that a message is under way. */
  readonly delayMs: number;
  readonly lostPerMille: number;
  /** Messages under way to one peer; further ones are dropped. */
  readonly queuedMax: number;
};

type End = { readonly key: ReplicaKey; readonly receiver: RaftReceiver };
type Link = { isCut: boolean; generation: number; lastAtMs: number; queued: number };

export class SimNet {
  readonly #clock: Clock;
  readonly #random: Random;
  options: NetOptions;
  readonly #ends = new Map<number, End>();
  readonly #links = new Map<string, Link>();
  droppedCount = 0;
  /** Hears every message that arrives. */
  onArrival: ((from: number, to: number, message: Message) => void) | undefined;

  constructor(clock: Clock, random: Random, options: Partial<NetOptions> = {}) {
    this.#clock = clock;
    this.#random = random;
    this.options = { delayMs: 2, lostPerMille: 0, queuedMax: 1_000, ...options };
  }

  transport(key: ReplicaKey): RaftTransport {
    let end: End | undefined;
    return {
      start: (receiver) => {
        end = { key, receiver };
        this.#ends.set(key.id, end);
        for (const id of this.#ends.keys()) if (id !== key.id) this.#connect(key.id, id);
      },
      send: (to, message) => {
        if (end !== undefined && this.#ends.get(key.id) === end) this.#send(end, to, message);
      },
      close: () => {
        if (end !== undefined && this.#ends.get(key.id) === end) this.gone(key.id);
        return Promise.resolve();
      },
    };
  }

  /** The node's process has ended. */
  gone(id: number): void {
    this.#ends.delete(id);
    for (const other of this.#ends.keys()) this.#break(id, other);
  }

  /** Nothing passes between the two, and neither is told: a network that swallows. */
  cut(a: number, b: number): void {
    for (const link of [this.#link(a, b), this.#link(b, a)]) link.isCut = true;
  }

  isolate(id: number): void {
    for (const other of this.#ends.keys()) if (other !== id) this.cut(id, other);
  }

  /** The streams between the two break, and are dialled again. */
  breakStreams(a: number, b: number): void {
    this.#break(a, b);
    this.#connect(a, b);
  }

  /** Everybody reaches everybody; streams that were cut are new ones. */
  heal(): void {
    for (const [name, link] of this.#links) {
      if (!link.isCut) continue;
      const [a = 0, b = 0] = name.split('>').map(Number);
      this.#link(a, b).isCut = false;
      this.#link(b, a).isCut = false;
      this.breakStreams(a, b);
    }
  }

  #send(from: End, to: number, message: Message): void {
    const link = this.#link(from.key.id, to);
    const { delayMs, lostPerMille, queuedMax } = this.options;
    if (link.queued >= queuedMax) {
      this.droppedCount += 1;
      return;
    }
    if (link.isCut || this.#random.below(1_000) < lostPerMille) return;
    const { generation } = link;
    const nowMs = this.#clock.monotonicMs();
    link.lastAtMs = Math.max(link.lastAtMs, nowMs + 1 + this.#random.below(delayMs));
    link.queued += 1;
    this.#clock.after(link.lastAtMs - nowMs, () => {
      if (link.generation !== generation) return;
      link.queued -= 1;
      if (link.isCut || this.#ends.get(from.key.id) !== from) return;
      this.onArrival?.(from.key.id, to, message);
      this.#ends.get(to)?.receiver.received(from.key, message);
    });
  }

  #connect(a: number, b: number): void {
    for (const [one, two] of [
      [a, b],
      [b, a],
    ] as const)
      this.#tell(one, two, (receiver) => {
        const peer = this.#ends.get(two);
        if (peer !== undefined && !this.#link(one, two).isCut) receiver.peerConnected(peer.key);
      });
  }

  #break(a: number, b: number): void {
    for (const [one, two] of [
      [a, b],
      [b, a],
    ] as const) {
      const link = this.#link(one, two);
      link.generation += 1;
      link.queued = 0;
      this.#tell(one, two, (receiver) => receiver.peerLost(two));
    }
  }

  /** What a node hears of a stream, it hears in the order of the stream. */
  #tell(one: number, two: number, tell: (receiver: RaftReceiver) => void): void {
    const link = this.#link(two, one);
    const nowMs = this.#clock.monotonicMs();
    const end = this.#ends.get(one);
    link.lastAtMs = Math.max(link.lastAtMs, nowMs + 1 + this.#random.below(this.options.delayMs));
    this.#clock.after(link.lastAtMs - nowMs, () => {
      if (end !== undefined && this.#ends.get(one) === end) tell(end.receiver);
    });
  }

  #link(from: number, to: number): Link {
    const name = `${from}>${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { isCut: false, generation: 0, lastAtMs: 0, queued: 0 };
      this.#links.set(name, link);
    }
    return link;
  }
}
