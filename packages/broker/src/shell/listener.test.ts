import { limits } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Misuse } from '../core/first-bytes.ts';
import { answerTo, listen } from '../testing/listening.ts';

const { tiny } = limits;
const wide = {
  max: 1_000,
  maxPerIp: 1_000,
  perIpOverrides: new Map<string, number>(),
  maxPerListener: new Map<string, number>(),
};
const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const misuses: [Misuse, Buffer, RegExp][] = [
  ['tls', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), /security\.protocol=PLAINTEXT/],
  ['http', text('GET /metrics HTTP/1.1\r\nHost: localhost:9092\r\n\r\n'), /HTTP port/],
  ['http2', text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /gRPC/],
  ['redis', text('*1\r\n$4\r\nPING\r\n'), /Redis/],
  ['proxy-protocol', text('PROXY TCP4 1.1.1.1 2.2.2.2 1 9092\r\n'), /PROXY/],
  ['unknown-protocol', text('what is this?\r\n'), /no Kafka request/],
  ['oversized-frame', int32(64 * 1024 + 1), /65537 bytes.*65536/],
  ['oversized-frame', int32(0x7fff_ffff), /2147483647/],
  ['negative-frame', int32(-1), /-1 bytes/],
  ['negative-frame', int32(-2_147_483_648), /-2147483648/],
];

test.for(misuses)(
  'listener: %s is named in one log line and a metric, the connection is closed, others go on',
  async ([kind, bytes, words]) => {
    const at = await listen({ onBegun: (begun) => answerTo(begun) });
    const other = at.connect();
    const client = at.connect('10.1.2.3');
    client.send(bytes);
    await drain();
    expect(client.closed).toBe(true);
    expect(at.begun).toEqual([]);
    expect(at.metrics.value('odradek_misuse_total', { kind })).toBe(1);
    const reason = kind === 'oversized-frame' ? 'oversized' : 'malformed';
    expect(at.metrics.value('odradek_connections_closed_total', { listener: 'PLAINTEXT', reason })).toBe(1);
    const [line, ...more] = at.lines;
    expect(more).toEqual([]);
    expect(line?.level).toBe('warn');
    expect(line?.message).toMatch(words);
    expect(line?.fields).toMatchObject({ misuse: kind, host: '10.1.2.3', listener: 'PLAINTEXT' });
    other.request(1);
    await drain();
    expect(other.answers()).toEqual([1]);
  },
);

test('listener: who speaks HTTP is told so in HTTP', async () => {
  const at = await listen();
  const client = at.connect();
  client.send(text('GET / HTTP/1.1\r\n\r\n'));
  await drain();
  const [head = '', body = ''] = client.received.toString().split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
  expect(body).toContain('Kafka');
});

test('listener: a flood of one misuse is counted whole and logged a few times', async () => {
  const at = await listen();
  for (let nth = 0; nth < 50; nth += 1) at.connect().send(text('GET / HTTP/1.1\r\n\r\n'));
  await drain();
  expect(at.metrics.value('odradek_misuse_total', { kind: 'http' })).toBe(50);
  expect(at.lines.length).toBe(5);
});

test('listener: no bytes from one client stop another', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), async (chunks) => {
      const at = await listen({
        onBegun: (begun) => {
          if (begun.frame.length < 4) begun.connection.misuse('undecodable', 'short');
          else answerTo(begun);
        },
      });
      const hostile = at.connect();
      for (const chunk of chunks) hostile.send(Buffer.from(chunk));
      hostile.socket.end();
      await drain();
      const client = at.connect();
      client.request(5);
      await drain();
      expect(client.answers()).toEqual([5]);
      expect(at.listeners.connectionCount).toBe(1);
    }),
    { numRuns: 60 },
  );
});

