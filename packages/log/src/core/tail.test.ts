import { batch, buildBatch } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Tail, TailCache } from './tail.ts';

function batchAt(baseOffset: number, size: number): Buffer {
  return buildBatch({ baseOffset }, [{ timestampMs: 1, value: Buffer.alloc(size, 'v') }]);
}

test('tail: a read from any offset gives the batches from the one that holds it on, however many small ones lie before', () => {
  const shape = fc.record({
    sizes: fc.array(fc.constantFrom(1, 40, 900, 5_000, 40_000), { minLength: 1, maxLength: 150 }),
    budgetBytes: fc.constantFrom(20_000, 200_000, 10_000_000),
    gap: fc.nat(2),
    from: fc.nat(500),
    maxBytes: fc.constantFrom(1, 500, 10_000, 1_000_000),
  });
  fc.assert(
    fc.property(shape, ({ sizes, budgetBytes, gap, from, maxBytes }) => {
      const tail = new Tail(new TailCache(budgetBytes));
      const written: Buffer[] = [];
      let offset = 0;
      for (const size of sizes) {
        const bytes = batchAt(offset, size);
        tail.append(bytes, offset, offset);
        written.push(bytes);
        offset += 1 + gap;
      }
      const fromOffset = from % offset;
      const found = tail.read(fromOffset, offset, maxBytes, true);
      const isHeld = fromOffset >= tail.startOffset;
      expect(found !== undefined).toBe(isHeld);
      const wanted: Buffer[] = [];
      let sizeBytes = 0;
      for (const bytes of written) {
        if (!isHeld || batch.lastOffset(bytes, 0) < fromOffset) continue;
        if (sizeBytes > 0 && sizeBytes + bytes.length > maxBytes) break;
        wanted.push(bytes);
        sizeBytes += bytes.length;
      }
      expect(Buffer.concat(found?.chunks ?? []).equals(Buffer.concat(wanted))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('tail: a log that nobody reads keeps nothing after a while, and what comes after a read is kept again', () => {
  const cache = new TailCache(1_000_000, 1_000);
  const tail = new Tail(cache);
  let offset = 0;
  const append = (): void => {
    tail.append(batchAt(offset, 300), offset, offset);
    offset += 1;
  };
  for (let count = 0; count < 2; count += 1) append();
  expect(tail.startOffset).toBe(0);
  for (let count = 0; count < 5; count += 1) append();
  expect([tail.startOffset, cache.chargedBytes]).toEqual([Infinity, 0]);
  tail.wanted();
  append();
  expect(tail.startOffset).toBe(7);
  expect(tail.read(6, offset, 10_000, true)).toBeUndefined();
  expect(tail.read(7, offset, 10_000, true)?.sizeBytes).toBe(batchAt(7, 300).length);
});
