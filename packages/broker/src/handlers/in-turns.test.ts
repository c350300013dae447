import { limits } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Turns } from '../shell/turns.ts';
import { TurnClock } from '../testing/turn-clock.ts';
import { inTurns } from './in-turns.ts';

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
      void inTurns(each, { turns, limits: tiny }, { signal: new AbortController().signal }, work).then(
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
  const turns = new Turns(clock, tiny);
  const gone = new AbortController();
  const begun = { short: 0, long: 0 };
  const of = (who: 'short' | 'long') => (): Promise<void> => {
    begun[who] += 1;
    clock.work(1);
    return Promise.resolve();
  };
  const names = Array.from({ length: 40 }, (_, at) => at);
  const ends: string[] = [];
  void inTurns(names, { turns, limits: tiny }, gone, of('long')).then((told) => ends.push(`long ${told.length}`));
  const stays = new AbortController();
  void inTurns(names.slice(0, 6), { turns, limits: tiny }, stays, of('short')).then((told) =>
    ends.push(`short ${told.length}`),
  );
  await drain();
  expect(begun).toEqual({ short: 2, long: 2 });
  for (const after of [
    { short: 2, long: 4 },
    { short: 4, long: 4 },
    { short: 4, long: 6 },
    { short: 6, long: 6 },
  ]) {
    clock.turn();
    await drain();
    expect(begun).toEqual(after);
  }
  gone.abort();
  clock.turn();
  await drain();
  expect(begun).toEqual({ short: 6, long: 6 });
  expect(ends).toEqual(['short 6', 'long 6']);
  expect(clock.turn()).toBe(0);
});
