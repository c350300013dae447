import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageFault, limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { afterEach, describe, expect, test } from 'vitest';
import type { Entry } from '../core/messages.ts';
import { openRaftStore } from './store.ts';

const { files } = systemPorts();
const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const ENTRIES = 40;
/** Longer than a block of the file, so that records come in parts. */
const LARGE_BYTES = 50_000;

function open(directory: string) {
  return openRaftStore({ directory, files, limits: limits.production, log: silent, voters: [] });
}

/** A store with entries, one synced write each, that was not closed in order. @returns its directory and its write-ahead file */
async function written(largeAt = -1): Promise<{ readonly directory: string; readonly file: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-ahead-'));
  directories.push(directory);
  const store = await open(directory);
  await store.load();
  for (let offset = 0; offset < ENTRIES; offset += 1) {
    const data = Buffer.alloc(offset === largeAt ? LARGE_BYTES : 60, offset);
    const entry: Entry = { kind: 'data', epoch: 1, offset, endOffset: offset + 1, data };
    await store.persist([{ kind: 'persist', seq: offset + 1, hardState: null, truncate: null, entries: [entry] }]);
  }
  await store.close();
  const name = readdirSync(directory).find((each) => each.endsWith('.log')) ?? '';
  return { directory, file: join(directory, name) };
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

const snapshotOf = (directory: string): unknown =>
  readdirSync(directory)
    .toSorted()
    .map((name) => [name, readFileSync(join(directory, name)).toString('base64')]);

describe('the write-ahead file of LevelDB', () => {
  test.each([0, 5, 200, 1_000])(
    'a flipped bit at byte %i is told with its place, and nothing is changed',
    async (at) => {
      const { directory, file } = await written();
      flip(file, at);
      const before = snapshotOf(directory);
      const opened = open(directory);
      await expect(opened).rejects.toThrow(StorageFault);
      await expect(opened).rejects.toThrow(/metadata log is corrupt: \d+\.log is damaged at byte \d+.* Restore/);
      expect(snapshotOf(directory)).toEqual(before);
    },
  );

  test('a flipped bit in a record of several blocks is told', async () => {
    const { directory, file } = await written(7);
    for (const at of [20_000, 34_000]) {
      flip(file, at);
      await expect(open(directory)).rejects.toThrow(/is damaged at byte/);
      flip(file, at);
    }
    const store = await open(directory);
    expect((await store.load()).entries).toHaveLength(ENTRIES);
    await store.close();
  });

  test('a file of which nothing can be read is told: the node does not begin anew with an empty log', async () => {
    const { directory, file } = await written();
    const bytes = readFileSync(file);
    for (let at = 3; at < bytes.length; at += 7) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    writeFileSync(file, bytes);
    await expect(open(directory)).rejects.toThrow(/nothing in \d+\.log can be read/);
  });

  test.each([1, 30, 90])(
    'a last write that was cut short by %i bytes was never promised: the rest is there',
    async (cut) => {
      const { directory, file } = await written();
      truncateSync(file, readFileSync(file).length - cut);
      const store = await open(directory);
      const { entries } = await store.load();
      expect(entries).toHaveLength(ENTRIES - 1);
      await store.close();
    },
  );

  test('an empty file, as a crash leaves it before the first write, is a new store', async () => {
    const { directory, file } = await written();
    truncateSync(file, 0);
    const store = await open(directory);
    expect((await store.load()).entries).toEqual([]);
    await store.close();
  });
});
