import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng, StorageFault, UUID_ZERO, limits, silent } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import fc from 'fast-check';
import { Level } from 'level';
import { afterEach, describe, expect, test } from 'vitest';
import type { Entry, Voter } from '../core/messages.ts';
import type { PersistOrder, RaftStore } from '../ports.ts';
import { persistForever } from '../testing/dying-store.ts';
import { Model, firstVoters, heldBy, votersOf } from '../testing/store-model.ts';
import { MemoryRaftStore } from './memory-store.ts';
import { entryKey, partKey } from './store-keys.ts';
import { openRaftStore } from './store.ts';

const { files } = systemPorts();
const directories: string[] = [];
const stores: RaftStore[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function fresh(): string {
  const parent = mkdtempSync(join(tmpdir(), 'odradek-raft-store-'));
  directories.push(parent);
  return join(parent, '__cluster_metadata-0');
}

async function open(directory: string, voters: readonly Voter[] = firstVoters): Promise<RaftStore> {
  const store = await openRaftStore({ directory, files, limits: limits.production, log: silent, voters });
  stores.push(store);
  return store;
}

async function close(store: RaftStore): Promise<void> {
  stores.splice(stores.indexOf(store), 1);
  await store.close();
}

type Raw = Level<Buffer, Buffer>;

async function raw(directory: string, change: (database: Raw) => Promise<void>): Promise<void> {
  const database: Raw = new Level(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  await change(database);
  await database.close();
}

const hardState = { epoch: 3, votedFor: null, recoverTo: 0 };

function entries(from: number, count: number, epoch = 3): Entry[] {
  return Array.from({ length: count }, (_, at) => {
    const offset = from + at;
    return { kind: 'data', offset, endOffset: offset + 1, epoch, data: Buffer.from(`entry ${offset}`) };
  });
}

function order(added: readonly Entry[], truncate: number | null = null, epoch = 3): PersistOrder {
  return { kind: 'persist', seq: 1, hardState: { ...hardState, epoch }, truncate, entries: added };
}

const markAt = (offset: number) => ({ offset, epoch: 3, voters: firstVoters });

function part(position: number, bytes: string, isLast: boolean, offset = 9): PersistOrder {
  return { kind: 'persistSnapshot', seq: 1, mark: markAt(offset), position, bytes: Buffer.from(bytes), isLast };
}

describe('store: what is kept', () => {
  test('entries of every kind, the hard state and the first voters are there after it is opened again', async () => {
    const directory = fresh();
    const store = await open(directory);
    expect(await store.load()).toEqual({
      hardState: null,
      snapshot: { offset: 0, epoch: 0, voters: firstVoters },
      entries: [],
    });
    const far = 4_000_000_000;
    const kept: Entry[] = [
      { kind: 'leaderChange', offset: 0, endOffset: 1, epoch: 1, leaderId: 2 },
      { kind: 'data', offset: 1, endOffset: far, epoch: 1, data: Buffer.from([0, 255]) },
      { kind: 'data', offset: far, endOffset: 2 * far, epoch: 1, data: Buffer.alloc(0) },
      { kind: 'voters', offset: 2 * far, endOffset: 2 * far + 1, epoch: 4, voters: votersOf(new Prng(1)) },
    ];
    const votedFor = { id: 7, directoryId: 'abcdefghijklmnopqrstug' };
    const state = { epoch: 5, votedFor, recoverTo: 6_000_000_000 };
    await store.persist([{ kind: 'persist', seq: 1, hardState: state, truncate: null, entries: kept }]);
    await close(store);
    const again = await open(directory);
    expect(await again.load()).toMatchObject({ hardState: state, entries: kept });
  });

  test('a cut and what replaces it are one with all that was ordered before', async () => {
    const directory = fresh();
    const store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 5)), order(entries(3, 1, 4), 3, 4), order(entries(4, 1, 4), null, 4)]);
    await close(store);
    const again = await open(directory);
    const loaded = await again.load();
    expect(loaded.entries).toEqual([...entries(0, 3), ...entries(3, 2, 4)]);
    expect(loaded.hardState?.epoch).toBe(4);
  });

  test('an own snapshot takes the place of the log before it, with its parts as they were', async () => {
    const directory = fresh();
    const store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 6))]);
    const before = store.bytesSinceSnapshot;
    expect(await store.saveSnapshot(markAt(4), [Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')])).toBe(true);
    expect(store.bytesSinceSnapshot).toBe(before / 3);
    expect(await store.saveSnapshot(markAt(4), [Buffer.from('again')]), 'not a later one').toBe(false);
    await close(store);
    let keys: string[] = [];
    await raw(directory, async (database) => {
      keys = (await database.keys().all()).map((key) => key.toString('latin1', 0, 1));
    });
    expect(keys.join(''), 'format, state, pointer, first voters, two entries, two parts').toBe('FHPVllpp');
    expect(await heldBy(await open(directory))).toMatchObject({
      mark: markAt(4),
      parts: ['one', 'two'],
      entries: entries(4, 2),
    });
  });

  test('a snapshot that comes in is in force with its last part, in place of the whole log', async () => {
    const directory = fresh();
    let store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 12)), part(0, 'half', false)]);
    await close(store);
    store = await open(directory);
    expect(await heldBy(store), 'half of one is none').toMatchObject({
      mark: markAt0(),
      entries: entries(0, 12),
      parts: [],
    });
    await store.persist([part(0, 'one', false), part(3, 'two', false)]);
    await store.persist([part(6, 'three', true), order(entries(9, 1, 5), null, 5)]);
    await close(store);
    expect(await heldBy(await open(directory))).toMatchObject({
      mark: markAt(9),
      parts: ['one', 'two', 'three'],
      entries: entries(9, 1, 5),
    });
  });

  test('an own snapshot that is overtaken by one that came in is dropped', async () => {
    const directory = fresh();
    const store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 5))]);
    async function* slowly(): AsyncIterable<Buffer> {
      yield Buffer.from('mine');
      await store.persist([part(0, 'theirs', true)]);
      yield Buffer.from('more of mine');
    }
    expect(await store.saveSnapshot(markAt(4), slowly())).toBe(false);
    await close(store);
    expect(await heldBy(await open(directory))).toMatchObject({ mark: markAt(9), parts: ['theirs'], entries: [] });
  });

  test('a snapshot that is held stays readable when others replace it, and is gone once it is let go', async () => {
    const directory = fresh();
    const store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 9))]);
    await store.saveSnapshot(markAt(2), [Buffer.from('first'), Buffer.from('second')]);
    const held = store.pinSnapshot();
    await store.saveSnapshot(markAt(5), [Buffer.from('later')]);
    expect(await held.part(0)).toEqual({ bytes: Buffer.from('first'), isLast: false });
    expect(await held.part(5)).toEqual({ bytes: Buffer.from('second'), isLast: true });
    expect(await held.part(3), 'no part begins there').toBeUndefined();
    held.release();
    await close(store);
    await raw(directory, async (database) => {
      const parts = await database.keys({ gte: Buffer.from('p'), lt: Buffer.from('q') }).all();
      expect(parts).toHaveLength(1);
    });
  });

  test('a snapshot of nothing is one part of nothing, for whoever is sent it', async () => {
    const store = await open(fresh());
    await store.load();
    await store.persist([order(entries(0, 1))]);
    expect(await store.saveSnapshot(markAt(1), [])).toBe(true);
    expect(await store.pinSnapshot().part(0)).toEqual({ bytes: Buffer.alloc(0), isLast: true });
  });

  test('where static voters listen is what the configuration says now', async () => {
    const directory = fresh();
    const store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 1))]);
    await close(store);
    const moved = firstVoters.map((voter) => ({ ...voter, endpoints: [{ name: 'C', host: 'elsewhere', port: 1 }] }));
    const again = await open(directory, moved);
    expect((await again.load()).snapshot.voters).toEqual(moved);
  });
});

