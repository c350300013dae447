import { Prng, StorageFault, limits } from '@odradek/base';
import type { FileHandle, Files } from '@odradek/base';
import { PowerCut, SimClock, SimFiles, drain } from '@odradek/base/testing';
import { batch } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { NOW_MS, append, makeBatch, openLog, openManager, readAll } from '../testing/harness.ts';
import { History } from '../testing/history.ts';
import type { LogConfig, PartitionLog } from '../types.ts';
import type { LogManager } from './log-manager.ts';

const config: Partial<LogConfig> = {
  segmentBytes: 700,
  indexIntervalBytes: 150,
  retentionBytes: 2_000,
  fileDeleteDelayMs: 50,
};
const PRODUCERS = 3;

/** A run of drawn operations against one log, told to a history. Ends when the power goes. */
class Workload {
  readonly #luck: Prng;
  readonly #files: Files;
  readonly #clock = new SimClock(NOW_MS);
  readonly #history: History;
  readonly #sequences = Array.from({ length: PRODUCERS }, () => 0);
  #epoch = 0;
  #written = 0;

  constructor(seed: number, files: Files, history: History) {
    this.#luck = new Prng(seed);
    this.#files = files;
    this.#history = history;
  }

  async run(steps: number): Promise<void> {
    let manager = await this.#open();
    let log = openLog(manager, config);
    for (let step = 0; step < steps; step += 1) {
      const drawn = this.#luck.below(100);
      if (drawn < 66) this.#append(log);
      else if (drawn < 78) await this.#flush(log);
      else if (drawn < 83) this.#truncate(log);
      else if (drawn < 87) await this.#deleteRecords(log, manager);
      else if (drawn < 90) log.deleteOldSegments(NOW_MS, log.recoveryPoint);
      else if (drawn < 94) manager.checkpointRecoveryPoints();
      else if (drawn < 97) await this.#clock.advance(60);
      else {
        const end = log.logEndOffset;
        await manager.close();
        this.#history.synced(end);
        manager = await this.#open();
        log = openLog(manager, config);
      }
      if (log.logEndOffset !== this.#history.end && step >= 0)
        expect(log.logEndOffset).toBeGreaterThanOrEqual(this.#history.end);
    }
    await manager.close();
  }

  #open(): Promise<LogManager> {
    return openManager({
      files: this.#files,
      clock: this.#clock,
      config,
      limits: { ...limits.tiny, backgroundSyncBytes: 1_500, syncTogetherLogs: this.#luck.below(2) * 100 },
    });
  }

  #append(log: PartitionLog): void {
    if (this.#luck.below(10) === 0) this.#epoch += 1;
    const producerId = this.#luck.below(PRODUCERS + 1) - 1;
    const values = Array.from({ length: 1 + this.#luck.below(3) }, () =>
      `${(this.#written += 1)}`.padEnd(this.#luck.below(120), '.'),
    );
    const sequence = this.#sequences[producerId];
    const producer = sequence === undefined ? {} : { producerId, producerEpoch: 0, baseSequence: sequence };
    const records = makeBatch({ values, timestampMs: NOW_MS + this.#written - values.length, ...producer });
    // The history learns of it first: a cut within the append may leave it on disk.
    const sealed = Buffer.from(records);
    batch.setBaseOffset(sealed, 0, log.logEndOffset);
    batch.setPartitionLeaderEpoch(sealed, 0, this.#epoch);
    this.#history.appended(sealed);
    append(log, records, this.#epoch);
    if (sequence !== undefined) this.#sequences[producerId] = sequence + values.length;
  }

  async #flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.flush();
    expect(log.recoveryPoint).toBeGreaterThanOrEqual(end);
    this.#history.synced(end);
  }

  #truncate(log: PartitionLog): void {
    const offset = Math.max(log.logStartOffset, log.logEndOffset - this.#luck.below(12));
    this.#history.truncating(offset);
    log.truncateTo(offset);
    // What was cut may be sent again by its producer: their sequences go on from what is left.
    for (let producerId = 0; producerId < PRODUCERS; producerId += 1) {
      const known = log.activeProducers().find((producer) => producer.producerId === producerId);
      this.#sequences[producerId] = (known?.lastSequence ?? -1) + 1;
    }
    this.#epoch += 1;
  }

  async #deleteRecords(log: PartitionLog, manager: LogManager): Promise<void> {
    const offset = Math.min(log.recoveryPoint, log.logStartOffset + this.#luck.below(4));
    if (!log.advanceLogStart(offset, log.logEndOffset).ok) return;
    manager.checkpointLogStarts();
    this.#history.durableStart = Math.max(this.#history.durableStart, offset);
  }
}

/** Runs the workload until the power goes at `cutAt`; restarts, and says what is wrong with what is found. */
async function crash(
  seed: number,
  cutAt: number,
  wrap: (files: SimFiles) => Files = (files) => files,
): Promise<string | undefined> {
  const files = new SimFiles();
  const history = new History();
  files.cutPowerAt(cutAt);
  try {
    await new Workload(seed, wrap(files), history).run(45);
    await drain();
    return undefined; // it ended before
  } catch (cause) {
    if (!(cause instanceof PowerCut)) throw cause;
  }
  await drain();
  files.restart(new Prng(seed * 7919 + cutAt));
  return inspect(files, history);
}

async function inspect(files: SimFiles, history: History): Promise<string | undefined> {
  const manager = await openManager({ files, config });
  const log = manager.get('topic', 0);
  if (log === undefined) return history.durableEnd > 0 ? 'lost: the log is not there' : undefined;
  const batches = await readAll(log);
  const found = { batches, start: log.logStartOffset, end: log.logEndOffset };
  const complaint = history.complaint(found) ?? (await inspectDetails(log, batches));
  if (complaint !== undefined) return complaint;
  // It goes on where it ended, and an orderly stop keeps all of it.
  const opened = openLog(manager, config);
  append(opened, makeBatch({ values: ['after the restart'] }), 1_000);
  await manager.close();
  const again = await openManager({ files, config });
  const reread = await readAll(openLog(again, config), found.start);
  if (reread.length !== batches.length + 1)
    return `${reread.length} batches after an orderly stop, want ${batches.length + 1}`;
  await again.close();
  return undefined;
}

/** Indexes, epochs and producers say what the batches say. */
async function inspectDetails(log: PartitionLog, batches: readonly Buffer[]): Promise<string | undefined> {
  const lastSequences = new Map<number, number>();
  for (const one of batches) {
    const offset = Math.max(log.logStartOffset, batch.lastOffset(one, 0));
    if (!batch.verifyCrc(one, 0)) return `a batch of a wrong CRC at ${offset}`;
    const read = await log.read({ fromOffset: offset, maxBytes: 1, upToOffset: log.logEndOffset, minOneBatch: true });
    if (!read.ok || !Buffer.concat(read.value.chunks).equals(one)) return `offset ${offset} cannot be found`;
    if (log.epochForOffset(offset) !== batch.partitionLeaderEpoch(one, 0))
      return `epoch at ${offset} is ${log.epochForOffset(offset)}`;
    const byTime = await log.offsetForTimestamp(batch.maxTimestamp(one, 0), log.logEndOffset);
    if (byTime?.offset !== offset) return `by time ${offset} is found at ${byTime?.offset}`;
    if (batch.producerId(one, 0) >= 0) lastSequences.set(batch.producerId(one, 0), batch.lastSequence(one, 0));
  }
  for (const [producerId, lastSequence] of lastSequences) {
    const known = log.activeProducers().find((producer) => producer.producerId === producerId);
    if (known?.lastSequence !== lastSequence)
      return `producer ${producerId} is at ${known?.lastSequence}, want ${lastSequence}`;
  }
  return undefined;
}

async function writePointsOf(seed: number): Promise<number> {
  const files = new SimFiles();
  await new Workload(seed, files, new History()).run(45);
  return files.writePoints;
}

test.for([1, 2, 5, 6, 9, 15, 27, 44])(
  'log: power cut at every write point, seed %i: nothing synced is lost, nothing is invented',
  async (seed) => {
    const points = await writePointsOf(seed);
    expect(points).toBeGreaterThan(100);
    for (let cutAt = 1; cutAt <= points; cutAt += 1) {
      expect(await crash(seed, cutAt), `seed ${seed}, power cut at write point ${cutAt}`).toBeUndefined();
    }
  },
);

/** The same disk, but a promise of durability is broken in one way. */
function lying(files: SimFiles, lie: 'sync' | 'syncDirectory'): Files {
  const wrapHandle = (handle: FileHandle): FileHandle => ({
    path: handle.path,
    sizeBytes: () => handle.sizeBytes(),
    readSync: (into, at, length, position) => handle.readSync(into, at, length, position),
    read: (into, at, length, position) => handle.read(into, at, length, position),
    writeSync: (chunks, position) => handle.writeSync(chunks, position),
    truncateSync: (size) => handle.truncateSync(size),
    sync: () => (lie === 'sync' ? Promise.resolve() : handle.sync()),
    syncNow: () => (lie === 'sync' ? undefined : handle.syncNow()),
    close: () => handle.close(),
  });
  return {
    open: (path, mode) => wrapHandle(files.open(path, mode)),
    stat: (path) => files.stat(path),
    list: (path) => files.list(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    removeLater: (path) => files.removeLater(path),
    syncDirectory: (path) => (lie === 'syncDirectory' ? undefined : files.syncDirectory(path)),
    syncFileSystem: (path) => (lie === 'syncDirectory' ? Promise.resolve(true) : files.syncFileSystem(path)),
    syncDirectoryLater: (path) => (lie === 'syncDirectory' ? Promise.resolve() : files.syncDirectoryLater(path)),
    freeBytes: (path) => files.freeBytes(path),
    totalBytes: (path) => files.totalBytes(path),
    lock: (path) => files.lock(path),
    unlock: (path) => files.unlock(path),
  };
}

test.for(['sync', 'syncDirectory'] as const)('log: the same check finds the loss when %s does nothing', async (lie) => {
  const complaints: string[] = [];
  for (let cutAt = 20; cutAt < 300 && complaints.length === 0; cutAt += 3) {
    const complaint = await crash(1, cutAt, (files) => lying(files, lie)).catch((cause: unknown) => {
      if (cause instanceof StorageFault) return `cannot be opened: ${cause.message}`;
      throw cause;
    });
    if (complaint !== undefined) complaints.push(complaint);
  }
  expect(complaints).not.toEqual([]);
});
