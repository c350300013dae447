/** Peers in processes of their own that die or hang: how soon the other side hears of it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { systemPorts } from '@odradek/base/system';
import type { Identity, Target } from '../ports.ts';
import { echoClient, echoService, startEcho } from '../testing/echo.ts';
import type { EchoStream } from '../testing/echo.ts';
import { patient } from '../testing/patient.ts';
import { closedOf, dialEcho, echo, take } from '../testing/streams.ts';

const NODE = fileURLToPath(new URL('../testing/echo-node.ts', import.meta.url));
/** A hung peer is noticed within the sum of both. Longer than a machine at work keeps a peer that lives from its turn. */
const attentive = { ...patient, rpcKeepaliveMs: 100, rpcKeepaliveTimeoutMs: 4_000 };

const { clock } = systemPorts();
const children: ChildProcess[] = [];
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  for (const each of undo.splice(0).toReversed()) await each();
});

async function startChild(dialTo?: Target): Promise<{ child: ChildProcess; target: Target }> {
  const child = spawn(process.execPath, [NODE, ...(dialTo === undefined ? [] : [JSON.stringify(dialTo)])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port, self } = JSON.parse(line) as { port: number; self: Identity };
  return { child, target: { host: '127.0.0.1', port, nodeId: self.nodeId, directoryId: self.directoryId } };
}

function dial(target: Target, limits = patient): Promise<EchoStream> {
  const client = echoClient({ limits });
  undo.push(() => client.close());
  return dialEcho(client, target);
}

test('a peer that was killed is noticed at once by who dialled it', async () => {
  const { child, target } = await startChild();
  const stream = await dial(target);
  const closed = closedOf(stream);
  child.kill('SIGKILL');
  const ending = await closed;
  expect(ending).toMatchObject({ kind: 'broken', by: 'network' });
  expect(ending.why).toMatch(/^the stream to node 1 \(127\.0\.0\.1:\d+\) broke: /);
});

test.each(['reads', 'does not read'])(
  'a peer that was killed is noticed at once by whom it dialled, who %s',
  async (how) => {
    const opened = Promise.withResolvers<EchoStream>();
    const echo = await startEcho({ nodeId: 3, serve: opened.resolve });
    undo.push(() => echo.server.close(0));
    const { child } = await startChild(echo.target);
    const stream = await opened.promise;
    if (how === 'reads') stream.onMessage(() => {});
    const closed = closedOf(stream);
    child.kill('SIGKILL');
    expect(await closed).toMatchObject({ kind: 'broken', by: 'network' });
  },
);

test('a peer that hangs is noticed by its silence, on a quiet stream', async () => {
  const { child, target } = await startChild();
  const stream = await dial(target, attentive);
  const closed = closedOf(stream);
  child.kill('SIGSTOP');
  expect(await closed).toMatchObject({ kind: 'broken', by: 'network' });
});

test('a peer that hangs is noticed by its silence, by whom it dialled, though bytes wait for it', async () => {
  const opened = Promise.withResolvers<EchoStream>();
  const echo = await startEcho({ nodeId: 3, limits: attentive, serve: opened.resolve });
  undo.push(() => echo.server.close(0));
  const { child } = await startChild(echo.target);
  const stream = await opened.promise;
  const closed = closedOf(stream);
  child.kill('SIGSTOP');
  while (stream.send({ kind: 'fill', payload: Buffer.alloc(512 * 1024) }));
  expect(await closed).toMatchObject({ kind: 'broken', by: 'network' });
});

test('a peer that hangs does not hold a dial beyond its deadline', async () => {
  const { child, target } = await startChild();
  child.kill('SIGSTOP');
  const client = echoClient({ limits: { ...patient, rpcDialMs: 200 } });
  undo.push(() => client.close());
  const dialled = await client.dial(echoService, target);
  expect(!dialled.ok && dialled.ending).toMatchObject({ kind: 'unreachable', by: 'network' });
  expect(!dialled.ok && dialled.ending.why).toMatch(/^node 1 \(127\.0\.0\.1:\d+\) has not answered within 200 ms$/);
});

test('a peer that answers late, though in time, is not taken for dead', async () => {
  const { child, target } = await startChild();
  const stream = await dial(target, { ...attentive, rpcKeepaliveTimeoutMs: 30_000 });
  const { promise: closed, reject } = Promise.withResolvers<never>();
  stream.onClosed((ending) => reject(new Error(ending.why)));
  child.kill('SIGSTOP');
  // Several pings long it says nothing, and then much at once.
  await new Promise<void>((resolve) => clock.after(10 * attentive.rpcKeepaliveMs, resolve));
  const answers = take(stream, 40);
  for (let id = 0; id < 40; id += 1) stream.send(echo(id, Buffer.alloc(2_000_000)));
  child.kill('SIGCONT');
  expect(await Promise.race([answers, closed])).toHaveLength(40);
});
