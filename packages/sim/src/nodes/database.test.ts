/** The disk below production's store: what a crash leaves of it. */
import { Prng, UUID_ZERO, limits, silent } from '@odradek/base';
import { SimFiles } from '@odradek/base/testing';
import type { Entry, PersistOrder, RaftStore } from '@odradek/controller/raft';
import { raftStoreOn } from '@odradek/controller/testing';
import { expect, test } from 'vitest';
import { Scheduler } from '../scheduler.ts';
import { DiskImage, openDatabase } from './database.ts';

const voters = [1, 2, 3].map((id) => ({ id, directoryId: UUID_ZERO, endpoints: [] }));

type Life = { readonly store: RaftStore; readonly end: () => void };

/** A process with the disk; nothing of it happens any more once its life has ended. */
async function lifeOn(disk: DiskImage, scheduler: Scheduler, writeMs = 5): Promise<Life> {
  let isOver = false;
  const database = openDatabase({
    disk,
    failure: () => undefined,
    isOver: () => isOver,
    later: (kind, act, told) =>
      scheduler.after(kind === 'write' ? writeMs : 0, () => {
        if (isOver) return;
        act();
        told();
      }),
  });
  const options = { directory: '/metadata', files: new SimFiles(), limits: limits.tiny, log: silent, voters };
  const store = await soon(scheduler, raftStoreOn(database, options));
  return { store, end: () => void (isOver = true) };
}

async function soon<T>(scheduler: Scheduler, promise: Promise<T>): Promise<T> {
  let isDone = false;
  void promise.then(() => (isDone = true));
  while (!isDone) await scheduler.runTurns(scheduler.nowMs + 1);
  return promise;
}

const entry = (offset: number): Entry => ({
  kind: 'data',
  offset,
  endOffset: offset + 1,
  epoch: 1,
  data: Buffer.from(`entry ${offset}`),
});
const order = (seq: number, entries: readonly Entry[]): PersistOrder => ({
  kind: 'persist',
  seq,
  hardState: { epoch: 1, votedFor: null, recoverTo: 0 },
  truncate: null,
  entries,
});

test('a write that was told is there after a crash; one that was under way is there whole, or not at all', async () => {
  const counts = new Set<number>();
  for (let seed = 1; seed <= 20; seed += 1) {
    const [disk, scheduler] = [new DiskImage(), new Scheduler()];
    const before = await lifeOn(disk, scheduler);
    await soon(scheduler, before.store.load());
    await soon(scheduler, before.store.persist([order(1, [entry(0)])]));
    void before.store.persist([order(2, [entry(1), entry(2)])]);
    await scheduler.runTurns(scheduler.nowMs + 2);
    before.end();
    disk.crash(new Prng(seed));
    const after = await lifeOn(disk, scheduler);
    const { entries, hardState } = await soon(scheduler, after.store.load());
    expect(hardState).toMatchObject({ epoch: 1 });
    counts.add(entries.length);
  }
  expect(counts).toEqual(new Set([1, 3]));
});

test('what was removed without a sync may be there again, and the store starts all the same', async () => {
  let cameBack = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const [disk, scheduler] = [new DiskImage(), new Scheduler()];
    const before = await lifeOn(disk, scheduler);
    await soon(scheduler, before.store.load());
    await soon(scheduler, before.store.persist([order(1, [0, 1, 2, 3].map(entry))]));
    const mark = { offset: 3, epoch: 1, voters };
    expect(await soon(scheduler, before.store.saveSnapshot(mark, [Buffer.from('the state')]))).toBe(true);
    await scheduler.runTurns(scheduler.nowMs + 50);
    expect(disk.unsynced.size).toBeGreaterThan(0);
    before.end();
    const kept = disk.rows.size;
    disk.crash(new Prng(seed));
    cameBack += disk.rows.size - kept;
    const after = await lifeOn(disk, scheduler);
    const { entries, snapshot } = await soon(scheduler, after.store.load());
    expect([snapshot.offset, entries.map(({ offset }) => offset)]).toEqual([3, [3]]);
  }
  expect(cameBack).toBeGreaterThan(0);
});
