import { Prng } from '@odradek/base';
import { encodeRecord, record } from '@odradek/metadata';
import { describe, expect, test } from 'vitest';
import { Cursor } from './cursor.ts';
import type { Heard } from './cursor.ts';

const bytes = (nth: number): Buffer =>
  encodeRecord(record('TopicRecord', { name: `t${nth}`, topicId: Buffer.alloc(16, 1).toString('base64url') }));
const records = (from: number, to: number): Buffer[] => Array.from({ length: to - from }, (_, at) => bytes(from + at));
const part = (position: number, count: number, isLast: boolean, endOffset = 10) => ({
  endOffset,
  epoch: 1,
  position,
  records: records(position, position + count),
  isLast,
});
const batch = (from: number, endOffset: number, epoch = 1) => ({ endOffset, epoch, records: records(from, endOffset) });

function names(heard: Heard): string[] | string {
  if (heard.kind !== 'snapshot' && heard.kind !== 'batch') return heard.kind;
  return heard.records.records.map((each) => (each.type === 'TopicRecord' ? each.value.name : each.type));
}

describe('what a broker is told', () => {
  test('is a snapshot once all of its parts are there, and then what follows it', () => {
    const cursor = new Cursor();
    expect(cursor.part(part(0, 2, false))).toEqual({ kind: 'nothing' });
    expect([cursor.endOffset, cursor.epoch]).toEqual([0, 0]);
    expect(names(cursor.part(part(2, 1, true)))).toEqual(['t0', 't1', 't2']);
    expect([cursor.endOffset, cursor.epoch]).toEqual([10, 1]);
    expect(names(cursor.batch(batch(10, 12)))).toEqual(['t10', 't11']);
    expect(cursor.endOffset).toBe(12);
  });

  test('may be an empty state', () => {
    expect(names(new Cursor().part(part(0, 0, true, 0)))).toEqual([]);
  });

  test('counts once: what it was told before is nothing', () => {
    const cursor = new Cursor();
    cursor.part(part(0, 1, true));
    expect(cursor.batch(batch(8, 10)).kind).toBe('nothing');
    cursor.batch(batch(10, 11));
    expect(cursor.batch(batch(10, 11)).kind).toBe('nothing');
    expect(cursor.endOffset).toBe(11);
  });

  test.each([
    ['a gap', batch(11, 12), /^a batch from 11 of epoch 1 follows what ends at 10 of epoch 1$/],
    ['half of what it knows', batch(9, 12), /^a batch from 9/],
    ['an epoch that has passed', batch(10, 12, 0), /of epoch 0 follows/],
  ])('in disorder is refused: %s', (_, told, why) => {
    const cursor = new Cursor();
    cursor.part(part(0, 1, true));
    const heard = cursor.batch(told);
    expect(heard).toMatchObject({ kind: 'disorder' });
    expect('why' in heard && heard.why).toMatch(why);
    expect(cursor.endOffset).toBe(10);
    expect(names(cursor.batch(batch(10, 11)))).toEqual(['t10']);
  });

  test.each([
    ['that begins in the middle', [part(2, 1, true)]],
    ['with a part missing', [part(0, 1, false), part(2, 1, true)]],
    ['whose end moves', [part(0, 1, false), part(1, 1, true, 11)]],
  ])('of a snapshot in disorder is refused: one %s', (_, parts) => {
    const cursor = new Cursor();
    expect(parts.map((each) => cursor.part(each).kind).at(-1)).toBe('disorder');
    expect(cursor.endOffset).toBe(0);
  });

  test('between the parts of a snapshot is refused', () => {
    const cursor = new Cursor();
    cursor.part(part(0, 1, false));
    expect(cursor.batch(batch(10, 11)).kind).toBe('disorder');
  });

  test('in another session begins a snapshot anew', () => {
    const cursor = new Cursor();
    cursor.part(part(0, 1, false));
    cursor.restart();
    expect(cursor.part(part(1, 1, true)).kind).toBe('disorder');
    expect(names(cursor.part(part(0, 2, true)))).toEqual(['t0', 't1']);
  });

  test('without records goes on over offsets that hold none, and never back', () => {
    const cursor = new Cursor();
    cursor.part(part(0, 1, true));
    expect(names(cursor.batch({ endOffset: 14, epoch: 2, records: [] }))).toEqual([]);
    expect(cursor.endOffset).toBe(14);
    expect(cursor.batch({ endOffset: 12, epoch: 2, records: [] }).kind).toBe('nothing');
    expect(names(cursor.batch(batch(14, 15, 2)))).toEqual(['t14']);
  });

  test('and does not understand is told, whatever garbage it is', () => {
    const random = new Prng(5);
    for (let run = 0; run < 300; run += 1) {
      const garbage = Buffer.from(random.bytes(random.below(20)));
      const heard = new Cursor().part({ endOffset: 1, epoch: 1, position: 0, records: [garbage], isLast: true });
      if (heard.kind === 'unknown') expect(heard.why).toMatch(/upgrade this broker/);
      else expect(heard.kind).toBe('snapshot');
    }
  });
});
