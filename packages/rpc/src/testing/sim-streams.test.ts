/** What the simulated network does to streams: delays, cuts, deaths; the contract itself is proven beside gRPC's. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Prng, limits } from '@odradek/base';
import type { Clock } from '@odradek/base';
import { SimClock } from '@odradek/base/testing';
import type { Ending, Target } from '../ports.ts';
import { echoService, identityOf, serveEcho } from './echo.ts';
import type { EchoStream } from './echo.ts';
import { SimStreams, type SimNode } from './sim-streams.ts';
import { echo } from './streams.ts';

const NOTICED_MS = limits.tiny.rpcKeepaliveMs + limits.tiny.rpcKeepaliveTimeoutMs;
const MESSAGE_MS_MAX = 10;

type Rig = {
  readonly clock: SimClock;
  readonly streams: SimStreams;
  readonly nodes: readonly [SimNode, SimNode];
  readonly near: EchoStream;
  readonly far: EchoStream;
  readonly target: Target;
  /** What happened, with the time. */
  readonly log: string[];
};

const identities = [identityOf(1), identityOf(2)] as const;

async function rigOf(seed = 1): Promise<Rig> {
  const clock = new SimClock(0, { promptly: false });
  const random = new Prng(seed);
  const streams = new SimStreams({ clock, limits: limits.tiny, delayMs: () => random.below(MESSAGE_MS_MAX) + 1 });
  const nodes = [streams.node(identities[0], 'one'), streams.node(identities[1], 'two')] as const;
  const log: string[] = [];
  let far: EchoStream | undefined;
  nodes[0].server.serve(echoService, {
    opened: (stream) => {
      far = stream;
      stream.onMessage((each) => {
        log.push(`${clock.monotonicMs()} one got ${each.kind === 'echo' ? each.id : each.kind}`);
        if (each.kind === 'echo' && each.payload.length > 0) stream.send({ kind: 'fill', payload: each.payload });
      });
      stream.onClosed(({ kind, by }) => void log.push(`${clock.monotonicMs()} one: ${kind} by ${by}`));
    },
  });
  const { port } = await nodes[0].server.listen('', 0);
  const target = { host: 'one', port, nodeId: 1, directoryId: null };
  const dialling = nodes[1].client.dial(echoService, target);
  await clock.advance(3 * MESSAGE_MS_MAX);
  const dialled = await dialling;
  if (!dialled.ok || far === undefined) throw new Error('the dial went wrong');
  const near = dialled.stream;
  near.onMessage((each) => void log.push(`${clock.monotonicMs()} two got ${each.kind}`));
  near.onClosed(({ kind, by }) => void log.push(`${clock.monotonicMs()} two: ${kind} by ${by}`));
  return { clock, streams, nodes, near, far, target, log };
}

const without = (log: readonly string[]): string[] => log.map((line) => line.replace(/^[\d.]+ /, '')).toSorted();

test('messages arrive in order, whatever their delays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(fc.nat(5), { minLength: 1, maxLength: 30 }), async (seed, waits) => {
      const { clock, near, log } = await rigOf(seed);
      for (const [id, waitMs] of waits.entries()) {
        near.send(echo(id));
        if (waitMs > 0) await clock.advance(waitMs);
      }
      await clock.advance(2 * MESSAGE_MS_MAX);
      expect(log.map((line) => line.replace(/^[\d.]+ /, ''))).toEqual(waits.map((_, id) => `one got ${id}`));
    }),
    { numRuns: 20 },
  );
});

test('a link that is cut for less than the keepalive loses nothing', async () => {
  const { clock, streams, near, log } = await rigOf();
  streams.cut(2, 1);
  for (let id = 0; id < 5; id += 1) near.send(echo(id));
  await clock.advance(NOTICED_MS - 1);
  expect(log).toEqual([]);
  streams.heal(2, 1);
  near.send(echo(5));
  await clock.advance(2 * MESSAGE_MS_MAX);
  expect(without(log)).toEqual([0, 1, 2, 3, 4, 5].map((id) => `one got ${id}`));
  await clock.advance(10 * NOTICED_MS);
  expect(log).toHaveLength(6);
});

