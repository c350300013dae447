import { StorageFault, limits, silent } from '@odradek/base';
import { SimClock, SimFiles, drain } from '@odradek/base/testing';
import { ErrorCode, batch } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { NOW_MS, append, makeBatch, openLog, openManager, readAll } from '../testing/harness.ts';
import type { PartitionLog } from '../types.ts';

const one = (value: string): Buffer => makeBatch({ values: [value] });
const tryAppend = (log: PartitionLog, records: Buffer) =>
  log.append({ records, origin: 'client', leaderEpoch: 0, nowMs: NOW_MS });

test('faults: a full disk refuses the append, keeps the end, cuts the torn bytes, and heals when there is room again', async () => {
  const files = new SimFiles();
  const clock = new SimClock(NOW_MS);
  const manager = await openManager({ files, clock });
  const log = openLog(manager);
  append(log, one('a'));
  files.setCapacity(files.usedBytes + 40);
  expect(tryAppend(log, one('b'.repeat(500)))).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
  expect(log.logEndOffset).toBe(1);
  expect(await readAll(log)).toHaveLength(1);
  files.setCapacity(1_000_000);
  manager.start(() => 0);
  await clock.advance(1_000);
  expect(append(log, one('c')).firstOffset).toBe(1);
  await manager.close();
  expect(await readAll(openLog(await openManager({ files })))).toHaveLength(2);
});

test.for<[string, (log: PartitionLog) => void, number]>([
  ['a cut', (log) => log.truncateTo(2), 2],
  ['a new beginning', (log) => log.truncateFullyAndStartAt(1), 1],
])(
  'faults: %s that finds a full disk before it begins changes nothing, and goes well when there is room',
  async (row) => {
    const [, cut, end] = row;
    const files = new SimFiles();
    const clock = new SimClock(NOW_MS);
    const manager = await openManager({ files, clock });
    const log = openLog(manager);
    for (const value of ['a', 'b', 'c']) append(log, one(value));
    await log.flush();
    files.failWhen((point) => (point === 'write' ? 'ENOSPC' : undefined));
    expect(() => cut(log)).toThrow(StorageFault);
    expect([log.logEndOffset, log.recoveryPoint]).toEqual([3, 3]);
    expect(await readAll(log)).toHaveLength(3);
    files.failWhen(undefined);
    manager.start(() => 0);
    await clock.advance(1_000);
    cut(log);
    expect(append(log, one('d')).firstOffset).toBe(end);
    files.killProcess();
    const again = openLog(await openManager({ files }));
    expect([again.logEndOffset, again.recoveryPoint]).toEqual([end + 1, end]);
  },
);

test.for([40, 560])(
  'faults: what a full disk took of a write, %i bytes, is not found again after a stop in order',
  async (spareBytes) => {
    const files = new SimFiles();
    const manager = await openManager({ files });
    const log = openLog(manager);
    append(log, one('a'));
    files.setCapacity(files.usedBytes + spareBytes);
    // Two batches in one write: the first of them may fit.
    const records = [1, 2].map((offset) => {
      const bytes = Buffer.from(one('b'.repeat(400)));
      batch.setBaseOffset(bytes, 0, offset);
      return bytes;
    });
    const asked = { records: Buffer.concat(records), origin: 'replication', leaderEpoch: 0, nowMs: NOW_MS } as const;
    expect(log.append(asked)).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
    files.setCapacity(1_000_000);
    await manager.close();
    const again = openLog(await openManager({ files }));
    expect(append(again, one('c')).firstOffset).toBe(1);
    expect(await readAll(again)).toHaveLength(2);
    files.killProcess();
    expect(await readAll(openLog(await openManager({ files })))).toHaveLength(2);
  },
);

/** As a leader that has acknowledged it sends it. */
function follow(log: PartitionLog, value: string): Buffer {
  const records = Buffer.from(one(value));
  batch.setBaseOffset(records, 0, log.logEndOffset);
  return records;
}

/** A disk on which others have a file, so that it is not small beside the reserve. */
function sharedDisk(): SimFiles {
  const files = new SimFiles();
  files.open('/others', 'write').writeSync([Buffer.alloc(200_000)], 0);
  return files;
}

const { diskReserveBytes } = limits.tiny;

