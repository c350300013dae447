/**
 * The listeners of a broker and all their connections: binding, who may connect, idle sweep, and the orderly end. Binding comes before
 * serving, so that a port 0 is known when the broker registers; what connects in between waits unread.
 */
import { tellFromStart } from '@odradek/base';
import type { Clock, Collected, LabelsOf, Limits, Listening } from '@odradek/base';
import type { Logger, Metrics, Network, Socket, TimerHandle } from '@odradek/base';
import type { SharingStreamServer } from '@odradek/rpc';
import type { AnswerSlot } from '../core/answer-queue.ts';
import { ByteBudget } from '../core/byte-budget.ts';
import { type ConnectionBounds, ConnectionCounts } from '../core/connection-counts.ts';
import type { Misuse } from '../core/first-bytes.ts';
import { softwareCounts } from '../core/software-counts.ts';
import { LineLimit } from '../core/line-limit.ts';
import { Connection, type ConnectionRoom } from './connection.ts';
import type { Turns } from './turns.ts';

type Closed = LabelsOf<'odradek_connections_closed_total'>;

/** @property host '' means every address of both families */
export type ListenerConfig = { readonly name: string; readonly host: string; readonly port: number };
export type BoundListener = ListenerConfig & { readonly port: number };

export type ListenersOptions = {
  readonly network: Network;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly turns: Turns;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly listeners: readonly ListenerConfig[];
  readonly bounds: () => ConnectionBounds;
  /** `socket.request.max.bytes`. */
  readonly frameBytesMax: number;
  /** `connections.max.idle.ms`; 0 or less: never. */
  readonly idleMs: number;
  readonly start: (frame: Buffer, connection: Connection, slot: AnswerSlot) => void;
  /** Of a node whose queued bytes somebody else tells. */
  readonly tellsQueuedBytes?: boolean;
  /** Who takes connections of other nodes (gRPC) on a listener; none: they are strangers there. */
  readonly streamsOn?: (listener: string) => Pick<SharingStreamServer, 'take'> | undefined;
};

const SWEEP_MS_MAX = 5_000;
const SWEEP_MS_MIN = 50;
/** How long a peer may take to hang up after it was closed. */
const CLOSE_GRACE_MS = 5_000;

