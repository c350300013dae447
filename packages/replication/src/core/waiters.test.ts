import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyWaitList, Waiters } from './waiters.ts';
import type { Wait, WaitList } from './waiters.ts';

const lists = (count: number): WaitList<string>[] => Array.from({ length: count }, () => emptyWaitList<string>());
type Parking = { token?: string; missingBytes?: number; deadlineMs?: number; stableOnly?: boolean; maxBytes?: number };

function parkFetch(waiters: Waiters<string>, on: readonly WaitList<string>[], how: Parking = {}): Wait<string> {
  return waiters.park({
    kind: 'fetch',
    token: how.token ?? 'fetch',
    deadlineMs: how.deadlineMs ?? 500,
    stableOnly: how.stableOnly ?? false,
    missingBytes: how.missingBytes ?? 1,
    targets: on.map((list, index) => ({ list, index, target: how.maxBytes ?? 1_000, counted: 0 })),
  });
}

function parkProduce(
  waiters: Waiters<string>,
  targets: readonly (readonly [list: WaitList<string>, endOffset: number])[],
): Wait<string> {
  return waiters.park({
    kind: 'produce',
    token: 'produce',
    deadlineMs: 500,
    stableOnly: false,
    missingBytes: 0,
    targets: targets.map(([list, target], index) => ({ list, index, target, counted: 0 })),
  });
}

function advance(
  waiters: Waiters<string>,
  list: WaitList<string> | undefined,
  by: { highWatermark?: number; bytes?: number; stableBytes?: number },
): Wait<string>[] {
  const out: Wait<string>[] = [];
  const bytes = by.bytes ?? 0;
  if (list !== undefined) {
    waiters.advanced(list, { highWatermark: by.highWatermark ?? 0, bytes, stableBytes: by.stableBytes ?? bytes }, out);
  }
  return out;
}

test('waiters: a fetch over several partitions is woken once its missing bytes have come, from whichever of them', () => {
  const waiters = new Waiters<string>(100);
  const [a, b, c] = lists(3);
  const wait = parkFetch(
    waiters,
    [a, b, c].filter((list) => list !== undefined),
    { missingBytes: 100 },
  );
  expect(advance(waiters, a, { bytes: 60 })).toEqual([]);
  expect(advance(waiters, c, { bytes: 40 })).toEqual([wait]);
  expect(wait.end).toBe('filled');
  expect(wait.entries.map(({ state }) => state)).toEqual(['moved', 'waiting', 'moved']);
  expect([waiters.entryCount, waiters.countOf('fetch')]).toEqual([0, 0]);
  expect(advance(waiters, b, { bytes: 1_000 })).toEqual([]);
});

test('waiters: a partition counts for no more than the fetch takes of it', () => {
  const waiters = new Waiters<string>(100);
  const [a, b] = lists(2);
  const wait = parkFetch(
    waiters,
    [a, b].filter((list) => list !== undefined),
    { missingBytes: 50, maxBytes: 30 },
  );
  expect(advance(waiters, a, { bytes: 1_000_000 })).toEqual([]);
  expect(advance(waiters, b, { bytes: 20 })).toEqual([wait]);
});

test('waiters: read_committed waits for stable bytes', () => {
  const waiters = new Waiters<string>(100);
  const [a] = lists(1);
  const wait = parkFetch(waiters, a === undefined ? [] : [a], { stableOnly: true });
  expect(advance(waiters, a, { bytes: 500, stableBytes: 0 })).toEqual([]);
  expect(advance(waiters, a, { bytes: 0, stableBytes: 500 })).toEqual([wait]);
});

test('waiters: an append over several partitions is over when every one of them is committed', () => {
  const waiters = new Waiters<string>(100);
  const a = emptyWaitList<string>();
  const b = emptyWaitList<string>();
  const wait = parkProduce(waiters, [
    [a, 10],
    [b, 20],
  ]);
  expect(advance(waiters, a, { highWatermark: 9 })).toEqual([]);
  expect(advance(waiters, a, { highWatermark: 10 })).toEqual([]);
  expect(advance(waiters, a, { highWatermark: 11 })).toEqual([]);
  expect(advance(waiters, b, { highWatermark: 25 })).toEqual([wait]);
});

