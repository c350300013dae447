/**
 * Ports of nodes that must know each other's before the first of them starts: bound first, then told. Until its node listens, a port
 * refuses nobody and answers nothing, as a machine does that still boots.
 */
import type { Listening, Network, Socket } from '@odradek/base';
import { freePort } from './process.ts';

type Accept = (socket: Socket) => void;

const ATTEMPTS_MAX = 8;

export class ReservedPorts implements Network {
  readonly #network: Network;
  readonly #held = new Map<number, Held>();

  constructor(network: Network) {
    this.#network = network;
  }

  /**
   * A free port of localhost, kept until a node listens there. When it stops listening the port is free, and found free again when it
   * starts anew: it is none that the system gives to others by itself.
   */
  async reserve(): Promise<number> {
    const held = new Held();
    const listening = await this.#listenSomewhere((socket) => held.came(socket));
    held.listening = listening;
    this.#held.set(listening.port, held);
    return listening.port;
  }

  async #listenSomewhere(accept: Accept): Promise<Listening> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#network.listen('localhost', await freePort(), accept);
      } catch (cause) {
        // Another process has taken it since it was found free.
        if (attempt === ATTEMPTS_MAX) throw cause;
      }
    }
  }

  async listen(host: string, port: number, accept: Accept): Promise<Listening> {
    const held = this.#held.get(port);
    if (held?.listening === undefined) return this.#network.listen(host, port, accept);
    this.#held.delete(port);
    held.belongsTo(accept);
    return held.listening;
  }

  connect(host: string, port: number, deadlineMs: number): Promise<Socket> {
    return this.#network.connect(host, port, deadlineMs);
  }

  /** Gives back those that no node has taken. */
  async release(): Promise<void> {
    const held = Array.from(this.#held.values(), (each) => each.close());
    this.#held.clear();
    await Promise.all(held);
  }
}

class Held {
  listening: Listening | undefined;
  #accept: Accept | undefined;
  readonly #early: Socket[] = [];

  async close(): Promise<void> {
    await this.listening?.close();
  }

  came(socket: Socket): void {
    if (this.#accept !== undefined) return this.#accept(socket);
    socket.pause();
    this.#early.push(socket);
  }

  belongsTo(accept: Accept): void {
    this.#accept = accept;
    for (const socket of this.#early.splice(0)) {
      accept(socket);
      socket.resume();
    }
  }
}