test('faults: clients are refused before the disk is quite full, coordinators are not; room ends it', async () => {
  const files = sharedDisk();
  const clock = new SimClock(NOW_MS);
  const manager = await openManager({ files, clock });
  const log = openLog(manager);
  manager.start(() => 0);
  files.setCapacity(files.usedBytes + diskReserveBytes - 1);
  await clock.advance(1_000);
  expect(tryAppend(log, one('a'))).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
  expect(log.append({ records: one('b'), origin: 'coordinator', leaderEpoch: 0, nowMs: NOW_MS }).ok).toBe(true);
  expect(log.append({ records: follow(log, 'c'), origin: 'replication', leaderEpoch: 0, nowMs: NOW_MS }).ok).toBe(true);
  files.setCapacity(files.usedBytes + diskReserveBytes + 1);
  await clock.advance(1_000);
  expect(tryAppend(log, one('c')).ok, 'a little more room is none').toBe(false);
  files.setCapacity(files.usedBytes + diskReserveBytes * 1.25);
  await clock.advance(1_000);
  expect(tryAppend(log, one('c')).ok).toBe(true);
});

test('faults: who writes fast gets no further into the reserve than one look in sixteen allows, without time passing', async () => {
  const files = sharedDisk();
  files.setCapacity(files.usedBytes + 20_000);
  const manager = await openManager({ files, logDirs: ['/one', '/two'] });
  const log = openLog(manager, { segmentBytes: 100_000 });
  manager.start(() => 0);
  let refused = false;
  while (!refused) refused = !tryAppend(log, one('x'.repeat(100))).ok;
  const free = files.freeBytes('/one');
  expect(free).toBeLessThan(diskReserveBytes + 200);
  expect(free).toBeGreaterThan(diskReserveBytes - diskReserveBytes / 16 - 200);
});

test('faults: a disk that cannot be asked for its room while clients write takes its directory offline, and refuses them', async () => {
  const files = sharedDisk();
  files.setCapacity(files.usedBytes + 20_000);
  const manager = await openManager({ files, logDirs: ['/one', '/two'] });
  const log = openLog(manager, { segmentBytes: 100_000 });
  files.freeBytes = (path) => {
    throw new StorageFault(path, Object.assign(new Error('gone'), { code: 'EIO' }));
  };
  let refused = '';
  while (refused === '') {
    const outcome = tryAppend(log, one('x'.repeat(500)));
    if (!outcome.ok) refused = outcome.why;
  }
  expect(refused).toContain(`${log.logDirectory} is offline`);
});

test('faults: a new log goes where there is room, and whoever has to make room learns what takes it', async () => {
  const files = sharedDisk();
  const clock = new SimClock(NOW_MS);
  const told: unknown[] = [];
  const logger = { ...silent, warn: (fields: object, what: string) => void told.push([what, fields]) };
  const manager = await openManager({ files, clock, logDirs: ['/one', '/two'], logger });
  const [first, second] = [openLog(manager, {}, 0), openLog(manager, {}, 1)];
  for (const text of ['a', 'b']) append(first, one(text));
  append(second, one('c'));
  files.failWhen((point, path) => (point === 'write' && path.startsWith(first.logDirectory) ? 'ENOSPC' : undefined));
  expect(tryAppend(first, one('d')).ok).toBe(false);
  expect([2, 3].map((partition) => openLog(manager, {}, partition).logDirectory)).toEqual([
    second.logDirectory,
    second.logDirectory,
  ]);
  expect(told).toEqual([
    [
      'what takes most of the full disk',
      { path: first.logDirectory, largest: [{ topic: 'topic', sizeBytes: one('a').length * 2 }] },
    ],
  ]);
});

test.for(['EIO', 'EROFS'])(
  'faults: %s on a write takes its directory offline, and only that; reads of it go on',
  async (code) => {
    const files = new SimFiles();
    const offline: string[] = [];
    const manager = await openManager({
      files,
      logDirs: ['/one', '/two'],
      onOffline: (status) => offline.push(status.path),
    });
    const [first, second] = [openLog(manager, {}, 0), openLog(manager, {}, 1)];
    expect([first.logDirectory, second.logDirectory].toSorted()).toEqual(['/one', '/two']);
    append(first, one('a'));
    append(second, one('a'));
    files.failWhen((point, path) => (point === 'write' && path.startsWith(first.logDirectory) ? code : undefined));
    expect(tryAppend(first, one('b'))).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
    files.failWhen(undefined);
    expect(tryAppend(first, one('b'))).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
    expect(offline).toEqual([first.logDirectory]);
    expect(await readAll(first)).toHaveLength(1);
    expect(append(second, one('b')).firstOffset).toBe(1);
    expect(Array.from(manager.all())).toEqual([second]);
    await manager.close();
    expect(files.list(first.logDirectory)).not.toContain('.kafka_cleanshutdown');
    expect(files.list(second.logDirectory)).toContain('.kafka_cleanshutdown');
  },
);

