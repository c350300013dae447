import { limits } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Turns } from '../shell/turns.ts';
import { TurnClock } from '../testing/turn-clock.ts';
import { inTurns } from './in-turns.ts';

const keyOf = (): undefined => undefined;
const tiny = { ...limits.tiny, turnMs: 2, requestGroupsAtOnceMax: 8 };

test('in turns: all of them, in their order, so many at once, and so long a turn', async () => {
  const costs = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(costs, fc.boolean(), async (each, waits) => {
      const clock = new TurnClock();
      const turns = new Turns(clock, tiny);
      let [underWay, most, begunMs] = [0, 0, 0];
      const work = async (cost: number): Promise<string> => {
        underWay += 1;
        most = Math.max(most, underWay);
        clock.work(cost / 4);
        begunMs += cost / 4;
        if (waits) await drain();
        underWay -= 1;
        return `told ${cost}`;
      };
      let told: string[] | undefined;
      void inTurns(each, { services: { turns, limits: tiny }, caller: new AbortController(), keyOf }, work).then(
        (all) => (told = all),
      );
      while (told === undefined) {
        await drain();
        // The last of a turn may begin just before its end.
        expect(begunMs).toBeLessThan(2 + 0.75);
        if (clock.turn() > 0) begunMs = 0;
      }
      expect(told).toEqual(each.map((cost) => `told ${cost}`));
      expect(most).toBeLessThanOrEqual(8);
    }),
    { numRuns: 50 },
  );
});

test('in turns: two long requests share the turns, and whoever is gone begins nothing more', async () => {
  const clock = new TurnClock();
  const services = { turns: new Turns(clock, tiny), limits: tiny };
  const gone = new AbortController();
  const begun = { short: 0, long: 0 };
  const of = (who: 'short' | 'long') => (): Promise<void> => {
    begun[who] += 1;
    clock.work(1);
    return Promise.resolve();
  };
  const names = Array.from({ length: 40 }, (_, at) => at);
  const ends: string[] = [];
  void inTurns(names, { services, caller: gone, keyOf }, of('long')).then((told) => ends.push(`long ${told.length}`));
  const stays = new AbortController();
  void inTurns(names.slice(0, 6), { services, caller: stays, keyOf }, of('short')).then((told) =>
    ends.push(`short ${told.length}`),
  );
  await drain();
  // What is long waits before it begins: it has been read just now.
  expect(begun).toEqual({ short: 2, long: 0 });
  for (const after of [
    { short: 2, long: 2 },
    { short: 4, long: 2 },
    { short: 4, long: 4 },
    { short: 6, long: 4 },
  ]) {
    clock.turn();
    await drain();
    expect(begun).toEqual(after);
  }
  gone.abort();
  while (clock.turn() > 0) await drain();
  expect(begun).toEqual({ short: 6, long: 4 });
  expect(ends).toEqual(['long 4', 'short 6']);
});

test('in turns: what is named again is told once, and looking at it takes its turns too', async () => {
  const clock = new TurnClock();
  const services = { turns: new Turns(clock, tiny), limits: tiny };
  const asked = { services, caller: new AbortController(), keyOf: (name: string) => (clock.work(0.5), name) };
  const names = Array.from({ length: 100 }, (_, at) => (at % 50 === 7 ? 'b' : 'a'));
  let told: string[] | undefined;
  void inTurns(names, asked, (name) => Promise.resolve(name)).then((all) => (told = all));
  let rounds = 0;
  for (; told === undefined; rounds += 1) {
    clock.turn();
    await drain();
  }
  expect(told).toEqual(['a', 'b']);
  expect(rounds).toBeGreaterThanOrEqual(25);
});
