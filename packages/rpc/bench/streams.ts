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
import { echoClient, echoService } from '../src/testing/echo.ts';
import type { EchoMessage, EchoStream } from '../src/testing/echo.ts';
import type { Ending, Identity } from '../src/ports.ts';

const NODE = fileURLToPath(new URL('../src/testing/echo-node.ts', import.meta.url));
const EMPTY = Buffer.alloc(0);
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** Of Linux's clock in /proc. */
const TICKS_PER_SECOND = 100;

type Peer = { readonly child: ChildProcess; readonly stream: EchoStream };

async function startPeer(): Promise<Peer> {
  const child = spawn(process.execPath, [NODE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port, self } = JSON.parse(line) as { port: number; self: Identity };
  const target = { host: '127.0.0.1', port, nodeId: self.nodeId, directoryId: null };
  const dialled = await echoClient().dial(echoService, target);
  if (!dialled.ok) throw new Error(dialled.ending.why);
  return { child, stream: dialled.stream };
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

async function bulk({ child, stream }: Peer, payloadBytes: number, isUpload: boolean): Promise<Bulk> {
  const count = Math.ceil((768 * MIB) / payloadBytes);
  const pid = child.pid ?? 0;
  const [ours, theirs] = [process.cpuUsage(), cpuSeconds(pid)];
  const startMs = performance.now();
  await (isUpload ? upload(stream, count, payloadBytes) : download(stream, count, payloadBytes));
  const seconds = (performance.now() - startMs) / 1000;
  const used = process.cpuUsage(ours);
  const gib = (count * payloadBytes) / GIB;
  const near = (used.user + used.system) / 1e6 / gib;
  const far = (cpuSeconds(pid) - theirs) / gib;
  const mbPerSecond = (count * payloadBytes) / 1e6 / seconds;
  return { mbPerSecond, senderCpu: isUpload ? near : far, receiverCpu: isUpload ? far : near };
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
  let left = count;
  const pump = (): void => {
    while (left > 0) {
      left -= 1;
      const more = stream.send({ kind: 'fill', payload });
      if (left === 0) stream.send({ kind: 'echo', id: 1, payload: EMPTY });
      if (!more) break;
    }
  };
  stream.onDrain(pump);
  pump();
  await done;
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
print('| bulk | listener to dialler: MB/s, CPU-s/GiB of sender, receiver | dialler to listener | design, bare gRPC |');
print('|---|---|---|---|');
for (const [payloadBytes, before] of design) {
  const cells: string[] = [];
  for (const isUpload of [false, true]) {
    const { mbPerSecond, senderCpu, receiverCpu } = await bulk(peer, payloadBytes, isUpload);
    cells.push(`${mbPerSecond.toFixed(0)} MB/s, ${senderCpu.toFixed(2)}, ${receiverCpu.toFixed(2)}`);
  }
  print(`| ${payloadBytes / 1024} KiB | ${cells.join(' | ')} | ${before} |`);
}
peer.child.kill('SIGKILL');
print('');
print(`a killed peer is noticed after ${(await noticed('SIGKILL')).toFixed(0)} ms`);
print(`a stopped peer is noticed after ${(await noticed('SIGSTOP')).toFixed(0)} ms`);
process.exit(0);
