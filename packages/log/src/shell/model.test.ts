import { limits } from '@odradek/base';
import { SimClock, SimFiles, drain } from '@odradek/base/testing';
import { CompressionType, batch, readBatch } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NOW_MS, append, makeBatch, openLog, openManager, split } from '../testing/harness.ts';
import type { LogConfig, PartitionLog } from '../types.ts';
import type { LogManager } from './log-manager.ts';

/** A log as a list of records: what the real one is held against. */
class Model {
  records: { offset: number; timestampMs: number; batchLast: number; bytes: Buffer }[] = [];
  start = 0;
  end = 0;

  append(sealed: Buffer): void {
    const read = readBatch(sealed);
    if (!read.ok) throw new Error(read.why);
    for (const { offset, timestampMs } of read.value.records) {
      this.records.push({ offset, timestampMs, batchLast: read.value.lastOffset, bytes: sealed });
    }
    this.end = read.value.lastOffset + 1;
  }

  truncate(offset: number): void {
    this.records = this.records.filter((record) => record.batchLast < offset);
    const last = this.records.at(-1);
    if (last === undefined || last.offset < this.start) {
      // Nothing at or above the start is left.
      this.records = [];
      this.end = this.start;
    } else this.end = last.offset + 1;
  }

  /** Bytes of the whole batches that a read gives. */
  read(from: number, upTo: number, maxBytes: number): Buffer {
    const batches = [
      ...new Set(this.records.filter((record) => record.batchLast >= from).map((record) => record.bytes)),
    ];
    const given: Buffer[] = [];
    let size = 0;
    for (const one of batches) {
      if (batch.lastOffset(one, 0) >= upTo || (given.length > 0 && size + one.length > maxBytes)) break;
      given.push(one);
      size += one.length;
    }
    return Buffer.concat(given);
  }

  live(upTo: number): Model['records'] {
    return this.records.filter((record) => record.offset >= this.start && record.offset < upTo);
  }
}

const operation = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 6 }),
      bytes: fc.integer({ min: 0, max: 120 }),
      agoMs: fc.integer({ min: 0, max: 30 }),
      codec: fc.constantFrom(CompressionType.NONE, CompressionType.NONE, CompressionType.GZIP, CompressionType.LZ4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('truncate' as const), back: fc.nat(15) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deleteRecords' as const), ahead: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retain' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('startAnew' as const), ahead: fc.nat(5) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      at: fc.nat(),
      length: fc.nat(),
      maxBytes: fc.nat(3_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('byTime' as const),
      agoMs: fc.integer({ min: -5, max: 120 }),
      length: fc.nat(),
    }),
  },
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const config: Partial<LogConfig> = {
  segmentBytes: 900,
  indexIntervalBytes: 120,
  retentionBytes: 2_500,
  fileDeleteDelayMs: 5,
};

class Run {
  readonly #files = new SimFiles();
  readonly #clock = new SimClock(NOW_MS);
  readonly #model = new Model();
  #manager: LogManager | undefined;
  #count = 0;

  async log(): Promise<PartitionLog> {
    // A tail so small that most reads go to the disk.
    this.#manager ??= await openManager({
      files: this.#files,
      clock: this.#clock,
      config,
      limits: { ...limits.tiny, tailCacheBytesMax: 1_500, openSegmentFilesMax: 2 },
    });
    return openLog(this.#manager, config);
  }

  async step(operationOf: Operation): Promise<void> {
    const log = await this.log();
    const model = this.#model;
    switch (operationOf.kind) {
      case 'append': {
        this.#count += 1;
        const timestampMs = NOW_MS + this.#count * 10 - operationOf.agoMs;
        const values = Array.from({ length: operationOf.count }, (_, index) =>
          `${this.#count}.${index}`.padEnd(operationOf.bytes, '-'),
        );
        const records = makeBatch({ values, timestampMs, compression: operationOf.codec });
        append(log, records);
        batch.setBaseOffset(records, 0, model.end);
        batch.setPartitionLeaderEpoch(records, 0, 0);
        model.append(records);
        break;
      }
      case 'truncate': {
        const offset = Math.max(model.start, model.end - operationOf.back);
        log.truncateTo(offset);
        if (offset < model.end) model.truncate(offset);
        break;
      }
      case 'deleteRecords': {
        model.start = Math.min(model.end, model.start + operationOf.ahead);
        expect(log.advanceLogStart(model.start, model.end)).toEqual({ ok: true, value: model.start });
        break;
      }
      case 'retain': {
        log.deleteOldSegments(NOW_MS, model.end);
        model.start = log.logStartOffset;
        expect(log.sizeBytes).toBeLessThan(2_500 + 900 + 1_100);
        break;
      }
      case 'startAnew': {
        model.records = [];
        model.start = model.end + operationOf.ahead;
        model.end = model.start;
        log.truncateFullyAndStartAt(model.start);
        break;
      }
      case 'restart': {
        if (operationOf.clean) await this.#manager?.close();
        else {
          // What DeleteRecords moved is on file within moments; a process that is killed keeps what it has written.
          await this.#clock.advance(100);
          this.#files.killProcess();
        }
        await drain();
        this.#manager = undefined;
        break;
      }
      case 'read': {
        if (model.end === model.start) break;
        const from = model.start + (operationOf.at % (model.end - model.start));
        const upTo = from + 1 + (operationOf.length % (model.end - from));
        const read = await log.read({
          fromOffset: from,
          maxBytes: operationOf.maxBytes,
          upToOffset: upTo,
          minOneBatch: true,
        });
        if (!read.ok) throw new Error(read.why);
        const got = Buffer.concat(read.value.chunks);
        const wanted = model.read(from, upTo, operationOf.maxBytes);
        // A read may stop at the end of a segment; what it gives is a prefix of what there is, and something when there is something.
        expect(wanted.subarray(0, got.length).equals(got)).toBe(true);
        expect(got.length > 0).toBe(wanted.length > 0);
        expect(split(got).every((one) => batch.verifyCrc(one, 0))).toBe(true);
        break;
      }
      case 'byTime': {
        const upTo = model.start + (operationOf.length % (model.end - model.start + 1));
        const live = model.live(upTo);
        const timestampMs = NOW_MS + this.#count * 10 - operationOf.agoMs;
        const wanted = live.find((record) => record.timestampMs >= timestampMs);
        expect((await log.offsetForTimestamp(timestampMs, upTo))?.offset).toBe(wanted?.offset);
        const largestMs = Math.max(...live.map((record) => record.timestampMs));
        const largest = live.find((record) => record.timestampMs === largestMs);
        expect((await log.offsetOfMaxTimestamp(upTo))?.offset).toBe(largest?.offset);
        break;
      }
    }
    const now = await this.log();
    expect([now.logStartOffset, now.logEndOffset]).toEqual([model.start, model.end]);
  }
}

test('log: agrees with a list of records under any mix of appends, cuts, deletions, restarts, reads and searches by time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 60 }), async (operations) => {
      const run = new Run();
      for (const one of operations) await run.step(one);
    }),
    { numRuns: 150 },
  );
});
