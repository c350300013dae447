/** Messages between replicas: late, lost, twice, out of order; or in order until a connection breaks. Links are cut one way or both. */
import type { Prng } from '@odradek/base';
import type { Message, ReplicaKey } from '@odradek/controller/raft';
import type { Scheduler } from '../scheduler.ts';
import type { RunOptions } from './options.ts';

export type Receiver = {
  received(from: ReplicaKey, message: Message): void;
  connected(peer: ReplicaKey): void;
  lost(id: number): void;
};

type Link = { cut: boolean; lastAtMs: number; generation: number; toldAtMs: number };

export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Prng;
  readonly #options: RunOptions;
  readonly #receivers = new Map<number, { readonly key: ReplicaKey; readonly receiver: Receiver }>();
  readonly #links = new Map<string, Link>();
  #isHealed = false;
  sentCount = 0;

  constructor(scheduler: Scheduler, random: Prng, options: RunOptions) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#options = options;
  }

  /** A node is up: it and everybody who reaches it hear of each other. */
  join(key: ReplicaKey, receiver: Receiver): void {
    this.#receivers.set(key.id, { key, receiver });
    for (const [id] of this.#receivers) if (id !== key.id) this.#connect(key.id, id);
  }

  /** A node is down: what is under way to it and from it is gone; whoever was connected notices, with streams. */
  leave(id: number): void {
    this.#receivers.delete(id);
    for (const other of this.#receivers.keys()) this.#break(id, other);
  }

  cut(from: number, to: number): void {
    this.#link(from, to).cut = true;
    if (this.#options.hasStreams && this.#random.chance(1, 2)) this.#break(from, to);
  }

  heal(): void {
    for (const [name, link] of this.#links) {
      if (!link.cut) continue;
      link.cut = false;
      const [from = 0, to = 0] = name.split('>').map(Number);
      this.#connect(from, to);
    }
  }

  /** From now on nothing is lost any more. */
  calm(): void {
    this.#isHealed = true;
    this.heal();
  }

  send(from: ReplicaKey, to: number, message: Message): void {
    this.sentCount += 1;
    const link = this.#link(from.id, to);
    if (link.cut) return;
    const { hasStreams, lostPerMille, duplicatedPerMille } = this.#options;
    if (hasStreams) {
      link.lastAtMs = Math.max(link.lastAtMs, this.#scheduler.nowMs + this.#delay());
      this.#deliver(from, to, message, link.lastAtMs);
      return;
    }
    if (!this.#isHealed && this.#random.chance(lostPerMille, 1000)) return;
    const copies = this.#random.chance(duplicatedPerMille, 1000) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1)
      this.#deliver(from, to, message, this.#scheduler.nowMs + this.#delay());
  }

  #deliver(from: ReplicaKey, to: number, message: Message, atMs: number): void {
    const link = this.#link(from.id, to);
    const { generation } = link;
    const directoryId = this.#receivers.get(to)?.key.directoryId;
    this.#scheduler.at(atMs, () => {
      if (link.cut || (this.#options.hasStreams && link.generation !== generation)) return;
      if (this.#options.hasStreams && this.#receivers.get(from.id)?.key !== from) return;
      const arrived = this.#receivers.get(to);
      // What was sent to a replica does not reach another that took its place.
      if (arrived?.key.directoryId === directoryId) arrived?.receiver.received(from, message);
    });
  }

  #delay(): number {
    const { messageDelayMs, reorderedPerMille } = this.#options;
    const late = !this.#isHealed && this.#random.chance(reorderedPerMille, 1000) ? 20 : 1;
    return this.#random.below(messageDelayMs * late) + 1;
  }

  #connect(a: number, b: number): void {
    for (const [one, two] of [
      [a, b],
      [b, a],
    ] as const)
      this.#tell(one, two, () => {
        const peer = this.#receivers.get(two);
        if (peer === undefined || this.#link(one, two).cut || this.#link(two, one).cut) return;
        this.#receivers.get(one)?.receiver.connected(peer.key);
      });
  }

  #break(a: number, b: number): void {
    if (!this.#options.hasStreams) return;
    for (const [one, two] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#link(one, two).generation += 1;
      this.#tell(one, two, () => this.#receivers.get(one)?.receiver.lost(two));
    }
  }

  /** What a node hears of a connection, it hears in order. */
  #tell(one: number, two: number, run: () => void): void {
    const link = this.#link(one, two);
    link.toldAtMs = Math.max(link.toldAtMs, this.#scheduler.nowMs + this.#delay());
    this.#scheduler.at(link.toldAtMs, run);
  }

  #link(from: number, to: number): Link {
    const name = `${from}>${to}`;
    let link = this.#links.get(name);
    if (link === undefined) this.#links.set(name, (link = { cut: false, lastAtMs: 0, generation: 0, toldAtMs: 0 }));
    return link;
  }
}
