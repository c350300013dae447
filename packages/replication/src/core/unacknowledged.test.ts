/** What is under way to a follower, against a plain list. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Unacknowledged } from './unacknowledged.ts';

test('what is under way: the pieces that end above what arrived last, however many came and went', () => {
  const piece = fc.record({ records: fc.integer({ min: 1, max: 5 }), sizeBytes: fc.integer({ min: 1, max: 1_000 }) });
  const step = fc.oneof(
    { weight: 3, arbitrary: piece },
    { weight: 1, arbitrary: fc.record({ arrives: fc.integer({ min: 0, max: 100 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const unacknowledged = new Unacknowledged();
      let sent: { endOffset: number; sizeBytes: number }[] = [];
      let endOffset = 0;
      let arrived = 0;
      for (const each of steps) {
        if ('arrives' in each) {
          arrived = Math.max(arrived, Math.floor((endOffset * each.arrives) / 100));
          const bytes = sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          sent = sent.filter((one) => one.endOffset > arrived);
          const left = sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          expect(unacknowledged.arrived(arrived)).toBe(bytes - left);
        } else {
          endOffset += each.records;
          sent.push({ endOffset, sizeBytes: each.sizeBytes });
          unacknowledged.sent(endOffset, each.sizeBytes);
        }
        expect(unacknowledged.bytes).toBe(sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
      }
    }),
  );
});
