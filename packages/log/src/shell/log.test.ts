import { limits } from '@odradek/base';
import { SimClock, SimFiles } from '@odradek/base/testing';
import { ErrorCode, batch, CompressionType } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { NOW_MS, append, makeBatch, makeMarker, openLog, openManager, readAll } from '../testing/harness.ts';

const small = { segmentBytes: 400, indexIntervalBytes: 100 } as const;

describe('append and read', () => {
  test('offsets go up from 0 and come back with what was written', async () => {
    const log = openLog(await openManager());
    expect(append(log, makeBatch({ values: ['a', 'b'] }))).toMatchObject({
      firstOffset: 0,
      lastOffset: 1,
      recordCount: 2,
    });
    expect(append(log, makeBatch({ values: ['c'] }))).toMatchObject({ firstOffset: 2, lastOffset: 2 });
    const batches = await readAll(log);
    expect(batches.map((one) => batch.baseOffset(one, 0))).toEqual([0, 2]);
    expect(batches.every((one) => batch.verifyCrc(one, 0))).toBe(true);
  });

  test('a read from within a batch gives that batch whole, from memory and from disk alike', async () => {
    const files = new SimFiles();
    const first = await openManager({ files });
    append(openLog(first), makeBatch({ values: ['a', 'b', 'c'] }));
    const request = { fromOffset: 1, maxBytes: 1, upToOffset: 3, minOneBatch: true };
    const fromMemory = await openLog(first).read(request);
    await first.close();
    const fromDisk = await openLog(await openManager({ files })).read(request);
    expect(fromDisk).toEqual(fromMemory);
    expect(fromDisk.ok && Buffer.concat(fromDisk.value.chunks).length).toBe(
      batch.sizeInBytes(makeBatch({ values: ['a', 'b', 'c'] }), 0),
    );
  });

  test('without minOneBatch a batch above maxBytes is not given', async () => {
    const log = openLog(await openManager());
    append(log, makeBatch({ values: ['abc'] }));
    const read = await log.read({ fromOffset: 0, maxBytes: 10, upToOffset: 1, minOneBatch: false });
    expect(read).toEqual({ ok: true, value: { chunks: [], sizeBytes: 0 } });
  });

  test('a batch that reaches upToOffset is left out', async () => {
    const log = openLog(await openManager());
    append(log, makeBatch({ values: ['a', 'b'] }));
    append(log, makeBatch({ values: ['c', 'd'] }));
    const read = await log.read({ fromOffset: 0, maxBytes: 10_000, upToOffset: 2, minOneBatch: true });
    expect(read.ok && read.value.sizeBytes).toBe(makeBatch({ values: ['a', 'b'] }).length);
  });

  test('outside the log: OFFSET_OUT_OF_RANGE; at its end: nothing', async () => {
    const log = openLog(await openManager());
    append(log, makeBatch({ values: ['a'] }));
    const at = (fromOffset: number) => log.read({ fromOffset, maxBytes: 100, upToOffset: 9, minOneBatch: true });
    expect(await at(-1)).toMatchObject({ ok: false, code: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(await at(2)).toMatchObject({ ok: false, code: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(await at(1)).toEqual({ ok: true, value: { chunks: [], sizeBytes: 0 } });
  });

  test('more logs than open files: all can be written and read', async () => {
    const files = new SimFiles();
    const manager = await openManager({ files });
    const logs = Array.from({ length: limits.tiny.openSegmentFilesMax * 3 }, (_, index) =>
      openLog(manager, small, index),
    );
    for (const log of logs)
      for (let round = 0; round < 6; round += 1) append(log, makeBatch({ values: ['x'.repeat(80)] }));
    for (const log of logs) expect(await readAll(log)).toHaveLength(6);
    expect(files.openHandles).toBeLessThanOrEqual(limits.tiny.openSegmentFilesMax + 1);
  });
});

describe('reads from disk', () => {
  const many = { ...limits.tiny, openSegmentFilesMax: 2, tailCacheBytesMax: 1, readChunkBytes: 128 };

  test('many at once with few open files: a file that is closed for another read is opened again', async () => {
    const manager = await openManager({ limits: many });
    const logs = Array.from({ length: 10 }, (_, index) => openLog(manager, small, index));
    for (const log of logs)
      for (let round = 0; round < 9; round += 1) append(log, makeBatch({ values: ['x'.repeat(90)] }));
    const reads = await Promise.all(logs.map((log) => readAll(log)));
    expect(reads.map((batches) => batches.length)).toEqual(logs.map(() => 9));
    const byTime = await Promise.all(logs.map((log) => log.offsetForTimestamp(NOW_MS, 9)));
    expect(byTime.map((found) => found?.offset)).toEqual(logs.map(() => 0));
  });

  test('one that meets a truncation or a deletion on its way gives what is there then, or says that it is gone', async () => {
    const log = openLog(await openManager({ limits: many }), { ...small, retentionBytes: 0 });
    for (let round = 0; round < 9; round += 1) append(log, makeBatch({ values: ['x'.repeat(90)] }));
    const request = { maxBytes: 2_000, upToOffset: 9, minOneBatch: true };
    const [early, late] = [log.read({ ...request, fromOffset: 0 }), log.read({ ...request, fromOffset: 7 })];
    log.truncateTo(6);
    expect(await late).toMatchObject({ ok: false, code: ErrorCode.OFFSET_OUT_OF_RANGE });
    const read = await early;
    expect(read.ok && batch.baseOffset(Buffer.concat(read.value.chunks), 0)).toBe(0);
    const again = log.read({ ...request, fromOffset: 0 });
    log.deleteOldSegments(NOW_MS, 6);
    expect(await again).toMatchObject({ ok: false, code: ErrorCode.OFFSET_OUT_OF_RANGE });
    log.truncateFullyAndStartAt(50);
    expect(await log.read({ ...request, fromOffset: 50 })).toMatchObject({ ok: true });
  });
});

describe('segments', () => {
  test('roll by size; names are the base offset in 20 digits', async () => {
    const files = new SimFiles();
    const log = openLog(await openManager({ files }), small);
    for (let index = 0; index < 5; index += 1) append(log, makeBatch({ values: ['x'.repeat(120)] }));
    expect(files.list('/data/topic-0').filter((name) => name.endsWith('.log'))).toEqual([
      '00000000000000000000.log',
      '00000000000000000002.log',
      '00000000000000000004.log',
    ]);
    expect(files.list('/data/topic-0')).toContain('00000000000000000002.snapshot');
  });

  test('roll by time between the first record and the new one', async () => {
    const files = new SimFiles();
    const log = openLog(await openManager({ files }), { segmentMs: 1_000 });
    append(log, makeBatch({ values: ['a'], timestampMs: NOW_MS }));
    append(log, makeBatch({ values: ['b'], timestampMs: NOW_MS + 1_000 }));
    append(log, makeBatch({ values: ['c'], timestampMs: NOW_MS + 1_001 }));
    expect(files.list('/data/topic-0').filter((name) => name.endsWith('.log'))).toHaveLength(2);
  });

  test('retention by size deletes whole old segments below the high watermark and keeps the files until the delay is over', async () => {
    const files = new SimFiles();
    const clock = new SimClock(NOW_MS);
    const config = { ...small, retentionBytes: 400, fileDeleteDelayMs: 1_000 };
    const log = openLog(await openManager({ files, clock }), config);
    for (let index = 0; index < 8; index += 1) append(log, makeBatch({ values: ['x'.repeat(120)] }));
    expect(log.deleteOldSegments(NOW_MS, 0)).toBe(0);
    expect(log.deleteOldSegments(NOW_MS, 8)).toBe(2);
    expect(log.logStartOffset).toBe(4);
    expect(files.list('/data/topic-0').filter((name) => name.endsWith('.deleted'))).toHaveLength(6);
    await clock.advance(1_000);
    expect(files.list('/data/topic-0').filter((name) => name.endsWith('.deleted'))).toHaveLength(0);
    expect(await log.read({ fromOffset: 3, maxBytes: 1, upToOffset: 8, minOneBatch: true })).toMatchObject({
      ok: false,
    });
  });

  test('retention by time rolls an active segment that has expired, and the log goes on at its end', async () => {
    const log = openLog(await openManager(), { retentionMs: 10 });
    append(log, makeBatch({ values: ['a', 'b'] }));
    expect(log.deleteOldSegments(NOW_MS + 1_000, 2)).toBe(1);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([2, 2]);
    expect(append(log, makeBatch({ values: ['c'] })).firstOffset).toBe(2);
    expect(log.deleteOldSegments(NOW_MS, 3)).toBe(0);
  });
});

describe('log start', () => {
  test('DeleteRecords moves it, keeps it over a clean restart and after a kill', async () => {
    const files = new SimFiles();
    const clock = new SimClock(NOW_MS);
    const manager = await openManager({ files, clock });
    const log = openLog(manager);
    append(log, makeBatch({ values: ['a', 'b', 'c'] }));
    expect(log.advanceLogStart(4, 3)).toMatchObject({ ok: false, code: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(log.advanceLogStart(2, 3)).toEqual({ ok: true, value: 2 });
    expect(log.advanceLogStart(1, 3)).toEqual({ ok: true, value: 2 });
    await clock.advance(1_000);
    files.killProcess();
    const second = await openManager({ files });
    expect(openLog(second).logStartOffset).toBe(2);
    await second.close();
    expect(openLog(await openManager({ files })).logStartOffset).toBe(2);
  });

  test('truncateFullyAndStartAt drops all and begins elsewhere', async () => {
    const files = new SimFiles();
    const manager = await openManager({ files });
    const log = openLog(manager, small);
    for (let index = 0; index < 4; index += 1) append(log, makeBatch({ values: ['x'.repeat(120)] }));
    log.truncateFullyAndStartAt(100);
    expect([log.logStartOffset, log.logEndOffset, log.sizeBytes, log.latestEpoch]).toEqual([100, 100, 0, undefined]);
    expect(append(log, makeBatch({ values: ['y'] })).firstOffset).toBe(100);
    await manager.close();
    expect(await readAll(openLog(await openManager({ files })))).toHaveLength(1);
  });
});

describe('idempotence', () => {
  const send = (sequence: number, values: string[], producerEpoch = 0) =>
    makeBatch({ values, producerId: 7, producerEpoch, baseSequence: sequence });

  test('a batch sent again is answered with its first offsets and not written, also after a restart', async () => {
    const files = new SimFiles();
    const manager = await openManager({ files });
    const log = openLog(manager);
    for (let index = 0; index < 5; index += 1) append(log, send(index * 2, ['a', 'b']));
    expect(append(log, send(0, ['a', 'b']))).toMatchObject({ firstOffset: 0, lastOffset: 1, duplicate: true });
    expect(append(log, send(8, ['a', 'b']))).toMatchObject({ firstOffset: 8, lastOffset: 9, duplicate: true });
    expect(log.logEndOffset).toBe(10);
    await manager.close();
    const again = openLog(await openManager({ files }));
    expect(append(again, send(8, ['a', 'b']))).toMatchObject({ firstOffset: 8, duplicate: true });
    expect(append(again, send(10, ['c']))).toMatchObject({ firstOffset: 10, duplicate: false });
  });

  test('a gap is OUT_OF_ORDER_SEQUENCE_NUMBER, an old epoch INVALID_PRODUCER_EPOCH, a new one begins with 0', async () => {
    const log = openLog(await openManager());
    append(log, send(0, ['a']));
    const refused = (records: Buffer) => log.append({ records, origin: 'client', leaderEpoch: 0, nowMs: NOW_MS });
    expect(refused(send(2, ['c']))).toMatchObject({ ok: false, code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    expect(refused(send(3, ['c'], 1))).toMatchObject({ ok: false, code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    append(log, send(0, ['b'], 1));
    expect(refused(send(1, ['c'], 0))).toMatchObject({ ok: false, code: ErrorCode.INVALID_PRODUCER_EPOCH });
  });

  test('sequences wrap from 2^31-1 to 0', async () => {
    const log = openLog(await openManager());
    append(log, send(0x7fff_fffe, ['a', 'b', 'c']));
    expect(append(log, send(0x7fff_fffe, ['a', 'b', 'c']))).toMatchObject({ duplicate: true });
    expect(append(log, send(1, ['d']))).toMatchObject({ firstOffset: 3, duplicate: false });
  });

  test('producers are forgotten after their silence, never in an open transaction', async () => {
    const log = openLog(await openManager());
    append(log, send(0, ['a']));
    append(log, makeBatch({ values: ['b'], producerId: 8, producerEpoch: 0, baseSequence: 0, isTransactional: true }));
    log.expireProducers(NOW_MS + 100, 50);
    expect(log.activeProducers().map((producer) => producer.producerId)).toEqual([8]);
  });
});

describe('transactions', () => {
  const data = (producerId: number, sequence: number) =>
    makeBatch({ values: ['v'], producerId, producerEpoch: 0, baseSequence: sequence, isTransactional: true });
  const mark = (log: ReturnType<typeof openLog>, producerId: number, commit: boolean) => {
    const records = makeMarker({ producerId, producerEpoch: 0, commit });
    return log.append({ records, origin: 'coordinator', leaderEpoch: 0, nowMs: NOW_MS });
  };

  test('the last stable offset stays at the oldest open one until its marker is below the high watermark', async () => {
    const log = openLog(await openManager());
    append(log, makeBatch({ values: ['plain'] }));
    append(log, data(1, 0));
    append(log, data(2, 0));
    expect(log.lastStableOffset(3)).toBe(1);
    expect(mark(log, 1, true)).toMatchObject({ ok: true, value: { firstOffset: 3 } });
    expect(log.lastStableOffset(3)).toBe(1);
    expect(log.lastStableOffset(4)).toBe(2);
    mark(log, 2, false);
    expect(log.lastStableOffset(5)).toBe(5);
    expect(log.abortedTransactions(0, 5)).toEqual([{ producerId: 2, firstOffset: 2 }]);
  });

  test('aborted transactions and open ones survive a clean stop, a kill, and a truncation of what came later', async () => {
    const files = new SimFiles();
    let manager = await openManager({ files });
    let log = openLog(manager);
    append(log, data(1, 0));
    mark(log, 1, false);
    append(log, data(2, 0));
    for (const how of ['clean', 'kill'] as const) {
      if (how === 'clean') await manager.close();
      files.killProcess();
      manager = await openManager({ files });
      log = openLog(manager);
      expect(log.abortedTransactions(0, 3)).toEqual([{ producerId: 1, firstOffset: 0 }]);
      expect(log.lastStableOffset(3)).toBe(2);
    }
    log.truncateTo(1);
    expect(log.abortedTransactions(0, 1)).toEqual([]);
    expect(log.lastStableOffset(1)).toBe(0);
  });

  test('a plain batch inside an open transaction is INVALID_TXN_STATE; an older coordinator is fenced', async () => {
    const log = openLog(await openManager());
    append(log, data(1, 0));
    const plain = makeBatch({ values: ['v'], producerId: 1, producerEpoch: 0, baseSequence: 1 });
    expect(log.append({ records: plain, origin: 'client', leaderEpoch: 0, nowMs: NOW_MS })).toMatchObject({
      ok: false,
      code: ErrorCode.INVALID_TXN_STATE,
    });
    const marker = (coordinatorEpoch: number) =>
      makeMarker({ producerId: 1, producerEpoch: 0, commit: true, coordinatorEpoch });
    expect(log.append({ records: marker(5), origin: 'coordinator', leaderEpoch: 0, nowMs: NOW_MS }).ok).toBe(true);
    expect(log.append({ records: marker(4), origin: 'coordinator', leaderEpoch: 0, nowMs: NOW_MS })).toMatchObject({
      ok: false,
      code: ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    });
  });
});

describe('by timestamp', () => {
  test('exact to the record, in plain and compressed batches, over segments and after a restart', async () => {
    const files = new SimFiles();
    const manager = await openManager({ files });
    const log = openLog(manager, small);
    for (let index = 0; index < 10; index += 1) {
      const compression = index % 2 === 0 ? CompressionType.NONE : CompressionType.GZIP;
      append(log, makeBatch({ values: ['a'.repeat(60), 'b', 'c'], timestampMs: NOW_MS + index * 10, compression }));
    }
    const check = async (one: typeof log) => {
      expect(await one.offsetForTimestamp(NOW_MS + 41, 30)).toEqual({
        offset: 13,
        timestampMs: NOW_MS + 41,
        leaderEpoch: 0,
      });
      expect(await one.offsetForTimestamp(NOW_MS + 53, 30)).toEqual({
        offset: 18,
        timestampMs: NOW_MS + 60,
        leaderEpoch: 0,
      });
      expect(await one.offsetForTimestamp(0, 30)).toMatchObject({ offset: 0 });
      expect(await one.offsetForTimestamp(NOW_MS + 93, 30)).toBeUndefined();
      expect(await one.offsetForTimestamp(NOW_MS + 41, 13)).toBeUndefined();
      expect(await one.offsetOfMaxTimestamp(30)).toEqual({ offset: 29, timestampMs: NOW_MS + 92, leaderEpoch: 0 });
      expect(await one.offsetOfMaxTimestamp(14)).toMatchObject({ offset: 13 });
    };
    await check(log);
    await manager.close();
    await check(openLog(await openManager({ files }), small));
  });

  test('a segment that was recovered and then closed in order knows its youngest record', async () => {
    const files = new SimFiles();
    const first = openLog(await openManager({ files }), small);
    // The third is too near to the second for a row of its own in the index; the fourth begins the next segment.
    for (const [index, value] of ['x'.repeat(90), 'b', 'c', 'x'.repeat(90)].entries()) {
      append(first, makeBatch({ values: [value], timestampMs: NOW_MS + index }));
    }
    files.killProcess();
    const recovered = await openManager({ files, config: small });
    await recovered.close();
    const log = openLog(await openManager({ files }), small);
    expect(await log.offsetOfMaxTimestamp(3)).toMatchObject({ offset: 2 });
    expect(await log.offsetForTimestamp(NOW_MS + 2, 4)).toMatchObject({ offset: 2 });
  });

  test('of equal largest timestamps the earliest record counts', async () => {
    const log = openLog(await openManager(), small);
    append(log, makeBatch({ values: ['a'], timestampMs: NOW_MS + 5 }));
    append(log, makeBatch({ values: ['b', 'c'], timestampMs: NOW_MS + 4 }));
    append(log, makeBatch({ values: ['d'], timestampMs: NOW_MS }));
    expect(await log.offsetOfMaxTimestamp(4)).toMatchObject({ offset: 0 });
    expect(await openLog(await openManager()).offsetOfMaxTimestamp(0)).toBeUndefined();
  });
});

describe('epochs', () => {
  test('where an epoch ends, over a restart', async () => {
    const files = new SimFiles();
    const manager = await openManager({ files });
    const log = openLog(manager);
    append(log, makeBatch({ values: ['a', 'b'] }), 1);
    append(log, makeBatch({ values: ['c'] }), 4);
    await manager.close();
    const again = openLog(await openManager({ files }));
    expect(again.latestEpoch).toBe(4);
    expect(again.endOffsetForEpoch(1)).toEqual({ leaderEpoch: 1, endOffset: 2 });
    expect(again.endOffsetForEpoch(3)).toEqual({ leaderEpoch: 1, endOffset: 2 });
    expect(again.endOffsetForEpoch(4)).toEqual({ leaderEpoch: 4, endOffset: 3 });
    expect(again.endOffsetForEpoch(5)).toBeUndefined();
    expect([again.epochForOffset(1), again.epochForOffset(2)]).toEqual([1, 4]);
    again.truncateTo(2);
    expect(again.latestEpoch).toBe(1);
  });
});

describe('replication', () => {
  test('keeps the offsets and epochs it is given, allows gaps, refuses to go back', async () => {
    const log = openLog(await openManager());
    const take = (records: Buffer) => log.append({ records, origin: 'replication', leaderEpoch: 9, nowMs: NOW_MS });
    const two = Buffer.concat([
      makeBatch({ values: ['a'], baseOffset: 5, partitionLeaderEpoch: 2 }),
      makeBatch({ values: ['b', 'c'], baseOffset: 8, partitionLeaderEpoch: 3 }),
    ]);
    expect(take(two)).toMatchObject({ ok: true, value: { firstOffset: 5, lastOffset: 9, recordCount: 3 } });
    expect(log.logEndOffset).toBe(10);
    expect(log.endOffsetForEpoch(2)).toEqual({ leaderEpoch: 2, endOffset: 8 });
    expect(take(makeBatch({ values: ['d'], baseOffset: 9 }))).toMatchObject({
      ok: false,
      code: ErrorCode.OFFSET_OUT_OF_RANGE,
    });
    const from6 = await log.read({ fromOffset: 6, maxBytes: 1, upToOffset: 10, minOneBatch: true });
    expect(from6.ok && batch.baseOffset(Buffer.concat(from6.value.chunks), 0)).toBe(8);
  });
});
