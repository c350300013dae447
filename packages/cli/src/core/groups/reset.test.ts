import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exitCode } from '../refusal.ts';
import { keyOf } from './partitions.ts';
import { needsOf, planReset, resetSpecOf, type ResetFacts, type ResetSpec } from './reset.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const at = { topic: 't', partition: 0 };
const key = keyOf('t', 0);

function facts(known: {
  start?: number;
  end?: number;
  committed?: number;
  atTime?: number;
  file?: number;
}): ResetFacts {
  const one = (value: number | undefined): Map<string, number> => new Map(value === undefined ? [] : [[key, value]]);
  return {
    start: one(known.start),
    end: one(known.end),
    committed: one(known.committed),
    atTime: one(known.atTime),
    file: one(known.file),
  };
}

const planned = (spec: ResetSpec, known: Parameters<typeof facts>[0]) => planReset(spec, [at], facts(known))[0];

test('flags: each way is one specification', () => {
  const cases: [Parameters<typeof resetSpecOf>[0], ResetSpec][] = [
    [{ toEarliest: true }, { kind: 'earliest' }],
    [{ toLatest: true }, { kind: 'latest' }],
    [{ toCurrent: true }, { kind: 'current' }],
    [{ toOffset: '7' }, { kind: 'offset', offset: 7 }],
    [{ toOffset: '-1' }, { kind: 'offset', offset: -1 }],
    [{ shiftBy: '-3' }, { kind: 'shift', by: -3 }],
    [{ toDatetime: '2026-11-21T12:00:00.000' }, { kind: 'time', timestampMs: NOW_MS }],
    [{ byDuration: 'PT1S' }, { kind: 'time', timestampMs: NOW_MS - 1_000 }],
    [{ byDuration: '-PT1S' }, { kind: 'time', timestampMs: NOW_MS + 1_000 }],
    [{ fromFile: 'f.csv' }, { kind: 'file', path: 'f.csv' }],
  ];
  for (const [flags, spec] of cases) expect(resetSpecOf(flags, NOW_MS)).toEqual(spec);
});

test('flags: a time before the epoch is the epoch, because a broker takes -1 for the end', () => {
  const epoch = { kind: 'time', timestampMs: 0 };
  expect(resetSpecOf({ toDatetime: '1969-12-31T23:59:59.999' }, NOW_MS)).toEqual(epoch);
  expect(resetSpecOf({ byDuration: 'P99999D' }, NOW_MS)).toEqual(epoch);
});

test('flags: none and two are wrong usage, and the ways are named', () => {
  const usage = expect.objectContaining({ exitCode: exitCode.usage });
  expect(() => resetSpecOf({}, NOW_MS)).toThrow(usage);
  expect(() => resetSpecOf({}, NOW_MS)).toThrow('one of --to-earliest, --to-latest, --to-current, --to-offset');
  expect(() => resetSpecOf({ toEarliest: true, shiftBy: '1' }, NOW_MS)).toThrow('--to-earliest and --shift-by exclude');
  for (const flags of [{ toOffset: 'x' }, { shiftBy: '1.5' }, { byDuration: '1h' }, { toDatetime: 'now' }]) {
    expect(() => resetSpecOf(flags, NOW_MS)).toThrow(usage);
  }
});

test('plan: earliest, latest and current are what the log and the group say', () => {
  expect(planned({ kind: 'earliest' }, { start: 5 })?.newOffset).toBe(5);
  expect(planned({ kind: 'latest' }, { end: 9 })?.newOffset).toBe(9);
  expect(planned({ kind: 'current' }, { end: 9, committed: 3 })).toMatchObject({ newOffset: 3, committedOffset: 3 });
  expect(planned({ kind: 'current' }, { end: 9 })).toMatchObject({ newOffset: 9, committedOffset: undefined });
});

test('plan: a time is the first record since then, or the end with a warning', () => {
  const spec: ResetSpec = { kind: 'time', timestampMs: NOW_MS };
  expect(planned(spec, { end: 9, atTime: 4 })).toMatchObject({ newOffset: 4, warning: undefined });
  expect(planned(spec, { end: 9 })).toMatchObject({
    newOffset: 9,
    warning: 't-0 has no record since then: its end, 9, is used',
  });
});

test('plan: what lies outside the log becomes its nearest end, and the warning says from what', () => {
  const log = { start: 10, end: 20, committed: 12 };
  expect(planned({ kind: 'offset', offset: 9 }, log)).toMatchObject({
    newOffset: 10,
    warning: 'offset 9 is below the start of t-0: its start, 10, is used',
  });
  expect(planned({ kind: 'shift', by: 9 }, log)).toMatchObject({
    newOffset: 20,
    warning: 'offset 21 is above the end of t-0: its end, 20, is used',
  });
});

test('plan: no offset is ever outside the log, and inside it is exactly what was asked for', () => {
  const log = fc.tuple(fc.nat(), fc.nat()).map(([start, count]) => ({ start, end: start + count }));
  fc.assert(
    fc.property(
      log,
      fc.maxSafeInteger(),
      fc.nat(),
      fc.constantFrom('offset', 'shift', 'file'),
      (ends, asked, committed, kind) => {
        const specs: Record<string, ResetSpec> = {
          offset: { kind: 'offset', offset: asked },
          shift: { kind: 'shift', by: asked - committed },
          file: { kind: 'file', path: 'f.csv' },
        };
        const spec = specs[kind];
        if (spec === undefined) return;
        const { newOffset, warning } = planned(spec, { ...ends, committed, file: asked }) ?? {};
        const wanted = kind === 'shift' ? committed + (asked - committed) : asked;
        expect(newOffset).toBe(Math.min(Math.max(wanted, ends.start), ends.end));
        expect(warning === undefined).toBe(newOffset === wanted);
      },
    ),
  );
});

test('plan: nothing to shift from is refused for all such partitions at once', () => {
  const partitions = [at, { topic: 't', partition: 1 }, { topic: 'u', partition: 0 }];
  const plan = () => planReset({ kind: 'shift', by: 1 }, partitions, facts({ start: 0, end: 9, committed: 3 }));
  expect(plan).toThrow('--shift-by: nothing is committed to shift from for t-1, u-0');
});

test('needs: what a plan does not look at is not asked for', () => {
  expect(needsOf({ kind: 'earliest' })).toEqual({ start: true, end: false, timestampMs: undefined });
  expect(needsOf({ kind: 'current' })).toEqual({ start: false, end: true, timestampMs: undefined });
  expect(needsOf({ kind: 'time', timestampMs: 7 })).toEqual({ start: false, end: true, timestampMs: 7 });
  for (const spec of [
    { kind: 'offset', offset: 1 },
    { kind: 'shift', by: 1 },
    { kind: 'file', path: 'f' },
  ] as const) {
    expect(needsOf(spec)).toEqual({ start: true, end: true, timestampMs: undefined });
  }
});
