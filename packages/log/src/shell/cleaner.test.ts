import { drain } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { Compacted, HOUR_MS, compactedConfig, rowsOf } from '../testing/compacted.ts';
import { append, makeBatch, openLog, readAll } from '../testing/harness.ts';
import type { PartitionLog } from '../types.ts';

test('cleaner: of a log written over and over only the last values stay, in as few segments as they take', async () => {
  const run = new Compacted();
  const manager = await run.openManager();
  const log = openLog(manager, compactedConfig);
  for (let round = 0; round < 60; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  const before = log.sizeBytes;
  expect(await run.compact(manager, log)).toBe(1);
  expect(log.sizeBytes).toBeLessThan(before / 5);
  expect(await run.complaint(log)).toBeUndefined();
  await run.clock.advance(60);
  const names = run.files.list('/data/topic-0');
  expect(names.filter((name) => /\.(deleted|swap|cleaned)$/.test(name))).toEqual([]);
  expect(run.files.peek('/data/cleaner-offset-checkpoint')?.toString()).toMatch(/^0\n1\ntopic 0 \d+\n$/);
  // Nothing new was sealed: nothing is due.
  expect(await run.compact(manager, log)).toBe(0);
  // Segments that have become small are put together.
  for (let round = 0; round < 6; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  expect(await run.compact(manager, log)).toBe(1);
  await run.clock.advance(60);
  const logs = run.files.list('/data/topic-0').filter((name) => name.endsWith('.log'));
  expect(logs.length).toBeLessThanOrEqual(3);
  expect(await run.complaint(log)).toBeUndefined();
});

test('cleaner: a tombstone stays until delete.retention.ms after the cleaning that found it, then goes', async () => {
  const run = new Compacted();
  const manager = await run.openManager();
  const log = openLog(manager, compactedConfig);
  const others = (): void => {
    for (let key = 10; key < 34; key += 1) run.append(log, { keys: [key, key] });
  };
  run.append(log, { keys: [1] });
  run.append(log, { keys: [1], tombstone: true });
  const has = async (): Promise<boolean[]> => {
    const rows = rowsOf(await readAll(log));
    return [0, 1].map((offset) => rows.some((row) => row.offset === offset));
  };
  others();
  // Long before anything looked at it: the time does not count from when it was written.
  await run.clock.advance(5 * HOUR_MS);
  await run.compact(manager, log);
  expect(await has()).toEqual([false, true]);
  await run.clock.advance(HOUR_MS - 10);
  others();
  await run.compact(manager, log);
  expect(await has()).toEqual([false, true]);
  await run.clock.advance(20);
  others();
  await run.compact(manager, log);
  expect(await has()).toEqual([false, false]);
});

test('cleaner: records younger than min.compaction.lag.ms are left alone; older than max.compaction.lag.ms are not, however clean the log is', async () => {
  const run = new Compacted();
  const manager = await run.openManager();
  const young = { ...compactedConfig, minCompactionLagMs: HOUR_MS };
  const log = openLog(manager, young);
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  expect(await run.compact(manager, log)).toBe(0);
  await run.clock.advance(HOUR_MS + 10);
  expect(await run.compact(manager, log)).toBe(1);
  const lazy = { ...compactedConfig, minCleanableDirtyRatio: 1, maxCompactionLagMs: 2 * HOUR_MS };
  openLog(manager, lazy);
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  expect(await run.compact(manager, log)).toBe(0);
  await run.clock.advance(2 * HOUR_MS + 10);
  expect(await run.compact(manager, log)).toBe(1);
  // The active segment was rolled for it: nothing written before is left uncompacted.
  expect(rowsOf(await readAll(log)).length).toBe(4);
});

test('cleaner: a damaged batch makes the log uncleanable, and nothing of it is lost', async () => {
  const run = new Compacted();
  const manager = await run.openManager();
  const log = openLog(manager, compactedConfig);
  for (let round = 0; round < 20; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
  run.files.damage('/data/topic-0/00000000000000000000.log', 100, Buffer.from([0xff, 0xff]));
  const size = log.sizeBytes;
  expect(await run.compact(manager, log)).toBe(0);
  expect(log.sizeBytes).toBe(size);
  expect(run.files.list('/data/topic-0').filter((name) => name.endsWith('.swap'))).toEqual([]);
});

test('cleaner: a log that is cut, begun anew or deleted while it is compacted gets nothing of the compaction', async () => {
  const changes: ((log: PartitionLog) => void)[] = [
    (log) => log.truncateTo(5),
    (log) => log.truncateFullyAndStartAt(1_000),
    (log) => log.delete(),
    (log) => void log.advanceLogStart(30, log.logEndOffset),
  ];
  for (const change of changes) {
    // The change comes after so many turns of the event loop: within reading, writing, each step of the swap, and after.
    for (let turns = 0; turns < 60; turns += 1) {
      const run = new Compacted();
      const manager = await run.openManager();
      const log = openLog(manager, compactedConfig);
      for (let round = 0; round < 30; round += 1) run.append(log, { keys: [0, 1, 2, 3] });
      const compacting = run.compact(manager, log);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      change(log);
      manager.get('topic', 0)?.deleteOldSegments(run.clock.nowMs(), log.logEndOffset);
      await compacting;
      await run.clock.advance(60);
      await drain();
      const open = openLog(manager, compactedConfig);
      const leftOvers = run.files.list('/data/topic-0').filter((name) => /\.(swap|cleaned|deleted)$/.test(name));
      expect(leftOvers, `after ${turns} turns`).toEqual([]);
      for (const row of rowsOf(await readAll(open))) expect(row.offset).toBeLessThan(open.logEndOffset);
      append(open, makeBatch({ keys: ['k'], values: ['after'] }), 1, run.clock.nowMs());
      await manager.close();
      const again = await run.openManager();
      const reopened = openLog(again, compactedConfig);
      expect(rowsOf(await readAll(reopened)).at(-1)?.value).toBe('after');
      await again.close();
    }
  }
});
