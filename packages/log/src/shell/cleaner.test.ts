import { Prng, limits, silent } from '@odradek/base';
import type { Logger } from '@odradek/base';
import { PowerCut, SimClock, SimFiles, drain } from '@odradek/base/testing';
import { CompressionType, batch, readBatch } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NOW_MS, append, makeBatch, makeMarker, openLog, openManager, readAll } from '../testing/harness.ts';
import type { CleanerConfig, LogConfig, PartitionLog } from '../types.ts';
import type { LogManager } from './log-manager.ts';

const HOUR_MS = 3_600_000;
const cleaner: CleanerConfig = {
  enabled: true,
  threads: 1,
  backoffMs: 15_000,
  dedupeBufferBytes: 64 * 1024,
  loadFactor: 0.9,
  ioBufferBytes: 8 * 1024,
  bytesPerSecond: Infinity,
};
const config: Partial<LogConfig> = {
  segmentBytes: 900,
  indexIntervalBytes: 150,
  cleanupDelete: false,
  cleanupCompact: true,
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: HOUR_MS,
  fileDeleteDelayMs: 50,
};

type Row = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string;
  readonly value: string | undefined;
};
/** What was written and decided: the truth that compaction must not bend. */
type Truth = { rows: Row[]; aborted: Set<number> };

async function rowsOf(log: PartitionLog): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of await readAll(log)) {
    const read = readBatch(one);
    if (!read.ok) throw new Error(read.why);
    if (read.value.isControl) continue;
    for (const { offset, timestampMs, key, value } of read.value.records)
      rows.push({ offset, timestampMs, key: String(key), value: value === null ? undefined : String(value) });
  }
  return rows;
}

/** @returns what is wrong with a log that was compacted up to `cleanedTo`; `expired`: tombstones may be gone */
function complaint(
  found: readonly Row[],
  truth: Truth,
  log: PartitionLog,
  mayLackTombstones: boolean,
): string | undefined {
  const written = new Map(truth.rows.map((row) => [row.offset, row]));
  let before = -1;
  for (const row of found) {
    const original = written.get(row.offset);
    if (original === undefined) return `invented a record at ${row.offset}`;
    if (original.timestampMs !== row.timestampMs) return `changed the time of the record at ${row.offset}`;
    if (original.key !== row.key || original.value !== row.value) return `changed the record at ${row.offset}`;
    if (row.offset <= before) return `order broken at ${row.offset}`;
    before = row.offset;
  }
  const have = new Set(found.map(({ offset }) => offset));
  const last = new Map<string, Row>();
  for (const row of truth.rows)
    if (!truth.aborted.has(row.offset) && row.offset < log.logEndOffset) last.set(row.key, row);
  for (const row of last.values()) {
    if (have.has(row.offset) || row.offset < log.logStartOffset) continue;
    if (row.value !== undefined || !mayLackTombstones) return `lost the last value of ${row.key} at ${row.offset}`;
  }
  return undefined;
}

class Run {
  readonly files = new SimFiles();
  readonly clock = new SimClock(NOW_MS);
  readonly truth: Truth = { rows: [], aborted: new Set() };
  readonly #sequences = new Map<number, number>();
  #open: { producerId: number; offsets: number[] } | undefined;
  /** What the logs had to say. */
  readonly said: string[] = [];

