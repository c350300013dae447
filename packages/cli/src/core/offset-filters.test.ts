import { describe, expect, test } from 'vitest';
import { parseOffsetTime, partitionFilter } from './offset-filters.ts';

const all = ['orders', 'orders-eu', 'audit'].flatMap((topic) =>
  [0, 1, 2, 3].map((partition) => ({ topic, partition })),
);
const shown = (given: Parameters<typeof partitionFilter>[0]): string[] =>
  all.filter(partitionFilter(given)).map(({ topic, partition }) => `${topic}:${partition}`);

describe('partitions of get-offsets', () => {
  test('a topic is a pattern of the whole name', () => {
    expect(shown({ topic: 'orders' })).toEqual(['orders:0', 'orders:1', 'orders:2', 'orders:3']);
    expect(shown({ topic: 'orders.*', partitions: '3' })).toEqual(['orders:3', 'orders-eu:3']);
    expect(shown({ topic: 'audit,orders', partitions: '0' })).toEqual(['orders:0', 'audit:0']);
    expect(shown({})).toHaveLength(all.length);
  });

  test('rules take one partition, ranges that end before their upper bound, or all', () => {
    expect(shown({ topicPartitions: 'audit:1,orders:0-2' })).toEqual(['orders:0', 'orders:1', 'audit:1']);
    expect(shown({ topicPartitions: 'audit:2-' })).toEqual(['audit:2', 'audit:3']);
    expect(shown({ topicPartitions: 'audit:-1' })).toEqual(['audit:0']);
    expect(shown({ topicPartitions: ':3' })).toEqual(['orders:3', 'orders-eu:3', 'audit:3']);
    expect(shown({ topicPartitions: 'audit' })).toHaveLength(4);
  });

  test('what cannot be meant is refused', () => {
    expect(() => partitionFilter({ topicPartitions: 'a:x' })).toThrow("'a:x'");
    expect(() => partitionFilter({ topicPartitions: 'a', topic: 'b' })).toThrow('does not go together');
    expect(() => partitionFilter({ partitions: '1,x' })).toThrow("'x' is not the number");
    expect(() => partitionFilter({ topic: '(' })).toThrow('not a regular expression');
  });
});

test('times are words, their numbers, or milliseconds', () => {
  expect(parseOffsetTime('latest')).toBe(-1);
  expect(parseOffsetTime('-3')).toBe(-3);
  expect(parseOffsetTime('1795302077396')).toBe(1_795_302_077_396);
  for (const text of ['-7', 'soon', '1.5', '']) expect(() => parseOffsetTime(text)).toThrow('--time');
});
