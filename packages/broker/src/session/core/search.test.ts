import { describe, expect, test } from 'vitest';
import { Prng } from '@odradek/base';
import { Search } from './search.ts';
import type { Failure, Hint, Place } from './search.ts';

const at = (nodeId: number): Place => ({ kind: 'remote', nodeId, host: `c${nodeId}`, port: 9093 });
const local: Place = { kind: 'local' };
const places = [at(1), at(2), at(3)];
const names = (leaderId: number, leaderEpoch: number, host = `c${leaderId}`): Hint => ({
  leaderId,
  leaderEpoch,
  host,
  port: 9093,
});
const nobody = (leaderEpoch: number): Hint => ({ leaderId: -1, leaderEpoch, host: '', port: 0 });
const search = (): Search => new Search({ nodeId: 7, steadyMs: 1_000 });

/** Where it goes next; a number: it waits for so many failures. */
function step(one: Search, known = places): string | number {
  const next = one.next(known);
  if (next.kind === 'wait') return next.failures;
  return next.place.kind === 'local' ? 'local' : next.place.host;
}

/** All that is tried until somebody waits, when each fails so. */
function round(one: Search, how: Failure, known = places): string[] {
  const tried: string[] = [];
  for (;;) {
    const next = one.next(known);
    if (next.kind === 'wait') return tried;
    tried.push(next.place.kind === 'local' ? 'local' : next.place.host);
    one.failed(next.place, how);
  }
}

describe('a search', () => {
  test('asks each place once a round, in order of preference, and waits longer after each round in vain', () => {
    const one = search();
    expect(round(one, 'silent', [local, ...places])).toEqual(['local', 'c1', 'c2', 'c3']);
    expect(round(one, 'silent')).toEqual(['c1', 'c2', 'c3']);
    for (const place of places) one.failed(place, 'silent');
    expect(step(one)).toBe(3);
  });

  test('waits when nobody is known', () => {
    expect([step(search(), []), step(search(), [])]).toEqual([1, 1]);
  });

  test('goes where it is sent, once a round, and to the others afterwards', () => {
    const one = search();
    expect(step(one)).toBe('c1');
    one.notActive(at(1), names(3, 5), places);
    expect(step(one)).toBe('c3');
    one.notActive(at(3), names(1, 5), places);
    expect(step(one), 'c1 was asked already').toBe('c2');
    one.notActive(at(2), names(3, 5), places);
    expect(step(one)).toBe(1);
  });

  test('finds by its id whom somebody names without an address, and itself in its own process', () => {
    const one = search();
    one.notActive(at(1), { leaderId: 3, leaderEpoch: 5, host: '', port: 0 }, places);
    expect(step(one)).toBe('c3');
    one.notActive(at(3), names(7, 5), [local, ...places]);
    expect(step(one, [local, ...places])).toBe('local');
  });

  test('asks last whom it could not reach before, and does not follow old news of them', () => {
    const one = search();
    expect(one.active(at(1), 5)).toBe(true);
    one.ended(60_000, false);
    expect(step(one)).toBe('c1');
    one.failed(at(1), 'unreachable');
    expect(step(one)).toBe('c2');
    one.notActive(at(2), names(1, 5), places);
    expect(step(one), 'c2 has not heard yet that c1 is gone').toBe('c3');
    one.notActive(at(3), nobody(5), places);
    expect(step(one)).toBe(1);
    expect(round(one, 'silent')).toEqual(['c2', 'c3', 'c1']);
    one.notActive(at(2), names(1, 6), places);
    expect(step(one), 'c1 has been elected again').toBe('c1');
  });

  test('goes back to whom a stream broke with, but not first to whom nothing was heard of', () => {
    const one = search();
    one.active(at(2), 5);
    one.ended(60_000, false);
    expect(step(one)).toBe('c2');
    one.active(at(2), 5);
    one.ended(60_000, true);
    expect(round(one, 'silent')).toEqual(['c1', 'c3', 'c2']);
  });

  test('does not take who is active of an epoch that has passed, nor follow who names one', () => {
    const one = search();
    one.active(at(1), 6);
    one.ended(60_000, true);
    expect(one.active(at(2), 5)).toBe(false);
    one.notActive(at(2), names(3, 5), [at(2), at(1)]);
    expect(step(one, [at(2), at(1)])).toBe('c1');
  });

  test('begins again at once after sessions that lasted, and waits after some that did not', () => {
    const one = search();
    for (let nth = 0; nth < 10; nth += 1) {
      one.active(at(1), 5);
      one.ended(1_000, false);
      expect(step(one)).toBe('c1');
    }
    const waits: (string | number)[] = [];
    for (let nth = 0; nth < 5; nth += 1) {
      one.active(at(1), 5);
      one.ended(3, false);
      waits.push(step(one));
    }
    expect(waits).toEqual(['c1', 'c1', 1, 2, 3]);
    one.active(at(1), 5);
    one.ended(1_000, false);
    expect(step(one)).toBe('c1');
  });

  test('leaves out who is to be avoided, whoever names it', () => {
    const one = search();
    one.active(at(1), 5);
    const step = (): string => {
      const next = one.next(places, [at(1)]);
      return next.kind === 'dial' && next.place.kind === 'remote' ? next.place.host : next.kind;
    };
    expect(step()).toBe('c2');
    one.notActive(at(2), names(1, 5), places);
    expect(step()).toBe('c3');
    one.notActive(at(3), names(1, 5, 'another-name-of-c1'), places);
    expect(step()).toBe('wait');
  });

  test('tells when every place refuses', () => {
    const one = search();
    for (const place of places) one.failed(place, 'refused');
    expect(one.next(places)).toMatchObject({ kind: 'wait', wasRefusedByAll: true });
    for (const place of places) one.failed(place, place === places[0] ? 'unreachable' : 'refused');
    expect(one.next(places)).toMatchObject({ kind: 'wait', wasRefusedByAll: false });
    expect(search().next([])).toMatchObject({ wasRefusedByAll: false });
  });

  test('whatever places say of each other, ends its round after each was asked at most once', () => {
    const random = new Prng(3);
    for (let run = 0; run < 500; run += 1) {
      const one = search();
      for (let rounds = 0; rounds < 4; rounds += 1) {
        const asked: string[] = [];
        for (;;) {
          const next = one.next(places);
          if (next.kind === 'wait') break;
          const { place } = next;
          const name = place.kind === 'local' ? 'local' : place.host;
          expect(asked, 'nobody is asked twice a round').not.toContain(name);
          asked.push(name);
          const [leaderId, epoch] = [1 + random.below(6), random.below(4)];
          if (random.below(3) === 0) one.failed(place, random.below(2) === 0 ? 'unreachable' : 'silent');
          else one.notActive(place, names(leaderId, epoch), places);
        }
        // c4 to c6 are only known from hints.
        expect(asked.length).toBeGreaterThanOrEqual(3);
        expect(asked.length).toBeLessThanOrEqual(6);
      }
    }
  });
});
