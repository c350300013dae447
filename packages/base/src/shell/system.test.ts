import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { StorageFault } from '../outcome.ts';
import type { Socket } from '../ports.ts';
import { systemPorts } from './system.ts';

const { clock, random, files, network } = systemPorts();
const directory = fs.mkdtempSync(join(tmpdir(), 'odradek-system-'));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

let named = 0;
const fresh = (): string => join(directory, `f${(named += 1)}`);

function faultOf(call: () => unknown): StorageFault {
  try {
    call();
  } catch (fault) {
    if (fault instanceof StorageFault) return fault;
    throw fault;
  }
  throw new Error('no fault was thrown');
}

test('files: what a gathered write wrote is read back, sync and async, whatever the sizes of its chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 40 }),
      fc.nat(5_000),
      async (chunks, position) => {
        const file = files.open(fresh(), 'create');
        file.writeSync(chunks, position);
        const want = Buffer.concat(chunks);
        expect(file.sizeBytes()).toBe(want.length === 0 ? 0 : position + want.length);
        const got = Buffer.alloc(want.length);
        expect(file.readSync(got, 0, want.length, position)).toBe(want.length);
        expect(got.equals(want)).toBe(true);
        got.fill(0);
        expect(await file.read(got, 0, want.length, position)).toBe(want.length);
        expect(got.equals(want)).toBe(true);
        file.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('files: more chunks than one system call takes are all written', () => {
  const file = files.open(fresh(), 'create');
  const chunks = Array.from({ length: 5_000 }, (_, index) => Buffer.of(index & 0xff, index >> 8));
  file.writeSync(chunks, 0);
  const got = Buffer.alloc(10_000);
  expect(file.readSync(got, 0, 10_000, 0)).toBe(10_000);
  expect(got.equals(Buffer.concat(chunks))).toBe(true);
  file.close();
});

test('files: a read beyond the end gives the bytes that are there', async () => {
  const file = files.open(fresh(), 'create');
  file.writeSync([Buffer.from('abc')], 0);
  const into = Buffer.alloc(10);
  expect(file.readSync(into, 2, 8, 1)).toBe(2);
  expect(into.toString('latin1', 2, 4)).toBe('bc');
  expect(await file.read(into, 0, 10, 3)).toBe(0);
  file.close();
});

test('files: a handle closed while a read is under way gives that read its bytes', async () => {
  const path = fresh();
  const file = files.open(path, 'create');
  file.writeSync([Buffer.from('first')], 0);
  const into = Buffer.alloc(5);
  const reading = file.read(into, 0, 5, 0);
  const syncing = file.sync();
  file.close();
  const other = files.open(fresh(), 'create');
  other.writeSync([Buffer.from('other')], 0);
  expect(await reading).toBe(5);
  await syncing;
  expect(into.toString()).toBe('first');
  expect(() => file.sizeBytes()).toThrow('broken claim');
  other.close();
});

test('files: a failure is a StorageFault with the path and the code of the system', () => {
  const missing = join(directory, 'missing', 'file');
  expect(faultOf(() => files.open(missing, 'read'))).toMatchObject({ path: missing, systemCode: 'ENOENT' });
  const there = fresh();
  files.open(there, 'create').close();
  expect(faultOf(() => files.open(there, 'create')).systemCode).toBe('EEXIST');
  const reader = files.open(there, 'read');
  expect(faultOf(() => reader.writeSync([Buffer.of(1)], 0)).systemCode).toBe('EBADF');
  reader.close();
});

test('files: directories are made, listed in order, renamed, synced and removed; what is missing is no fault', () => {
  const root = fresh();
  files.makeDirectory(join(root, 'b', 'c'));
  files.makeDirectory(join(root, 'a'));
  expect(files.list(root)).toEqual(['a', 'b']);
  files.syncDirectory(root);
  files.rename(join(root, 'b'), join(root, 'd'));
  expect(files.stat(join(root, 'd', 'c'))?.kind).toBe('directory');
  expect(files.stat(join(root, 'b'))).toBeUndefined();
  expect(files.list(join(root, 'b'))).toEqual([]);
  files.remove(root);
  files.remove(root);
  expect(files.stat(root)).toBeUndefined();
  expect(files.freeBytes(directory)).toBeGreaterThan(0);
});

test('files: a lock is refused while another process holds it, and free at once after kill -9 of that process', async () => {
  const path = join(directory, '.lock');
  const holder = spawn(
    process.execPath,
    [
      '--expose-gc',
      '--input-type=module',
      '-e',
      `import { systemFiles } from ${JSON.stringify(new URL('./files.ts', import.meta.url).href)};
       const taken = systemFiles().lock(${JSON.stringify(path)});
       // By then nobody refers to the files any more; the lock is the process's all the same.
       setTimeout(() => { gc(); gc(); setTimeout(() => console.log(taken), 1); }, 1);
       setInterval(() => {}, 60_000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void holder.kill('SIGKILL'));
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  expect(said.toString().trim()).toBe('true');
  expect(files.lock(path)).toBe(false);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(files.lock(path)).toBe(true);
  expect(files.stat(path)?.sizeBytes).toBe(0);
  files.unlock(path);
});

test('files: a lock is refused within the process too, until it is released', () => {
  const path = join(directory, '.lock-here');
  const others = systemPorts().files;
  expect(files.lock(path)).toBe(true);
  expect(files.lock(path)).toBe(false);
  expect(others.lock(path)).toBe(false);
  files.unlock(path);
  expect(others.lock(path)).toBe(true);
  others.unlock(path);
  expect(faultOf(() => files.lock(join(directory, 'nowhere', '.lock'))).systemCode).toBe('ENOENT');
});

type Pair = { server: Socket; client: Socket; [Symbol.asyncDispose](): Promise<void> };

async function pair(listenHost: string, connectHost: string): Promise<Pair> {
  const accepted = Promise.withResolvers<Socket>();
  const listening = await network.listen(listenHost, 0, accepted.resolve);
  const client = await network.connect(connectHost, listening.port, 5_000);
  const server = await accepted.promise;
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.destroy();
      server.destroy();
      await listening.close();
    },
  };
}

const hasIpv6 = await network
  .listen('::1', 0, () => {})
  .then(
    async (listening) => {
      await listening.close();
      return true;
    },
    () => false,
  );

test('network: an empty host and localhost answer on both families', async () => {
  for (const host of ['', 'localhost']) {
    for (const address of hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
      await using both = await pair(host, address);
      expect(both.server.remoteAddress).toBe(address);
      expect(both.server.remotePort).toBe(both.client.localPort);
    }
  }
});

test('network: gathered writes arrive whole and in order, and an orderly end closes without a cause', async () => {
  await using both = await pair('127.0.0.1', '127.0.0.1');
  const got: Buffer[] = [];
  const closed = new Promise<Error | undefined>((resolve) => both.server.onClose(resolve));
  both.server.onData((bytes) => got.push(bytes));
  const sent: Buffer[] = [];
  for (let round = 0; round < 200; round += 1) {
    const chunks = Array.from({ length: 1 + random.below(4) }, () => Buffer.from(random.bytes(random.below(20_000))));
    sent.push(...chunks);
    both.client.write(chunks);
  }
  both.client.end();
  expect(await closed).toBeUndefined();
  expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
});

test('network: a peer that does not read makes write say no and queuedBytes grow, and drain tells when to go on', async () => {
  await using both = await pair('127.0.0.1', '127.0.0.1');
  both.server.pause();
  const chunk = Buffer.alloc(1024 * 1024);
  let takes = true;
  for (let written = 0; takes && written < 64; written += 1) takes = both.client.write([chunk]);
  expect(takes).toBe(false);
  expect(both.client.queuedBytes()).toBeGreaterThan(0);
  const drained = new Promise<void>((resolve) => both.client.onDrain(resolve));
  both.server.onData(() => {});
  both.server.resume();
  await drained;
  expect(both.client.queuedBytes()).toBe(0);
});

test('network: a reset by the peer is told with its cause; writing afterwards is harmless', async () => {
  const accepted = Promise.withResolvers<Socket>();
  const listening = await network.listen('127.0.0.1', 0, accepted.resolve);
  const client = net.connect(listening.port, '127.0.0.1');
  const server = await accepted.promise;
  const closed = new Promise<Error | undefined>((resolve) => server.onClose(resolve));
  server.onData(() => {});
  client.resetAndDestroy();
  expect((await closed)?.message).toContain('ECONNRESET');
  expect(server.write([Buffer.of(1)])).toBe(false);
  await listening.close();
});

test('network: a port in use is refused with its code, on every listen form', async () => {
  const taken = await network.listen('127.0.0.1', 0, () => {});
  for (const host of ['127.0.0.1', 'localhost', '']) {
    await expect(network.listen(host, taken.port, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
  }
  await taken.close();
});

test('network: nobody listening is an error with its code', async () => {
  const gone = await network.listen('127.0.0.1', 0, () => {});
  await gone.close();
  await expect(network.connect('127.0.0.1', gone.port, 5_000)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('clock: a timer fires once, a cancelled one never, a far one not now', async () => {
  const fired: string[] = [];
  clock.after(1, () => fired.push('cancelled')).cancel();
  const far = clock.after(30 * 24 * 3_600_000, () => fired.push('far'));
  await new Promise<void>((resolve) => clock.after(5, resolve));
  far.cancel();
  expect(fired).toEqual([]);
  expect(clock.monotonicMs()).toBeGreaterThan(0);
});

test('random: below stays in its bound and reaches every value', () => {
  const seen = new Set(Array.from({ length: 400 }, () => random.below(4)));
  expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  expect(random.below(1)).toBe(0);
  expect(random.bytes(16)).toHaveLength(16);
});
