import { buildBatch } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import { indexFault, offsetIndexReport, timeIndexReport, txnIndexLines, type IndexFile } from './indexes.ts';
import { producerLines } from './snapshots.ts';

const BASE = 1_000;
const T0 = 1_700_000_000_000;
const PATH = 'p/00000000000000001000.index';

/** Three batches of two records, a second apart. */
const batches = [0, 1, 2].map((at) =>
  buildBatch({ baseOffset: BASE + at * 2 }, [
    { timestampMs: T0 + at * 1_000, value: Buffer.from('a') },
    { timestampMs: T0 + at * 1_000, value: Buffer.from('b') },
  ]),
);
const log = Buffer.concat(batches);
const positions = batches.map((_, at) => Buffer.concat(batches.slice(0, at)).length);
const batchAt = (position: number): Buffer | undefined => batches[positions.indexOf(position)];

const offsets = (...rows: readonly (readonly [relative: number, position: number])[]): IndexFile => {
  const bytes = Buffer.alloc(rows.length * 8);
  rows.forEach(([relative, position], at) => bytes.writeInt32BE(position, bytes.writeInt32BE(relative, at * 8)));
  return { path: PATH, baseOffset: BASE, bytes };
};
const times = (...rows: readonly (readonly [timestamp: number, relative: number])[]): IndexFile => {
  const bytes = Buffer.alloc(rows.length * 12);
  rows.forEach(([timestamp, relative], at) =>
    bytes.writeInt32BE(relative, bytes.writeBigInt64BE(BigInt(timestamp), at * 12)),
  );
  return { path: 'times', baseOffset: BASE, bytes };
};
const good = offsets([3, positions[1] ?? 0], [5, positions[2] ?? 0]);

describe('an offset index', () => {
  test('rows are printed, up to a tail of zeros', () => {
    const padded = { ...good, bytes: Buffer.concat([good.bytes, Buffer.alloc(80)]) };
    expect(offsetIndexReport(padded, batchAt, false)).toEqual({
      lines: [`offset: 1003 position: ${positions[1]}`, `offset: 1005 position: ${positions[2]}`],
      problems: [],
    });
    expect(offsetIndexReport(good, batchAt, true).lines).toEqual([]);
    expect(offsetIndexReport(offsets(), batchAt, false).lines).toEqual([`${PATH} is empty.`]);
  });

  test('a row that points to another batch, or behind the log, is told', () => {
    const bad = offsets([3, positions[2] ?? 0], [5, log.length]);
    expect(offsetIndexReport(bad, batchAt, true).problems).toEqual([
      `Mismatches in :${PATH}`,
      '  Index offset: 1003, log offset: 1005',
      '  Index offset: 1005, log offset: -1',
    ]);
  });
});

describe('a time index', () => {
  const report = (file: IndexFile) => timeIndexReport(file, { offsets: good, batchAt, verifyOnly: false });

  test('rows are printed when they are those of the log', () => {
    expect(report(times([T0, 1], [T0 + 2_000, 5]))).toEqual({
      lines: [`timestamp: ${T0} offset: 1001`, `timestamp: ${T0 + 2_000} offset: 1005`],
      problems: [],
    });
  });

  test('wrong times, falling times and offsets that are not there are told', () => {
    const { problems } = report(times([T0 + 9, 1], [T0 + 9, 3], [T0 + 10, 4]));
    expect(problems).toEqual([
      'Found timestamp mismatch in :times',
      `  Index timestamp: ${T0 + 9}, log timestamp: ${T0}`,
      `  Index timestamp: ${T0 + 9}, log timestamp: ${T0 + 1_000}`,
      'Found out of order timestamp in :times',
      `  Index timestamp: ${T0 + 9}, Previously indexed timestamp: ${T0 + 9}`,
      'The following indexed offsets are not found in the log.',
      'Indexed offset: 1004, found log offset: 1005',
    ]);
  });
});

test('an index that a start would build anew has a fault', () => {
  expect(indexFault(good, 'offsets')).toBeUndefined();
  expect(indexFault({ ...good, bytes: good.bytes.subarray(1) }, 'offsets')).toContain('no multiple of 8');
  expect(indexFault(offsets([3, 1], [-5, 2]), 'offsets')).toContain('before the 1000');
  expect(indexFault(times([T0, 1], [T0 - 1, 3]), 'times')).toContain('before the');
  expect(indexFault(times([T0, 1], [T0 + 1, 3]), 'times')).toBeUndefined();
});

test('aborted transactions and producers, a line each; a snapshot that is torn is refused', () => {
  const row = Buffer.alloc(34);
  [7n, 100n, 120n, 90n].forEach((value, at) => row.writeBigInt64BE(value, 2 + at * 8));
  expect(txnIndexLines(row)).toEqual([
    'version: 0 producerId: 7 firstOffset: 100 lastOffset: 120 lastStableOffset: 90',
  ]);
  expect(producerLines(Buffer.alloc(10))).toMatchObject({
    ok: false,
    why: 'Snapshot contained an unknown file version 0',
  });
});
