/** A service that answers what it is told, and two nodes that speak it over real sockets: for tests and the bench. */
import { randomUuid } from '@odradek/base';
import type { Limits, Listening } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { codecOf, field, message, union } from '../core/schema.ts';
import type { Codec, Infer } from '../core/schema.ts';
import { serviceOf } from '../core/service.ts';
import type {
  Ending,
  Identity,
  Peer,
  SharingStreamServer,
  Stream,
  StreamClient,
  StreamServer,
  Target,
} from '../ports.ts';
import { createGrpcClient, createGrpcServer } from '../shell/index.ts';
import { patient } from './patient.ts';

export const EchoMessage = union('EchoMessage', {
  /** Is sent back. */
  echo: [1, message('Echo', { id: field.uint64(1), payload: field.bytes(2) })],
  /** So many `fill` of so many bytes come back, as fast as they are taken. */
  flood: [2, message('Flood', { count: field.uint64(1), payloadBytes: field.uint64(2) })],
  fill: [3, message('Fill', { payload: field.bytes(1) })],
  /** The other side closes the stream with these words. */
  leave: [4, message('Leave', { why: field.text(1) })],
});
export type EchoMessage = Infer<typeof EchoMessage>;
export type EchoStream = Stream<EchoMessage, EchoMessage>;

const codec = codecOf(EchoMessage);
export const echoService = serviceOf({ name: 'Echo', versions: { min: 1, max: 3 }, asked: codec, told: codec });
export const secondService = serviceOf({ name: 'Second', versions: { min: 1, max: 1 }, asked: codec, told: codec });

/** Bytes as they are: what a stream costs without a codec. A single byte is sent back. */
const bytes: Codec<Buffer> = { name: 'bytes', encode: (each) => each, decode: (value) => ({ ok: true, value }) };
export const bytesService = serviceOf({ name: 'Bytes', versions: { min: 1, max: 1 }, asked: bytes, told: bytes });

function serveBytes(stream: Stream<Buffer, Buffer>): void {
  stream.onMessage((each) => {
    if (each.length === 1) stream.send(each);
  });
}

/** Serves one stream of the echo service. */
export function serveEcho(stream: EchoStream): void {
  stream.onMessage((asked) => {
    if (asked.kind === 'echo') stream.send(asked);
    else if (asked.kind === 'flood') flood(stream, asked.count, asked.payloadBytes);
    else if (asked.kind === 'leave') stream.close({ reason: 'closed', why: asked.why });
  });
}

function flood(stream: EchoStream, count: number, payloadBytes: number): void {
  const payload = Buffer.alloc(payloadBytes, 7);
  let left = count;
  const pump = (): void => {
    while (left > 0) {
      left -= 1;
      if (!stream.send({ kind: 'fill', payload })) break;
    }
  };
  stream.onDrain(pump);
  pump();
}

export const CLUSTER = 'echo-cluster-0000000000';
const ports = systemPorts();

export function identityOf(nodeId: number, clusterId = CLUSTER): Identity {
  return { clusterId, nodeId, directoryId: randomUuid(ports.random), incarnationId: randomUuid(ports.random) };
}

/** Where nodes live: over the sockets of this machine, or simulated. */
export type EchoWorld<S extends StreamServer = StreamServer> = {
  server(self: Identity, limits: Limits, onRefused: (why: string) => void): S;
  client(self: Identity, limits: Limits): StreamClient;
  /** Where servers listen. */
  readonly host: string;
  /** Both ends of a stream are of one node. */
  readonly isOneProcess?: boolean;
};

export const realWorld: EchoWorld<SharingStreamServer> = {
  server: (self, bounds, onRefused) =>
    createGrpcServer({
      self,
      network: ports.network,
      clock: ports.clock,
      limits: bounds,
      onRefused: ({ why }) => onRefused(why),
    }),
  client: (self, bounds) => createGrpcClient({ self, clock: ports.clock, limits: bounds }),
  host: '127.0.0.1',
};

export type EchoServer<S extends StreamServer = SharingStreamServer> = {
  readonly server: S;
  readonly self: Identity;
  readonly listening: Listening;
  readonly target: Target;
  /** What was told of refused peers. */
  readonly refusals: string[];
  /** Of peers that were taken, in order, and how their streams ended. */
  readonly peers: Peer[];
  readonly endings: Ending[];
};

export type EchoOptions = {
  readonly nodeId?: number;
  readonly limits?: Limits;
  readonly admit?: (peer: Peer) => string | undefined;
  readonly serve?: (stream: EchoStream) => void;
};

export async function startEchoIn<S extends StreamServer>(
  world: EchoWorld<S>,
  options: EchoOptions = {},
): Promise<EchoServer<S>> {
  const self = identityOf(options.nodeId ?? 1);
  const refusals: string[] = [];
  const peers: Peer[] = [];
  const endings: Ending[] = [];
  const server = world.server(self, options.limits ?? patient, (why) => void refusals.push(why));
  const opened = (stream: EchoStream): void => {
    peers.push(stream.peer);
    stream.onClosed((ending) => void endings.push(ending));
    (options.serve ?? serveEcho)(stream);
  };
  const { admit } = options;
  server.serve(echoService, admit === undefined ? { opened } : { admit, opened });
  server.serve(secondService, { opened });
  server.serve(bytesService, { opened: serveBytes });
  const listening = await server.listen(world.host, 0);
  const target = { host: world.host, port: listening.port, nodeId: self.nodeId, directoryId: self.directoryId };
  return { server, self, listening, target, refusals, peers, endings };
}

export function startEcho(options: EchoOptions = {}): Promise<EchoServer> {
  return startEchoIn(realWorld, options);
}

export function echoClient(options: { readonly self?: Identity; readonly limits?: Limits } = {}): StreamClient {
  return realWorld.client(options.self ?? identityOf(2), options.limits ?? patient);
}
