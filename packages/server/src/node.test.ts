import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MetricsRegistry, NodeConfig, LoggerLevels, silent, StorageFault } from '@odradek/base';
import type { Files } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { MemoryStore } from '@odradek/controller';
import { afterAll, expect, test } from 'vitest';
import { startNode } from './node.ts';
import type { NodeLogger, NodeOptions, RunningNode, StartingNode } from './node.ts';

const root = mkdtempSync(join(tmpdir(), 'odradek-nodes-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ports = systemPorts();
const quiet: NodeLogger = { ...silent, levels: new LoggerLevels() };
let named = 0;
const fresh = (): string => join(root, `n${(named += 1)}`);

function options(directory: string, given: Partial<NodeOptions> & { port?: number } = {}): NodeOptions {
  const { port = 0, ...more } = given;
  return {
    ports,
    config: new NodeConfig(
      new Map([
        ['listeners', `PLAINTEXT://127.0.0.1:${port}`],
        ['log.dirs', directory],
      ]),
    ),
    log: quiet,
    metrics: new MetricsRegistry(),
    hostName: 'localhost',
    onBug(error) {
      throw error;
    },
    ...more,
  };
}

async function started(given: NodeOptions): Promise<RunningNode> {
  const outcome = await startNode(given);
  if (!outcome.ok) throw new Error(outcome.why);
  return outcome.value;
}

async function refusal(given: NodeOptions): Promise<string> {
  const outcome = await startNode(given);
  if (!outcome.ok) return outcome.why;
  await outcome.value.stop();
  throw new Error('it was not refused');
}

/** Whether ApiVersions v0 with correlation id 7 is answered without an error. */
async function answers(port: number): Promise<boolean> {
  const socket = await ports.network.connect('127.0.0.1', port, 5_000);
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  socket.onData(resolve);
  socket.onClose(() => resolve(Buffer.alloc(0)));
  const frame = Buffer.alloc(15);
  frame.writeInt32BE(11, 0);
  frame.writeInt16BE(18, 4);
  frame.writeInt16BE(0, 6);
  frame.writeInt32BE(7, 8);
  frame.writeInt16BE(1, 12);
  frame.write('x', 14);
  socket.write([frame]);
  const answer = await promise;
  socket.destroy();
  return answer.length > 14 && answer.readInt32BE(4) === 7 && answer.readInt16BE(8) === 0;
}

test('node: it serves clients once it is started, is healthy, and stops in order', async () => {
  const metrics = new MetricsRegistry();
  const directory = fresh();
  const node = await started(options(directory, { metrics }));
  const port = Number(node.bootstrap.split(':')[1]);
  expect(await answers(port)).toBe(true);
  expect(node.health()).toEqual({ live: true, ready: true, why: 'running' });
  expect(metrics.value('odradek_log_directory_online', { directory })).toBe(1);
  expect(metrics.value('odradek_log_directory_free_bytes', { directory })).toBeGreaterThan(0);
  expect(metrics.value('odradek_controller_active', {})).toBe(1);
  await node.stop();
  await node.stop();
  expect(node.health()).toMatchObject({ live: true, ready: false });
  await expect(answers(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(ports.files.stat(join(directory, '.kafka_cleanshutdown'))?.kind).toBe('file');
});

test('node: a restart keeps the cluster, and a store of its own leaves no LevelDB behind', async () => {
  const directory = fresh();
  const first = await started(options(directory));
  await first.stop();
  const second = await started(options(directory));
  expect(second.clusterId).toBe(first.clusterId);
  await second.stop();
  const other = fresh();
  const inMemory = await started(options(other, { store: new MemoryStore() }));
  expect(await answers(Number(inMemory.bootstrap.split(':')[1]))).toBe(true);
  await inMemory.stop();
  expect(ports.files.list(other).filter((name) => name.startsWith('__'))).toEqual([]);
});

test('node: a stop at any moment of a start ends it, and gives back everything', async () => {
  const directory = fresh();
  for (const moment of [0, 1, 2, 4, 8, 16, 32, 64]) {
    let starting: StartingNode | undefined;
    const outcome = startNode(options(directory, { onStarting: (node) => (starting = node) }));
    for (let turn = 0; turn < moment; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await starting?.stop();
    const settled = await outcome;
    if (!settled.ok) expect(settled.why).toContain('stopped before it was ready');
    expect(starting?.health()).toMatchObject({ live: true, ready: false });
  }
  const node = await started(options(directory));
  expect(await answers(Number(node.bootstrap.split(':')[1]))).toBe(true);
  await node.stop();
});

test('node: a broker that finds no controller in time is refused, with where it has looked', async () => {
  const closed = createServer();
  const port = await new Promise<number>((resolve) => {
    closed.listen(0, '127.0.0.1', () => {
      const address = closed.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  await new Promise((resolve) => closed.close(resolve));
  const properties = new Map([
    ['process.roles', 'broker'],
    ['listeners', 'PLAINTEXT://127.0.0.1:0'],
    ['controller.quorum.voters', `7@127.0.0.1:${port}`],
    ['initial.broker.registration.timeout.ms', '2000'],
    ['log.dirs', fresh()],
  ]);
  const why = await refusal({ ...options(fresh()), config: new NodeConfig(properties) });
  expect(why).toContain(`node 7 (127.0.0.1:${port})`);
});

test('node: a port in use is refused with what to do, and everything that was opened is given back', async () => {
  const taken = createServer();
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, '127.0.0.1', () => {
      const address = taken.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const directory = fresh();
  const why = await refusal(options(directory, { port }));
  expect(why).toMatch(/EADDRINUSE.*another process listens there.*--override listeners/);
  await new Promise((resolve) => taken.close(resolve));
  // Not on that port: since it was closed it may have become another one's.
  const node = await started(options(directory));
  await node.stop();
});

test('node: a second node on the directory of a running one is refused, and the first goes on', async () => {
  const directory = fresh();
  const node = await started(options(directory));
  expect(await refusal(options(directory))).toContain('in use by another process');
  expect(await answers(Number(node.bootstrap.split(':')[1]))).toBe(true);
  await node.stop();
});

test('node: a directory that cannot be used is refused with the reason', async () => {
  expect(await refusal(options('/dev/null/data'))).toMatch(/data directory cannot be used.*\/dev\/null/);
});

test('node: when every data directory has failed it is not live any more, says so, and can still be stopped', async () => {
  const directory = fresh();
  let broken = false;
  const files: Files = {
    ...ports.files,
    open(path, mode) {
      if (broken && path.startsWith(directory))
        throw new StorageFault(path, Object.assign(new Error('i/o error'), { code: 'EIO' }));
      return ports.files.open(path, mode);
    },
  };
  const properties = new Map([
    ['listeners', 'PLAINTEXT://127.0.0.1:0'],
    ['log.dirs', directory],
    ['log.flush.offset.checkpoint.interval.ms', '1'],
  ]);
  const node = await started({
    ...options(directory),
    ports: { ...ports, files },
    config: new NodeConfig(properties),
    store: new MemoryStore(),
  });
  expect(node.health().live).toBe(true);
  broken = true;
  expect((await node.failed).message).toContain('every data directory has failed');
  expect(node.health()).toMatchObject({ live: false, ready: false });
  await node.stop();
});
