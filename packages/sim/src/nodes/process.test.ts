import { expect, test } from 'vitest';
import { Scheduler } from '../scheduler.ts';
import { Gate } from './process.ts';

test('what comes while a process that stood still takes what it missed waits its turn', () => {
  const scheduler = new Scheduler();
  const gate = new Gate();
  const took: number[] = [];
  const comes = (what: number): void => gate.pass(() => void took.push(what));
  gate.hold();
  comes(1);
  comes(2);
  scheduler.after(10, () => {
    gate.release((run) => scheduler.after(0, run));
    comes(3);
  });
  // Due at the same moment, and drawn before what the release brings.
  scheduler.after(10, () => comes(4));
  scheduler.after(11, () => comes(5));
  scheduler.run(20);
  expect(took).toEqual([1, 2, 3, 4, 5]);
});

test('who is held again before it has taken all takes the rest in order when it goes on, and who is over takes nothing', () => {
  const waiting: (() => void)[] = [];
  const soon = (run: () => void): void => void waiting.push(run);
  const gate = new Gate();
  const took: number[] = [];
  gate.hold();
  for (const what of [1, 2, 3]) gate.pass(() => void took.push(what));
  gate.release(soon);
  waiting.shift()?.();
  gate.hold();
  for (const run of waiting.splice(0)) run();
  gate.pass(() => void took.push(4));
  expect(took).toEqual([1]);
  gate.release(soon);
  waiting.shift()?.();
  waiting.shift()?.();
  expect(took).toEqual([1, 2, 3]);
  gate.end();
  for (const run of waiting.splice(0)) run();
  expect(took).toEqual([1, 2, 3]);
});
