import { expect, test } from 'vitest';
import { TurnClock } from '../testing/turn-clock.ts';
import { Turns } from './turns.ts';

test('turns: in each round of the event loop one of those who wait goes on, first come first served', () => {
  const clock = new TurnClock();
  const turns = new Turns(clock, { turnMs: 2 });
  const went: string[] = [];
  const again = (): void => {
    went.push('again');
    if (went.length < 5) turns.wait(again);
  };
  turns.wait(again);
  turns.wait(again);
  turns.wait(() => went.push('once'));
  const rounds: number[] = [];
  for (let before = 0; clock.turn() > 0; before = went.length) rounds.push(went.length - before);
  expect(went).toEqual(['again', 'once', 'again', 'again', 'again']);
  expect(rounds).toEqual([1, 1, 1, 1, 1]);
});

test('turns: one that throws does not take the turns of the others', () => {
  const clock = new TurnClock();
  const turns = new Turns(clock, { turnMs: 2 });
  let went = 0;
  turns.wait(() => {
    throw new RangeError('this cannot be');
  });
  turns.wait(() => (went += 1));
  expect(() => clock.turn()).toThrow('this cannot be');
  clock.turn();
  expect(went).toBe(1);
});

test('turns: a turn is over after turnMs of work', () => {
  const clock = new TurnClock();
  const turns = new Turns(clock, { turnMs: 2 });
  const startMs = turns.nowMs();
  clock.work(1.9);
  expect(turns.isOver(startMs)).toBe(false);
  clock.work(0.1);
  expect(turns.isOver(startMs)).toBe(true);
});
