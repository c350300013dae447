import fc from 'fast-check';
import { SimFiles } from '@odradek/base/testing';
import { CompressionType } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { append, makeBatch, NOW_MS, openLog, openManager } from '../testing/harness.ts';

const codecs: readonly CompressionType[] = [CompressionType.NONE, CompressionType.GZIP, CompressionType.ZSTD];

test('time of an offset: that of its batch, from memory and from disk, whatever the codec; after the end there is none', async () => {
  const sizes = fc.array(fc.record({ count: fc.integer({ min: 1, max: 6 }), stepMs: fc.nat(50), codec: fc.nat(2) }), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(20), async (batches, startAt) => {
      const files = new SimFiles();
      const manager = await openManager({ files });
      const log = openLog(manager, { segmentBytes: 400 });
      const times: number[] = [];
      let timestampMs = NOW_MS;
      for (const { count, stepMs, codec } of batches) {
        timestampMs += stepMs;
        const values = Array.from({ length: count }, (_, at) => `${at}`.repeat(20));
        append(log, makeBatch({ values, timestampMs, compression: codecs[codec] ?? CompressionType.NONE }));
        for (let at = 0; at < count; at += 1) times.push(timestampMs);
      }
      const end = times.length;
      const logStart = Math.min(startAt, end - 1);
      log.advanceLogStart(logStart, end);
      const check = async (one: typeof log): Promise<void> => {
        for (let offset = 0; offset < end; offset += 1)
          expect(await one.timestampAt(offset, end)).toBe(times[Math.max(offset, logStart)]);
        expect(await one.timestampAt(end, end)).toBeUndefined();
        expect(await one.timestampAt(end - 1, end - 1)).toBeUndefined();
        expect(await one.timestampAt(end + 5, end + 9)).toBeUndefined();
      };
      await check(log);
      await manager.close();
      const again = await openManager({ files });
      await check(openLog(again, { segmentBytes: 400 }));
      await again.close();
    }),
    { numRuns: 30 },
  );
});