test('faults: a failed sync is never forgiven, since the next one would lie about what the first lost', async () => {
  const files = new SimFiles();
  const log = openLog(await openManager({ files }));
  append(log, one('a'));
  files.failWhen((point, path) => (point === 'sync' && path.endsWith('.log') ? 'ENOSPC' : undefined));
  await expect(log.flush()).rejects.toThrow(StorageFault);
  files.failWhen(undefined);
  expect(log.recoveryPoint).toBe(0);
  expect(tryAppend(log, one('b'))).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
});

test('faults: a read that fails is refused, and says so', async () => {
  const files = new SimFiles();
  const first = await openManager({ files });
  append(openLog(first), one('a'));
  await first.close();
  const log = openLog(await openManager({ files }));
  files.failWhen((point, path) => (point === 'read' && path.endsWith('.log') ? 'EIO' : undefined));
  const read = await log.read({ fromOffset: 0, maxBytes: 100, upToOffset: 1, minOneBatch: true });
  expect(read).toMatchObject({ ok: false, code: ErrorCode.KAFKA_STORAGE_ERROR });
});

test('faults: a directory that cannot be used at the start is offline, the others serve; when all are, the start fails', async () => {
  const files = new SimFiles();
  files.makeDirectory('/bad');
  files.failWhen((_point, path) => (path.startsWith('/bad') ? 'EACCES' : undefined));
  const manager = await openManager({ files, logDirs: ['/bad', '/good'] });
  expect(manager.status().map(({ path, online }) => [path, online])).toEqual([
    ['/bad', false],
    ['/good', true],
  ]);
  // Whether the partition lies in the directory that cannot be read is not known: it is not made anew.
  expect(() => openLog(manager)).toThrow(StorageFault);
  await expect(openManager({ files, logDirs: ['/bad'] })).rejects.toThrow('no log directory can be used');
});

test('faults: two processes cannot have one log directory', async () => {
  const files = new SimFiles();
  const manager = await openManager({ files });
  await expect(openManager({ files })).rejects.toThrow('another process');
  await manager.close();
  await (await openManager({ files })).close();
});

test('flush: concurrent calls share syncs; each resolves only when what it saw is durable', async () => {
  const files = new SimFiles();
  const log = openLog(await openManager({ files }));
  let syncs = 0;
  files.failWhen((point, path) => {
    if (point === 'sync' && path.endsWith('.log')) syncs += 1;
    return undefined;
  });
  append(log, one('a'));
  const first = log.flush();
  append(log, one('b'));
  const later = [log.flush(), log.flush(), log.flush()];
  await first;
  expect(log.recoveryPoint).toBeGreaterThanOrEqual(1);
  await Promise.all(later);
  expect(log.recoveryPoint).toBe(2);
  expect(syncs).toBe(2);
  await log.flush();
  expect(syncs).toBe(2);
});

test('flush: flush.messages makes an append durable by itself, flush.ms after a while', async () => {
  const files = new SimFiles();
  const clock = new SimClock(NOW_MS);
  const manager = await openManager({ files, clock, flushSchedulerIntervalMs: 100 });
  const byCount = openLog(manager, { flushMessages: 2 }, 0);
  const byTime = openLog(manager, { flushMs: 500 }, 1);
  manager.start(() => 0);
  append(byCount, one('a'));
  append(byTime, one('a'));
  await drain();
  expect([byCount.recoveryPoint, byTime.recoveryPoint]).toEqual([0, 0]);
  append(byCount, one('b'));
  await drain();
  expect([byCount.recoveryPoint, byTime.recoveryPoint]).toEqual([2, 0]);
  await clock.advance(600);
  expect(byTime.recoveryPoint).toBe(1);
});
