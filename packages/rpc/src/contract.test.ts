/** What every stream keeps to, over real sockets, within a process, and simulated: what arrives, how much is held, and how every kind of end is told. */
import { afterEach, describe, expect, test } from 'vitest';
import { Prng, limits } from '@odradek/base';
import type { Limits } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { SimClock } from '@odradek/base/testing';
import { serviceOf } from './core/service.ts';
import type { Dialled, Ending, Identity, StreamClient, StreamServer } from './ports.ts';
import { echoService, identityOf, realWorld, startEchoIn } from './testing/echo.ts';
import type { EchoMessage, EchoOptions, EchoServer, EchoStream, EchoWorld } from './testing/echo.ts';
import { patient, SimStreams } from './testing/index.ts';
import { pipeWorld } from './testing/pipe-world.ts';
import { closedOf, dialEcho, echo, take } from './testing/streams.ts';

const MIB = 1024 * 1024;
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

/** Simulated time passes by itself while a test waits. */
function simWorld(): EchoWorld {
  const clock = new SimClock();
  const random = new Prng(5);
  const streams = new SimStreams({ clock, limits: limits.production, delayMs: () => random.below(5) + 1 });
  let isOver = false;
  const flow = async (): Promise<void> => {
    while (!isOver) await clock.advance(10);
  };
  const flowing = flow();
  undo.push(async () => {
    isOver = true;
    await flowing;
  });
  return {
    server: (self, bounds, onRefused) => streams.node(self, 'sim', { limits: bounds, onRefused }).server,
    client: (self, bounds) => streams.node(self, 'sim', { limits: bounds }).client,
    host: 'sim',
  };
}

const betweenNodes: [string, () => EchoWorld][] = [
  ['gRPC', () => realWorld],
  ['simulated', simWorld],
];
const worlds: [string, () => EchoWorld][] = [...betweenNodes, ['pipe', () => pipeWorld(systemPorts().clock, patient)]];
const isBetweenNodes = (name: string): boolean => betweenNodes.some(([each]) => each === name);

function endOf(dialled: Dialled<EchoStream>): Ending {
  if (dialled.ok) throw new Error('the dial went through');
  return dialled.ending;
}