test.each([
  [
    'both ways',
    [
      [1, 2],
      [2, 1],
    ],
  ],
  ['one way', [[1, 2]]],
  ['the other way', [[2, 1]]],
] as const)(
  'a link that stays cut %s breaks the stream on both sides, within the time of the keepalive',
  async (_, cuts) => {
    const { clock, streams, near, far, log } = await rigOf();
    for (const [from, to] of cuts) streams.cut(from, to);
    await clock.advance(NOTICED_MS + 1);
    expect(without(log)).toEqual(['one: broken by network', 'two: broken by network']);
    expect([near.send(echo(1)), far.send(echo(1))]).toEqual([false, false]);
    streams.healAll();
    await clock.advance(NOTICED_MS);
    expect(log).toHaveLength(2);
    expect(streams.streamCount).toBe(0);
  },
);

test('a dial over a cut link ends at its deadline, and goes through once it is healed', async () => {
  const { clock, streams, nodes, target } = await rigOf();
  streams.cut(1, 2);
  const dialling = nodes[1].client.dial(echoService, target);
  await clock.advance(limits.tiny.rpcDialMs);
  const dialled = await dialling;
  expect(!dialled.ok && dialled.ending).toMatchObject({ kind: 'unreachable', by: 'network' });
  streams.heal(1, 2);
  const again = nodes[1].client.dial(echoService, target);
  await clock.advance(3 * MESSAGE_MS_MAX);
  expect((await again).ok).toBe(true);
});

test('a killed process resets its streams, hears nothing more, and is back with a new life', async () => {
  const { clock, streams, nodes, near, target, log } = await rigOf();
  near.send(echo(1));
  nodes[0].kill();
  await clock.advance(2 * MESSAGE_MS_MAX);
  expect(without(log)).toEqual(['two: broken by network']);
  const refused = nodes[1].client.dial(echoService, target);
  await clock.advance(3 * MESSAGE_MS_MAX);
  expect(await refused).toMatchObject({ ok: false, ending: { kind: 'unreachable' } });
  const reborn = streams.node(identityOf(1), 'one');
  reborn.server.serve(echoService, { opened: serveEcho });
  await reborn.server.listen('', target.port);
  const again = nodes[1].client.dial(echoService, target);
  await clock.advance(3 * MESSAGE_MS_MAX);
  const dialled = await again;
  expect(dialled.ok && dialled.stream.peer.incarnationId).toBe(reborn.self.incarnationId);
});

test('a machine without power says nothing: its peer finds out by the keepalive, and a dial by its deadline', async () => {
  const { clock, streams, nodes, target, log } = await rigOf();
  nodes[0].powerOff();
  await clock.advance(NOTICED_MS - 1);
  streams.heal(1, 2);
  expect(log).toEqual([]);
  await clock.advance(2);
  expect(without(log)).toEqual(['two: broken by network']);
  const dialling = nodes[1].client.dial(echoService, target);
  let ending: Ending | undefined;
  void dialling.then((dialled) => {
    if (!dialled.ok) ending = dialled.ending;
  });
  await clock.advance(limits.tiny.rpcDialMs - 1);
  expect(ending).toBeUndefined();
  await clock.advance(2);
  expect(ending).toMatchObject({ kind: 'unreachable', by: 'network' });
});

test('a process that stands still for less than the keepalive hears afterwards what was said meanwhile', async () => {
  const { clock, streams, nodes, near, log } = await rigOf();
  streams.hold(nodes[0]);
  near.send(echo(1));
  await clock.advance(NOTICED_MS - 1);
  expect(log).toEqual([]);
  streams.release(nodes[0]);
  await clock.advance(2 * NOTICED_MS);
  expect(without(log)).toEqual(['one got 1']);
});