  readonly #logger: Logger = {
    ...silent,
    info: (_fields: object, message: string) => void this.said.push(message),
  };

  open(): Promise<LogManager> {
    // Nothing is read from memory: that would show what was written, not what is left of it.
    return openManager({
      files: this.files,
      clock: this.clock,
      config,
      limits: { ...limits.tiny, tailCacheBytesMax: 0 },
      logger: this.#logger,
    });
  }

  append(
    log: PartitionLog,
    wish: { keys: number[]; tombstone: boolean; producerId: number; codec: CompressionType },
  ): void {
    const producerId = this.#open === undefined ? wish.producerId : this.#open.producerId;
    const keys = wish.keys.map((key) => `k${key}`);
    const at = log.logEndOffset;
    const values = keys.map((key, index) => `${key}@${at + index}`);
    const sequence = this.#sequences.get(producerId) ?? 0;
    const producer =
      producerId < 0
        ? {}
        : { producerId, producerEpoch: 0, baseSequence: sequence, isTransactional: this.#open !== undefined };
    const bytes = wish.tombstone
      ? makeTombstones({ keys, ...producer, timestampMs: this.clock.nowMs() })
      : makeBatch({ keys, values, compression: wish.codec, timestampMs: this.clock.nowMs(), ...producer });
    // The truth learns of it first: a cut within the append may leave it on disk.
    keys.forEach((key, index) =>
      this.truth.rows.push({
        offset: at + index,
        timestampMs: this.clock.nowMs() + index,
        key,
        value: wish.tombstone ? undefined : values[index],
      }),
    );
    this.#open?.offsets.push(...keys.map((_, index) => at + index));
    append(log, bytes, 0, this.clock.nowMs());
    if (producerId >= 0) this.#sequences.set(producerId, sequence + keys.length);
  }

  begin(producerId: number): void {
    this.#open ??= { producerId, offsets: [] };
  }

  end(log: PartitionLog, commit: boolean): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    if (open.offsets.length === 0) return;
    if (!commit) for (const offset of open.offsets) this.truth.aborted.add(offset);
    const records = makeMarker({ producerId: open.producerId, producerEpoch: 0, commit });
    const done = log.append({ records, origin: 'coordinator', leaderEpoch: 0, nowMs: this.clock.nowMs() });
    if (!done.ok) throw new Error(done.why);
  }

  compact(manager: LogManager, log: PartitionLog, changes: Partial<CleanerConfig> = {}): Promise<number> {
    return manager.compact({ ...cleaner, ...changes }, () => log.logEndOffset);
  }
}

function makeTombstones(wish: { keys: string[]; timestampMs: number }): Buffer {
  const { keys, timestampMs, ...producer } = wish;
  return makeBatch({ keys, values: keys, nullValues: true, timestampMs, ...producer });
}

const operation = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      keys: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
      tombstone: fc.nat(5).map((drawn) => drawn === 0),
      producerId: fc.integer({ min: -1, max: 2 }),
      codec: fc.constantFrom(CompressionType.NONE, CompressionType.NONE, CompressionType.GZIP, CompressionType.LZ4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const), producerId: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), commit: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact' as const), tinyMap: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
);

function lastSequences(log: PartitionLog): string[] {
  return log
    .activeProducers()
    .map(
      ({ producerId, producerEpoch, lastSequence, currentTxnStartOffset }) =>
        `${producerId} epoch ${producerEpoch} at ${lastSequence}, ${currentTxnStartOffset >= 0 ? 'open' : 'closed'}`,
    )
    .toSorted((left, right) => left.localeCompare(right));
}

test('cleaner: whatever was written, the last value of every key is read at its offset, in order, and producers are as they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 60 }), async (operations) => {
      const run = new Run();
      let manager = await run.open();
      let log = openLog(manager, config);
      let waited = false;
      for (const one of operations) {
        const before = [log.logEndOffset, ...lastSequences(log)];
        if (one.kind === 'append') run.append(log, one);
        else if (one.kind === 'begin') run.begin(one.producerId);
        else if (one.kind === 'end') run.end(log, one.commit);
        else if (one.kind === 'wait') {
          await run.clock.advance(HOUR_MS + 1);
          waited = true;
        } else if (one.kind === 'compact') {
          await run.compact(manager, log, one.tinyMap ? { dedupeBufferBytes: 24 * 4 } : {});
        } else {
          if (one.clean) await manager.close();
          else run.files.killProcess();
          await drain();
          manager = await run.open();
          log = openLog(manager, config);
        }
        const after = [log.logEndOffset, ...lastSequences(log)];
        const writes = one.kind === 'append' || one.kind === 'end';
        expect(writes ? before : after).toEqual(before);
        expect(complaint(await rowsOf(log), run.truth, log, waited)).toBeUndefined();
      }
      await manager.close();
    }),
    { numRuns: 150 },
  );
});

