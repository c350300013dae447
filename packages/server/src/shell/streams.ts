/**
 * What a node says to other nodes and hears of them. gRPC takes a fifth of a second to load, which a node alone never needs: it is loaded
 * when another node dials or is dialled, or as soon as it is known that one will be.
 */
import { assert } from '@odradek/base';
import type { Clock, Limits, Logger, Network, Socket } from '@odradek/base';
import { brokerSessionService, raftService } from '@odradek/rpc';
import type * as grpcLibrary from '@odradek/rpc/grpc';
import type {
  Dialled,
  FromBroker,
  FromController,
  Identity,
  Peer,
  RaftMessage,
  Service,
  ServiceHandler,
  SharingStreamServer,
  Stream,
  StreamClient,
  Target,
} from '@odradek/rpc';

export type NodeStreamsOptions = {
  readonly self: Identity;
  readonly network: Network;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
};

type Library = typeof grpcLibrary;

const CLOSED: Dialled<never> = { ok: false, ending: { kind: 'closed', by: 'us', why: 'this node stops' } };

export class NodeStreams implements Pick<SharingStreamServer, 'take' | 'serve'>, StreamClient {
  readonly #options: NodeStreamsOptions;
  readonly #refusals: Refusals;
  readonly #services: ((server: SharingStreamServer) => void)[] = [];
  /** By path: who serves it is known later than the first connection may come. */
  readonly #expected = new Map<string, LateHandler>();
  /** Connections that other nodes have opened; those that came before gRPC was there wait in it. */
  readonly #taken = new Set<Socket>();
  readonly #dialled = new Set<WeakRef<{ destroy(why: string): void }>>();
  #server: SharingStreamServer | undefined;
  #client: grpcLibrary.GrpcClient | undefined;
  #library: Promise<Library> | undefined;
  #isClosed = false;

  constructor(options: NodeStreamsOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options);
  }

  /** A service whose handler comes later: until then, and when it never does, whoever asks for it is refused with the reason. */
  expect<Asked, Told>(service: Service<Asked, Told>, why: string): void {
    const late = new LateHandler(why);
    this.serve<unknown, unknown>(service as unknown as Service<unknown, unknown>, late);
    this.#expected.set(service.path, late);
  }

  /** Before the first connection is taken, unless the service is expected. */
  serve<Asked, Told>(service: Service<Asked, Told>, handler: ServiceHandler<Asked, Told>): void {
    const expected = this.#expected.get(service.path);
    if (expected !== undefined) return expected.serve(handler as unknown as ServiceHandler<unknown, unknown>);
    assert(this.#server === undefined, 'services are known before anybody is heard');
    this.#services.push((server) => server.serve(service, handler));
  }

  /** What a controller hears: other controllers, and brokers. */
  serveController(
    raft: ServiceHandler<RaftMessage, RaftMessage>,
    sessions: ServiceHandler<FromBroker, FromController>,
  ): void {
    this.serve(raftService, raft);
    this.serve(brokerSessionService, sessions);
  }

  /** It will be needed: what is loaded beside the rest of a start is not waited for later. */
  prepare(): void {
    void this.#load();
  }

  take(socket: Socket, unread: Buffer): void {
    if (this.#isClosed) return socket.destroy();
    this.#taken.add(socket);
    socket.onClose(() => this.#taken.delete(socket));
    if (this.#server !== undefined) return this.#server.take(socket, unread);
    socket.pause();
    void this.#openServer().then((server) => {
      // It may have gone meanwhile, or the node stops.
      if (this.#isClosed) socket.destroy();
      else if (this.#taken.has(socket)) server.take(socket, unread);
    });
  }

  async dial<Asked, Told>(service: Service<Asked, Told>, target: Target): Promise<Dialled<Stream<Asked, Told>>> {
    if (this.#isClosed) return CLOSED;
    const client = this.#client ?? (await this.#openClient());
    // The end may have come while it was loaded.
    if (this.#isClosed) return CLOSED;
    const dialled = await client.dial(service, target);
    if (dialled.ok) this.#remember(dialled.stream);
    return dialled;
  }

  /** Ends everything without a word, as a process does that is killed. */
  async cut(): Promise<void> {
    this.#isClosed = true;
    for (const dialled of this.#dialled) dialled.deref()?.destroy('this node was killed');
    for (const socket of this.#taken) socket.destroy();
    await this.closeAll(0);
  }

  /** Ends what this node has dialled. */
  close(): void {
    this.#isClosed = true;
    this.#client?.close();
  }

  /** Ends every stream in words, those that do not hear them after `graceMs` at once. */
  async closeAll(graceMs: number): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#client?.closeWithin(graceMs), this.#server?.close(graceMs)]);
    for (const socket of this.#taken) socket.destroy();
  }

  #remember(stream: { destroy(why: string): void }): void {
    for (const dialled of this.#dialled) if (dialled.deref() === undefined) this.#dialled.delete(dialled);
    this.#dialled.add(new WeakRef(stream));
  }

  #load(): Promise<Library> {
    return (this.#library ??= import('@odradek/rpc/grpc'));
  }

  async #openServer(): Promise<SharingStreamServer> {
    const { createGrpcServer } = await this.#load();
    return (this.#server ??= this.#serverOf(createGrpcServer));
  }

  #serverOf(create: Library['createGrpcServer']): SharingStreamServer {
    const { self, network, clock, limits } = this.#options;
    const onRefused = (refusal: Refusal): void => this.#refusals.tell(refusal);
    const server = create({ self, network, clock, limits, onRefused });
    for (const serve of this.#services) serve(server);
    return server;
  }

  async #openClient(): Promise<grpcLibrary.GrpcClient> {
    const { createGrpcClient } = await this.#load();
    const { self, clock, limits } = this.#options;
    return (this.#client ??= createGrpcClient({ self, clock, limits }));
  }
}

class LateHandler implements ServiceHandler<unknown, unknown> {
  readonly #why: string;
  #handler: ServiceHandler<unknown, unknown> | undefined;

  constructor(why: string) {
    this.#why = why;
  }

  serve(handler: ServiceHandler<unknown, unknown>): void {
    this.#handler = handler;
  }

  admit(peer: Peer): string | undefined {
    return this.#handler === undefined ? this.#why : this.#handler.admit?.(peer);
  }

  opened(stream: Stream<unknown, unknown>): void {
    assert(this.#handler !== undefined, 'nobody is admitted before there is somebody to hear him');
    this.#handler.opened(stream);
  }
}

type Refusal = { readonly service: string; readonly address: string; readonly why: string };

const SAME_AGAIN_MS = 60_000;
const REMEMBERED_MAX = 64;

/** A node that is refused dials again and again: the same reason is a line once a minute. */
class Refusals {
  readonly #options: NodeStreamsOptions;
  readonly #toldMs = new Map<string, number>();

  constructor(options: NodeStreamsOptions) {
    this.#options = options;
  }

  tell({ service, address, why }: Refusal): void {
    const { clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const before = this.#toldMs.get(why);
    if (before !== undefined && nowMs - before < SAME_AGAIN_MS) return;
    if (this.#toldMs.size >= REMEMBERED_MAX) this.#toldMs.clear();
    this.#toldMs.set(why, nowMs);
    log.warn({ service, address }, `another node is refused: ${why}`);
  }
}
