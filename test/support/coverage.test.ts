import { expect, test } from 'vitest';
import { exact, judge, type Span } from './coverage.ts';

const span = (member: string, from: number, to: number, startMs: number): Span => ({
  member,
  topic: 't',
  partition: 0,
  from,
  to,
  startMs,
  endMs: startMs + 5,
  outcome: 'ok',
});
const ends = new Map([['t-0', 10]]);
const verdict = (...spans: Span[]) => judge(spans, ends, ends);

test('coverage: spans that follow each other are right, and what a refused commit made be done again is counted', () => {
  const refused = { ...span('a', 4, 6, 10), outcome: 'ILLEGAL_GENERATION' };
  expect(verdict(span('a', 0, 4, 0), refused, span('b', 4, 10, 20))).toEqual({ ...exact, records: 10, again: 2 });
});

test('coverage: what is lost, done twice, or never written is told', () => {
  expect(verdict(span('a', 0, 4, 0), span('b', 5, 10, 10))).toMatchObject({
    lost: ['t-0: nobody has done 4 to 5'],
    lostRecords: 1,
  });
  expect(verdict(span('a', 0, 5, 0), span('b', 4, 10, 10))).toMatchObject({ twice: ['t-0: b has done 4 to 5 again'] });
  expect(verdict(span('a', 0, 9, 0))).toMatchObject({ lost: ['t-0: nobody has done 9 to 10'] });
  expect(verdict(span('a', 0, 11, 0))).toMatchObject({ twice: ['t-0: done up to 11, 10 were written'] });
  expect(verdict()).toMatchObject({ lost: ['t-0: nobody has done 0 to 10'] });
});

test('coverage: two members at one partition at once are told, one member with two spans is not', () => {
  expect(verdict(span('a', 0, 4, 0), span('b', 4, 10, 4)).together).toEqual(['t-0: b began at 4 while a was at 0']);
  expect(verdict(span('a', 0, 4, 0), span('a', 4, 10, 4))).toMatchObject(exact);
  expect(verdict(span('a', 0, 4, 0), span('b', 4, 10, 5))).toMatchObject(exact);
});

test('coverage: an offset that is not committed up to the end is told', () => {
  expect(judge([span('a', 0, 10, 0)], ends, new Map([['t-0', 9]])).behind).toEqual(['t-0: 9 is committed of 10']);
  expect(judge([span('a', 0, 10, 0)], ends, new Map()).behind).toEqual(['t-0: nothing is committed of 10']);
});
