/** Copies of logs as a start finds them: which of two logs of one name counts, and what becomes of a copy without its log. */
import { SimClock, SimFiles, drain } from '@odradek/base/testing';
import { expect, test } from 'vitest';
import { NOW_MS, append, makeBatch, openLog, openManager, readAll } from '../testing/harness.ts';
import type { PartitionLog } from '../types.ts';
import { readReplacementNote, writeReplacementNote } from './checkpoints.ts';
import type { LogManager } from './log-manager.ts';

const DIRS = ['/a', '/b'];

async function open(files: SimFiles, seed = 1): Promise<{ manager: LogManager; clock: SimClock }> {
  const clock = new SimClock(NOW_MS);
  return { manager: await openManager({ files, clock, logDirs: DIRS, seed }), clock };
}

/** A log in /a and its copy in /b, of three records the first two of which the copy has. */
async function copied(files: SimFiles): Promise<{ manager: LogManager; log: PartitionLog; copy: PartitionLog }> {
  const { manager } = await open(files);
  const log = openLog(manager);
  expect(log.logDirectory).toBe('/a');
  for (const value of ['a', 'b']) append(log, makeBatch({ values: [value] }));
  const copy = manager.futures.create(log, '/b');
  await copyAll(log, copy);
  append(log, makeBatch({ values: ['c'] }));
  return { manager, log, copy };
}

async function copyAll(log: PartitionLog, copy: PartitionLog): Promise<void> {
  for (const records of await readAll(log, copy.logEndOffset)) {
    expect(copy.append({ records, origin: 'replication', leaderEpoch: 0, nowMs: NOW_MS }).ok).toBe(true);
  }
}

function names(files: SimFiles): string[] {
  return DIRS.flatMap((directory) =>
    files
      .list(directory)
      .filter((name) => name.startsWith('topic-0'))
      .map((name) => `${directory}/${name.replace(/\.[0-9a-f]{32}/, '')}`),
  );
}

/** Both directories hold a log of the name: the directory of the copy is given that name behind everyone's back. */
function nameCopy(files: SimFiles): string {
  const copy = files.list('/b').find((name) => name.endsWith('-future'));
  files.rename(`/b/${copy}`, '/b/topic-0');
  return '/b/topic-0';
}

test('future: a copy has the name that Kafka gives it, and is no log of its own', async () => {
  const files = new SimFiles();
  const { manager, log, copy } = await copied(files);
  expect(names(files)).toEqual(['/a/topic-0', '/b/topic-0-future']);
  expect([log.future, copy.logEndOffset, Array.from(manager.all())]).toEqual([copy, 2, [log]]);
  await manager.close();
  const { manager: again } = await open(files, 2);
  expect(openLog(again).future?.logEndOffset).toBe(2);
});

test('future: it does not take over before it is prepared, whole, and as durable', async () => {
  const { manager, log, copy } = await copied(new SimFiles());
  expect(manager.futures.swap(log)).toBeUndefined();
  await manager.futures.prepare(log);
  expect(manager.futures.swap(log), 'it lacks a record').toBeUndefined();
  await copyAll(log, copy);
  await log.flush();
  expect(copy.recoveryPoint).toBe(2);
  const settled = manager.futures.swap(log);
  expect([log.logDirectory, log.recoveryPoint, log.logEndOffset]).toEqual(['/b', 3, 3]);
  await settled;
  expect(await readAll(log)).toHaveLength(3);
});

test.for([
  ['moved', 'delete'],
  ['promoted', 'stray'],
] as const)(
  'future: of two logs of one name the one that notes it was %s counts; the other one is named -%s',
  async ([how, other]) => {
    const files = new SimFiles();
    const { manager } = await copied(files);
    await manager.close();
    writeReplacementNote(files, nameCopy(files), { atMs: NOW_MS, how });
    for (const seed of [2, 3]) {
      const { manager: again, clock } = await open(files, seed);
      const log = openLog(again);
      expect([log.logDirectory, log.logEndOffset, again.status().every(({ online }) => online)]).toEqual([
        '/b',
        2,
        true,
      ]);
      expect(names(files)).toContain('/b/topic-0');
      // The note goes at the start that finds no other log any more.
      expect(readReplacementNote(files, '/b/topic-0') === undefined).toBe(seed === 3);
      if (seed === 2) expect(names(files)).toContain(`/a/topic-0-${other}`);
      await clock.advance(60_000);
      expect(names(files)).toEqual(other === 'delete' ? ['/b/topic-0'] : ['/a/topic-0-stray', '/b/topic-0']);
      await again.close();
    }
  },
);

test('future: of two logs that both replaced one the later counts, wherever it lies', async () => {
  const files = new SimFiles();
  const { manager } = await copied(files);
  await manager.close();
  writeReplacementNote(files, nameCopy(files), { atMs: NOW_MS, how: 'moved' });
  writeReplacementNote(files, '/a/topic-0', { atMs: NOW_MS + 1, how: 'moved' });
  const { manager: again } = await open(files, 2);
  expect([openLog(again).logDirectory, names(files)]).toEqual(['/a', ['/a/topic-0', '/b/topic-0-delete']]);
});