function markAt0() {
  return { offset: 0, epoch: 0, voters: firstVoters };
}

/** A store with a snapshot at 4 in two parts and entries 4 to 8. */
async function filled(): Promise<string> {
  const directory = fresh();
  const store = await open(directory);
  await store.load();
  await store.persist([order(entries(0, 8))]);
  await store.saveSnapshot(markAt(4), [Buffer.from('one'), Buffer.from('two')]);
  await close(store);
  return directory;
}

async function flip(database: Raw, key: Buffer): Promise<void> {
  const value = Buffer.from((await database.get(key)) ?? Buffer.alloc(0));
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
  await database.put(key, value);
}

describe('store: what is damaged is told in words, and nothing is changed', () => {
  const damages: readonly [string, (database: Raw) => Promise<void>, RegExp][] = [
    ['a missing entry', (db) => db.del(entryKey(5)), /corrupt: offsets 5 to 5 are missing\. Restore/],
    ['a missing end', (db) => db.del(entryKey(7)), /corrupt: offsets 7 to 7 are missing at its end/],
    ['an entry with a flipped bit', (db) => flip(db, entryKey(6)), /corrupt: the entry at offset 6: checksum/],
    [
      'an entry of another place',
      async (db) => db.put(entryKey(5), (await db.get(entryKey(6))) ?? Buffer.alloc(0)),
      /offset 5: checksum/,
    ],
    ['a hard state with a flipped bit', (db) => flip(db, Buffer.from('H')), /corrupt: the hard state: checksum/],
    ['a mark with a flipped bit', (db) => flip(db, Buffer.from('P')), /corrupt: the mark of the snapshot: checksum/],
    ['a missing mark', (db) => db.del(Buffer.from('P')), /corrupt: offsets 0 to 3 are missing/],
    ['missing first voters', (db) => db.del(Buffer.from('V')), /voters that the quorum began with are missing/],
    ['a missing part', (db) => db.del(partKey(1, 3)), /the part at byte 3 of 6 of the snapshot at 4 is missing/],
    [
      'a part with a flipped bit',
      (db) => flip(db, partKey(1, 0)),
      /part at byte 0 of 6 of the snapshot at 4: checksum/,
    ],
  ];
  test.for(damages)('%s', async ([, damage, said]) => {
    const directory = await filled();
    await raw(directory, damage);
    const store = await open(directory);
    await expect(heldBy(store)).rejects.toThrow(said);
    await expect(heldBy(store)).rejects.toThrow(StorageFault);
  });

  test('a hole that a lost cut has left between two epochs', async () => {
    const directory = fresh();
    const store = await open(directory);
    await store.load();
    await store.persist([order(entries(0, 2))]);
    await close(store);
    let before: Buffer | undefined;
    await raw(directory, async (database) => {
      before = await database.get(entryKey(1));
    });
    const again = await open(directory);
    await again.load();
    await again.persist([order(entries(1, 1, 5), 1, 5), order(entries(2, 1, 5), null, 5)]);
    await close(again);
    await raw(directory, (database) => database.put(entryKey(1), before ?? Buffer.alloc(0)));
    await expect((await open(directory)).load()).rejects.toThrow(
      /offset 2 follows one of epoch 5, but epoch 3 is before/,
    );
  });

  test('damaged files of LevelDB', async () => {
    const directory = await filled();
    const manifest = readdirSync(directory).find((name) => name.startsWith('MANIFEST'));
    writeFileSync(join(directory, manifest ?? ''), 'not a manifest');
    await expect(open(directory)).rejects.toThrow(/metadata log is corrupt .* Restore/);
  });

  test('a database of somebody else, or of a newer format', async () => {
    const foreign = fresh();
    files.makeDirectory(foreign);
    await raw(foreign, (database) => database.put(Buffer.from('x'), Buffer.from('y')));
    await expect(open(foreign)).rejects.toThrow(/does not say its format/);
    const newer = fresh();
    files.makeDirectory(newer);
    await raw(newer, (database) => database.put(Buffer.from('F'), Buffer.from('odradek metadata 3')));
    await expect(open(newer)).rejects.toThrow(/its format is 'odradek metadata 3'.*start the version that wrote it/);
  });

  test('a directory of Apache Kafka, before anything is written into it', async () => {
    const directory = fresh();
    files.makeDirectory(directory);
    writeFileSync(join(directory, 'quorum-state'), '');
    await expect(open(directory)).rejects.toThrow(/Apache Kafka \(quorum-state\)/);
    expect(readdirSync(directory)).toEqual(['quorum-state']);
  });

  test('two openers of one directory: the second is told so', async () => {
    const directory = fresh();
    await open(directory);
    await expect(open(directory)).rejects.toThrow(/two nodes cannot share a directory/);
  });

  test('another set of static voters than the quorum began with; until it has begun, it may be corrected', async () => {
    const directory = fresh();
    const wrong = [...firstVoters.slice(0, 2), { id: 4, directoryId: UUID_ZERO, endpoints: [] }];
    const first = await open(directory, wrong);
    await first.load();
    await close(first);
    const store = await open(directory);
    expect((await store.load()).snapshot.voters).toEqual(firstVoters);
    await store.persist([order([])]);
    await close(store);
    const again = await open(directory, wrong);
    await expect(again.load()).rejects.toThrow(/began with the voters 1, 2, 3, the configuration names 1, 2, 4/);
  });
});