test('cleaner: of a log written over and over only the last values stay, in as few segments as they take', async () => {
  const run = new Run();
  const manager = await run.open();
  const log = openLog(manager, config);
  for (let round = 0; round < 60; round += 1)
    run.append(log, { keys: [0, 1, 2, 3], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  const before = log.sizeBytes;
  expect(await run.compact(manager, log)).toBe(1);
  expect(log.sizeBytes).toBeLessThan(before / 5);
  expect(complaint(await rowsOf(log), run.truth, log, false)).toBeUndefined();
  await run.clock.advance(60);
  const names = run.files.list('/data/topic-0');
  expect(names.filter((name) => /\.(deleted|swap|cleaned)$/.test(name))).toEqual([]);
  expect(run.files.peek('/data/cleaner-offset-checkpoint')?.toString()).toMatch(/^0\n1\ntopic 0 \d+\n$/);
  // Nothing new was sealed: nothing is due.
  expect(await run.compact(manager, log)).toBe(0);
  // Segments that have become small are put together.
  for (let round = 0; round < 6; round += 1)
    run.append(log, { keys: [0, 1, 2, 3], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  expect(await run.compact(manager, log)).toBe(1);
  await run.clock.advance(60);
  const logs = run.files.list('/data/topic-0').filter((name) => name.endsWith('.log'));
  expect(logs.length).toBeLessThanOrEqual(3);
  expect(complaint(await rowsOf(log), run.truth, log, false)).toBeUndefined();
});

test('cleaner: a tombstone stays until delete.retention.ms after the cleaning that found it, then goes', async () => {
  const run = new Run();
  const manager = await run.open();
  const log = openLog(manager, config);
  const others = (): void => {
    for (let key = 10; key < 34; key += 1)
      run.append(log, { keys: [key, key], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  };
  run.append(log, { keys: [1], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  run.append(log, { keys: [1], tombstone: true, producerId: -1, codec: CompressionType.NONE });
  const has = async (): Promise<boolean[]> => {
    const rows = await rowsOf(log);
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
  const run = new Run();
  const manager = await run.open();
  const young = { ...config, minCompactionLagMs: HOUR_MS };
  const log = openLog(manager, young);
  for (let round = 0; round < 20; round += 1)
    run.append(log, { keys: [0, 1, 2, 3], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  expect(await run.compact(manager, log)).toBe(0);
  await run.clock.advance(HOUR_MS + 10);
  expect(await run.compact(manager, log)).toBe(1);
  const lazy = { ...config, minCleanableDirtyRatio: 1, maxCompactionLagMs: 2 * HOUR_MS };
  openLog(manager, lazy);
  for (let round = 0; round < 20; round += 1)
    run.append(log, { keys: [0, 1, 2, 3], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  expect(await run.compact(manager, log)).toBe(0);
  await run.clock.advance(2 * HOUR_MS + 10);
  expect(await run.compact(manager, log)).toBe(1);
  // The active segment was rolled for it: nothing written before is left uncompacted.
  expect((await rowsOf(log)).length).toBe(4);
});

test('cleaner: a damaged batch makes the log uncleanable, and nothing of it is lost', async () => {
  const run = new Run();
  const manager = await run.open();
  const log = openLog(manager, config);
  for (let round = 0; round < 20; round += 1)
    run.append(log, { keys: [0, 1, 2, 3], tombstone: false, producerId: -1, codec: CompressionType.NONE });
  run.files.damage('/data/topic-0/00000000000000000000.log', 100, Buffer.from([0xff, 0xff]));
  const size = log.sizeBytes;
  expect(await run.compact(manager, log)).toBe(0);
  expect(log.sizeBytes).toBe(size);
  expect(run.files.list('/data/topic-0').filter((name) => name.endsWith('.swap'))).toEqual([]);
});

/** Drives appends, flushes and compactions until the power goes; then the log must still hold every last value that was durable. */
async function history(run: Run, seed: number, durable: { end: number }): Promise<void> {
  const luck = new Prng(seed);
  let manager = await run.open();
  let log = openLog(manager, config);
  for (let step = 0; step < 36; step += 1) {
    const drawn = luck.below(100);
    const count = 1 + luck.below(4);
    if (drawn < 70)
      run.append(log, {
        keys: Array.from({ length: count }, () => luck.below(6)),
        tombstone: luck.below(8) === 0,
        producerId: luck.below(3) - 1,
        codec: luck.below(3) === 0 ? CompressionType.LZ4 : CompressionType.NONE,
      });
    else if (drawn < 76) run.begin(luck.below(2));
    else if (drawn < 82) run.end(log, luck.below(2) === 0);
    else if (drawn < 88) {
      const end = log.logEndOffset;
      await log.flush();
      durable.end = end;
      if (luck.below(2) === 0) manager.checkpointRecoveryPoints();
    } else if (drawn < 96) {
      await run.compact(manager, log);
      await run.clock.advance(60);
    } else {
      const end = log.logEndOffset;
      await manager.close();
      durable.end = end;
      manager = await run.open();
      log = openLog(manager, config);
    }
  }
  await run.compact(manager, log);
  await manager.close();
}

test.for([3, 4, 8, 11, 17])(
  'cleaner: power cut at every write point, seed %i: durable last values stay, nothing comes back or is invented, and it can be compacted again',
  async (seed) => {
    const whole = new Run();
    await history(whole, seed, { end: 0 });
    const points = whole.files.writePoints;
    expect(points).toBeGreaterThan(150);
    let finished = 0;
    for (let cutAt = 1; cutAt <= points; cutAt += 1) {
      const run = new Run();
      const durable = { end: 0 };
      run.files.cutPowerAt(cutAt);
      try {
        await history(run, seed, durable);
      } catch (cause) {
        if (!(cause instanceof PowerCut)) throw cause;
      }
      await drain();
      run.files.restart(new Prng(seed * 7919 + cutAt));
      const where = `seed ${seed}, power cut at write point ${cutAt}`;
      const manager = await run.open();
      const log = openLog(manager, config);
      expect(log.logEndOffset, where).toBeGreaterThanOrEqual(durable.end);
      expect(complaint(await rowsOf(log), run.truth, log, false), where).toBeUndefined();
      for (const one of await readAll(log)) {
        const offset = batch.lastOffset(one, 0);
        const read = await log.read({
          fromOffset: offset,
          maxBytes: 1,
          upToOffset: log.logEndOffset,
          minOneBatch: true,
        });
        expect(read.ok && Buffer.concat(read.value.chunks).equals(one), `${where}, offset ${offset}`).toBe(true);
      }
      await run.compact(manager, log);
      expect(complaint(await rowsOf(log), run.truth, log, false), `${where}, compacted`).toBeUndefined();
      await manager.close();
      const names = run.files.list('/data/topic-0').filter((name) => /\.(swap|cleaned)$/.test(name));
      expect(names, where).toEqual([]);
      if (run.said.includes('a compaction that was cut off is finished')) finished += 1;
    }
    expect(finished).toBeGreaterThan(0);
  },
);

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
      const run = new Run();
      const manager = await run.open();
      const log = openLog(manager, config);
      for (let round = 0; round < 30; round += 1)
        run.append(log, { keys: [0, 1, 2, 3], tombstone: false, producerId: -1, codec: CompressionType.NONE });
      const compacting = run.compact(manager, log);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      change(log);
      manager.get('topic', 0)?.deleteOldSegments(run.clock.nowMs(), log.logEndOffset);
      await compacting;
      await run.clock.advance(60);
      await drain();
      const open = openLog(manager, config);
      const leftOvers = run.files.list('/data/topic-0').filter((name) => /\.(swap|cleaned|deleted)$/.test(name));
      expect(leftOvers, `after ${turns} turns`).toEqual([]);
      for (const row of await rowsOf(open)) expect(row.offset).toBeLessThan(open.logEndOffset);
      append(open, makeBatch({ keys: ['k'], values: ['after'] }), 1, run.clock.nowMs());
      await manager.close();
      const again = await run.open();
      const reopened = openLog(again, config);
      expect((await rowsOf(reopened)).at(-1)?.value).toBe('after');
      await again.close();
    }
  }
});