describe.each(worlds)('%s:', (name, enter) => {
  let world: EchoWorld | undefined;
  afterEach(() => {
    world = undefined;
  });

  async function serverOf(options: EchoOptions = {}): Promise<EchoServer<StreamServer>> {
    world ??= enter();
    const echo = await startEchoIn(world, options);
    undo.push(() => echo.server.close(0));
    return echo;
  }

  function clientOf(options: { readonly self?: Identity; readonly limits?: Limits } = {}): StreamClient {
    world ??= enter();
    const client = world.client(options.self ?? identityOf(2), options.limits ?? patient);
    undo.push(() => client.close());
    return client;
  }

  describe('a stream', () => {
    test('carries messages both ways, in order, and each side knows who the other is', async () => {
      const { target, self, peers } = await serverOf();
      const me = identityOf(2);
      const stream = await dialEcho(clientOf({ self: me }), target);
      const answers = take(stream, 1000);
      for (let id = 0; id < 1000; id += 1) stream.send(echo(id, Buffer.from([id & 0xff])));
      expect((await answers).map((each) => each.kind === 'echo' && each.id)).toEqual(
        Array.from({ length: 1000 }, (_, id) => id),
      );
      expect(stream.peer).toMatchObject({ ...self, version: 3 });
      expect(peers).toMatchObject([{ ...(world?.isOneProcess === true ? self : me), version: 3 }]);
    });

    test('carries messages of 10 MB unharmed', async () => {
      const { target } = await serverOf();
      const stream = await dialEcho(clientOf(), target);
      const payload = Buffer.alloc(10_000_000);
      for (let at = 0; at < payload.length; at += 4096) payload.writeUInt32BE(at, Math.min(at, payload.length - 4));
      const answers = take(stream, 3);
      for (let id = 0; id < 3; id += 1) stream.send(echo(id, payload));
      for (const each of await answers) expect(each.kind === 'echo' && each.payload.equals(payload)).toBe(true);
    });

    test('keeps what comes before somebody takes it', async () => {
      const { target } = await serverOf();
      const stream = await dialEcho(clientOf(), target);
      stream.send(echo(1));
      const other = await dialEcho(clientOf(), target);
      other.send(echo(2));
      await take(other, 1);
      expect(await take(stream, 1)).toEqual([echo(1)]);
    });

    test('paused before somebody takes, holds until it is resumed', async () => {
      const { target } = await serverOf();
      const client = clientOf();
      const stream = await dialEcho(client, target);
      stream.pause();
      stream.resume();
      stream.send(echo(1));
      expect(await take(stream, 1)).toEqual([echo(1)]);
      const second = await dialEcho(client, target);
      second.pause();
      let got = 0;
      second.onMessage(() => (got += 1));
      second.send(echo(2));
      const other = await dialEcho(client, target);
      other.send(echo(3));
      await take(other, 1);
      expect(got).toBe(0);
      second.resume();
      await expect.poll(() => got).toBe(1);
    });

    test('ends in words: what was sent before arrives first, then the reason, on both sides', async () => {
      const { target, endings } = await serverOf();
      const stream = await dialEcho(clientOf(), target);
      const answers = take(stream, 100);
      const closed = closedOf(stream);
      for (let id = 0; id < 100; id += 1) stream.send(echo(id, Buffer.alloc(50_000)));
      stream.send({ kind: 'leave', why: 'the controller moves' });
      expect(await answers).toHaveLength(100);
      expect(await closed).toEqual({ kind: 'closed', by: 'peer', why: 'the controller moves' });
      expect(endings).toEqual([{ kind: 'closed', by: 'us', why: 'the controller moves' }]);
    });

    test('ends in words from the side that dialled, too', async () => {
      const told = Promise.withResolvers<Ending>();
      const got: EchoMessage[] = [];
      const { target } = await serverOf({
        serve: (stream) => {
          stream.onMessage((each) => void got.push(each));
          stream.onClosed(told.resolve);
        },
      });
      const stream = await dialEcho(clientOf(), target);
      for (let id = 0; id < 50; id += 1) stream.send(echo(id, Buffer.alloc(100_000)));
      stream.close({ reason: 'refused', why: 'your epoch is stale' });
      expect(stream.send(echo(51))).toBe(false);
      expect(await told.promise).toEqual({ kind: 'refused', by: 'peer', why: 'your epoch is stale' });
      expect(got).toHaveLength(50);
      expect(await closedOf(stream)).toEqual({ kind: 'refused', by: 'us', why: 'your epoch is stale' });
    });

    test('ends when the server stops, with its reason, and a later dial is unreachable', async () => {
      const { target, server } = await serverOf();
      const client = clientOf();
      const stream = await dialEcho(client, target);
      const closed = closedOf(stream);
      stream.onMessage(() => {});
      await server.close(5_000);
      expect(await closed).toEqual({ kind: 'closed', by: 'peer', why: 'node 1 stops' });
      expect(endOf(await client.dial(echoService, target))).toMatchObject({ kind: 'unreachable', by: 'network' });
    });

    test('ends in words for a reader that was paused, once it has taken what came before', async () => {
      const { target } = await serverOf();
      const client = clientOf();
      const stream = await dialEcho(client, target);
      const closed = closedOf(stream);
      for (let id = 0; id < 10; id += 1) stream.send(echo(id, Buffer.alloc(10_000)));
      stream.send({ kind: 'leave', why: 'done' });
      const other = await dialEcho(client, target);
      const echoes = take(other, 100);
      for (let id = 0; id < 100; id += 1) other.send(echo(id));
      await echoes;
      expect(await take(stream, 10)).toHaveLength(10);
      expect(await closed).toEqual({ kind: 'closed', by: 'peer', why: 'done' });
    });

    test.each(['reads', 'does not read'])(
      'destroyed on one side, breaks at once on the other, which %s',
      async (how) => {
        const told = Promise.withResolvers<Ending>();
        const { target } = await serverOf({
          serve: (stream) => {
            if (how === 'reads') stream.onMessage(() => {});
            stream.onClosed(told.resolve);
          },
        });
        const stream = await dialEcho(clientOf(), target);
        stream.destroy('a test says so');
        expect(await told.promise).toMatchObject({ kind: 'broken', by: 'network' });
        expect(await closedOf(stream)).toEqual({ kind: 'broken', by: 'us', why: 'a test says so' });

        const other = await serverOf({ serve: (each) => each.destroy('the other way') });
        const second = await dialEcho(clientOf(), other.target);
        if (how === 'reads') second.onMessage(() => {});
        expect(await closedOf(second)).toMatchObject({ kind: 'broken', by: 'network' });
      },
    );
  });

  describe('back-pressure', () => {
    test.each(['listens', 'dials'])('a slow reader holds a sender that %s within the marks', async (side) => {
      const listener = Promise.withResolvers<EchoStream>();
      const { target } = await serverOf({ serve: listener.resolve });
      const client = clientOf();
      const dialler = await dialEcho(client, target);
      const [sender, reader] = side === 'dials' ? [dialler, await listener.promise] : [await listener.promise, dialler];
      const count = 2_000;
      const payload = Buffer.alloc(64 * 1024);
      let sent = 0;
      let most = 0;
      const pump = (): void => {
        while (sent < count) {
          sent += 1;
          const more = sender.send({ kind: 'fill', payload });
          most = Math.max(most, sender.queuedBytes());
          if (!more) break;
        }
      };
      let got = 0;
      const all = Promise.withResolvers<void>();
      const paused = Promise.withResolvers<void>();
      reader.onMessage(() => {
        got += 1;
        if (got === 1) {
          reader.pause();
          paused.resolve();
        }
        if (got === count) all.resolve();
      });
      sender.onDrain(pump);
      pump();
      await paused.promise;
      // Nothing is taken any more: the sender fills the windows, and is stopped by them, far from all that it has (125 MiB).
      const { rpcQueuedBytesMark: mark, rpcWindowBytes: windowBytes } = limits.production;
      const sentBytes = (): number => sent * payload.length;
      await expect.poll(sentBytes, { timeout: 30_000 }).toBeGreaterThan(windowBytes + mark / 2);
      let held = -1;
      const stands = (): boolean => held === (held = sent);
      await expect.poll(stands, { timeout: 30_000 }).toBe(true);
      const other = await dialEcho(client, target);
      other.close();
      await closedOf(other);
      expect(sentBytes()).toBeLessThan(16 * MIB);
      expect(sender.queuedBytes()).toBeGreaterThan(mark / 2);
      reader.resume();
      await all.promise;
      expect(sent).toBe(count);
      expect(most).toBeLessThanOrEqual(mark + payload.length + 64);
    });

    test('a sender that does not hold back is cut at the bound, and both sides hear of it', async () => {
      const told = Promise.withResolvers<Ending>();
      const { target } = await serverOf({
        limits: limits.tiny,
        serve: (stream) => {
          stream.onClosed(told.resolve);
          const payload = Buffer.alloc(256 * 1024);
          for (let count = 0; count < 64; count += 1) stream.send({ kind: 'fill', payload });
        },
      });
      const stream = await dialEcho(clientOf(), target);
      const broken = await closedOf(stream);
      expect(await told.promise).toMatchObject({ kind: 'overflowed', by: 'us' });
      expect((await told.promise).why).toMatch(/^\d+ bytes wait for node \d \([\w.: ]+\), which takes them too slowly/);
      expect(broken).toMatchObject({ kind: 'broken', by: 'network' });
    });
  });

  // Both ends of a pipe are of one node: there is nobody to refuse.
  describe.runIf(isBetweenNodes(name))('who is refused, is told why on both sides:', () => {
    test('another cluster', async () => {
      const { target, refusals, peers } = await serverOf();
      const ending = endOf(await clientOf({ self: identityOf(7, 'another') }).dial(echoService, target));
      expect(ending).toEqual({
        kind: 'refused',
        by: 'peer',
        why:
          'node 7 belongs to cluster another, node 1 to cluster echo-cluster-0000000000: ' +
          'check the addresses, or format with one --cluster-id',
      });
      expect(refusals).toEqual([ending.why]);
      expect(peers).toEqual([]);
    });

    test('another node or another disk than the one that is wanted', async () => {
      const { target, refusals } = await serverOf();
      const client = clientOf();
      const node = endOf(await client.dial(echoService, { ...target, nodeId: 3 }));
      expect(node.why).toMatch(/^node 2 looks for node 3 here, but this is node 1: check the addresses/);
      const disk = endOf(await client.dial(echoService, { ...target, directoryId: 'b'.repeat(22) }));
      expect(disk.why).toMatch(/^node 2 looks for node 1 with directory b{22}, but this is directory /);
      expect(refusals).toEqual([node.why, disk.why]);
      expect((await client.dial(echoService, { ...target, nodeId: null, directoryId: null })).ok).toBe(true);
    });

    test('versions that do not meet', async () => {
      const { target, refusals } = await serverOf();
      const { asked, told } = echoService;
      const later = serviceOf({ name: 'Echo', versions: { min: 4, max: 6 }, asked, told });
      const ending = endOf(await clientOf().dial(later, target));
      expect(ending.why).toBe(
        'node 2 speaks Echo in versions 4 to 6, node 1 speaks versions 1 to 3: upgrade one release after the other',
      );
      expect(refusals).toEqual([ending.why]);
      const wider = serviceOf({ name: 'Echo', versions: { min: 2, max: 6 }, asked, told });
      const dialled = await clientOf().dial(wider, target);
      expect(dialled.ok && dialled.stream.peer.version).toBe(3);
    });

    test('whom the service does not admit', async () => {
      const { target, refusals } = await serverOf({ admit: ({ nodeId }) => `node ${nodeId} is here already` });
      const ending = endOf(await clientOf().dial(echoService, target));
      expect(ending).toEqual({ kind: 'refused', by: 'peer', why: 'node 2 is here already' });
      expect(refusals).toEqual(['node 2 is here already']);
    });

    test('a service that is not served', async () => {
      const { target } = await serverOf();
      const { asked, told, versions } = echoService;
      const ending = endOf(await clientOf().dial(serviceOf({ name: 'Nowhere', versions, asked, told }), target));
      expect(ending).toMatchObject({ kind: 'refused', by: 'peer' });
      expect(ending.why).toMatch(/does not serve Nowhere$/);
    });
  });

  describe('messages that cannot be taken', () => {
    test('too long: the sender does not send it, and both sides hear its size and the bound', async () => {
      const { target, endings } = await serverOf();
      const stream = await dialEcho(clientOf({ limits: { ...patient, rpcMessageBytesMax: 1000 } }), target);
      expect(stream.send(echo(1, Buffer.alloc(2000)))).toBe(false);
      const ours = await closedOf(stream);
      expect(ours).toMatchObject({ kind: 'invalid', by: 'us' });
      expect(ours.why).toBe(
        'a EchoMessage of 2008 bytes is too long: nodes say at most 1000 bytes at once (rpcMessageBytesMax)',
      );
      await expect.poll(() => endings).toEqual([{ kind: 'invalid', by: 'peer', why: ours.why }]);
    });

    test.runIf(isBetweenNodes(name))('garbage in a stream ends it, with what is wrong', async () => {
      const { target, endings } = await serverOf();
      const { told, versions } = echoService;
      const raw = {
        name: 'Raw',
        encode: (bytes: Buffer) => bytes,
        decode: (value: Buffer) => ({ ok: true, value }) as const,
      };
      const dialled = await clientOf().dial(serviceOf({ name: 'Echo', versions, asked: raw, told }), target);
      if (!dialled.ok) throw new Error(dialled.ending.why);
      dialled.stream.onMessage(() => {});
      const closed = new Promise<Ending>((resolve) => dialled.stream.onClosed(resolve));
      dialled.stream.send(Buffer.from('garbage, indeed'));
      expect(await closed).toMatchObject({ kind: 'invalid', by: 'peer' });
      expect((await closed).why).toMatch(/^15 bytes are no EchoMessage: /);
      expect(endings).toMatchObject([{ kind: 'invalid', by: 'us' }]);
    });
  });
});
