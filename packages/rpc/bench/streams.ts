/**
 * Streams between two processes of this machine: round trips, bulk both ways with the CPU of each side, and how soon a dead peer is
 * noticed. Beside each figure, what plain grpc-js gave where the design was measured (docs/design.md, section 2).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bytesService, echoClient, echoService } from '../src/testing/echo.ts';
import type { EchoMessage, EchoStream } from '../src/testing/echo.ts';
import type { Ending, Identity, Stream } from '../src/ports.ts';

const NODE = fileURLToPath(new URL('../src/testing/echo-node.ts', import.meta.url));
const EMPTY = Buffer.alloc(0);
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** Of Linux's clock in /proc. */
const TICKS_PER_SECOND = 100;

type Peer = { readonly child: ChildProcess; readonly stream: EchoStream; readonly bare: Stream<Buffer, Buffer> };

async function startPeer(): Promise<Peer> {
  const child = spawn(process.execPath, [NODE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port, self } = JSON.parse(line) as { port: number; self: Identity };
  const target = { host: '127.0.0.1', port, nodeId: self.nodeId, directoryId: null };
  const client = echoClient();
  const [dialled, bare] = [await client.dial(echoService, target), await client.dial(bytesService, target)];
  if (!dialled.ok || !bare.ok) throw new Error('the peer cannot be dialled');
  return { child, stream: dialled.stream, bare: bare.stream };
}

/** CPU seconds of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Calls `each` for every message until it says that it has enough. */
function until(stream: EchoStream, each: (message: EchoMessage) => boolean): Promise<void> {
  return new Promise((resolve) => {
    stream.onMessage((message) => {
      if (each(message)) resolve();
    });
  });
}

async function oneByOne(stream: EchoStream, count: number): Promise<{ p50: number; p99: number }> {
  const tookMs: number[] = [];
  let sentAt = performance.now();
  const done = until(stream, () => {
    const nowMs = performance.now();
    tookMs.push(nowMs - sentAt);
    sentAt = nowMs;
    if (tookMs.length === count) return true;
    stream.send({ kind: 'echo', id: 1, payload: EMPTY });
    return false;
  });
  stream.send({ kind: 'echo', id: 1, payload: EMPTY });
  await done;
  const sorted = tookMs.toSorted((a, b) => a - b);
  return { p50: sorted[Math.floor(count * 0.5)] ?? 0, p99: sorted[Math.floor(count * 0.99)] ?? 0 };
}

/** Round trips a second with so many under way. */
async function pipelined(stream: EchoStream, count: number, underWay: number): Promise<number> {
  let sent = 0;
  let answered = 0;
  const send = (): void => {
    sent += 1;
    stream.send({ kind: 'echo', id: sent, payload: EMPTY });
  };
  const done = until(stream, () => {
    answered += 1;
    if (sent < count) send();
    return answered === count;
  });
  const startMs = performance.now();
  for (let index = 0; index < underWay; index += 1) send();
  await done;
  return (count / (performance.now() - startMs)) * 1000;
}

type Bulk = { readonly mbPerSecond: number; readonly senderCpu: number; readonly receiverCpu: number };

type Way = 'down' | 'up' | 'bare';

async function bulk({ child, stream, bare }: Peer, payloadBytes: number, way: Way): Promise<Bulk> {
  const count = Math.ceil((768 * MIB) / payloadBytes);
  const pid = child.pid ?? 0;
  const [ours, theirs] = [process.cpuUsage(), cpuSeconds(pid)];
  const startMs = performance.now();
  if (way === 'down') await download(stream, count, payloadBytes);
  else if (way === 'up') await upload(stream, count, payloadBytes);
  else await uploadBare(bare, count, payloadBytes);
  const seconds = (performance.now() - startMs) / 1000;
  const used = process.cpuUsage(ours);
  const gib = (count * payloadBytes) / GIB;
  const near = (used.user + used.system) / 1e6 / gib;
  const far = (cpuSeconds(pid) - theirs) / gib;
  const mbPerSecond = (count * payloadBytes) / 1e6 / seconds;
  return { mbPerSecond, senderCpu: way === 'down' ? far : near, receiverCpu: way === 'down' ? near : far };
}

async function download(stream: EchoStream, count: number, payloadBytes: number): Promise<void> {
  let got = 0;
  const done = until(stream, () => (got += 1) === count);
  stream.send({ kind: 'flood', count, payloadBytes });
  await done;
}

async function upload(stream: EchoStream, count: number, payloadBytes: number): Promise<void> {
  const payload = Buffer.alloc(payloadBytes, 7);
  const done = until(stream, () => true);
  await pump(stream, count, { kind: 'fill', payload });
  stream.send({ kind: 'echo', id: 1, payload: EMPTY });
  await done;
}

async function uploadBare(stream: Stream<Buffer, Buffer>, count: number, payloadBytes: number): Promise<void> {
  const done = new Promise<void>((resolve) => stream.onMessage(() => resolve()));
  await pump(stream, count, Buffer.alloc(payloadBytes, 7));
  stream.send(Buffer.of(1));
  await done;
}

/** Sends one message again and again, as fast as it is taken. */
function pump<T>(stream: Stream<T, unknown>, count: number, message: T): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const more = (): void => {
      while (left > 0) {
        left -= 1;
        if (!stream.send(message)) break;
      }
      if (left === 0) resolve();
    };
    stream.onDrain(more);
    more();
  });
}

async function noticed(signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  const { child, stream } = await startPeer();
  const closed = new Promise<Ending>((resolve) => stream.onClosed(resolve));
  const startMs = performance.now();
  child.kill(signal);
  await closed;
  const tookMs = performance.now() - startMs;
  child.kill('SIGKILL');
  return tookMs;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const peer = await startPeer();
await pipelined(peer.stream, 20_000, 256);
const { p50, p99 } = await oneByOne(peer.stream, 10_000);
const perSecond = await pipelined(peer.stream, 100_000, 256);
print('| round trips | here | design |');
print('|---|---|---|');
print(`| one by one, p50 / p99 | ${p50.toFixed(3)} / ${p99.toFixed(3)} ms | 0.13 ms |`);
print(`| 256 under way | ${(perSecond / 1000).toFixed(1)}k/s | 23k/s |`);
print('');
const design = new Map([
  [16 * 1024, '313 MB/s, 1.9'],
  [128 * 1024, '677 MB/s, 1.1'],
  [MIB, '830 MB/s, 0.9'],
]);
print(
  '| bulk: MB/s, CPU-s/GiB of sender, receiver | listener to dialler | dialler to listener | without the codec | design |',
);
print('|---|---|---|---|---|');
for (const [payloadBytes, before] of design) {
  const cells: string[] = [];
  for (const way of ['down', 'up', 'bare'] as const) {
    const { mbPerSecond, senderCpu, receiverCpu } = await bulk(peer, payloadBytes, way);
    cells.push(`${mbPerSecond.toFixed(0)} MB/s, ${senderCpu.toFixed(2)}, ${receiverCpu.toFixed(2)}`);
  }
  print(`| ${payloadBytes / 1024} KiB | ${cells.join(' | ')} | ${before} |`);
}
peer.child.kill('SIGKILL');
print('');
print(`a killed peer is noticed after ${(await noticed('SIGKILL')).toFixed(0)} ms`);
print(`a stopped peer is noticed after ${(await noticed('SIGSTOP')).toFixed(0)} ms`);
process.exit(0);
