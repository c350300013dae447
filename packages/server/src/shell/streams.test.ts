/** gRPC that is loaded by who needs it: nothing that comes meanwhile is lost, and an end in between is an end. */
import { silent, UUID_ZERO } from '@odradek/base';
import type { Logger } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { raftService } from '@odradek/rpc';
import type { Ending, RaftMessage, Target } from '@odradek/rpc';
import { patient } from '@odradek/rpc/testing';
import { afterEach, expect, test } from 'vitest';
import { NodeStreams } from './streams.ts';

const { network, clock } = systemPorts();
const NOTHING = Buffer.alloc(0);
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

function streamsOf(nodeId: number, given: { clusterId?: string; log?: Logger } = {}): NodeStreams {
  const self = {
    clusterId: given.clusterId ?? 'cluster',
    nodeId,
    directoryId: UUID_ZERO,
    incarnationId: UUID_ZERO,
  };
  const streams = new NodeStreams({ self, network, clock, limits: patient, log: given.log ?? silent });
  undo.push(() => streams.closeAll(0));
  return streams;
}

async function listening(streams: NodeStreams): Promise<Target> {
  const listener = await network.listen('127.0.0.1', 0, (socket) => streams.take(socket, NOTHING));
  undo.push(() => listener.close());
  return { host: '127.0.0.1', port: listener.port, nodeId: null, directoryId: null };
}

const message: RaftMessage = { kind: 'timeoutNow', epoch: 7 };

test('streams: a connection that comes before gRPC is there is served as soon as it is, with all that it has said', async () => {
  const server = streamsOf(1);
  server.serve(raftService, { opened: (stream) => stream.onMessage((each) => stream.send(each)) });
  const target = await listening(server);
  const dialled = await streamsOf(2).dial(raftService, target);
  if (!dialled.ok) throw new Error(dialled.ending.why);
  const answer = new Promise<RaftMessage>((resolve) => dialled.stream.onMessage(resolve));
  dialled.stream.send(message);
  expect(await answer).toEqual(message);
});

test('streams: a node may dial before it knows what it serves', async () => {
  const [one, other] = [streamsOf(1), streamsOf(2)];
  other.serve(raftService, { opened: (stream) => stream.close() });
  expect((await one.dial(raftService, await listening(other))).ok).toBe(true);
  const heard = new Promise<number>((resolve) => {
    one.serve(raftService, { opened: (stream) => resolve(stream.peer.nodeId) });
  });
  expect((await other.dial(raftService, await listening(one))).ok).toBe(true);
  expect(await heard).toBe(2);
});

test('streams: a service whose handler comes later refuses with the reason until then, and is served afterwards', async () => {
  const [one, other] = [streamsOf(1), streamsOf(2)];
  one.expect(raftService, 'node 1 has no such part yet');
  const target = await listening(one);
  const early = await other.dial(raftService, target);
  expect(early).toMatchObject({ ok: false, ending: { kind: 'refused', by: 'peer' } });
  if (!early.ok) expect(early.ending.why).toContain('node 1 has no such part yet');
  const heard = new Promise<number>((resolve) => {
    one.serve(raftService, { opened: (stream) => resolve(stream.peer.nodeId) });
  });
  expect((await other.dial(raftService, target)).ok).toBe(true);
  expect(await heard).toBe(2);
});

test('streams: what waits for gRPC when the node stops is closed, and so is what comes later', async () => {
  const server = streamsOf(1);
  server.serve(raftService, { opened: (stream) => stream.close() });
  const { port } = await listening(server);
  const before = await network.connect('127.0.0.1', port, 60_000);
  const ended = new Promise<void>((resolve) => before.onClose(() => resolve()));
  before.onData(() => undefined);
  await server.closeAll(0);
  await ended;
  const after = await network.connect('127.0.0.1', port, 60_000);
  after.onData(() => undefined);
  await new Promise<void>((resolve) => after.onClose(() => resolve()));
  expect(await server.dial(raftService, { host: '127.0.0.1', port, nodeId: null, directoryId: null })).toMatchObject({
    ok: false,
    ending: { kind: 'closed', by: 'us' },
  });
});

test('streams: what a killed node had open breaks, whoever dialled it, and nobody is told a reason', async () => {
  const [one, other] = [streamsOf(1), streamsOf(2)];
  const endings: Promise<Ending>[] = [];
  const note = (stream: { onClosed(closed: (ending: Ending) => void): void }): void => {
    endings.push(new Promise((resolve) => stream.onClosed(resolve)));
  };
  other.serve(raftService, { opened: note });
  one.serve(raftService, { opened: (stream) => stream.onMessage(() => undefined) });
  const [toOne, toOther] = [await listening(one), await listening(other)];
  const inward = await other.dial(raftService, toOne);
  const outward = await one.dial(raftService, toOther);
  if (!inward.ok || !outward.ok) throw new Error('a dial failed');
  note(inward.stream);
  await one.cut();
  expect((await Promise.all(endings)).map(({ kind, by }) => [kind, by])).toEqual([
    ['broken', 'network'],
    ['broken', 'network'],
  ]);
  expect(endings).toHaveLength(2);
});

test('streams: a node that is refused again and again for one reason is a line once', async () => {
  const lines: string[] = [];
  const log: Logger = { ...silent, warn: (_fields, text) => void lines.push(text) };
  const server = streamsOf(1, { log });
  server.serve(raftService, { opened: (stream) => stream.close() });
  const target = await listening(server);
  const stranger = streamsOf(2, { clusterId: 'another' });
  for (let round = 0; round < 3; round += 1) {
    const dialled = await stranger.dial(raftService, target);
    expect(dialled).toMatchObject({ ok: false, ending: { kind: 'refused', by: 'peer' } });
  }
  expect(lines).toEqual([expect.stringMatching(/another node is refused: node 2 belongs to cluster another/)]);
});
