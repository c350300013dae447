/** `pnpm dev`: what it prints is what runs, and its end is everybody's end. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort, Wire } from '@odradek/testkit';
import { root, run } from '../support/run.ts';
import { eventually } from '../support/target.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-dev-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const dev = (...args: string[]): string[] => [process.execPath, join(root, 'scripts/dev.ts'), ...args];

type Told = { bootstrap: string; nodes: { id: number; address: string; pid: number }[] };

test.each(['SIGTERM', 'SIGINT'] as const)(
  'dev: prints the node as JSON, serves clients, and %s stops it in order',
  async (signal) => {
    const port = await freePort();
    const [file = '', ...args] = dev('--nodes', '1', '--port', String(port), '--dir', directory, '--json');
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
    const told = JSON.parse(line) as Told;
    expect(told).toMatchObject({ bootstrap: `localhost:${port}`, nodes: [{ id: 1, address: `localhost:${port}` }] });
    const pid = told.nodes[0]?.pid ?? 0;
    expect(process.kill(pid, 0)).toBe(true);
    using wire = await Wire.open(told.bootstrap);
    expect((await wire.call(3, { topics: [] })).brokers).toMatchObject([{ nodeId: 1, port }]);
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  },
);

/** A port after which those that `dev` takes are free, below what the system gives out by itself. */
async function freeRange(): Promise<number> {
  for (let port = 20_000 + (process.pid % 10_000); ; port += 10) {
    const wanted = [0, 1, 2, 100, 101, 102, 200, 201, 202].map((offset) => port + offset);
    const free = await Promise.all(wanted.map(isFree));
    if (free.every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

test('dev: three nodes are one cluster of three processes; one that is killed is told, and the others go on', async () => {
  const port = await freeRange();
  const [file = '', ...args] = dev('--nodes', '3', '--port', String(port), '--dir', directory, '--json');
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const errors = createInterface(child.stderr);
  const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  const told = JSON.parse(line) as Told;
  expect(told.bootstrap).toBe([0, 1, 2].map((offset) => `localhost:${port + offset}`).join(','));
  expect(told.nodes.map(({ id }) => id)).toEqual([1, 2, 3]);
  const pids = told.nodes.map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(3);
  const [victim, second] = told.nodes;
  if (victim === undefined || second === undefined) throw new Error('there are not three');
  {
    using wire = await Wire.open(second.address);
    const brokers = async (): Promise<number> => (await wire.call(3, { topics: [] })).brokers.length;
    await eventually('all three are known', async () => (await brokers()) === 3);
    const message = new Promise<string>((resolve) => errors.once('line', resolve));
    process.kill(victim.pid, 'SIGKILL');
    expect(await message).toBe(`node 1 on ${victim.address} was ended by SIGKILL`);
    await eventually('the others know that it is gone', async () => (await brokers()) === 2);
  }
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

test('dev: a signal while the nodes start ends them all', async () => {
  const port = await freeRange();
  const [file = '', ...args] = dev('--nodes', '3', '--port', String(port), '--dir', directory);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await eventually('a node has begun', () => existsSync(join(directory, 'node-3', 'data', 'meta.properties')));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  for (const offset of [0, 1, 2]) await expect(Wire.open(`localhost:${port + offset}`)).rejects.toThrow(/ECONNREFUSED/);
});

test('dev: more nodes than can be are refused, and so is what is no number', async () => {
  for (const args of [['--nodes', '10'], ['--nodes', 'x'], ['--port', '0'], ['--nonsense']]) {
    const { code, stderr } = await run(dev(...args, '--dir', directory));
    expect(code, args.join(' ')).toBe(2);
    expect(stderr).toMatch(/usage: pnpm dev/);
  }
});
