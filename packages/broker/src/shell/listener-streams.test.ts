/** Other nodes on a broker's own port, over real sockets: their gRPC beside Kafka's frames. */
import { afterEach, expect, test } from 'vitest';
import { MetricsRegistry, UUID_ZERO, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { raftService } from '@odradek/rpc';
import type { Identity, RaftMessage } from '@odradek/rpc';
import { createGrpcClient, createGrpcServer } from '@odradek/rpc/grpc';
import { patient } from '@odradek/rpc/testing';
import { Listeners } from './listener.ts';
import { Turns } from './turns.ts';

const { network, clock } = systemPorts();
const identity = (nodeId: number): Identity => ({
  clusterId: 'cluster',
  nodeId,
  directoryId: UUID_ZERO,
  incarnationId: UUID_ZERO,
});

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

test('listener: a node speaks gRPC where other nodes are expected, Kafka goes on beside it, elsewhere it is a stranger', async () => {
  const metrics = new MetricsRegistry();
  const streams = createGrpcServer({ self: identity(1), network, clock, limits: patient });
  const said: RaftMessage[] = [];
  streams.serve(raftService, {
    opened: (stream) =>
      stream.onMessage((message) => {
        said.push(message);
        stream.send(message);
      }),
  });
  const frames: number[] = [];
  const listeners = new Listeners({
    network,
    clock,
    limits: patient,
    turns: new Turns(clock, patient),
    log: silent,
    metrics,
    listeners: [
      { name: 'INTERNAL', host: '127.0.0.1', port: 0 },
      { name: 'EXTERNAL', host: '127.0.0.1', port: 0 },
    ],
    bounds: () => ({ max: 100, maxPerIp: 100, perIpOverrides: new Map(), maxPerListener: new Map() }),
    frameBytesMax: 1024,
    idleMs: 0,
    start: (frame, connection, slot) => {
      frames.push(frame.length);
      connection.answer(slot, [frame]);
    },
    streamsOn: (listener) => (listener === 'INTERNAL' ? streams : undefined),
  });
  const [internal, external] = await listeners.bind();
  undo.push(() => listeners.close(0));
  undo.push(() => streams.close(0));
  const client = createGrpcClient({ self: identity(2), clock, limits: patient });
  undo.push(() => client.close());
  listeners.serve();

  const kafka = await network.connect('127.0.0.1', internal?.port ?? 0, 60_000);
  undo.push(() => kafka.destroy());
  kafka.write([Buffer.from('000000080012000300000001', 'hex')]);
  await new Promise<void>((resolve) => kafka.onData(() => resolve()));
  expect(frames).toEqual([8]);

  const target = { host: '127.0.0.1', port: internal?.port ?? 0, nodeId: 1, directoryId: null };
  const dialled = await client.dial(raftService, target);
  if (!dialled.ok) throw new Error(dialled.ending.why);
  const { stream } = dialled;
  const message: RaftMessage = { kind: 'timeoutNow', epoch: 7 };
  stream.send(message);
  expect(await new Promise((resolve) => stream.onMessage(resolve))).toEqual(message);
  expect(said).toEqual([message]);
  expect(listeners.connectionCount).toBe(2);
  stream.close();
  await expect.poll(() => listeners.connectionCount).toBe(1);

  const stranger = await client.dial(raftService, { ...target, port: external?.port ?? 0 });
  expect(!stranger.ok && stranger.ending.kind).toBe('unreachable');
  expect(metrics.value('odradek_misuse_total', { kind: 'http2' })).toBeGreaterThanOrEqual(1);
});