test('listener: connections beyond max.connections.per.ip are closed at once and counted, and make room when they go', async () => {
  const at = await listen({ bounds: () => ({ ...wide, maxPerIp: 2 }), onBegun: (begun) => answerTo(begun) });
  const [first, second, third] = [at.connect('10.0.0.1'), at.connect('10.0.0.1'), at.connect('10.0.0.1')];
  const elsewhere = at.connect('10.0.0.2');
  await drain();
  expect([first, second, third, elsewhere].map((client) => client?.closed)).toEqual([false, false, true, false]);
  expect(at.metrics.value('odradek_connections_refused_total', { listener: 'PLAINTEXT', reason: 'limit' })).toBe(1);
  expect(at.lines[0]?.message).toContain('max.connections.per.ip');
  first?.socket.destroy();
  await drain();
  const again = at.connect('10.0.0.1');
  again.request(3);
  await drain();
  expect(again.answers()).toEqual([3]);
  expect(at.metrics.value('odradek_connections', { listener: 'PLAINTEXT' })).toBe(3);
});

test('listener: a silent connection is closed after connections.max.idle.ms, one with a request under way is not', async () => {
  const at = await listen({ idleMs: 10_000 });
  const [silent, waiting, lively] = [at.connect(), at.connect(), at.connect()];
  waiting?.request(1);
  await drain();
  await at.clock.advance(6_000);
  lively?.request(2);
  await drain();
  const begun = at.begun.find(({ id }) => id === 2);
  if (begun !== undefined) answerTo(begun);
  await at.clock.advance(6_000);
  expect([silent, waiting, lively].map((client) => client?.closed)).toEqual([true, false, false]);
  expect(at.metrics.value('odradek_connections_closed_total', { listener: 'PLAINTEXT', reason: 'idle' })).toBe(1);
  await at.clock.advance(6_000);
  expect(lively?.closed).toBe(true);
});

test('listener: one timer serves all connections', async () => {
  const at = await listen();
  const before = at.clock.timerCount;
  for (let nth = 0; nth < 500; nth += 1) at.connect();
  await drain();
  expect(at.listeners.connectionCount).toBe(500);
  expect(at.clock.timerCount).toBe(before);
});

test('listener: while memory is short, a reader that takes nothing is cut, and what it held is given to others', async () => {
  const at = await listen({ onBegun: (begun) => answerTo(begun, 60_000), network: { bufferBytes: 1_000 } });
  const stalled = Array.from({ length: 12 }, () => at.connect());
  for (const client of stalled) client.socket.pause();
  await drain();
  for (const client of stalled) client.request(0);
  await drain();
  expect(at.listeners.heldBytes).toBeGreaterThan(tiny.brokerQueuedBytesMax);
  await at.clock.advance(tiny.stalledReaderMs * 2);
  expect(stalled.some((client) => client.closed)).toBe(true);
  expect(at.metrics.value('odradek_misuse_total', { kind: 'stalled' })).toBeGreaterThan(0);
  const client = at.connect();
  client.request(9);
  await drain();
  expect(client.answers()).toEqual([9]);
});

test('listener: closing answers what is under way, starts nothing new, and cuts what is left at the deadline', async () => {
  const at = await listen();
  const [quick, slow, silent] = [at.connect(), at.connect(), at.connect()];
  quick?.request(1);
  slow?.request(2);
  await drain();
  let closed = false;
  const closing = at.listeners.close(1_000).then(() => (closed = true));
  await drain();
  expect(silent?.closed).toBe(true);
  quick?.request(3);
  const [first] = at.begun;
  if (first !== undefined) answerTo(first);
  await drain();
  expect([quick?.answers(), quick?.closed, closed]).toEqual([[1], true, false]);
  expect(at.begun.map(({ id }) => id)).toEqual([1, 2]);
  await at.clock.advance(1_000);
  await closing;
  await drain();
  expect([slow?.closed, at.listeners.connectionCount]).toEqual([true, 0]);
  expect(() => at.connect()).toThrow('ECONNREFUSED');
});

test('listener: what connects before the broker serves is read only then', async () => {
  const at = await listen({ serve: false, onBegun: (begun) => answerTo(begun) });
  const client = at.connect();
  client.request(4);
  await drain();
  expect([at.begun.length, client.answers()]).toEqual([0, []]);
  at.listeners.serve();
  await drain();
  expect(client.answers()).toEqual([4]);
});

test('listener: one that cannot be bound is named, and none of the others stays bound', async () => {
  const [a, b] = ['A', 'B'].map((name) => ({ name, host: '', port: 7 }));
  const listeners = [a, b].filter((listener) => listener !== undefined);
  await expect(listen({ listeners })).rejects.toThrow('listener B cannot be bound to *:7: listen EADDRINUSE');
});
