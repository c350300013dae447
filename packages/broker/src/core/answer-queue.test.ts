import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerQueue, type AnswerSlot } from './answer-queue.ts';

test('answer queue: whatever order answers become ready in, they leave in request order, each once, and nothing is held at the end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ settleEarly: fc.nat(), empty: fc.boolean(), take: fc.boolean() }), { maxLength: 60 }),
      (requests) => {
        const queue = new AnswerQueue();
        const open: { slot: AnswerSlot; index: number; empty: boolean }[] = [];
        const out: Uint8Array[] = [];
        const settle = (at: number): void => {
          const [answer] = open.splice(at, 1);
          if (answer === undefined) return;
          queue.settle(answer.slot, answer.empty ? null : [Buffer.from([answer.index]), Buffer.from([0xff])]);
        };
        requests.forEach(({ settleEarly, empty, take }, index) => {
          open.push({ slot: queue.open(7), index, empty });
          settle(settleEarly % (open.length + 1));
          if (take) queue.takeReady(out);
        });
        while (open.length > 0) settle(open.length - 1);
        queue.takeReady(out);
        const expected = requests.flatMap(({ empty }, index) => (empty ? [] : [index, 0xff]));
        expect(Array.from(Buffer.concat(out))).toEqual(expected);
        expect(queue.inFlightCount).toBe(0);
        expect(queue.queuedBytes).toBe(0);
        expect(queue.requestBytes).toBe(0);
        expect(queue.frontReady).toBe(false);
      },
    ),
  );
});

test('answer queue: a waiting first request holds back the ready ones behind it', () => {
  const queue = new AnswerQueue();
  const first = queue.open(7);
  const second = queue.open(7);
  queue.settle(second, [Buffer.alloc(10)]);
  const out: Uint8Array[] = [];
  expect(queue.takeReady(out)).toBe(0);
  expect(queue.queuedBytes).toBe(10);
  queue.settle(first, [Buffer.alloc(5)]);
  expect(queue.takeReady(out)).toBe(15);
  expect(out.map((chunk) => chunk.length)).toEqual([5, 10]);
});
