/**
 * The listening side. Every connection is injected: from a listener of its own, or from one that shares its port with Kafka's protocol.
 * Who dials is judged by the headers of the call, before a message is read; who is refused is told why, and so is this node's log.
 */
import * as grpc from '@grpc/grpc-js';
import { assert } from '@odradek/base';
import type { Clock, Limits, Listening, Network, Socket } from '@odradek/base';
import { peerName } from '../core/endings.ts';
import { judgeHello, welcomeHeaders } from '../core/handshake.ts';
import type { Service } from '../core/service.ts';
import type { Ending, Identity, Peer, ServiceHandler, SharingStreamServer } from '../ports.ts';
import { headersOf, metadataOf, passThrough, sharedOptions } from './calls.ts';
import { GrpcStream } from './grpc-stream.ts';
import { CallCutter } from './http2-of.ts';

export type GrpcServerOptions = {
  readonly self: Identity;
  readonly network: Network;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Somebody was refused: for the log. Whoever logs it sees to it that one peer does not fill it. */
  readonly onRefused?: (refusal: { readonly service: string; readonly address: string; readonly why: string }) => void;
};

/** A connection without a stream is closed after so long, milliseconds. */
const IDLE_CONNECTION_MS = 30_000;
const EMPTY = Buffer.alloc(0);

export function createGrpcServer(options: GrpcServerOptions): SharingStreamServer {
  return new GrpcServer(options);
}

class GrpcServer implements SharingStreamServer {
  readonly #options: GrpcServerOptions;
  readonly #server: grpc.Server;
  readonly #injector: ReturnType<grpc.Server['createConnectionInjector']>;
  readonly #cutter: CallCutter;
  readonly #streams = new Set<GrpcStream<unknown, unknown>>();
  readonly #sockets = new Set<Socket>();
  readonly #listening: Listening[] = [];
  #isClosing = false;
  #emptied: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const { limits } = options;
    this.#server = new grpc.Server({
      ...sharedOptions(limits),
      'grpc.max_connection_idle_ms': IDLE_CONNECTION_MS,
      'grpc.max_concurrent_streams': limits.rpcStreamsPerConnectionMax,
    });
    this.#injector = this.#server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    this.#cutter = new CallCutter(this.#server, limits.rpcWindowBytes);
  }

  serve<Asked, Told>(service: Service<Asked, Told>, handler: ServiceHandler<Asked, Told>): void {
    const { path } = service;
    const method = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: passThrough,
      requestDeserialize: passThrough,
      responseSerialize: passThrough,
      responseDeserialize: passThrough,
    } as const;
    const connect: grpc.handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      try {
        this.#connected(service, handler, call);
      } catch (cause) {
        // grpc-js would turn it into a status; a bug stops the process.
        queueMicrotask(() => {
          throw cause;
        });
      }
    };
    this.#server.addService({ connect: method }, { connect });
  }

  async listen(host: string, port: number): Promise<Listening> {
    const listening = await this.#options.network.listen(host, port, (socket) => this.take(socket, EMPTY));
    this.#listening.push(listening);
    return listening;
  }

  take(socket: Socket, unread: Buffer): void {
    assert(socket.release !== undefined, 'gRPC runs over sockets of the real world');
    if (this.#isClosing) return socket.destroy();
    this.#sockets.add(socket);
    socket.onClose(() => this.#sockets.delete(socket));
    this.#injector.injectConnection(socket.release(unread));
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#listening.splice(0).map((listening) => listening.close()));
    const why = `node ${this.#options.self.nodeId} stops`;
    for (const stream of this.#streams) stream.close({ reason: 'closed', why });
    if (this.#streams.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#emptied = resolve;
      const late = this.#options.clock.after(graceMs, resolve);
      await promise;
      late.cancel();
    }
    for (const stream of this.#streams) stream.destroy(why);
    for (const socket of this.#sockets) socket.destroy();
    this.#injector.destroy();
    this.#server.forceShutdown();
  }

  #connected<Asked, Told>(
    service: Service<Asked, Told>,
    handler: ServiceHandler<Asked, Told>,
    call: grpc.ServerDuplexStream<Buffer, Buffer>,
  ): void {
    const { self, clock, limits } = this.#options;
    const address = addressOf(call);
    if (this.#isClosing) return this.#refuse(service.name, call, `node ${self.nodeId} is stopping`);
    const judged = judgeHello(self, service, headersOf(call.metadata));
    if (!judged.ok) return this.#refuse(service.name, call, judged.why);
    const peer: Peer = { ...judged.value.from, address, version: judged.value.version };
    const refusal = handler.admit?.(peer);
    if (refusal !== undefined) return this.#refuse(service.name, call, refusal);
    call.sendMetadata(metadataOf(welcomeHeaders(self, peer.version)));
    const stream = new GrpcStream<Told, Asked>({
      call,
      peer,
      sends: service.told,
      receives: service.asked,
      clock,
      limits,
      cut: () => this.#cutter.cut(call.metadata),
    });
    this.#follow(call, stream as unknown as GrpcStream<unknown, unknown>);
    handler.opened(stream);
  }

  #follow(call: grpc.ServerDuplexStream<Buffer, Buffer>, stream: GrpcStream<unknown, unknown>): void {
    this.#streams.add(stream);
    const over = (ending: Ending): void => {
      stream.over(ending);
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#emptied?.();
    };
    call.on('cancelled', () => {
      const why = `the stream of ${peerName(stream.peer)} broke: it died, reset it, was not heard, or sent what is too long`;
      over({ kind: 'broken', by: 'network', why });
    });
    call.on('end', () => {
      stream.halfClosed();
    });
  }

  #refuse(service: string, call: grpc.ServerDuplexStream<Buffer, Buffer>, why: string): void {
    this.#options.onRefused?.({ service, address: addressOf(call), why });
    call.emit('error', { code: grpc.status.FAILED_PRECONDITION, details: why });
  }
}

/** An IPv4 peer of a dual-stack socket by its IPv4 address, as people write it. */
function addressOf(call: grpc.ServerDuplexStream<Buffer, Buffer>): string {
  return call.getPeer().replace(/^\[?::ffff:(\d+\.\d+\.\d+\.\d+)\]?/, '$1');
}
