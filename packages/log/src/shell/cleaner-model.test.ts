import { Prng } from '@odradek/base';
import { PowerCut, drain } from '@odradek/base/testing';
import { CompressionType } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Compacted, HOUR_MS, TINY_TABLE_BYTES, compactedConfig, producersOf } from '../testing/compacted.ts';
import { openLog, readAll } from '../testing/harness.ts';
import type { PartitionLog } from '../types.ts';
import type { LogManager } from './log-manager.ts';

const codecs = [CompressionType.NONE, CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY] as const;
const moreCodecs = [...codecs, CompressionType.LZ4, CompressionType.ZSTD] as const;

const operation = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      keys: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
      tombstone: fc.nat(5).map((drawn) => drawn === 0),
      producerId: fc.integer({ min: -1, max: 2 }),
      codec: fc.constantFrom(...moreCodecs),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const), producerId: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), commit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fence' as const), producerId: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('compact' as const), tinyTable: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(HOUR_MS / 2, HOUR_MS) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** One run of operations over one log. */
class Course {
  readonly truth = new Compacted();
  manager: LogManager;
  log: PartitionLog;

  private constructor(truth: Compacted, manager: LogManager) {
    this.truth = truth;
    this.manager = manager;
    this.log = openLog(manager, compactedConfig);
  }

  static async begin(): Promise<Course> {
    const truth = new Compacted();
    return new Course(truth, await truth.openManager());
  }

  async take(one: Operation): Promise<void> {
    const { truth, log } = this;
    switch (one.kind) {
      case 'append':
        return truth.append(log, one);
      case 'begin':
        return truth.begin(one.producerId);
      case 'end':
        return truth.end(log, one.commit);
      case 'fence':
        return truth.fence(log, one.producerId);
      case 'wait':
        return truth.clock.advance(one.ms);
      case 'compact':
        await truth.compact(this.manager, log, one.tinyTable ? { dedupeBufferBytes: TINY_TABLE_BYTES } : {});
        return;
      case 'restart':
        return this.restart(one.clean);
    }
  }

  async restart(clean: boolean): Promise<void> {
    if (clean) await this.manager.close();
    else this.truth.files.killProcess();
    await drain();
    this.manager = await this.truth.openManager();
    this.log = openLog(this.manager, compactedConfig);
  }

  /** Time passes and others write, so that all that may go in the end does. */
  async age(): Promise<void> {
    const { truth, log } = this;
    truth.end(log, true);
    for (let pass = 0; pass < 5; pass += 1) {
      for (let round = 0; round < 12; round += 1) truth.append(log, { keys: [10, 11, 12, 13, 14, 15, 16, 17, 18, 19] });
      await truth.compact(this.manager, log);
      await truth.clock.advance(HOUR_MS / 2);
    }
  }

  /** The process dies, and of everything that is only remembered nothing is left: the batches alone must tell it. */
  async forgetAndRestart(): Promise<void> {
    const { files } = this.truth;
    files.killProcess();
    await drain();
    files.remove('/data/recovery-point-offset-checkpoint');
    files.remove('/data/.kafka_cleanshutdown');
    for (const name of files.list('/data/topic-0')) {
      if (/\.(snapshot|index|timeindex|txnindex)$/.test(name)) files.remove(`/data/topic-0/${name}`);
    }
    this.manager = await this.truth.openManager();
    this.log = openLog(this.manager, compactedConfig);
  }
}

test('cleaner: whatever was written, decided and compacted, every last value is read at its offset, committed reads give neither more nor less, and producers are what they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 70 }), async (operations) => {
      const course = await Course.begin();
      for (const one of operations) {
        const before = [course.log.logEndOffset, ...producersOf(course.log)];
        await course.take(one);
        const after = [course.log.logEndOffset, ...producersOf(course.log)];
        if (one.kind !== 'append' && one.kind !== 'end' && one.kind !== 'fence') expect(after).toEqual(before);
        if (one.kind === 'compact' || one.kind === 'restart') {
          expect(await course.truth.complaint(course.log)).toBeUndefined();
        }
      }
      await course.age();
      const before = [course.log.logEndOffset, ...producersOf(course.log)];
      await course.forgetAndRestart();
      expect([course.log.logEndOffset, ...producersOf(course.log)]).toEqual(before);
      expect(await course.truth.complaint(course.log)).toBeUndefined();
      await course.manager.close();
    }),
    { numRuns: 120 },
  );
});

