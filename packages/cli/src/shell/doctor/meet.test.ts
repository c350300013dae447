/** Everyone who may be met behind an address, on real sockets. */
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { ScriptedBroker } from '../../testing/scripted-broker.ts';
import { meetPlace } from './meet.ts';

/** What a silent one is waited for; nobody else takes that long. */
const PATIENCE_MS = 3_000;
const LONG_MS = 20_000;

const open: { server: Server; sockets: Set<Socket> }[] = [];

/** Listens on a free port of 127.0.0.1 until the test is over. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ server, sockets });
  return (server.address() as AddressInfo).port;
}

afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function met(port: number, { timeoutMs = LONG_MS, candidates = [] as number[] } = {}): Promise<unknown> {
  const { dialled } = await meetPlace({ host: '127.0.0.1', port }, { timeoutMs, candidates });
  expect(dialled.map(({ ip }) => ip)).toEqual(['127.0.0.1']);
  return dialled[0]?.met;
}

/** Answers whatever comes first. */
function answering(answer: Buffer | 'close'): Server {
  return createServer((socket) => {
    socket.once('data', () => (answer === 'close' ? socket.destroy() : socket.write(answer)));
  });
}

describe('strangers', () => {
  test('nobody: the port that was just given back', async () => {
    const port = await listening(createServer());
    const [{ server } = { server: createServer() }] = open.splice(0);
    await new Promise((resolve) => server.close(resolve));
    expect(await met(port)).toEqual({ kind: 'unreached', cause: 'ECONNREFUSED' });
  });

  test('an HTTP server that answers what it cannot read', async () => {
    expect(await met(await listening(createHttpServer()))).toEqual({ kind: 'http' });
  });

  test('an HTTP server that closes when it cannot read', async () => {
    const patient = createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        if (bytes.toString('latin1').startsWith('GET ')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        else socket.destroy();
      });
    });
    expect(await met(await listening(patient))).toEqual({ kind: 'http' });
  });

  test('TLS that tells by an alert', async () => {
    const alert = Buffer.from('15030300020228', 'hex');
    const server = createServer((socket) => socket.once('data', () => socket.end(alert)));
    expect(await met(await listening(server))).toEqual({ kind: 'tls' });
  });

  test('TLS of a real server, which has no certificate for anybody', async () => {
    expect(await met(await listening(createTlsServer({})))).toEqual({ kind: 'tls' });
  });

  test('somebody who speaks something else is quoted', async () => {
    const redis = answering(Buffer.from('-ERR unknown command\r\n'));
    expect(await met(await listening(redis))).toEqual({ kind: 'foreign', firstBytes: '"-ERR unknown com"' });
    const binary = answering(Buffer.from('00ff00ff00ff00ff00', 'hex'));
    expect(await met(await listening(binary))).toEqual({ kind: 'foreign', firstBytes: '00ff00ff00ff00ff' + '00' });
  });

  test('somebody who closes, and somebody who says nothing', async () => {
    expect(await met(await listening(answering('close')))).toEqual({ kind: 'silent' });
    const mute = createServer((socket) => socket.resume());
    expect(await met(await listening(mute), { timeoutMs: PATIENCE_MS })).toEqual({ kind: 'silent' });
  });

  test('a name without an address', async () => {
    const place = await meetPlace({ host: 'no-such-host.invalid', port: 9092 }, { timeoutMs: LONG_MS, candidates: [] });
    expect(place).toMatchObject({ unresolved: expect.stringMatching(/^E/) as string, dialled: [] });
  });
});

describe('Kafka', () => {
  const metadata = (...ids: number[]) => ({
    clusterId: 'of-this',
    controllerId: 1,
    topics: [],
    brokers: ids.map((nodeId) => ({ nodeId, host: 'kafka', port: 9092, rack: null })),
  });
  type Resources = { readonly resources: readonly { readonly resourceName: string }[] };
  const configsOf =
    (own: number) =>
    ({ resources }: Resources) => ({
      throttleTimeMs: 0,
      results: resources.map(({ resourceName }) => ({
        errorCode: resourceName === String(own) ? ErrorCode.NONE : ErrorCode.INVALID_REQUEST,
        errorMessage: null,
        resourceType: 4,
        resourceName,
        configs: [],
      })),
    });

  test('a broker says of which cluster it is, and shows by its own configuration which broker it is', async () => {
    await using broker = await ScriptedBroker.listen();
    broker.answers = { [ApiKey.Metadata]: () => metadata(1, 2, 3), [ApiKey.DescribeConfigs]: configsOf(3) };
    expect(await met(broker.port, { candidates: [1] })).toEqual({ kind: 'kafka', clusterId: 'of-this', brokerId: 3 });
    expect(broker.count(ApiKey.DescribeConfigs)).toBe(3);
  });

  test('one that hides its configuration is Kafka all the same', async () => {
    await using broker = await ScriptedBroker.listen();
    broker.answers = { [ApiKey.Metadata]: () => metadata(1), [ApiKey.DescribeConfigs]: configsOf(-1) };
    expect(await met(broker.port)).toEqual({ kind: 'kafka', clusterId: 'of-this', brokerId: undefined });
  });

  test('one that closes at the first question wants SASL, and says which', async () => {
    await using broker = await ScriptedBroker.listen();
    broker.answers = {
      [ApiKey.Metadata]: () => 'close',
      [ApiKey.SaslHandshake]: () => ({
        errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM,
        mechanisms: ['PLAIN', 'SCRAM-SHA-512'],
      }),
    };
    expect(await met(broker.port)).toEqual({ kind: 'sasl', mechanisms: ['PLAIN', 'SCRAM-SHA-512'] });
  });

  test('one that closes at every question is not said to want SASL', async () => {
    await using broker = await ScriptedBroker.listen();
    broker.answers = { [ApiKey.Metadata]: () => 'close', [ApiKey.SaslHandshake]: () => 'close' };
    expect(await met(broker.port)).toEqual({ kind: 'silent' });
  });
});