test('a process that stands still for longer is given up by its peer, and learns it when it goes on', async () => {
  const { clock, streams, nodes, near, log } = await rigOf();
  streams.cut(1, 2);
  streams.hold(nodes[0]);
  streams.healAll();
  await clock.advance(NOTICED_MS + 1);
  near.send(echo(1));
  streams.release(nodes[0]);
  await clock.advance(2 * NOTICED_MS);
  expect(without(log)).toEqual(['one: broken by network', 'two: broken by network']);
  expect(streams.streamCount).toBe(0);
});

test('two clocks that go differently fast: a stream that one side gives up ends on the other, too', async () => {
  const world = new SimClock(0, { promptly: false });
  const slow: Clock = {
    nowMs: () => world.nowMs() / 2,
    monotonicMs: () => world.monotonicMs() / 2,
    after: (delayMs, fire) => world.after(2 * delayMs, fire),
  };
  const streams = new SimStreams({ clock: world, limits: limits.tiny, delayMs: () => 1 });
  const one = streams.node(identities[0], 'one', { clock: slow });
  const two = streams.node(identities[1], 'two');
  const endings: string[] = [];
  one.server.serve(echoService, {
    opened: (stream) => stream.onClosed(({ kind }) => void endings.push(`one: ${kind}`)),
  });
  const { port } = await one.server.listen('', 0);
  const dialling = two.client.dial(echoService, { host: 'one', port, nodeId: 1, directoryId: null });
  await world.advance(10);
  const dialled = await dialling;
  if (dialled.ok) dialled.stream.onClosed(({ kind }) => void endings.push(`two: ${kind}`));
  streams.cut(1, 2);
  streams.cut(2, 1);
  await world.advance(NOTICED_MS + 1);
  expect(endings).toEqual(['two: broken']);
  streams.healAll();
  await world.advance(10);
  expect(endings).toEqual(['two: broken', 'one: broken']);
});

test('a reset breaks both ends, and what was under way is gone', async () => {
  const { clock, streams, near, log } = await rigOf();
  near.send(echo(1));
  streams.reset(1, 2);
  await clock.advance(2 * MESSAGE_MS_MAX);
  expect(without(log)).toEqual(['one: broken by network', 'two: broken by network']);
});

test('nothing that is said after a reset arrives, though neither side has heard of it yet', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { clock, streams, near, log } = await rigOf(seed);
    near.send(echo(1));
    streams.reset(1, 2);
    for (let id = 2; id < 2 + MESSAGE_MS_MAX; id += 1) {
      near.send(echo(id));
      await clock.advance(1);
    }
    await clock.advance(2 * MESSAGE_MS_MAX);
    expect(without(log)).toEqual(['one: broken by network', 'two: broken by network']);
  }
});

test('two runs of one seed tell the same, another seed another', async () => {
  const run = async (seed: number): Promise<string[]> => {
    const { clock, streams, near, far, log } = await rigOf(seed);
    const random = new Prng(seed);
    for (let turn = 0; turn < 200; turn += 1) {
      const stream = random.chance(1, 2) ? near : far;
      stream.send({ kind: 'echo', id: turn, payload: Buffer.alloc(random.below(2)) });
      if (random.chance(1, 20)) streams.cut(1, 2);
      if (random.chance(1, 5)) streams.healAll();
      await clock.advance(random.below(20));
    }
    streams.cut(2, 1);
    await clock.advance(2 * NOTICED_MS);
    return log;
  };
  const first = await run(7);
  expect(first.length).toBeGreaterThan(100);
  expect(await run(7)).toEqual(first);
  expect(await run(8)).not.toEqual(first);
});

test('who is killed right after the other hears nothing of what was under way', async () => {
  const { clock, nodes, far, log } = await rigOf();
  far.send({ kind: 'fill', payload: Buffer.from('late') });
  nodes[0].kill();
  nodes[1].kill();
  await clock.advance(10 * MESSAGE_MS_MAX);
  expect(log).toEqual([]);
});