describe('store: crashes', () => {
  test('any orders, snapshots and crashes: what is there is what was kept', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
        const random = new Prng(seed);
        const directory = fresh();
        const model = new Model();
        let store = await open(directory);
        await store.load();
        for (let round = 0; round < 15; round += 1) {
          if (random.chance(1, 4)) {
            await close(store);
            model.crashed();
            store = await open(directory);
            expect(await heldBy(store)).toEqual(model.held);
          } else if (random.chance(1, 3)) await saveSome(store, model, random);
          else await store.persist(model.orders(random));
        }
        await close(store);
        expect(await heldBy(await open(directory))).toEqual(model.held);
      }),
      { numRuns: 25 },
    );
  });

  test('the same of the store in memory, whose crash is that it is loaded again', async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new Prng(seed);
      const model = new Model();
      const store = new MemoryRaftStore(firstVoters);
      for (let round = 0; round < 15; round += 1) {
        if (random.chance(1, 4)) {
          model.crashed();
          expect(await heldBy(store)).toEqual(model.held);
        } else if (random.chance(1, 3)) await saveSome(store, model, random);
        else await store.persist(model.orders(random));
      }
      expect(await heldBy(store)).toEqual(model.held);
    }
  });

  test('the files as they are in the middle of a write: all of it is there, or nothing', async () => {
    const random = new Prng(7);
    for (let round = 0; round < 12; round += 1) {
      const directory = fresh();
      const model = new Model();
      const store = await open(directory);
      await store.load();
      for (let count = random.below(4); count > 0; count -= 1) await store.persist(model.orders(random));
      const before = model.held;
      const orders = Array.from({ length: 20 }, () => model.orders(random)).flat();
      const writing = store.persist(orders);
      for (let wait = random.below(4); wait > 0; wait -= 1) await new Promise((resolve) => setImmediate(resolve));
      const copy = fresh();
      cpSync(directory, copy, { recursive: true, filter: (name) => !name.endsWith('LOCK') });
      await writing;
      const found = await heldBy(await open(copy));
      expect([before, model.held]).toContainEqual(found);
    }
  });

  test('kill -9 loses nothing that was acknowledged, and the log goes on without a gap', async () => {
    const directory = fresh();
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      const { said, signal } = await persistForever(directory, { killAfter: 20 });
      expect(signal).toBe('SIGKILL');
      const store = await open(directory);
      const { mark, entries: found, parts } = await heldBy(store);
      expect(found.at(-1)?.endOffset ?? mark.offset).toBeGreaterThanOrEqual(said);
      if (mark.offset > 0) expect(parts).toEqual(['state at ', String(mark.offset)]);
      acknowledged = said;
      await close(store);
    }
    expect(acknowledged).toBeGreaterThanOrEqual(60);
  });

  test('a disk that takes no more: told, the process stops, nothing acknowledged is lost, and it goes on once there is room', async () => {
    const directory = fresh();
    const { said, code, complaints } = await persistForever(directory, { fileBlocksMax: 400, entryBytes: 20_000 });
    expect(complaints).toMatch(/storage fault at .*__cluster_metadata-0: the metadata log cannot be written/);
    expect(code).toBe(3);
    expect(said).toBeGreaterThan(5);
    const store = await open(directory);
    const { mark, entries: found } = await heldBy(store);
    const end = found.at(-1)?.endOffset ?? mark.offset;
    expect(end).toBeGreaterThanOrEqual(said);
    await store.persist([order(entries(end, 1, 3), null, 3)]);
  });
});

async function saveSome(store: RaftStore, model: Model, random: Prng): Promise<void> {
  const ends = model.held.entries;
  const last = ends[random.below(ends.length + 1)];
  if (last === undefined) return;
  const mark = { offset: last.endOffset, epoch: last.epoch, voters: votersOf(random) };
  const parts = Array.from({ length: random.below(4) }, () => Buffer.from(random.bytes(1 + random.below(80))));
  if (random.chance(1, 3)) {
    const failed = store.saveSnapshot(mark, broken(parts));
    await expect(failed, 'whoever takes the snapshot gave up').rejects.toThrow('gave up');
    return;
  }
  const saving = store.saveSnapshot(mark, parts);
  expect(await saving).toBe(true);
  model.saved(
    mark,
    parts.map((bytes) => bytes.toString('latin1')),
  );
}

function* broken(parts: readonly Buffer[]): Iterable<Buffer> {
  yield* parts;
  throw new Error('gave up');
}