test('future: of two logs of one name one that never held anything goes, in whichever directory', async () => {
  for (const empty of DIRS) {
    const files = new SimFiles();
    for (const directory of DIRS) {
      const manager = await openManager({ files, logDirs: [directory] });
      const log = openLog(manager);
      if (directory !== empty) append(log, makeBatch({ values: ['kept'] }));
      await manager.close();
    }
    const { manager } = await open(files, 2);
    const log = openLog(manager);
    expect([log.logDirectory === empty, log.logEndOffset, manager.directories.ids('online').length]).toEqual([
      false,
      1,
      2,
    ]);
  }
});

test('future: when nobody can tell which of two logs counts, the second directory is offline and says which they are', async () => {
  const files = new SimFiles();
  const { manager } = await copied(files);
  await manager.close();
  nameCopy(files);
  const { manager: again } = await open(files, 2);
  expect(again.status()).toMatchObject([
    { online: true },
    { online: false, why: expect.stringContaining('lies in /a too') },
  ]);
});

test('future: a copy without its log waits, becomes the log when it is promoted, and stays aside when a log is made anew', async () => {
  for (const isPromoted of [true, false]) {
    const files = new SimFiles();
    const { manager } = await copied(files);
    await manager.close();
    files.remove('/a/topic-0');
    const { manager: again } = await open(files, 2);
    expect([again.get('topic', 0), again.futures.orphans().map(({ logEndOffset }) => logEndOffset)]).toEqual([
      undefined,
      [2],
    ]);
    if (isPromoted) again.futures.promote('topic', 0);
    const log = openLog(again);
    expect([log.logEndOffset, again.futures.orphans()]).toEqual([isPromoted ? 2 : 0, []]);
    const left = isPromoted ? ['/b/topic-0'] : ['/a/topic-0', '/b/topic-0-stray'];
    expect(names(files)).toEqual(left);
    append(log, makeBatch({ values: ['on'] }));
    await again.close();
    const { manager: third } = await open(files, 3);
    expect(openLog(third).logEndOffset).toBe(isPromoted ? 3 : 1);
  }
});

test('future: a deleted log takes its copy along, and a copy that cannot be made leaves nothing behind', async () => {
  const files = new SimFiles();
  const { log } = await copied(files);
  log.delete();
  expect(names(files)).toEqual(['/a/topic-0-delete', '/b/topic-0-delete']);

  const full = new SimFiles();
  const { manager } = await open(full);
  const second = openLog(manager);
  full.failWhen((point, path) => (point === 'write' && path.startsWith('/b/') ? 'ENOSPC' : undefined));
  expect(() => manager.futures.create(second, '/b')).toThrow('ENOSPC');
  expect([second.future, names(full), manager.status().every(({ online }) => online)]).toEqual([
    undefined,
    ['/a/topic-0'],
    true,
  ]);
});

test('future: what a checkpoint says of an earlier log of the name in that directory is not believed of the copy', async () => {
  const files = new SimFiles();
  const { manager, log, copy } = await copied(files);
  await copyAll(log, copy);
  await manager.futures.prepare(log);
  await manager.futures.swap(log);
  await log.flush();
  manager.checkpointRecoveryPoints();
  // Back to /a, whose file may still tell of the log that lay there.
  const back = manager.futures.create(log, '/a');
  const rows = files.peek('/a/recovery-point-offset-checkpoint')?.toString() ?? '';
  expect(rows).toContain('topic 0 0');
  expect(back.recoveryPoint).toBe(0);
});

test('future: of the directories wished for logs that never come, the oldest wish is forgotten', async () => {
  const { manager } = await open(new SimFiles());
  for (let partition = 0; partition < 5; partition += 1) manager.futures.prefer('topic', partition, '/b');
  const directories = [0, 1, 2, 3, 4].map((partition) => openLog(manager, {}, partition).logDirectory);
  expect(directories).toEqual(['/a', '/b', '/b', '/b', '/b']);
  expect(openLog(manager, {}, 9).logDirectory, 'a wish counts once').toBe('/a');
});

/** The names in /b become durable only when the test lets them. */
class GatedFiles extends SimFiles {
  readonly gate = Promise.withResolvers<void>();

  override async syncDirectoryLater(path: string): Promise<void> {
    if (path === '/b') await this.gate.promise;
    return super.syncDirectoryLater(path);
  }
}

test('future: after a swap nothing is claimed to be durable before the new name is', async () => {
  const files = new GatedFiles();
  const { manager, log, copy } = await copied(files);
  await copyAll(log, copy);
  // The first flush of the copy names its directory in /b.
  const prepared = manager.futures.prepare(log);
  files.gate.resolve();
  await prepared;
  expect([log.recoveryPoint, copy.recoveryPoint]).toEqual([0, 3]);
  const gate = Promise.withResolvers<void>();
  Object.assign(files, { gate });
  const settled = manager.futures.swap(log);
  expect([log.logDirectory, log.recoveryPoint]).toEqual(['/b', 0]);
  append(log, makeBatch({ values: ['d'] }));
  let isFlushed = false;
  const flushed = log.flush().then(() => (isFlushed = true));
  await drain();
  expect([isFlushed, log.recoveryPoint, names(files)]).toEqual([false, 0, ['/a/topic-0', '/b/topic-0']]);
  gate.resolve();
  await flushed;
  await settled;
  expect([isFlushed, log.recoveryPoint, names(files)]).toEqual([true, 4, ['/a/topic-0-delete', '/b/topic-0']]);
});