/** A course of transactions, then the passes that see their markers idle, wait and go; how many were removed. */
async function removedMarkers(operations: readonly Operation[]): Promise<number> {
  const course = await Course.begin();
  for (const one of operations) if (one.kind !== 'restart' && one.kind !== 'compact') await course.take(one);
  const { truth } = course;
  truth.end(course.log, true);
  // Writers without an id seal what lies before.
  const pass = async (afterMs: number): Promise<number[]> => {
    await truth.clock.advance(afterMs);
    for (let round = 0; round < 12; round += 1) truth.append(course.log, { keys: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
    await truth.compact(course.manager, course.log);
    return truth.idleMarkers(await readAll(course.log));
  };
  // Some passes take what there was of transactions; then one finds their markers idle, and their time begins.
  for (let round = 0; round < 3; round += 1) await pass(0);
  const idle = await pass(0);
  expect(await pass(0)).toEqual(idle);
  expect(await pass(HOUR_MS - 1)).toEqual(idle);
  const left = await pass(1);
  const mayStay = new Set([...segmentEnds(truth), ...newestOfProducers(truth)]);
  expect(left.filter((offset) => !mayStay.has(offset))).toEqual([]);
  await course.manager.close();
  return idle.length - left.length;
}

test('cleaner: the marker of a transaction goes once nothing of the transaction is left and delete.retention.ms has passed, and not before', async () => {
  const courses = fc.array(operation, { minLength: 20, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(courses, async (operations) => void (await removedMarkers(operations))),
    { numRuns: 50 },
  );
  // Fresh courses may hold few transactions; these are always the same, and they hold many.
  let removed = 0;
  for (const operations of fc.sample(courses, { numRuns: 30, seed: 1 })) removed += await removedMarkers(operations);
  expect(removed).toBeGreaterThan(30);
});

/** Last offsets of segments: what lies there stays, so that no segment ends early. */
function segmentEnds({ files }: Compacted): Set<number> {
  const bases = files
    .list('/data/topic-0')
    .filter((name) => name.endsWith('.log'))
    .map((name) => Number(name.slice(0, -4)));
  return new Set(bases.map((base) => base - 1));
}

/** Where the newest marker of each producer lies: it may be all that tells of its epoch. */
function newestOfProducers({ transactions }: Compacted): Set<number> {
  return new Set(new Map(transactions.map(({ producerId, markerOffset }) => [producerId, markerOffset])).values());
}

/** Drives appends, flushes and compactions until the power goes; then the log must still hold every last value that was durable. */
async function history(truth: Compacted, seed: number, durable: { end: number }): Promise<void> {
  const luck = new Prng(seed);
  let manager = await truth.openManager();
  let log = openLog(manager, compactedConfig);
  for (let step = 0; step < 36; step += 1) {
    const drawn = luck.below(100);
    const count = 1 + luck.below(4);
    if (drawn < 66)
      truth.append(log, {
        keys: Array.from({ length: count }, () => luck.below(6)),
        tombstone: luck.below(8) === 0,
        producerId: luck.below(3) - 1,
        codec: moreCodecs[luck.below(moreCodecs.length)] ?? CompressionType.NONE,
      });
    else if (drawn < 72) truth.begin(luck.below(2));
    else if (drawn < 78) truth.end(log, luck.below(2) === 0);
    else if (drawn < 82) truth.fence(log, luck.below(2));
    else if (drawn < 88) {
      const end = log.logEndOffset;
      await log.flush();
      durable.end = end;
      if (luck.below(2) === 0) manager.checkpointRecoveryPoints();
    } else if (drawn < 96) {
      await truth.compact(manager, log, luck.below(3) === 0 ? { dedupeBufferBytes: TINY_TABLE_BYTES } : {});
      await truth.clock.advance(luck.below(2) === 0 ? 60 : HOUR_MS);
    } else {
      const end = log.logEndOffset;
      await manager.close();
      durable.end = end;
      manager = await truth.openManager();
      log = openLog(manager, compactedConfig);
    }
  }
  await truth.compact(manager, log);
  await manager.close();
}

test.for([3, 4, 8, 11, 17, 23])(
  'cleaner: power cut at every write point, seed %i: durable last values stay, nothing comes back or is invented, producers are told by the batches alone, and it can be compacted again',
  async (seed) => {
    const whole = new Compacted();
    await history(whole, seed, { end: 0 });
    const points = whole.files.writePoints;
    expect(points).toBeGreaterThan(150);
    let finished = 0;
    for (let cutAt = 1; cutAt <= points; cutAt += 1) {
      const truth = new Compacted();
      const durable = { end: 0 };
      truth.files.cutPowerAt(cutAt);
      try {
        await history(truth, seed, durable);
      } catch (cause) {
        if (!(cause instanceof PowerCut)) throw cause;
      }
      await drain();
      truth.files.restart(new Prng(seed * 7919 + cutAt));
      const where = `seed ${seed}, power cut at write point ${cutAt}`;
      const manager = await truth.openManager();
      const log = openLog(manager, compactedConfig);
      expect(log.logEndOffset, where).toBeGreaterThanOrEqual(durable.end);
      expect(await truth.complaint(log), where).toBeUndefined();
      const producers = producersOf(log);
      await truth.compact(manager, log);
      expect(await truth.complaint(log), `${where}, compacted`).toBeUndefined();
      expect(producersOf(log), where).toEqual(producers);
      await manager.close();
      const names = truth.files.list('/data/topic-0').filter((name) => /\.(swap|cleaned)$/.test(name));
      expect(names, where).toEqual([]);
      if (truth.said.includes('a compaction that was cut off is finished')) finished += 1;
    }
    expect(finished).toBeGreaterThan(0);
  },
);
