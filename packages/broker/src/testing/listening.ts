/** Listeners on a simulated network and clock, with requests that a test answers itself: for tests of connections. */
import { limits as allLimits, type Logger, MetricsRegistry } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { SimClock, SimNetwork, type SimNetworkOptions, type SimSocket } from '@odradek/base/testing';
import type { AnswerSlot } from '../core/answer-queue.ts';
import type { Connection } from '../shell/connection.ts';
import { Listeners, type ListenersOptions } from '../shell/listener.ts';
import { Turns } from '../shell/turns.ts';

export type Line = { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string };

export function collectingLog(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields: { ...fields }, message });
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return { log, lines };
}

/** A request that has begun: the first 4 bytes of its frame are its number. */
export type Begun = {
  readonly id: number;
  readonly frame: Buffer;
  readonly connection: Connection;
  readonly slot: AnswerSlot;
};

export type Listening = {
  readonly listeners: Listeners;
  readonly network: SimNetwork;
  readonly clock: SimClock;
  readonly metrics: MetricsRegistry;
  readonly lines: Line[];
  readonly begun: Begun[];
  readonly port: number;
  connect(from?: string): TestClient;
};

export type ListeningOptions = Partial<
  Omit<ListenersOptions, 'network' | 'clock' | 'turns' | 'metrics' | 'log' | 'start'>
> & {
  readonly network?: SimNetworkOptions;
  readonly clock?: SimClock;
  /** false: bound, but not serving yet. */
  readonly serve?: boolean;
  /** Called for each request that begins, after it was noted. */
  readonly onBegun?: (begun: Begun) => void;
};

export async function listen(options: ListeningOptions = {}): Promise<Listening> {
  const { network: networkOptions, clock = new SimClock(), onBegun, serve = true, ...rest } = options;
  const network = new SimNetwork(networkOptions);
  const metrics = new MetricsRegistry();
  const { log, lines } = collectingLog();
  const begun: Begun[] = [];
  const limits: Limits = options.limits ?? allLimits.tiny;
  const listeners = new Listeners({
    listeners: [{ name: 'PLAINTEXT', host: '', port: 0 }],
    bounds: () => ({ max: 1_000, maxPerIp: 1_000, perIpOverrides: new Map(), maxPerListener: new Map() }),
    frameBytesMax: 64 * 1024,
    idleMs: 600_000,
    ...rest,
    limits,
    network,
    clock,
    turns: new Turns(clock, limits),
    metrics,
    log,
    start(frame, connection, slot) {
      const request = { id: frame.readUInt32BE(0), frame, connection, slot };
      begun.push(request);
      onBegun?.(request);
    },
  });
  const bound = await listeners.bind();
  if (serve) listeners.serve();
  const port = bound[0]?.port ?? 0;
  const connect = (from?: string): TestClient =>
    new TestClient(network.open({ port, ...(from === undefined ? {} : { from }) }));
  return { listeners, network, clock, metrics, lines, begun, port, connect };
}

/** One end of a connection, as a client would hold it. */
export class TestClient {
  readonly socket: SimSocket;
  readonly #received: Buffer[] = [];
  closed = false;

  constructor(socket: SimSocket, reads = true) {
    this.socket = socket;
    socket.onClose(() => (this.closed = true));
    if (reads) this.read();
    else socket.pause();
  }

  read(): void {
    this.socket.onData((bytes) => this.#received.push(bytes));
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  send(...bytes: Uint8Array[]): void {
    this.socket.write(bytes);
  }

  request(id: number, payloadBytes = 0): void {
    this.send(frameOf(id, payloadBytes));
  }

  /** The numbers of the answers that have arrived whole, in order. */
  answers(): number[] {
    const ids: number[] = [];
    const { received } = this;
    for (let at = 0; at + 4 <= received.length;) {
      const length = received.readInt32BE(at);
      if (at + 4 + length > received.length) break;
      ids.push(received.readUInt32BE(at + 4));
      at += 4 + length;
    }
    return ids;
  }
}

export function frameOf(id: number, payloadBytes = 0): Buffer {
  const frame = Buffer.alloc(8 + payloadBytes);
  frame.writeInt32BE(4 + payloadBytes, 0);
  frame.writeUInt32BE(id, 4);
  return frame;
}

/** Answers a request with its own number and some bytes. */
export function answerTo({ id, connection, slot }: Begun, payloadBytes = 0): void {
  connection.answer(slot, [frameOf(id, payloadBytes)]);
}
