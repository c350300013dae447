import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignmentText, comparePartitions, keyOf, parseTopicArgument } from './partitions.ts';

test('--topic: a topic, or some of its partitions, each once', () => {
  expect(parseTopicArgument('orders')).toEqual({ topic: 'orders', partitions: undefined });
  expect(parseTopicArgument('orders:2,0,2')).toEqual({ topic: 'orders', partitions: [2, 0] });
});

test('--topic: what is neither is refused with the value and the form', () => {
  for (const wrong of ['', ':0', 'a:0:1']) expect(() => parseTopicArgument(wrong), wrong).toThrow('TOPIC:PARTITION');
  for (const wrong of ['a:', 'a:x', 'a:0,', 'a:-1', 'a:1.5', 'a:2147483648', 'a: 1']) {
    expect(() => parseTopicArgument(wrong), wrong).toThrow(/--topic: '.*' in 'a:.*' is not the number of a partition/);
  }
});

test('assignments: as Kafka writes them, topics and partitions in order', () => {
  const shown = assignmentText([
    { topic: 'b', partitions: [10, 9] },
    { topic: 'a', partitions: [1] },
    { topic: 'b', partitions: [0] },
    { topic: 'empty', partitions: [] },
  ]);
  expect(shown).toBe('a:1;b:0,9,10');
  expect(assignmentText([])).toBe('');
});

test('keys: two partitions have one key only if they are the same', () => {
  const topic = fc.string({ unit: fc.constantFrom('a', ':', '0', '-') });
  fc.assert(
    fc.property(topic, fc.nat(20), topic, fc.nat(20), (left, first, right, second) => {
      const same = comparePartitions({ topic: left, partition: first }, { topic: right, partition: second }) === 0;
      expect(keyOf(left, first) === keyOf(right, second)).toBe(same);
    }),
  );
});
