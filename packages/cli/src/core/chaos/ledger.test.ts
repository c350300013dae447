/** What a ledger finds when the log is held against it, and how long nothing was acknowledged. */
import { describe, expect, test } from 'vitest';
import { Ledger, length } from './ledger.ts';
import { numberOf, recordOf } from './records.ts';

/** Five records, of which the first four were acknowledged at offsets 10 to 13 as two batches. */
function promised(): Ledger {
  const ledger = new Ledger(0);
  for (let number = 0; number < 5; number += 1) ledger.issue(number * 10);
  ledger.acknowledge(0, 2, { baseOffset: 10, nowMs: 100 });
  ledger.acknowledge(2, 2, { baseOffset: 12, nowMs: 130 });
  return ledger;
}

function readAs(ledger: Ledger, numbers: readonly (number | undefined)[], from = 10) {
  for (const [index, number] of numbers.entries()) ledger.take(number, from + index);
  const { lost, duplicated, outOfOrder, misplaced, invented } = ledger.judge();
  return { lost, duplicated, outOfOrder, misplaced, invented };
}

const NOTHING = { lost: 0, duplicated: 0, outOfOrder: 0, misplaced: 0, invented: 0 };

describe('the log', () => {
  test('as it was promised: nothing is found, whether what has no answer is there or not', () => {
    expect(readAs(promised(), [0, 1, 2, 3])).toEqual(NOTHING);
    expect(readAs(promised(), [0, 1, 2, 3, 4])).toEqual(NOTHING);
  });

  test('without an acknowledged record: lost, and it says which and where it was', () => {
    const ledger = promised();
    expect(readAs(ledger, [0, 1, 2])).toEqual({ ...NOTHING, lost: 1 });
    expect(ledger.judge().examples).toEqual(['record 3 was acknowledged at offset 13 and is not there']);
  });

  test('with a record twice: duplicated, also one that was never acknowledged', () => {
    expect(readAs(promised(), [0, 1, 2, 3, 3])).toEqual({ ...NOTHING, duplicated: 1 });
    expect(readAs(promised(), [0, 1, 2, 3, 4, 4])).toEqual({ ...NOTHING, duplicated: 1 });
  });

  test('with two records changed about: out of order, and not where they were acknowledged', () => {
    expect(readAs(promised(), [0, 2, 1, 3])).toEqual({ ...NOTHING, outOfOrder: 1, misplaced: 2 });
  });

  test('with all records one further: misplaced', () => {
    expect(readAs(promised(), [0, 1, 2, 3], 11)).toEqual({ ...NOTHING, misplaced: 4 });
  });

  test('with a record that nobody wrote: invented', () => {
    expect(readAs(promised(), [0, 1, 2, 3, undefined, 99])).toEqual({ ...NOTHING, invented: 2 });
  });

  test('with what was given up, anywhere: nothing was promised of its order, but once is enough', () => {
    const ledger = promised();
    ledger.giveUp(4, 1);
    ledger.issue(200);
    ledger.acknowledge(5, 1, { baseOffset: 14, nowMs: 210 });
    expect(readAs(ledger, [0, 1, 2, 3, 5, 4])).toEqual(NOTHING);
    expect(ledger.open).toBe(0);
  });

  test('acknowledged after it was given up: a promise all the same', () => {
    const ledger = promised();
    ledger.giveUp(4, 1);
    ledger.acknowledge(4, 1, { baseOffset: 14, nowMs: 300 });
    expect([ledger.givenUp, ledger.acknowledged]).toEqual([0, 5]);
    expect(readAs(ledger, [0, 1, 2, 3])).toEqual({ ...NOTHING, lost: 1 });
  });
});

describe('pauses', () => {
  test('count from the first write, between acknowledgements, the longest first', () => {
    expect(promised().longestPauses).toEqual([
      { fromMs: 0, toMs: 100 },
      { fromMs: 100, toMs: 130 },
    ]);
  });

  test('an acknowledgement told again ends none', () => {
    const ledger = promised();
    ledger.acknowledge(0, 2, { baseOffset: 10, nowMs: 500 });
    expect(ledger.acknowledgedSince(130)).toBe(false);
    expect(ledger.acknowledged).toBe(4);
  });

  test('one that goes on when the run ends counts while something is open', () => {
    const ledger = promised();
    ledger.close(1_130);
    expect(ledger.longestPauses[0]).toEqual({ fromMs: 130, toMs: 1_130 });
    ledger.acknowledge(4, 1, { baseOffset: 14, nowMs: 1_131 });
    const before = ledger.longestPauses;
    ledger.close(9_999);
    expect(ledger.longestPauses).toEqual(before);
  });

  test('of a round: those that ended in it, also when they began before, or go on', () => {
    const ledger = promised();
    ledger.beginRound(1_000);
    expect(length(ledger.longestOfRound(1_200))).toBe(1_070);
    ledger.acknowledge(4, 1, { baseOffset: 14, nowMs: 1_300 });
    expect(ledger.longestOfRound(1_400)).toEqual({ fromMs: 130, toMs: 1_300 });
    ledger.beginRound(1_500);
    expect(ledger.longestOfRound(1_501)).toEqual({ fromMs: 1_300, toMs: 1_501 });
  });

  test('acknowledgements are counted by tenths of a second', () => {
    expect(promised().acknowledgements()).toEqual([0, 4]);
  });
});

test('records say whose they are: another run, another partition and anything else is nobody’s', () => {
  const record = recordOf('0a1b2c3d', 4, 123_456, 100);
  expect(record).toHaveLength(100);
  expect(numberOf('0a1b2c3d', 4, record)).toBe(123_456);
  expect(numberOf('ffffffff', 4, record)).toBeUndefined();
  expect(numberOf('0a1b2c3d', 5, record)).toBeUndefined();
  for (const other of [null, Buffer.alloc(0), Buffer.from('odradek-chaos 0a1b2c3d 4 x ')]) {
    expect(numberOf('0a1b2c3d', 4, other)).toBeUndefined();
  }
});
