import { limits } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerTo, frameOf, listen } from '../testing/listening.ts';
import type { Begun } from '../testing/listening.ts';
import { TurnClock } from '../testing/turn-clock.ts';

const { tiny } = limits;

test('connection: answers leave in request order, each once, whatever becomes ready when and however bytes are cut', async () => {
  const requests = fc.array(fc.record({ early: fc.nat(), silent: fc.boolean(), sync: fc.boolean() }), {
    maxLength: 40,
  });
  const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 30 }));
  await fc.assert(
    fc.asyncProperty(requests, cuts, async (asked, cut) => {
      const fragment = (available: number): number => Math.min(available, cut.next().value);
      const at = await listen({
        network: { fragment },
        limits: { ...tiny, connectionInFlightMax: 1_000 },
        onBegun: (begun) => {
          if (asked[begun.id]?.sync === true && asked[begun.id]?.silent !== true) answerTo(begun);
        },
      });
      const client = at.connect();
      const waiting: number[] = [];
      const settle = (index: number): void => {
        const [id] = waiting.splice(index, 1);
        const begun = at.begun.find((each) => each.id === id);
        if (begun === undefined || id === undefined) return;
        if (asked[id]?.silent === true) begun.connection.answer(begun.slot, null);
        else answerTo(begun, id % 7);
      };
      for (const [id, { early, sync, silent }] of asked.entries()) {
        client.request(id, id % 5);
        await drain();
        if (!sync || silent) waiting.push(id);
        if (early % 3 === 0) settle(early % (waiting.length + 1));
      }
      expect(at.begun.map(({ id }) => id)).toEqual(asked.map((_, id) => id));
      while (waiting.length > 0) settle(waiting.length - 1);
      await drain();
      expect(client.answers()).toEqual(asked.flatMap(({ silent }, id) => (silent ? [] : [id])));
      expect(at.listeners.heldBytes).toBe(0);
    }),
    { numRuns: 40 },
  );
});