/** Named, but no reason to close, or counted where it is closed. */
const goesOn: ReadonlySet<Misuse> = new Set(['sasl-on-plaintext', 'stalled']);

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #room: ConnectionRoom;
  readonly #budget: ByteBudget;
  readonly #counts: ConnectionCounts;
  readonly #lines = new LineLimit<Misuse | 'refused'>();
  readonly #connections = new Set<Connection>();
  /** Their sockets carry streams of other nodes: whoever took them closes them. They are counted here until then. */
  readonly #handedOver = new Set<Connection>();
  readonly #listening: Listening[] = [];
  /** Accepted before serving began. */
  #early: { readonly listener: string; readonly socket: Socket }[] | undefined = [];
  #sweepTimer: TimerHandle | undefined;
  #closing = false;
  #lastId = 0;
  #emptied: (() => void) | undefined;

  constructor(options: ListenersOptions) {
    this.#options = options;
    const { limits, clock, frameBytesMax, metrics } = options;
    this.#budget = new ByteBudget(limits.brokerQueuedBytesMax);
    this.#counts = new ConnectionCounts(options.bounds);
    this.#room = {
      clock,
      limits,
      frameBytesMax,
      budget: this.#budget,
      turns: options.turns,
      start: options.start,
      misused: (connection, misuse, why) => this.#misused(connection, misuse, why),
      refused: (connection, why) => this.#refused(connection, why),
      handOver: (connection, unread) => this.#handOver(connection, unread),
      closed: (connection, cause) => this.#closed(connection, cause),
      paused: (why) => metrics.counter('odradek_reading_paused_total', { why }).inc(),
    };
    tellFromStart(metrics, 'listeners', { listener: options.listeners.map(({ name }) => name) });
    if (options.tellsQueuedBytes !== false) metrics.sample('odradek_queued_bytes', {}, () => this.#budget.heldBytes);
    for (const { name } of options.listeners) {
      metrics.sample('odradek_connections', { listener: name }, () => this.#counts.ofListener(name));
    }
    metrics.collect('odradek_connections_by_software', limits.fewSeriesMax + options.listeners.length, () =>
      this.#software(),
    );
  }

  *#software(): Iterable<Collected<'odradek_connections_by_software'>> {
    const counts = softwareCounts(this.#connections, this.#options.limits.fewSeriesMax);
    for (const { listener, software, version, count } of counts)
      yield [{ listener, software, software_version: version }, count];
  }

  get connectionCount(): number {
    return this.#counts.total;
  }

  /** What reads for answers may bring into memory: counted with what connections hold. */
  get readMemory(): { allowance(): number; take(bytes: number): void } {
    return this.#budget;
  }

  get heldBytes(): number {
    return this.#budget.heldBytes;
  }

  /** Binds every listener, or none: throws with the listener named when an address is in use or not this machine's. */
  async bind(): Promise<BoundListener[]> {
    const bound: BoundListener[] = [];
    try {
      for (const listener of this.#options.listeners) {
        const listening = await this.#listen(listener);
        this.#listening.push(listening);
        bound.push({ ...listener, port: listening.port });
      }
      return bound;
    } catch (cause) {
      await this.stopAccepting();
      throw cause;
    }
  }

  /** Requests are answered from now on. */
  serve(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const { listener, socket } of early) this.#welcome(listener, socket);
    this.#armSweep();
  }

  async stopAccepting(): Promise<void> {
    await Promise.all(this.#listening.splice(0).map((listening) => listening.close()));
  }

  /** Starts no further request, lets those under way be answered, then closes; cuts what is left after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    this.#sweepTimer?.cancel();
    for (const { socket } of this.#early ?? []) socket.destroy();
    this.#early = undefined;
    await this.stopAccepting();
    for (const connection of this.#connections) {
      this.#countClosed(connection.listener, 'shutdown');
      connection.drain();
    }
    if (this.#connections.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#emptied = resolve;
      const late = this.#options.clock.after(deadlineMs, resolve);
      await promise;
      late.cancel();
    }
    for (const connection of this.#connections) connection.destroy();
  }

  async #listen({ name, host, port }: ListenerConfig): Promise<Listening> {
    try {
      return await this.#options.network.listen(host, port, (socket) => this.#accept(name, socket));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`listener ${name} cannot be bound to ${host === '' ? '*' : host}:${port}: ${reason}`, { cause });
    }
  }

  #accept(listener: string, socket: Socket): void {
    const { metrics } = this.#options;
    if (this.#closing) return socket.destroy();
    const admission = this.#counts.admit(listener, socket.remoteAddress);
    if (!admission.ok) {
      metrics.counter('odradek_connections_refused_total', { listener, reason: 'limit' }).inc();
      this.#write(
        'too-many-connections',
        { listener, host: socket.remoteAddress },
        `connection refused: ${admission.why}`,
      );
      return socket.destroy();
    }
    metrics.counter('odradek_connections_opened_total', { listener }).inc();
    if (this.#early === undefined) this.#welcome(listener, socket);
    else {
      socket.pause();
      this.#early.push({ listener, socket });
    }
  }

  #welcome(listener: string, socket: Socket): void {
    this.#lastId += 1;
    this.#connections.add(new Connection(this.#lastId, listener, socket, this.#room));
    socket.resume();
  }

  #closed(connection: Connection, cause: Error | undefined): void {
    if (!this.#connections.delete(connection) && !this.#handedOver.delete(connection)) return;
    this.#counts.release(connection.listener, connection.socket.remoteAddress);
    if (cause !== undefined) {
      const fields = { connection: connection.name, host: connection.socket.remoteAddress, cause: cause.message };
      this.#options.log.debug(fields, 'connection lost');
    }
    if (this.#connections.size === 0) this.#emptied?.();
  }

  #handOver(connection: Connection, unread: Buffer): boolean {
    const streams = this.#options.streamsOn?.(connection.listener);
    if (streams === undefined) return false;
    this.#connections.delete(connection);
    this.#handedOver.add(connection);
    streams.take(connection.socket, unread);
    return true;
  }

  #misused(connection: Connection, misuse: Misuse, why: string): void {
    const { listener, socket, clientId } = connection;
    this.#options.metrics.counter('odradek_misuse_total', { kind: misuse }).inc();
    if (!goesOn.has(misuse)) this.#countClosed(listener, misuse === 'oversized-frame' ? 'oversized' : 'malformed');
    const { name } = connection;
    const fields = {
      connection: name,
      listener,
      host: socket.remoteAddress,
      port: socket.remotePort,
      client: clientId,
    };
    this.#write(misuse, fields, why);
  }

  #refused(connection: Connection, why: string): void {
    const { listener, socket, clientId } = connection;
    this.#countClosed(listener, 'refused');
    const fields = { connection: connection.name, listener, host: socket.remoteAddress, client: clientId };
    const due = this.#lines.due('refused', this.#options.clock.monotonicMs());
    if (due === undefined) return;
    this.#options.log.info(fields, `connection closed: ${why}${moreLike(due.silenced)}`);
  }

  #write(misuse: Misuse, fields: object, why: string): void {
    const due = this.#lines.due(misuse, this.#options.clock.monotonicMs());
    if (due === undefined) return;
    this.#options.log.warn({ ...fields, misuse }, `${why}${moreLike(due.silenced)}`);
  }

  #countClosed(listener: string, reason: Closed['reason']): void {
    this.#options.metrics.counter('odradek_connections_closed_total', { listener, reason }).inc();
  }

  #armSweep(): void {
    const { clock, idleMs, limits } = this.#options;
    const shortest = Math.min(idleMs > 0 ? idleMs : SWEEP_MS_MAX, limits.stalledReaderMs);
    const everyMs = Math.max(SWEEP_MS_MIN, Math.min(SWEEP_MS_MAX, shortest / 4));
    this.#sweepTimer = clock.after(everyMs, () => {
      this.#sweep();
      if (!this.#closing) this.#armSweep();
    });
  }

  /** Closes what has been silent for too long; when the broker holds too many bytes, also whoever keeps some and takes nothing. */
  #sweep(): void {
    const { clock, idleMs, limits } = this.#options;
    const nowMs = clock.monotonicMs();
    const { over } = this.#budget;
    for (const connection of this.#connections) {
      const silentMs = nowMs - connection.lastActiveMs;
      if (connection.closing) {
        if (silentMs >= CLOSE_GRACE_MS) connection.destroy();
        continue;
      }
      if (over && silentMs >= limits.stalledReaderMs && connection.stalls) {
        connection.note(
          'stalled',
          `cut: it has taken or sent nothing for ${Math.round(silentMs)} ms while memory was short`,
        );
        this.#countClosed(connection.listener, 'stalled');
        connection.destroy();
      } else if (idleMs > 0 && silentMs >= idleMs && connection.idle) {
        this.#countClosed(connection.listener, 'idle');
        connection.destroy();
      }
    }
  }
}

function moreLike(silenced: number): string {
  return silenced === 0 ? '' : ` (and ${silenced} more like it before)`;
}
