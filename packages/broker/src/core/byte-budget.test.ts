import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

test('byte budget: up to the bound anybody goes on', () => {
  const budget = new ByteBudget(100);
  budget.change(100);
  expect(budget.mayGoOn(100)).toBe(true);
});

test('byte budget: beyond the bound only who holds nothing goes on, beyond twice the bound nobody', () => {
  const budget = new ByteBudget(100);
  budget.change(101);
  expect([budget.mayGoOn(1), budget.mayGoOn(0)]).toEqual([false, true]);
  budget.change(100);
  expect(budget.mayGoOn(0)).toBe(false);
});

test('byte budget: who waits goes on in the order of waiting, each once, when bytes come back', () => {
  const budget = new ByteBudget(100);
  const order: string[] = [];
  budget.change(400);
  budget.wait(() => order.push('first'));
  budget.wait(() => {
    order.push('second');
    budget.change(150);
  });
  budget.wait(() => order.push('third'));
  budget.change(-100);
  expect(order).toEqual([]);
  // Between the bound and its double one goes on for each time that bytes come back.
  budget.change(-100);
  expect(order).toEqual(['first']);
  budget.change(-150);
  // What the second took makes the third wait on.
  expect(order).toEqual(['first', 'second']);
  budget.change(-150);
  expect(order).toEqual(['first', 'second', 'third']);
  budget.change(-50);
  expect(order).toHaveLength(3);
});

test('byte budget: above the bound, one that cannot go on does not keep the next from being asked', () => {
  const budget = new ByteBudget(100);
  const order: string[] = [];
  const stuck = (): void => {
    order.push('stuck');
    budget.wait(stuck);
  };
  budget.change(300);
  budget.wait(stuck);
  budget.wait(() => order.push('able'));
  budget.wait(() => order.push('later'));
  budget.change(-150);
  expect(order).toEqual(['stuck', 'able']);
});

test('byte budget: thousands that give bytes back as they go on are woken without nesting', () => {
  const budget = new ByteBudget(10);
  let gone = 0;
  const count = 50_000;
  budget.change(100);
  for (let each = 0; each < count; each += 1) {
    budget.wait(() => {
      gone += 1;
      budget.change(1);
      budget.change(-1);
    });
  }
  budget.change(-95);
  expect([gone, budget.waitingCount]).toEqual([count, 0]);
});

test('byte budget: one that waits again while it is woken does not spin', () => {
  const budget = new ByteBudget(10);
  let calls = 0;
  const again = (): void => {
    calls += 1;
    budget.wait(again);
  };
  budget.change(20);
  budget.wait(again);
  budget.change(-15);
  expect(calls).toBe(1);
  expect(budget.waitingCount).toBe(1);
});

test('byte budget: of those in the middle of a frame one at a time finishes, and the next is sought when it is through', () => {
  const budget = new ByteBudget(10);
  const [a, b] = [{}, {}];
  budget.change(50);
  expect([budget.elect(a), budget.elect(b), budget.elect(a)]).toEqual([true, false, true]);
  let woken = 0;
  budget.wait(() => (woken += budget.elect(b) ? 1 : 0));
  budget.retire(b);
  expect(woken).toBe(0);
  budget.retire(a);
  expect(woken).toBe(1);
  expect(budget.isFinisher(b)).toBe(true);
});

test('byte budget: giving back what was never taken is a bug', () => {
  expect(() => new ByteBudget(10).change(-1)).toThrow('bytes given back were taken');
});

test('byte budget: answers that are made side by side get ever less, together hardly more than the bound, and each of them something', () => {
  const budget = new ByteBudget(100_000);
  const granted = Array.from({ length: 100 }, () => {
    const bytes = budget.allowance();
    budget.take(bytes);
    return bytes;
  });
  expect(granted[0]).toBe(25_000);
  expect(Math.min(...granted)).toBeGreaterThan(0);
  expect(budget.heldBytes).toBeLessThanOrEqual(120_000);
  for (const bytes of granted) budget.take(-bytes);
  expect([budget.heldBytes, budget.allowance()]).toEqual([0, 25_000]);
});