test('connection: a request that waits does not stop the next from being started, up to the bound; then the socket is not read', async () => {
  const at = await listen({ limits: { ...tiny, connectionInFlightMax: 4 } });
  const client = at.connect();
  for (let id = 0; id < 10; id += 1) client.request(id);
  await drain();
  expect(at.begun.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  expect(at.metrics.value('odradek_reading_paused_total', { why: 'connection' })).toBe(1);
  client.request(10);
  await drain();
  expect(client.socket.queuedBytes()).toBeGreaterThan(0);
  for (let next = 0; next < 11; next += 1) {
    const begun = at.begun[next];
    expect(begun?.id).toBe(next);
    if (begun !== undefined) answerTo(begun);
    await drain();
  }
  expect(client.answers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(client.socket.queuedBytes()).toBe(0);
});

test('connection: answers that one read brings leave in one write', async () => {
  let writes = 0;
  const at = await listen({
    onBegun: (begun) => {
      if (begun.id === 0) {
        const { socket } = begun.connection;
        const write = socket.write.bind(socket);
        socket.write = (chunks) => ((writes += 1), write(chunks));
      }
      answerTo(begun);
    },
  });
  const client = at.connect();
  client.send(frameOf(0), frameOf(1), frameOf(2), frameOf(3));
  await drain();
  expect(client.answers()).toEqual([0, 1, 2, 3]);
  expect(writes).toBe(1);
});

test('connection: one that brings much at once has short turns, between which others have theirs', async () => {
  const clock = new TurnClock();
  const limits = { ...tiny, connectionInFlightMax: 8, turnMs: 2 };
  const at = await listen({ clock, limits, onBegun: (begun) => (clock.work(0.5), answerTo(begun)) });
  const [greedy, modest] = [at.connect(), at.connect()];
  const ids = Array.from({ length: 50 }, (_, id) => id);
  greedy.send(...ids.map((id) => frameOf(id)));
  await drain();
  expect(at.begun.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  modest.request(100);
  // What it sends in addition does not make its turn longer.
  greedy.request(50);
  await drain();
  expect([modest.answers(), at.begun.length]).toEqual([[100], 5]);
  let turns = 0;
  for (let before = at.begun.length; clock.turn() > 0; before = at.begun.length) {
    await drain();
    expect(at.begun.length - before).toBeLessThanOrEqual(4);
    turns += 1;
  }
  expect([greedy.answers(), turns]).toEqual([[...ids, 50], 12]);
  expect(at.metrics.value('odradek_reading_paused_total', { why: 'connection' })).toBe(0);
  expect(at.listeners.heldBytes).toBe(0);
});

test('connection: requests that are answered later within the turn do not make it longer', async () => {
  const clock = new TurnClock();
  const limits = { ...tiny, connectionInFlightMax: 4, turnMs: 10 };
  const onBegun = (begun: Begun): void => {
    clock.work(1);
    queueMicrotask(() => (clock.work(1), answerTo(begun)));
  };
  const at = await listen({ clock, limits, onBegun });
  const client = at.connect();
  client.send(...Array.from({ length: 20 }, (_, id) => frameOf(id)));
  await drain();
  expect(at.begun.length).toBeLessThanOrEqual(6);
  while (clock.turn() > 0) await drain();
  expect(client.answers()).toEqual(at.begun.map(({ id }) => id));
  expect(at.begun.length).toBe(20);
});

test('connection: a client that goes while others have their turn leaves nothing', async () => {
  const clock = new TurnClock();
  const at = await listen({ clock, onBegun: (begun) => (clock.work(2), answerTo(begun)) });
  const client = at.connect();
  client.send(frameOf(0), frameOf(1), frameOf(2));
  await drain();
  client.socket.destroy();
  await drain();
  expect([clock.turn(), at.begun.length, at.listeners.heldBytes]).toEqual([1, 1, 0]);
});

test('connection: a reader that takes nothing holds at most its bound and one answer, and gets everything once it reads', async () => {
  const answerBytes = 10_000;
  const at = await listen({ onBegun: (begun) => answerTo(begun, answerBytes), network: { bufferBytes: 1_000 } });
  const client = at.connect();
  client.socket.pause();
  const total = 60;
  for (let id = 0; id < total; id += 1) {
    client.request(id);
    await drain();
    expect(at.listeners.heldBytes).toBeLessThanOrEqual(tiny.connectionQueuedBytesMax + answerBytes + 100);
  }
  expect(at.begun.length).toBeLessThan(total);
  client.socket.resume();
  await drain();
  await drain();
  expect(client.answers()).toEqual(Array.from({ length: total }, (_, id) => id));
  expect(at.listeners.heldBytes).toBe(0);
});

test('connection: answers that wait behind a slow first one count against the bound', async () => {
  const at = await listen({ limits: { ...tiny, connectionInFlightMax: 1_000 } });
  const client = at.connect();
  client.request(0);
  await drain();
  for (let id = 1; id < 40; id += 1) {
    client.request(id);
    await drain();
    const begun = at.begun[id];
    if (begun !== undefined) answerTo(begun, 8_000);
    await drain();
  }
  expect(at.listeners.heldBytes).toBeLessThanOrEqual(tiny.connectionQueuedBytesMax + 8_100);
  expect(at.begun.length).toBeLessThan(12);
  const held = at.begun.length;
  const [first] = at.begun;
  if (first !== undefined) answerTo(first);
  await drain();
  // What had waited for room begins now.
  expect(client.answers()).toEqual(Array.from({ length: held }, (_, id) => id));
  expect(at.begun.length).toBeGreaterThan(held);
});

test('connection: slow readers together stop at the bound of the broker, while one who reads is served', async () => {
  const answerBytes = 20_000;
  const at = await listen({ onBegun: (begun) => answerTo(begun, answerBytes), network: { bufferBytes: 1_000 } });
  const slow = Array.from({ length: 30 }, () => at.connect());
  for (const client of slow) client.socket.pause();
  await drain();
  for (let round = 0; round < 10; round += 1) for (const client of slow) client.request(round);
  await drain();
  expect(at.listeners.heldBytes).toBeGreaterThan(tiny.brokerQueuedBytesMax);
  expect(at.listeners.heldBytes).toBeLessThanOrEqual(2 * tiny.brokerQueuedBytesMax + answerBytes + 1_000);
  for (const client of slow.slice(0, 10)) client.socket.destroy();
  await drain();
  const quick = at.connect();
  quick.request(7);
  await drain();
  expect(quick.answers()).toEqual([7]);
  for (const client of slow.slice(10)) client.socket.resume();
  for (let turn = 0; turn < 20; turn += 1) await drain();
  for (const client of slow.slice(10)) expect(client.answers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(at.listeners.heldBytes).toBe(0);
});

test('connection: large frames that arrive in part beyond the bound of the broker all come through, one after another', async () => {
  const frameBytes = 60_000;
  const at = await listen({ onBegun: (begun) => answerTo(begun) });
  const clients = Array.from({ length: 12 }, () => at.connect());
  await drain();
  for (const [id, client] of clients.entries()) client.send(frameOf(id, frameBytes).subarray(0, 40_000));
  await drain();
  expect(at.listeners.heldBytes).toBeGreaterThan(tiny.brokerQueuedBytesMax);
  for (const [id, client] of clients.entries()) client.send(frameOf(id, frameBytes).subarray(40_000));
  for (let turn = 0; turn < 20; turn += 1) await drain();
  expect(clients.map((client) => client.answers())).toEqual(clients.map((_, id) => [id]));
  expect(at.listeners.heldBytes).toBe(0);
});

test('connection: requests with large answers run side by side only within the bound, and keep the order of what follows', async () => {
  const ran: number[] = [];
  const at = await listen({
    limits: { ...tiny, connectionInFlightMax: 10 },
    onBegun: ({ id, connection, slot }) => {
      if (id === 2) ran.push(id);
      else connection.reserve(slot, 40_000, () => ran.push(id));
    },
  });
  const client = at.connect();
  for (const id of [0, 1, 2]) client.request(id);
  await drain();
  expect(ran).toEqual([0]);
  const [first] = at.begun;
  if (first !== undefined) answerTo(first);
  await drain();
  expect(ran).toEqual([0, 1, 2]);
  for (const begun of at.begun.slice(1)) answerTo(begun);
  await drain();
  expect(client.answers()).toEqual([0, 1, 2]);
});

test('connection: when the client goes, whoever waits for it is told, and nothing stays held', async () => {
  const at = await listen();
  const client = at.connect();
  client.request(0, 5_000);
  await drain();
  const signal = at.begun[0]?.connection.signal;
  expect([signal?.aborted, at.listeners.heldBytes]).toEqual([false, 5_004]);
  client.socket.destroy();
  await drain();
  expect([signal?.aborted, at.listeners.heldBytes, at.listeners.connectionCount]).toEqual([true, 0, 0]);
  const [begun] = at.begun;
  if (begun !== undefined) answerTo(begun);
  await drain();
  expect(at.listeners.heldBytes).toBe(0);
});

test('connection: closed by a handler, it sends what is ready before, reads nothing more, and says why in the log', async () => {
  const at = await listen();
  const client = at.connect();
  for (const id of [0, 1, 2]) client.request(id);
  await drain();
  const [first, second] = at.begun;
  if (first !== undefined) answerTo(first);
  second?.connection.closeFor('records of topic t were refused and acks=0 has no answer');
  client.request(3);
  await drain();
  expect(client.answers()).toEqual([0]);
  expect(client.closed).toBe(true);
  expect(at.begun.map(({ id }) => id)).toEqual([0, 1, 2]);
  expect(at.lines.at(-1)?.message).toContain('acks=0 has no answer');
});

test('connection: closed by a handler while it is not read, it still ends when the peer hangs up', async () => {
  const at = await listen({ limits: { ...tiny, connectionInFlightMax: 1 } });
  const client = at.connect();
  for (const id of [0, 1]) client.request(id);
  await drain();
  expect(at.begun.length).toBe(1);
  at.begun[0]?.connection.closeFor('enough');
  await drain();
  expect([client.closed, at.listeners.connectionCount, at.listeners.heldBytes]).toEqual([true, 0, 0]);
});
