import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, expect, test } from 'vitest';
import { StorageFault } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { record, type CommittedRecords, type MetadataRecord } from '@odradek/metadata';
import { openLevelStore } from './level-store.ts';

const { files } = systemPorts();
const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function fresh(): string {
  const parent = mkdtempSync(join(tmpdir(), 'odradek-store-'));
  directories.push(parent);
  return join(parent, '__cluster_metadata-0');
}

const block = (next: number): MetadataRecord =>
  record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 1, nextProducerId: next });

const batch = (endOffset: number, count = 1): CommittedRecords => ({
  records: Array.from({ length: count }, (_, at) => block(endOffset - count + at + 1)),
  endOffset,
  epoch: 3,
});

async function raw(directory: string, change: (database: Level<Buffer, Buffer>) => Promise<void>): Promise<void> {
  const database = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  await change(database);
  await database.close();
}

test('store: what was appended is there after it is opened again, in order, with offsets and epochs', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  expect(await store.load()).toEqual({ snapshot: undefined, batches: [] });
  await store.append(batch(2, 2));
  await store.append(batch(3));
  await store.close();
  const again = await openLevelStore(directory, files);
  expect(await again.load()).toEqual({ snapshot: undefined, batches: [batch(2, 2), batch(3)] });
  await again.append(batch(4));
  await again.close();
});

test('store: a snapshot replaces what it stands for, and the batches after it stay', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  for (let end = 1; end <= 4; end += 1) await store.append(batch(end));
  const before = store.bytesSinceSnapshot;
  const first = { records: Array.from({ length: 2_500 }, (_, at) => block(at + 1)), endOffset: 3, epoch: 3 };
  await store.saveSnapshot(first);
  expect(store.bytesSinceSnapshot).toBe(before / 4);
  await store.append(batch(5));
  await store.close();

  const again = await openLevelStore(directory, files);
  expect(await again.load()).toEqual({ snapshot: first, batches: [batch(4), batch(5)] });
  const second = { records: [block(9)], endOffset: 5, epoch: 4 };
  await again.saveSnapshot(second);
  await again.close();
  let keys = 0;
  await raw(directory, async (database) => {
    keys = (await database.keys().all()).length;
  });
  expect(keys, 'format, pointer and one part are left').toBe(3);
  const last = await openLevelStore(directory, files);
  expect(await last.load()).toEqual({ snapshot: second, batches: [] });
  await last.close();
});

test('store: a snapshot that was being written when the process died is forgotten', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  await store.append(batch(1));
  await store.close();
  const part = Buffer.from('7300000000000000090000000000', 'hex').subarray(0, 13);
  await raw(directory, (database) => database.put(part, Buffer.from('half a snapshot')));
  const again = await openLevelStore(directory, files);
  expect(await again.load()).toEqual({ snapshot: undefined, batches: [batch(1)] });
  await again.close();
  await raw(directory, async (database) => expect(await database.get(part)).toBeUndefined());
});

test('store: a missing batch is told with the offsets that are gone', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  for (let end = 1; end <= 3; end += 1) await store.append(batch(end));
  await store.close();
  await raw(directory, (database) => database.del(Buffer.from('650000000000000002', 'hex')));
  const again = await openLevelStore(directory, files);
  await expect(again.load()).rejects.toThrow(/corrupt: records 1 to 2 are missing/);
  await again.close();
});

test('store: a flipped bit in a batch is told with the batch and the checksums', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  await store.append(batch(1));
  await store.close();
  const key = Buffer.from('650000000000000001', 'hex');
  await raw(directory, async (database) => {
    const value = Buffer.from((await database.get(key)) ?? Buffer.alloc(0));
    value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
    await database.put(key, value);
  });
  const again = await openLevelStore(directory, files);
  await expect(again.load()).rejects.toThrow(/corrupt: batch that ends at 1: checksum/);
  await again.close();
});

test('store: a missing part of the snapshot is told', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  await store.append(batch(1));
  await store.saveSnapshot({ records: [block(1)], endOffset: 1, epoch: 3 });
  await store.close();
  await raw(directory, (database) => database.del(Buffer.from('73000000000000000100000000', 'hex')));
  const again = await openLevelStore(directory, files);
  await expect(again.load()).rejects.toThrow(/part 0 of 1 of the snapshot at 1 is missing/);
  await again.close();
});

test('store: damaged files of LevelDB are a fault with a plain word, not an empty log', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  await store.append(batch(1));
  await store.close();
  const manifest = readdirSync(directory).find((name) => name.startsWith('MANIFEST'));
  writeFileSync(join(directory, manifest ?? ''), 'not a manifest');
  await expect(openLevelStore(directory, files)).rejects.toThrow(/metadata log is corrupt .* Restore/);
});

test('store: a database of somebody else, or of a newer format, is left alone', async () => {
  const foreign = fresh();
  files.makeDirectory(foreign);
  await raw(foreign, (database) => database.put(Buffer.from('x'), Buffer.from('y')));
  await expect(openLevelStore(foreign, files)).rejects.toThrow(/does not say its format/);
  const newer = fresh();
  files.makeDirectory(newer);
  await raw(newer, (database) => database.put(Buffer.from('F'), Buffer.from('odradek metadata 2')));
  await expect(openLevelStore(newer, files)).rejects.toThrow(/its format is 'odradek metadata 2'/);
});

test('store: a directory of Apache Kafka is refused before anything is written into it', async () => {
  const directory = fresh();
  files.makeDirectory(directory);
  writeFileSync(join(directory, '00000000000000000000.log'), '');
  await expect(openLevelStore(directory, files)).rejects.toThrow(StorageFault);
  await expect(openLevelStore(directory, files)).rejects.toThrow(/Apache Kafka/);
  expect(readdirSync(directory)).toEqual(['00000000000000000000.log']);
});

test('store: two openers of one directory: the second is told so', async () => {
  const directory = fresh();
  const store = await openLevelStore(directory, files);
  await expect(openLevelStore(directory, files)).rejects.toThrow(/two nodes cannot share a directory/);
  await store.close();
});

test('store: kill -9 loses nothing that was acknowledged, and the log goes on without a gap', async () => {
  const directory = fresh();
  let acknowledged = 0;
  for (let round = 0; round < 3; round += 1) {
    acknowledged = await appendUntilKilled(directory, 20);
    const store = await openLevelStore(directory, files);
    const { snapshot, batches } = await store.load();
    const end = batches.at(-1)?.endOffset ?? snapshot?.endOffset ?? 0;
    expect(end).toBeGreaterThanOrEqual(acknowledged);
    await store.close();
  }
  expect(acknowledged).toBeGreaterThanOrEqual(60);
});

/** A process that appends and says each end offset once it is durable; killed after `count` of them. */
async function appendUntilKilled(directory: string, count: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../testing/append-forever.ts'), directory]);
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    if (said.split('\n').length > count) child.kill('SIGKILL');
  });
  let complaints = '';
  child.stderr.on('data', (bytes: Buffer) => (complaints += bytes.toString()));
  child.on('exit', (_code, signal) => (signal === 'SIGKILL' ? resolve() : reject(new Error(complaints))));
  await promise;
  return Number(said.split('\n').at(-2));
}