test('waiters: when a partition is lost a fetch looks again at once, an append goes on waiting for the others', () => {
  const waiters = new Waiters<string>(100);
  const a = emptyWaitList<string>();
  const b = emptyWaitList<string>();
  const fetch = parkFetch(waiters, [a, b]);
  const produce = parkProduce(waiters, [
    [a, 10],
    [b, 20],
  ]);
  const out: Wait<string>[] = [];
  waiters.lost(a, out);
  expect(out).toEqual([fetch]);
  expect(advance(waiters, b, { highWatermark: 20 })).toEqual([produce]);
  expect(produce.entries.map(({ state }) => state)).toEqual(['lost', 'moved']);
});

test('waiters: a request that names a partition twice is woken once and leaves no trace', () => {
  const waiters = new Waiters<string>(100);
  const a = emptyWaitList<string>();
  const wait = parkFetch(waiters, [a, a], { missingBytes: 10 });
  expect(advance(waiters, a, { bytes: 10 })).toEqual([wait]);
  expect([a.first, a.last, waiters.entryCount]).toEqual([undefined, undefined, 0]);
});

test('waiters: whose time is over is handed out in order of deadline, and no later', () => {
  const waiters = new Waiters<string>(100);
  const a = emptyWaitList<string>();
  const late = parkFetch(waiters, [a], { deadlineMs: 30 });
  const soon = parkFetch(waiters, [a], { deadlineMs: 10 });
  const out: Wait<string>[] = [];
  waiters.expired(9, out);
  expect(out).toEqual([]);
  expect(waiters.nextDeadlineMs).toBe(10);
  waiters.expired(30, out);
  expect(out).toEqual([soon, late]);
  expect(soon.end).toBe('expired');
});

test('waiters: a wait that is cancelled is gone, and cannot be cancelled twice', () => {
  const waiters = new Waiters<string>(100);
  const a = emptyWaitList<string>();
  const wait = parkFetch(waiters, [a]);
  expect(waiters.cancel(wait)).toBe(true);
  expect(waiters.cancel(wait)).toBe(false);
  expect(advance(waiters, a, { bytes: 10 })).toEqual([]);
  expect(waiters.nextDeadlineMs).toBeUndefined();
});

test('waiters: there is room for as many partitions as the bound says, over all requests', () => {
  const waiters = new Waiters<string>(3);
  const [a, b, c] = [emptyWaitList<string>(), emptyWaitList<string>(), emptyWaitList<string>()];
  const wait = parkFetch(waiters, [a, b]);
  expect([waiters.hasRoomFor(1), waiters.hasRoomFor(2)]).toEqual([true, false]);
  expect(() => parkFetch(waiters, [b, c])).toThrow('waits are bounded');
  waiters.cancel(wait);
  expect(waiters.hasRoomFor(3)).toBe(true);
});

const event = fc.oneof(
  fc.record({
    kind: fc.constant('park' as const),
    partitions: fc.uniqueArray(fc.nat(4), { minLength: 1 }),
    missing: fc.integer({ min: 1, max: 50 }),
    deadlineMs: fc.nat(100),
  }),
  fc.record({ kind: fc.constant('append' as const), partition: fc.nat(4), bytes: fc.nat(30) }),
  fc.record({ kind: fc.constant('lose' as const), partition: fc.nat(4) }),
  fc.record({ kind: fc.constant('time' as const), nowMs: fc.nat(100) }),
);

test('waiters: every wait ends exactly once, and what has ended is in no list', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const waiters = new Waiters<string>(10_000);
      const partitions = lists(5);
      const parked = new Set<Wait<string>>();
      for (const each of [...events, { kind: 'time' as const, nowMs: 1_000 }]) {
        const out: Wait<string>[] = [];
        if (each.kind === 'park') {
          const on = each.partitions.map((at) => partitions[at]).filter((list) => list !== undefined);
          parked.add(parkFetch(waiters, on, { missingBytes: each.missing, deadlineMs: each.deadlineMs }));
        } else if (each.kind === 'time') waiters.expired(each.nowMs, out);
        else {
          const list = partitions[each.partition];
          if (list !== undefined && each.kind === 'lose') waiters.lost(list, out);
          else if (each.kind === 'append') out.push(...advance(waiters, list, { bytes: each.bytes }));
        }
        for (const wait of out) expect(parked.delete(wait)).toBe(true);
        const linked = new Set<Wait<string>>();
        for (const list of partitions) {
          for (let entry = list.first; entry !== undefined; entry = entry.next) linked.add(entry.wait);
        }
        expect(linked).toEqual(parked);
        expect(waiters.countOf('fetch')).toBe(parked.size);
      }
      expect(parked.size).toBe(0);
    }),
  );
});
