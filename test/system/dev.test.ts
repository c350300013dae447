/** `pnpm dev`: what it prints is what runs, and its end is everybody's end. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort, Wire } from '@odradek/testkit';
import { root, run } from '../support/run.ts';

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

test('dev: more nodes than can be are refused, and so is what is no number', async () => {
  for (const args of [['--nodes', '3'], ['--nodes', 'x'], ['--port', '0'], ['--nonsense']]) {
    const { code, stderr } = await run(dev(...args, '--dir', directory));
    expect(code, args.join(' ')).toBe(2);
    expect(stderr).toMatch(/usage: pnpm dev/);
  }
});
