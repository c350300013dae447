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
