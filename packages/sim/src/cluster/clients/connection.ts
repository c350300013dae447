/** A client's connection to one broker: the real protocol over a simulated socket, requests ahead of answers, and a patience. */
import type { Network, Socket } from '@odradek/base';
import { FrameSplitter, decodeResponse, encodeRequest } from '@odradek/protocol';
import type { ApiKey, RequestInput, ResponseOf } from '@odradek/protocol';
import { Gate } from '../../nodes/process.ts';
import type { Scheduler } from '../../scheduler.ts';
import type { Owner, Sockets } from '../sockets.ts';

const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const CONNECT_MS = 300;

export type Asking<K extends ApiKey> = {
  readonly key: K;
  readonly version: number;
  readonly body: RequestInput<K>;
};
type Waiting = { readonly correlationId: number; readonly answered: (frame: Buffer | undefined) => void };

export class Connection {
  readonly #scheduler: Scheduler;
  readonly #socket: Socket;
  readonly #clientId: string;
  readonly #frames = new FrameSplitter(FRAME_BYTES_MAX);
  #waiting: Waiting[] = [];
  #lastId = 0;
  isClosed = false;

  constructor(scheduler: Scheduler, socket: Socket, clientId: string) {
    this.#scheduler = scheduler;
    this.#socket = socket;
    this.#clientId = clientId;
    socket.onData((bytes) => this.#frames.push(bytes, (frame) => this.#waiting.shift()?.answered(frame)));
    socket.onClose(() => this.#lost());
  }

  /** @returns undefined when no answer came: whatever was asked may have been done or not */
  async ask<K extends ApiKey>(
    { key, version, body }: Asking<K>,
    patienceMs: number,
  ): Promise<ResponseOf<K> | undefined> {
    if (this.isClosed) return undefined;
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const correlationId = (this.#lastId += 1);
    this.#waiting.push({ correlationId, answered: resolve });
    this.#scheduler.after(patienceMs, () => {
      if (this.#waiting.some((each) => each.correlationId === correlationId)) this.close();
    });
    this.#socket.write(encodeRequest(key, version, { correlationId, clientId: this.#clientId }, body));
    const frame = await promise;
    if (frame === undefined) return undefined;
    const decoded = decodeResponse(key, version, frame);
    if (!decoded.ok) throw new Error(`an answer to API ${key} cannot be read: ${decoded.why}`);
    if (decoded.value.correlationId !== correlationId) throw new Error('answers leave in the order of the requests');
    return decoded.value.body;
  }

  /** Of a request that is not answered: acks=0. */
  tell<K extends ApiKey>({ key, version, body }: Asking<K>): void {
    if (this.isClosed) return;
    this.#lastId += 1;
    this.#socket.write(encodeRequest(key, version, { correlationId: this.#lastId, clientId: this.#clientId }, body));
  }

  close(): void {
    if (this.isClosed) return;
    this.#socket.destroy();
    this.#lost();
  }

  #lost(): void {
    this.isClosed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { answered } of waiting) answered(undefined);
  }
}

/** Connections of one client, one to each place. */
export class Connections {
  readonly clientId: string;
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly #open = new Map<string, Promise<Connection | undefined>>();

  constructor(scheduler: Scheduler, sockets: Sockets, clientId: string) {
    this.clientId = clientId;
    this.#scheduler = scheduler;
    const owner: Owner = { host: clientId, gate: new Gate() };
    this.#network = sockets.networkOf(owner);
  }

  /** @returns undefined when nobody is reached */
  async to(host: string, port: number): Promise<Connection | undefined> {
    const place = `${host}:${port}`;
    const open = this.#open.get(place) ?? this.#dial(host, port);
    this.#open.set(place, open);
    const connection = await open;
    if (connection?.isClosed === false) return connection;
    if (this.#open.get(place) === open) this.#open.delete(place);
    return undefined;
  }

  #dial(host: string, port: number): Promise<Connection | undefined> {
    return this.#network.connect(host, port, CONNECT_MS).then(
      (socket) => new Connection(this.#scheduler, socket, this.clientId),
      () => undefined,
    );
  }
}
