/** Controllers that know no voters yet, and how they find those who do. */
import { expect, test } from 'vitest';
import { MetricsRegistry, Prng, UUID_ZERO, limits, randomUuid, silent } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import { raftService } from '@odradek/rpc';
import { SimStreams } from '@odradek/rpc/testing';
import type { Voter } from '../core/messages.ts';
import { StreamTransport } from './transport.ts';

const PORT = 9093;
const ids = [1, 2, 3];

/**
 * @param voters whom it knows; without servers it dials nobody else
 * @returns whom it is connected to, as it changes
 */
async function startNode(
  { clock, random, streams }: { clock: SimClock; random: Prng; streams: SimStreams },
  nodeId: number,
  voters: readonly Voter[],
  hasServers = true,
): Promise<Set<number>> {
  const uuid = (): string => randomUuid(random);
  const identity = { clusterId: 'c', nodeId, directoryId: uuid(), incarnationId: uuid() };
  const node = streams.node(identity, `host-${nodeId}`);
  const servers = (hasServers ? ids : [])
    .filter((id) => id !== nodeId)
    .map((id) => ({ host: `host-${id}`, port: PORT }));
  const transport = new StreamTransport({
    identity,
    streams: node.client,
    configured: [],
    servers,
    clock,
    random,
    limits: limits.tiny,
    log: silent,
    metrics: new MetricsRegistry(),
  });
  node.server.serve(raftService, transport);
  await node.server.listen('', PORT);
  const connected = new Set<number>();
  transport.votersAre(voters);
  transport.start({
    received: () => undefined,
    peerConnected: ({ id }) => void connected.add(id),
    peerLost: (id) => void connected.delete(id),
  });
  return connected;
}

test('newcomers: two that find each other go on looking for a voter', async () => {
  const clock = new SimClock(0, { promptly: false });
  const random = new Prng(1);
  const world = { clock, random, streams: new SimStreams({ clock, limits: limits.tiny, delayMs: () => 1 }) };
  // The name of the first is known before it is there.
  const later = world.streams.node(
    { clusterId: 'c', nodeId: 1, directoryId: randomUuid(random), incarnationId: randomUuid(random) },
    'host-1',
  );
  later.kill();
  const [second, third] = [await startNode(world, 2, []), await startNode(world, 3, [])];
  await clock.advance(100);
  expect([[...second], [...third]]).toEqual([[3], [2]]);
  const endpoints = [{ name: 'CONTROLLER', host: 'host-1', port: PORT }];
  const first = await startNode(world, 1, [{ id: 1, directoryId: randomUuid(random), endpoints }]);
  await clock.advance(2_000);
  expect([second.has(1), third.has(1), first.size]).toEqual([true, true, 2]);
});

test('newcomers: one that has found a voter goes on until it has found them all: any of them may lead', async () => {
  const clock = new SimClock(0, { promptly: false });
  const random = new Prng(2);
  const world = { clock, random, streams: new SimStreams({ clock, limits: limits.tiny, delayMs: () => 1 }) };
  const endpoints = [{ name: 'CONTROLLER', host: 'host-1', port: PORT }];
  const known: readonly Voter[] = [{ id: 1, directoryId: UUID_ZERO, endpoints }];
  await startNode(world, 1, known);
  const third = await startNode(world, 3, known);
  await clock.advance(100);
  expect([...third]).toEqual([1]);
  // It votes since, which neither of the others has heard.
  await startNode(world, 2, known, false);
  await clock.advance(2_000);
  expect(new Set(third)).toEqual(new Set([1, 2]));
});
