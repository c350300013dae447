/** A world that fails under the node: a full disk, a read-only one, a port that is taken, a configuration that cannot be read. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiKey, errorName } from '@odradek/protocol';
import { freePort, spawnKafka } from '@odradek/testkit';
import { found, missing, run, title, type Found, type Ran } from '../support/run.ts';
import { eventually } from '../support/target.ts';
import { batchOf, createTopic, fetchFrom, produce, Wire } from '../support/wire.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-disk-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A mount that only the started process sees, so that nothing is left behind; it needs the right to make one. */
function privateMount(): Found<(path: string, options: string) => string[]> {
  const tried = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt']);
  if (tried.status !== 0) return missing('this user may not mount a tmpfs (unshare -m)');
  return found((path, options) => [
    'unshare',
    '-m',
    'sh',
    '-c',
    `mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`,
    path,
  ]);
}

const mount = privateMount();
const main = fileURLToPath(import.meta.resolve('@odradek/server/main'));

/** Starts a node that is expected to give up by itself. */
async function startRefused(...args: string[]): Promise<Ran> {
  return run([process.execPath, main, ...args], { withinMs: 120_000 });
}

const overrides = (config: Record<string, string>): string[] =>
  Object.entries(config).flatMap(([key, value]) => ['--override', `${key}=${value}`]);

async function listenersOn(port: number): Promise<Record<string, string>> {
  return { listeners: `PLAINTEXT://localhost:${port},CONTROLLER://localhost:${await freePort()}` };
}

describe('a full disk', () => {
  test.skipIf(mount.missing !== undefined)(
    title('refuses produce with KAFKA_STORAGE_ERROR, goes on serving what it has, and heals when there is room', mount),
    async () => {
      const data = join(directory, 'data');
      mkdirSync(data);
      await using node = await spawnKafka({
        directory,
        launcher: mount.use?.(data, 'size=24m') ?? [],
        config: {
          'log.segment.bytes': '4194304',
          'log.segment.delete.delay.ms': '0',
          'log.index.size.max.bytes': '65536',
        },
      });
      using wire = await Wire.open(node.bootstrap);
      for (const topic of ['keep', 'ballast', 'fill']) await createTopic(wire, topic);
      expect((await produce(wire, 'keep', batchOf('kept'))).errorCode).toBe(0);
      const large = batchOf('x'.repeat(900_000));
      for (let sent = 0; sent < 8; sent++) expect((await produce(wire, 'ballast', large)).errorCode).toBe(0);
      let refused = 0;
      let taken = 0;
      for (let sent = 0; sent < 40 && refused === 0; sent++) {
        refused = (await produce(wire, 'fill', large)).errorCode;
        if (refused === 0) taken += 1;
      }
      expect(errorName(refused)).toBe('KAFKA_STORAGE_ERROR');
      expect(taken).toBeGreaterThan(5);
      expect((await fetchFrom(wire, 'keep', 0)).records?.length).toBe(batchOf('kept').length);
      expect(await fetchFrom(wire, 'fill', taken - 1)).toMatchObject({ errorCode: 0, highWatermark: taken });
      const { responses } = await wire.call(ApiKey.DeleteTopics, { topicNames: ['ballast'], timeoutMs: 5_000 }, 5);
      expect(responses[0]?.errorCode).toBe(0);
      for (const topic of ['keep', 'fill']) {
        const takes = async (): Promise<boolean> => (await produce(wire, topic, batchOf('more'))).errorCode === 0;
        await eventually(`${topic} takes records again`, takes);
      }
      expect((await fetchFrom(wire, 'fill', taken)).records?.length).toBe(batchOf('more').length);
      expect(node.output()).toMatch(/ENOSPC|no space|full/i);
    },
  );
});

describe('a node does not start, and says why in its last line,', () => {
  test.skipIf(mount.missing !== undefined)(title('when its data directory is read-only', mount), async () => {
    const data = join(directory, 'data');
    mkdirSync(data);
    const args = overrides({ 'log.dirs': join(data, 'logs'), ...(await listenersOn(await freePort())) });
    const command = [...(mount.use?.(data, 'ro') ?? []), process.execPath, main, ...args];
    const { code, stdout, stderr } = await run(command, { withinMs: 120_000 });
    expect(code).toBe(1);
    expect(lastLine(stdout, stderr)).toMatch(/data.*(read-only|EROFS)|(read-only|EROFS).*data/i);
  });

  test('when its port is taken', async () => {
    const blocker = await listenOnFreePort();
    const { port } = blocker.address() as AddressInfo;
    const { code, stdout, stderr } = await startRefused(
      ...overrides({ 'log.dirs': join(directory, 'data'), ...(await listenersOn(port)) }),
    );
    blocker.close();
    expect(code).toBe(1);
    expect(lastLine(stdout, stderr)).toContain(String(port));
    expect(lastLine(stdout, stderr)).toMatch(/EADDRINUSE|in use|taken/i);
  });

  test('when its configuration cannot be read: every mistake at once, with key, value and what is allowed', async () => {
    const file = join(directory, 'server.properties');
    const lines = [
      'num.partitions=many',
      'log.segment.bytes=12',
      'listeners=nonsense',
      `log.dirs=${join(directory, 'data')}`,
    ];
    writeFileSync(file, lines.join('\n'));
    const { code, stdout, stderr } = await startRefused('--config', file);
    expect(code).toBe(1);
    const told = stdout.toString() + stderr;
    for (const part of ['num.partitions', 'many', 'log.segment.bytes', '12', 'listeners', 'nonsense'])
      expect(told).toContain(part);
  });

  test('when the configuration file does not exist', async () => {
    const { code, stdout, stderr } = await startRefused('--config', join(directory, 'absent.properties'));
    expect(code).toBe(1);
    expect(lastLine(stdout, stderr)).toContain('absent.properties');
  });

  test('when the directory belongs to another node: both ids, and the ways out', async () => {
    const first = await spawnKafka({ directory });
    await first.stop();
    const config = { 'log.dirs': join(directory, 'data'), 'node.id': '7', ...(await listenersOn(await freePort())) };
    const { code, stdout, stderr } = await startRefused(...overrides(config));
    expect(code).toBe(1);
    const told = stdout.toString() + stderr;
    expect(told).toMatch(/\b1\b/);
    expect(told).toMatch(/\b7\b/);
    expect(told).toContain(directory);
  });

  test('when another process runs on the same directory', async () => {
    await using first = await spawnKafka({ directory });
    const config = { 'log.dirs': join(directory, 'data'), ...(await listenersOn(await freePort())) };
    const { code, stdout, stderr } = await startRefused(...overrides(config));
    expect(code).toBe(1);
    expect(lastLine(stdout, stderr)).toMatch(/lock|in use|another process/i);
    using wire = await Wire.open(first.bootstrap);
    expect((await wire.call(ApiKey.Metadata, { topics: [] })).brokers).toHaveLength(1);
  });
});

function lastLine(stdout: Buffer, stderr: string): string {
  return (stdout.toString() + stderr).trimEnd().split('\n').at(-1) ?? '';
}

function listenOnFreePort(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, 'localhost', () => resolve(server));
  });
}
