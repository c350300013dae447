/** What gRPC has beyond the contract of streams: its own limits, strangers, and a port shared with Kafka. */
import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { limits } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { isHttp2 } from '../core/preface.ts';
import { replicaFetchService } from '../core/services/replica-fetch.ts';
import type { FromLeader } from '../core/services/replica-fetch.ts';
import type { Ending, StreamClient } from '../ports.ts';
import { echoClient, secondService, startEcho } from '../testing/echo.ts';
import type { EchoOptions, EchoServer } from '../testing/echo.ts';
import { patient } from '../testing/patient.ts';
import { closedOf, dialEcho, echo, take } from '../testing/streams.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

async function serverOf(options: EchoOptions = {}): Promise<EchoServer> {
  const echo = await startEcho(options);
  undo.push(() => echo.server.close(0));
  return echo;
}

function clientOf(...options: Parameters<typeof echoClient>): StreamClient {
  const client = echoClient(...options);
  undo.push(() => client.close());
  return client;
}

test('longer than the receiver takes: told in words up to twice its bound, by gRPC beyond it', async () => {
  const { target, endings } = await serverOf({ limits: { ...patient, rpcMessageBytesMax: 1000 } });
  const stream = await dialEcho(clientOf(), target);
  stream.onMessage(() => {});
  stream.send(echo(1, Buffer.alloc(1500)));
  expect(await closedOf(stream)).toMatchObject({ kind: 'invalid', by: 'peer' });
  expect(endings).toMatchObject([{ kind: 'invalid', by: 'us' }]);
  const second = await dialEcho(clientOf(), target);
  second.onMessage(() => {});
  second.send(echo(1, Buffer.alloc(5000)));
  const ending = await closedOf(second);
  expect(ending).toMatchObject({ kind: 'invalid', by: 'peer' });
  expect(ending.why).toMatch(/larger than max \(\d+ vs\. 2000\)|5\d{3} vs/);
});

test('batches write themselves into the frames of gRPC, and arrive as they were, however they were cut', async () => {
  const { server, target } = await serverOf();
  const chunk = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
  const chunks = [chunk.subarray(0, 1), chunk.subarray(1, 70_000), chunk.subarray(70_000)];
  const told = (slot: number, records: readonly Buffer[]): FromLeader => ({
    kind: 'batches',
    parts: [{ slot, fetchOffset: 2 ** 40, highWatermark: 0, logStartOffset: 300, records }],
    progress: [{ slot: 9, highWatermark: 1, logStartOffset: 0 }],
  });
  server.serve(replicaFetchService, {
    opened: (stream) => {
      stream.onMessage(() => {
        for (let slot = 1; slot <= 20; slot += 1) stream.send(told(slot, chunks));
        stream.send({ kind: 'answers', refused: [], diverging: [{ slot: 1, epoch: 2, endOffset: 3 }] });
      });
    },
  });
  const dialled = await clientOf().dial(replicaFetchService, target);
  if (!dialled.ok) throw new Error(dialled.ending.why);
  const { stream } = dialled;
  const heard: FromLeader[] = [];
  const all = new Promise<void>((resolve) => {
    stream.onMessage((message) => {
      heard.push(message);
      if (message.kind === 'answers') resolve();
    });
  });
  stream.send({ kind: 'hello', brokerEpoch: 1 });
  await all;
  expect(heard.slice(0, -1)).toEqual(Array.from({ length: 20 }, (_, index) => told(index + 1, [chunk])));
});

test('garbage instead of HTTP/2 costs the connection and nothing else', async () => {
  const { target, listening } = await serverOf();
  const socket = net.connect(listening.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.write(Buffer.alloc(4096, 'not what you expect '));
  await once(socket, 'close');
  const stream = await dialEcho(clientOf(), target);
  stream.send(echo(9));
  expect(await take(stream, 1)).toEqual([echo(9)]);
});

test('windows are large on the listening side: of each stream and of the whole connection', async () => {
  const { listening } = await serverOf();
  const session = http2.connect(`http://127.0.0.1:${listening.port}`);
  undo.push(() => session.destroy());
  const [settings] = (await once(session, 'remoteSettings')) as [http2.Settings];
  const windowBytes = limits.production.rpcWindowBytes;
  expect(settings.initialWindowSize).toBe(windowBytes);
  expect(settings.maxConcurrentStreams).toBe(limits.production.rpcStreamsPerConnectionMax);
  await expect.poll(() => session.state.remoteWindowSize).toBe(windowBytes);
});

test('what gRPC would keep for a retry counts as queued', async () => {
  const paused = Promise.withResolvers<void>();
  const small = { ...patient, rpcWindowBytes: 65_536 };
  const { target } = await serverOf({
    limits: small,
    serve: (stream) => {
      stream.onMessage(() => {
        stream.pause();
        paused.resolve();
      });
    },
  });
  const stream = await dialEcho(clientOf(), target);
  stream.send(echo(0));
  await paused.promise;
  const payload = Buffer.alloc(64 * 1024);
  for (let id = 1; id <= 12; id += 1) stream.send(echo(id, payload));
  // Another stream comes and goes meanwhile: whatever this one's connection takes, it has taken.
  const other = await dialEcho(clientOf(), target);
  const closed = new Promise<Ending>((resolve) => other.onClosed(resolve));
  other.close();
  await closed;
  expect(stream.queuedBytes()).toBeGreaterThan(8 * payload.length);
});

test('one port, two tongues: a listener hands over what begins as HTTP/2, in pieces too, and keeps what is Kafka', async () => {
  const { server, self } = await serverOf();
  const frames: string[] = [];
  const listening = await systemPorts().network.listen('127.0.0.1', 0, (socket) => {
    let first: Buffer = Buffer.alloc(0);
    let isKafka = false;
    socket.onData((bytes) => {
      first = isKafka ? bytes : Buffer.concat([first, bytes]);
      const http2 = isKafka ? false : isHttp2(first);
      if (http2 === 'more') return;
      if (http2) return server.take(socket, first);
      isKafka = true;
      frames.push(first.toString('hex'));
      socket.write([first]);
    });
  });
  undo.push(() => listening.close());
  const target = { host: 'localhost', port: listening.port, nodeId: self.nodeId, directoryId: null };
  const kafka = net.connect(listening.port, '127.0.0.1');
  undo.push(() => void kafka.destroy());
  const frame = Buffer.from('0000000a001200030000000100ff', 'hex');
  kafka.write(frame);
  const client = clientOf();
  const [stream, second] = await Promise.all([dialEcho(client, target), client.dial(secondService, target)]);
  const answers = take(stream, 3);
  for (let id = 0; id < 3; id += 1) stream.send(echo(id, Buffer.alloc(300_000)));
  expect(await answers).toHaveLength(3);
  if (!second.ok) throw new Error(second.ending.why);
  second.stream.send(echo(5));
  expect(await take(second.stream, 1)).toEqual([echo(5)]);
  kafka.write(frame);
  await expect.poll(() => frames.join('')).toBe(frame.toString('hex').repeat(2));

  const slow = net.connect(listening.port, '127.0.0.1');
  undo.push(() => void slow.destroy());
  slow.setNoDelay(true);
  for (const piece of ['PR', 'I * HT', 'TP/2.0\r\n\r\nSM\r\n\r\n']) {
    slow.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  slow.write(Buffer.from('000000040000000000', 'hex'));
  const [settings] = (await once(slow, 'data')) as [Buffer];
  expect(settings[3], 'a SETTINGS frame answers').toBe(4);
});
