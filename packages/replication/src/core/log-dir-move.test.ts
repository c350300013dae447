import { assert } from '@odradek/base';
import type { EpochEnd } from '@odradek/log';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { beginMove, nextStep, sharedEndOf } from './log-dir-move.ts';
import type { MoveState, Standing } from './log-dir-move.ts';

type Record = { readonly id: number; readonly epoch: number };

/** A log as a list of records that are told apart, with epochs as a log of files knows them. */
class ModelLog implements Standing {
  records: Record[] = [];
  logStartOffset = 0;
  /** Offset of the first record that is listed. */
  base = 0;

  get logEndOffset(): number {
    return this.base + this.records.length;
  }

  get latestEpoch(): number | undefined {
    return this.#epochs().at(-1)?.epoch;
  }

  /** As KIP-320 has it: the largest epoch at or below, and where the next one begins. */
  endOffsetForEpoch(epoch: number): EpochEnd | undefined {
    const starts = this.#epochs();
    if (epoch < 0 || starts.length === 0) return undefined;
    if (epoch === this.latestEpoch) return { leaderEpoch: epoch, endOffset: this.logEndOffset };
    const above = starts.findIndex((start) => start.epoch > epoch);
    const next = starts[above];
    if (next === undefined) return undefined;
    return { leaderEpoch: starts[above - 1]?.epoch ?? epoch, endOffset: next.startOffset };
  }

  at(offset: number): Record | undefined {
    return this.records[offset - this.base];
  }

  append(...records: Record[]): void {
    this.records.push(...records);
  }

  truncateTo(offset: number): void {
    this.records.length = Math.max(0, Math.min(this.records.length, offset - this.base));
    this.logStartOffset = Math.min(this.logStartOffset, this.logEndOffset);
  }

  beginAt(offset: number): void {
    this.records = [];
    this.base = offset;
    this.logStartOffset = offset;
  }

  advance(offset: number): void {
    this.logStartOffset = Math.max(this.logStartOffset, Math.min(offset, this.logEndOffset));
  }

  #epochs(): { epoch: number; startOffset: number }[] {
    const starts: { epoch: number; startOffset: number }[] = [];
    for (let offset = this.logStartOffset; offset < this.logEndOffset; offset += 1) {
      const epoch = this.at(offset)?.epoch ?? -1;
      if (epoch !== starts.at(-1)?.epoch) starts.push({ epoch, startOffset: offset });
    }
    return starts;
  }
}

/** Carries out one step; what a step may not do is asserted. */
function take(state: MoveState, log: ModelLog, copy: ModelLog, most: number): string {
  const step = nextStep(state, log, copy);
  switch (step.kind) {
    case 'begin':
      copy.beginAt(step.offset);
      break;
    case 'cut':
      assert(step.offset < copy.logEndOffset, 'a cut cuts', { step });
      copy.truncateTo(step.offset);
      break;
    case 'advance':
      copy.advance(step.offset);
      break;
    case 'copy':
      for (let offset = step.fromOffset; offset < Math.min(log.logEndOffset, step.fromOffset + most); offset += 1) {
        const record = log.at(offset);
        assert(record !== undefined && offset === copy.logEndOffset, 'what is copied is there, and follows', {
          offset,
        });
        copy.append(record);
      }
      break;
    case 'tell':
      state.isTold = true;
      break;
    case 'prepare':
      state.isPrepared = true;
      break;
    case 'swap':
      break;
  }
  return step.kind;
}

const change = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('elect' as const), cut: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant('delete' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('restart' as const), count: fc.integer({ min: 1, max: 30 }) }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** What happens to a log while it is led and followed: no epoch ever has two histories. */
class History {
  readonly log = new ModelLog();
  #epoch = 0;
  #id = 0;

  take(what: Change): void {
    const { log } = this;
    switch (what.kind) {
      case 'append':
        for (let count = 0; count < what.count; count += 1) log.append({ id: (this.#id += 1), epoch: this.#epoch });
        break;
      case 'elect':
        this.#epoch += 1;
        log.truncateTo(Math.max(log.logStartOffset, log.logEndOffset - what.cut));
        break;
      case 'delete':
        log.advance(log.logStartOffset + what.count);
        break;
      case 'restart':
        this.#epoch += 1;
        log.beginAt(log.logEndOffset + what.count);
        break;
    }
  }
}

function sameFrom(log: ModelLog, copy: ModelLog, from: number): boolean {
  for (let offset = from; offset < copy.logEndOffset; offset += 1)
    if (log.at(offset)?.id !== copy.at(offset)?.id) return false;
  return true;
}

test('a move: however the log changed while nobody compared, the copy ends with the same records, and never takes over before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ before: fc.array(change, { maxLength: 8 }), steps: fc.nat(6) }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 5 }),
      (rounds, most) => {
        const history = new History();
        const copy = new ModelLog();
        const { log } = history;
        for (const { before, steps } of rounds) {
          // A restart: the copy was away, and nobody knows what has become of the log.
          const state = beginMove();
          for (const what of before) history.take(what);
          for (let step = 0; step < steps; step += 1) {
            if (take(state, log, copy, most) !== 'swap') continue;
            expect([copy.logStartOffset, copy.logEndOffset]).toEqual([log.logStartOffset, log.logEndOffset]);
            expect(sameFrom(log, copy, log.logStartOffset)).toBe(true);
          }
        }
        const state = beginMove();
        const done = Array.from({ length: 200 }, () => take(state, log, copy, most)).includes('swap');
        expect(done, 'it comes to its end').toBe(true);
        expect([copy.logStartOffset, copy.logEndOffset]).toEqual([log.logStartOffset, log.logEndOffset]);
        expect(sameFrom(log, copy, log.logStartOffset)).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a move: what both hold is found by epochs, and is never more than what is the same', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.array(change, { maxLength: 12 }), (before, after) => {
      const history = new History();
      for (const what of before) history.take(what);
      const copy = new ModelLog();
      Object.assign(copy, { records: [...history.log.records] });
      copy.base = history.log.base;
      copy.logStartOffset = history.log.logStartOffset;
      for (const what of after) history.take(what);
      const { log } = history;
      const end = sharedEndOf(log, copy);
      expect(end).toBeLessThanOrEqual(Math.min(log.logEndOffset, copy.logEndOffset));
      for (let offset = Math.max(log.logStartOffset, copy.logStartOffset); offset < end; offset += 1)
        expect(copy.at(offset)).toBe(log.at(offset));
    }),
    { numRuns: 2_000 },
  );
});

test('a move: the order of its steps; the controller is told once it has caught up, and it swaps only what is prepared', () => {
  const log = new ModelLog();
  log.append({ id: 1, epoch: 0 }, { id: 2, epoch: 0 });
  const [state, copy] = [beginMove(), new ModelLog()];
  const steps = Array.from({ length: 4 }, () => take(state, log, copy, 10));
  expect(steps).toEqual(['copy', 'tell', 'prepare', 'swap']);
  log.append({ id: 3, epoch: 0 });
  expect(take(state, log, copy, 10)).toBe('copy');
  state.isPrepared = false;
  expect(take(state, log, copy, 10)).toBe('prepare');
});
