import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deadlines } from './deadlines.ts';
import type { Timed } from './deadlines.ts';

type Item = Timed & { readonly name: number };
const item = (name: number, deadlineMs: number): Item => ({ name, deadlineMs, heapIndex: -1 });

test('deadlines: come out in order of time, whatever was added and removed between', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), at: fc.nat(50) }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('pop' as const), nowMs: fc.nat(60) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 100 }), (commands) => {
      const deadlines = new Deadlines<Item>();
      let model: Item[] = [];
      let name = 0;
      for (const each of commands) {
        let popped: Item | undefined;
        let due: number | undefined;
        if (each.kind === 'add') {
          const added = item(name++, each.at);
          deadlines.add(added);
          model.push(added);
        } else if (each.kind === 'remove') {
          const victim = model[each.which % Math.max(1, model.length)];
          if (victim !== undefined) deadlines.remove(victim);
          model = model.filter((other) => other !== victim);
        } else {
          const earliest = Math.min(...model.map(({ deadlineMs }) => deadlineMs));
          due = earliest <= each.nowMs ? earliest : undefined;
          popped = deadlines.popDue(each.nowMs);
          model = model.filter((other) => other !== popped);
        }
        expect(popped?.deadlineMs).toBe(due);
        expect(deadlines.size).toBe(model.length);
        expect(deadlines.nextMs ?? Number.POSITIVE_INFINITY).toBe(
          Math.min(...model.map(({ deadlineMs }) => deadlineMs)),
        );
      }
    }),
  );
});

test('deadlines: an item that has left is removed again without harm, and may come back', () => {
  const deadlines = new Deadlines<Item>();
  const one = item(1, 5);
  deadlines.add(one);
  deadlines.remove(one);
  deadlines.remove(one);
  deadlines.add(one);
  expect(deadlines.popDue(5)).toBe(one);
  expect(deadlines.popDue(5)).toBeUndefined();
});
