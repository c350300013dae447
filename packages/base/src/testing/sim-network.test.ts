import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Socket } from '../ports.ts';
import { drain } from './sim-clock.ts';
import { SimNetwork, type SimNetworkOptions } from './sim-network.ts';

async function pair(
  options: SimNetworkOptions = {},
): Promise<{ near: Socket; far: Socket; network: SimNetwork; port: number }> {
  const network = new SimNetwork(options);
  const accepted: Socket[] = [];
  const { port } = await network.listen('', 0, (socket) => accepted.push(socket));
  const near = await network.connect('127.0.0.1', port, 1_000);
  await drain();
  const [far] = accepted;
  if (far === undefined) throw new Error('not accepted');
  return { near, far, network, port };
}

function collect(socket: Socket): { readonly bytes: () => Buffer; readonly ends: (string | undefined)[] } {
  const chunks: Buffer[] = [];
  const ends: (string | undefined)[] = [];
  socket.onData((bytes) => chunks.push(bytes));
  socket.onClose((cause) => ends.push(cause?.message));
  return { bytes: () => Buffer.concat(chunks), ends };
}

test('sim network: bytes arrive whole and in order, however they are cut, and an end comes after them', async () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(chunk, { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      async (chunks, cuts) => {
        const { near, far } = await pair({ fragment: (available) => Math.min(available, cuts.next().value) });
        const got = collect(far);
        for (const each of chunks) near.write([each]);
        near.end();
        for (let turn = 0; turn < 10; turn += 1) await drain();
        expect(got.bytes()).toEqual(Buffer.concat(chunks));
        expect(got.ends).toEqual([undefined]);
      },
    ),
    { numRuns: 40 },
  );
});

test('sim network: a peer that does not read fills the buffer, and the writer is told when it is drained', async () => {
  const { near, far } = await pair({ bufferBytes: 100 });
  const got = collect(far);
  far.pause();
  let drained = 0;
  near.onDrain(() => (drained += 1));
  expect(near.write([Buffer.alloc(60)])).toBe(true);
  expect(near.write([Buffer.alloc(60)])).toBe(false);
  await drain();
  expect([near.queuedBytes(), got.bytes().length, drained]).toEqual([120, 0, 0]);
  far.resume();
  await drain();
  expect([near.queuedBytes(), got.bytes().length, drained]).toEqual([0, 120, 1]);
});

test('sim network: destroying one end closes the other and loses what was under way', async () => {
  const { near, far } = await pair();
  const got = collect(far);
  near.write([Buffer.alloc(10)]);
  near.destroy();
  await drain();
  expect([got.bytes().length, got.ends]).toEqual([0, [undefined]]);
  expect(far.write([Buffer.alloc(1)])).toBe(false);
});

test('sim network: a port is taken once, and nobody is reached behind one that is closed', async () => {
  const network = new SimNetwork();
  const listening = await network.listen('localhost', 9_092, () => {});
  await expect(network.listen('', 9_092, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await listening.close();
  await expect(network.connect('localhost', 9_092, 1_000)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await network.listen('', 9_092, () => {});
});
