/** Moves between log directories on simulated disks: the power is cut at every write point, and the log is what it may be. */
import { limits, MetricsRegistry, Prng, silent } from '@odradek/base';
import { drain, PowerCut, SimClock, SimFiles } from '@odradek/base/testing';
import type { LogConfig, LogManager, PartitionLog } from '@odradek/log';
import { append, History, makeBatch, openLog, openManager, readAll } from '@odradek/log/testing';
import { batch, ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { DirectoryTeller } from '../ports.ts';
import { AlterLogDirs } from './alter-log-dirs.ts';
import type { MoveSettings } from './alter-log-dirs.ts';

const DIRS = ['/a', '/b', '/c'];
const config = { segmentBytes: 700, indexIntervalBytes: 150, fileDeleteDelayMs: 50 };
const AGREES: DirectoryTeller = { moving: () => Promise.resolve(true), settled: () => undefined };

type MoverOptions = {
  readonly clock?: SimClock;
  readonly teller?: DirectoryTeller;
  readonly settings?: () => MoveSettings;
  readonly chunkBytes?: number;
  readonly bug?: (cause: unknown) => void;
};

function moverOf(logs: LogManager, options: MoverOptions = {}): AlterLogDirs {
  return new AlterLogDirs({
    clock: options.clock ?? new SimClock(),
    log: silent,
    metrics: new MetricsRegistry(),
    logs,
    teller: options.teller ?? AGREES,
    settings: options.settings ?? (() => ({ bytesPerSecond: Infinity, movesAtOnce: 2 })),
    chunkBytes: options.chunkBytes ?? 300,
    bug:
      options.bug ??
      ((cause) => {
        throw cause;
      }),
  });
}

/** Names of directories of the partition's logs, of whatever state, by log directory. */
function found(files: SimFiles, state: '' | 'future' | 'delete' | 'stray' = ''): string[] {
  const name = state === '' ? /^topic-0$/ : new RegExp(`^topic-0\\.[0-9a-f]{32}-${state}$`);
  return DIRS.flatMap((directory) => files.list(directory).flatMap((one) => (name.test(one) ? [directory] : [])));
}

/** A run of drawn operations on one log that is moved again and again, told to a history. Ends when the power goes. */
class Workload {
  readonly #luck: Prng;
  readonly #files: SimFiles;
  readonly #history: History;
  readonly #clock = new SimClock();
  #bug: unknown;
  #epoch = 0;
  #written = 0;
  movedCount = 0;

  constructor(seed: number, files: SimFiles, history: History) {
    this.#luck = new Prng(seed);
    this.#files = files;
    this.#history = history;
  }

  async run(steps: number): Promise<void> {
    let { manager, log, mover } = await this.#open();
    for (let step = 0; step < steps; step += 1) {
      const drawn = this.#luck.below(100);
      if (drawn < 55) this.#append(log);
      else if (drawn < 65) await this.#flush(log);
      else if (drawn < 72) this.#truncate(log);
      else if (drawn < 86) mover.move(log, DIRS[this.#luck.below(DIRS.length)] ?? '/a');
      else if (drawn < 90) this.#deleteRecords(log, manager);
      else if (drawn < 96) await this.#clock.advance(this.#luck.below(300));
      else {
        const end = log.logEndOffset;
        mover.close();
        await manager.close();
        this.#history.synced(end);
        ({ manager, log, mover } = await this.#open());
      }
      for (let turn = this.#luck.below(4); turn > 0; turn -= 1) await Promise.resolve();
      if (this.#luck.below(3) === 0) await drain();
      if (this.#bug !== undefined) throw this.#bug;
      // What a log says of itself holds at any moment.
      this.#history.durableEnd = Math.max(this.#history.durableEnd, log.recoveryPoint);
    }
    mover.close();
    await manager.close();
    if (this.#bug !== undefined) throw this.#bug;
  }

  async #open(): Promise<{ manager: LogManager; log: PartitionLog; mover: AlterLogDirs }> {
    const tiny = { ...limits.tiny, backgroundSyncBytes: 1_500 };
    const { files, clock } = { files: this.#files, clock: this.#clock };
    const seed = this.#luck.below(2 ** 30);
    const manager = await openManager({ files, clock, config, limits: tiny, logDirs: DIRS, seed });
    const log = openLog(manager, config);
    const moved = (): void => void (this.movedCount += 1);
    const mover = moverOf(manager, {
      clock: this.#clock,
      teller: { ...AGREES, settled: moved },
      bug: (cause) => (this.#bug ??= cause),
    });
    mover.resume(log);
    return { manager, log, mover };
  }

  #append(log: PartitionLog): void {
    if (this.#luck.below(10) === 0) this.#epoch += 1;
    const values = Array.from({ length: 1 + this.#luck.below(3) }, () =>
      `${(this.#written += 1)}`.padEnd(this.#luck.below(120), '.'),
    );
    const records = makeBatch({ values });
    // The history learns of it first: a cut within the append may leave it on disk.
    const sealed = Buffer.from(records);
    batch.setBaseOffset(sealed, 0, log.logEndOffset);
    batch.setPartitionLeaderEpoch(sealed, 0, this.#epoch);
    this.#history.appended(sealed);
    append(log, records, this.#epoch);
  }

  async #flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.flush();
    if (this.#bug !== undefined) throw this.#bug;
    expect(log.recoveryPoint).toBeGreaterThanOrEqual(end);
    this.#history.synced(end);
  }

  #truncate(log: PartitionLog): void {
    const offset = Math.max(log.logStartOffset, log.logEndOffset - this.#luck.below(12));
    this.#history.truncating(offset);
    log.truncateTo(offset);
    this.#epoch += 1;
  }

  #deleteRecords(log: PartitionLog, manager: LogManager): void {
    const offset = Math.min(log.recoveryPoint, log.logStartOffset + this.#luck.below(4));
    if (!log.advanceLogStart(offset, log.logEndOffset).ok) return;
    manager.checkpointLogStarts();
  }
}

const STEPS = 40;

/** What a disk is asked to do takes its time, by luck: others get ahead. */
function slowly(seed: number): { readonly later: (finish: () => void) => void } {
  const luck = new Prng(seed);
  const after = (turns: number, finish: () => void): void =>
    queueMicrotask(() => (turns === 0 ? finish() : after(turns - 1, finish)));
  return { later: (finish) => after(luck.below(3) === 0 ? luck.below(60) : 0, finish) };
}

async function crash(seed: number, cutAt: number, files = new SimFiles(slowly(seed))): Promise<string | undefined> {
  const history = new History();
  files.cutPowerAt(cutAt);
  try {
    await new Workload(seed, files, history).run(STEPS);
    await drain();
    return undefined; // it ended before
  } catch (cause) {
    if (!(cause instanceof PowerCut)) throw cause;
  }
  await drain();
  files.restart(new Prng(seed * 7919 + cutAt));
  return inspect(files, history);
}

/** What is found is what may be; the move goes on, and changes nothing of it; one log is left, which an orderly stop keeps. */
async function inspect(files: SimFiles, history: History): Promise<string | undefined> {
  const clock = new SimClock();
  const manager = await openManager({ files, clock, config, logDirs: DIRS, seed: 3 });
  const offline = manager.status().find(({ online }) => !online);
  if (offline !== undefined) return offline.why;
  if (manager.get('topic', 0) === undefined && history.durableEnd > 0) return 'lost: the log is not there';
  const log = openLog(manager, config);
  const batches = await readAll(log);
  const complaint = history.complaint({ batches, start: log.logStartOffset, end: log.logEndOffset });
  if (complaint !== undefined) return complaint;
  const mover = moverOf(manager, { clock });
  const target = log.future?.logDirectory ?? log.logDirectory;
  mover.resume(log);
  await clock.advance(1_000);
  if (log.logDirectory !== target) return `the move has not come to its end: ${log.logDirectory}, want ${target}`;
  append(log, makeBatch({ values: ['after the restart'] }), 1_000);
  await clock.advance(60_000);
  const left = [found(files), found(files, 'future'), found(files, 'delete')];
  if (left.flat().join() !== target) return `left behind: ${JSON.stringify(left)}, want one in ${target}`;
  await manager.close();
  const again = await openManager({ files, config, logDirs: DIRS });
  const reread = await readAll(openLog(again, config));
  const isSame = batches.every((one, index) => reread[index]?.equals(one) === true);
  return isSame && reread.length === batches.length + 1 ? undefined : 'the log is not what it was before the move';
}

test.for([1, 2, 8])(
  'log directories: power cut at every write point of moves, seed %i: nothing synced is lost, one log is left',
  async (seed) => {
    const files = new SimFiles(slowly(seed));
    const workload = new Workload(seed, files, new History());
    await workload.run(STEPS);
    expect(workload.movedCount).toBeGreaterThan(1);
    for (let cutAt = 1; cutAt <= files.writePoints; cutAt += 1) {
      expect(await crash(seed, cutAt), `seed ${seed}, power cut at write point ${cutAt}`).toBeUndefined();
    }
  },
);

/** Says that names are durable, and does nothing. */
class ForgetfulFiles extends SimFiles {
  override syncDirectory(): void {}
  override syncDirectoryLater(): Promise<void> {
    return Promise.resolve();
  }
}

test('log directories: the same check finds the loss when directories are not synced', async () => {
  const complaints: string[] = [];
  for (let cutAt = 20; cutAt < 300 && complaints.length === 0; cutAt += 3) {
    const complaint = await crash(1, cutAt, new ForgetfulFiles());
    if (complaint !== undefined) complaints.push(complaint);
  }
  expect(complaints).not.toEqual([]);
});

async function logWith(
  batches: number,
  options: { readonly files?: SimFiles; readonly clock?: SimClock; readonly changes?: Partial<LogConfig> } = {},
): Promise<{ manager: LogManager; log: PartitionLog; files: SimFiles; clock: SimClock }> {
  const { files = new SimFiles(), clock = new SimClock() } = options;
  const manager = await openManager({ files, clock, config, logDirs: DIRS });
  const log = openLog(manager, { ...config, ...options.changes });
  for (let count = 0; count < batches; count += 1)
    append(log, makeBatch({ values: ['v'.repeat(80)], keys: [`${count}`] }));
  return { manager, log, files, clock };
}

test('log directories: a replica is copied, told of and swapped; readers go on, the old one goes after file.delete.delay.ms', async () => {
  const { manager, log, files, clock } = await logWith(30);
  const before = await readAll(log);
  const told: string[] = [];
  const agreed = Promise.withResolvers<boolean>();
  const mover = moverOf(manager, {
    clock,
    teller: {
      moving: (topic, partition, directory) => {
        told.push(`${topic}-${partition} ${directory}`);
        return agreed.promise;
      },
      settled: (topic, partition) => told.push(`${topic}-${partition} settled`),
    },
  });
  expect(mover.move(log, '/b')).toEqual({ ok: true, value: undefined });
  await clock.advance(10);
  // It has caught up, and waits for the controller; what comes meanwhile is copied too.
  expect([told, log.logDirectory, found(files, 'future')]).toEqual([['topic-0 /b'], '/a', ['/b']]);
  append(log, makeBatch({ values: ['late'] }), 3);
  const slow = log.read({ fromOffset: 0, maxBytes: 10_000, upToOffset: log.logEndOffset, minOneBatch: true });
  agreed.resolve(true);
  await clock.advance(10);
  expect([log.logDirectory, log.future, found(files), found(files, 'delete')]).toEqual([
    '/b',
    undefined,
    ['/b'],
    ['/a'],
  ]);
  expect(told).toEqual(['topic-0 /b', 'topic-0 settled']);
  expect((await readAll(log)).slice(0, before.length)).toEqual(before);
  expect([log.logEndOffset, log.latestEpoch]).toEqual([31, 3]);
  expect(await slow).toMatchObject({ ok: true });
  await clock.advance(60);
  expect(found(files, 'delete')).toEqual([]);
  append(log, makeBatch({ values: ['after'] }), 3);
  await manager.close();
  const again = await openManager({ files, config, logDirs: DIRS });
  expect([openLog(again).logDirectory, openLog(again).logEndOffset]).toEqual(['/b', 32]);
});

test('log directories: a read from disk that the swap overtakes gives what it was asked for', async () => {
  const slow: (() => void)[] = [];
  let isSlow = false;
  const later = (finish: () => void): void => void (isSlow ? slow.push(finish) : queueMicrotask(finish));
  const { manager, log, clock } = await logWith(40, { files: new SimFiles({ later }) });
  const [first] = await readAll(log);
  // Another log's records, which somebody reads, take the place of these in memory.
  const other = openLog(manager, config, 1);
  for (let count = 0; count < 100; count += 1) {
    append(other, makeBatch({ values: ['x'.repeat(500)] }));
    void other.read({ fromOffset: count, maxBytes: 1, upToOffset: count + 1, minOneBatch: true });
  }
  moverOf(manager, { clock, teller: { ...AGREES, moving: () => Promise.resolve(true) } }).move(log, '/b');
  const copy = log.future;
  while (copy !== undefined && copy.logEndOffset < log.logEndOffset) await Promise.resolve();
  isSlow = true;
  const reading = log.read({ fromOffset: 0, maxBytes: 1, upToOffset: log.logEndOffset, minOneBatch: true });
  isSlow = false;
  expect(reading).toBeInstanceOf(Promise);
  await clock.advance(100);
  expect(log.logDirectory).toBe('/b');
  for (const finish of slow) finish();
  expect(await reading).toMatchObject({ ok: true, value: { chunks: [first] } });
});

test('log directories: a copy is cut with its log, however it is cut, and takes over what came after the cut', async () => {
  const { manager, log, clock } = await logWith(20);
  const agreed = Promise.withResolvers<boolean>();
  const mover = moverOf(manager, { clock, teller: { ...AGREES, moving: () => agreed.promise } });
  mover.move(log, '/b');
  await clock.advance(10);
  expect(log.future?.logEndOffset).toBe(20);
  log.truncateTo(7);
  expect(log.future?.logEndOffset).toBe(7);
  for (let count = 0; count < 9; count += 1) append(log, makeBatch({ values: [`other ${count}`] }), 1);
  log.truncateFullyAndStartAt(100);
  expect([log.future?.logStartOffset, log.future?.logEndOffset]).toEqual([100, 100]);
  for (let count = 0; count < 9; count += 1) append(log, makeBatch({ values: [`third ${count}`] }), 2);
  const batches = await readAll(log);
  agreed.resolve(true);
  await clock.advance(10);
  expect([log.logDirectory, log.logStartOffset, log.epochForOffset(100)]).toEqual(['/b', 100, 2]);
  expect(await readAll(log)).toEqual(batches);
});

test('log directories: asked for the directory where it lies a move is given up; asked for another one it begins anew', async () => {
  const { manager, log, files, clock } = await logWith(20);
  const told: string[] = [];
  const teller: DirectoryTeller = {
    moving: () => new Promise(() => undefined),
    settled: () => told.push('settled'),
  };
  const mover = moverOf(manager, { clock, teller });
  mover.move(log, '/b');
  await clock.advance(10);
  mover.move(log, '/c');
  await clock.advance(10);
  expect([found(files, 'future'), found(files, 'delete')]).toEqual([['/c'], ['/b']]);
  mover.move(log, '/a');
  await clock.advance(100);
  expect([log.logDirectory, log.future, found(files), found(files, 'future')]).toEqual(['/a', undefined, ['/a'], []]);
  expect([told, found(files, 'delete')]).toEqual([['settled', 'settled'], []]);
});

test('log directories: moves hold to the rate that they may take, all together, and to a new one at once', async () => {
  const { manager, log, clock } = await logWith(100);
  const bytes = log.sizeBytes;
  let bytesPerSecond = bytes / 10;
  const mover = moverOf(manager, { clock, settings: () => ({ bytesPerSecond, movesAtOnce: 1 }) });
  mover.move(log, '/b');
  await clock.advance(5_000);
  const half = log.future?.sizeBytes ?? 0;
  expect(half).toBeGreaterThan(bytes * 0.4);
  expect(half).toBeLessThan(bytes * 0.6);
  bytesPerSecond = Infinity;
  mover.reconfigured();
  await clock.advance(10);
  expect(log.logDirectory).toBe('/b');
});

test('log directories: a move goes on after a restart from where it was; of a compacted topic it begins anew', async () => {
  for (const cleanupCompact of [false, true]) {
    const changes = { cleanupCompact };
    const { manager, log, files, clock } = await logWith(40, { changes });
    const settings = (): MoveSettings => ({ bytesPerSecond: log.sizeBytes, movesAtOnce: 1 });
    const mover = moverOf(manager, { clock, settings });
    mover.move(log, '/b');
    await clock.advance(500);
    const copied = log.future?.logEndOffset ?? 0;
    expect([copied > 5, copied < 35]).toEqual([true, true]);
    mover.close();
    await manager.close();
    const again = await openManager({ files, clock, config, logDirs: DIRS, seed: 2 });
    const reopened = openLog(again, { ...config, ...changes });
    expect(reopened.future?.logEndOffset).toBe(copied);
    moverOf(again, { clock }).resume(reopened);
    expect(reopened.future?.logEndOffset).toBe(cleanupCompact ? 0 : copied);
    await clock.advance(100);
    expect([reopened.logDirectory, reopened.logEndOffset]).toEqual(['/b', 40]);
  }
});

test('log directories: a copy stops where clients are refused, and goes on when there is room', async () => {
  const disk = new SimFiles();
  disk.open('/others', 'write').writeSync([Buffer.alloc(200_000)], 0);
  const { manager, log, files, clock } = await logWith(40, { files: disk });
  manager.start(() => log.logEndOffset);
  const used = files.usedBytes;
  files.setCapacity(used + limits.tiny.diskReserveBytes - 1);
  await clock.advance(1_000);
  moverOf(manager, { clock }).move(log, '/b');
  await clock.advance(2_000);
  expect([log.logDirectory, log.future?.logEndOffset]).toEqual(['/a', 0]);
  files.setCapacity(used * 10 + limits.tiny.diskReserveBytes);
  await clock.advance(2_000);
  expect(log.logDirectory).toBe('/b');
});

test('log directories: when the target fails the log is untouched; when the log fails the copy waits for the next start', async () => {
  const target = await logWith(40);
  const mover = moverOf(target.manager, {
    clock: target.clock,
    settings: () => ({ bytesPerSecond: 1_000, movesAtOnce: 1 }),
  });
  mover.move(target.log, '/b');
  await target.clock.advance(100);
  target.files.failWhen((point, path) => (point === 'write' && path.startsWith('/b/') ? 'EIO' : undefined));
  await target.clock.advance(60_000);
  expect([target.log.logDirectory, target.log.future, target.log.logEndOffset]).toEqual(['/a', undefined, 40]);
  expect(append(target.log, makeBatch({ values: ['goes on'] })).firstOffset).toBe(40);

  const source = await logWith(40);
  const other = moverOf(source.manager, {
    clock: source.clock,
    teller: { ...AGREES, moving: () => new Promise(() => undefined) },
  });
  other.move(source.log, '/b');
  await source.clock.advance(100);
  other.directoryFailed('/a');
  await source.clock.advance(100);
  expect([found(source.files), found(source.files, 'future')]).toEqual([['/a'], ['/b']]);
});

test('log directories: what cannot be is refused by its name', async () => {
  const { manager } = await logWith(1);
  const mover = moverOf(manager);
  const code = (topic: string, directory: string): number => {
    const outcome = mover.check(topic, 0, directory);
    return outcome.ok ? ErrorCode.NONE : outcome.code;
  };
  expect(code('topic', '/b')).toBe(ErrorCode.NONE);
  expect(code('topic', '/elsewhere')).toBe(ErrorCode.LOG_DIR_NOT_FOUND);
  expect(code('t'.repeat(213), '/b')).toBe(ErrorCode.NONE);
  expect(code('t'.repeat(214), '/b')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  manager.directories.cordon(new Set(['/b']));
  expect(code('topic', '/b')).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
});
