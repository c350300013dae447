/** What would not fit into a record of the topic of groups is refused before it is written: an append that is refused costs the whole shard. */
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { answerRegexes, reconcileAll } from '../../../testing/bench-consumer.ts';
import { GroupBench } from '../../../testing/group-bench.ts';

const RECORD_BYTES_MAX = 2_000;

function bench(topics: number): GroupBench {
  const made = new GroupBench({ recordBytesMax: RECORD_BYTES_MAX });
  for (let topic = 0; topic < topics; topic += 1) made.topics.set(name(topic), 1);
  return made;
}

const name = (topic: number): string => `a-topic-with-a-name-of-some-length-${topic}`;
const names = (topics: number): string[] => Array.from({ length: topics }, (_, topic) => name(topic));

const outsized = ({ committed }: GroupBench): number =>
  committed.filter(({ key, value }) => key.length + (value?.length ?? 0) > RECORD_BYTES_MAX).length;

test('record size: a member of a classic group that outgrows a record as one of a consumer group keeps the group classic', () => {
  const made = bench(15);
  // As one of a classic group it counts by the protocol that was chosen, here by all three and by name.
  const protocols = ['range', 'roundrobin', 'sticky'];
  const classic = made.classic('g', { name: 'a', topics: names(15), protocols });
  for (let round = 0; round < 6; round += 1) {
    classic.live();
    made.advance(1_000);
  }
  expect(made.stateOf()).toBe('Stable');
  const joiner = made.consumer('g', { topics: [name(0)] });
  expect(joiner.join().code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  expect([made.stateOf(), outsized(made)]).toEqual(['Stable', 0]);
});

test('record size: a pattern that comes to match more topics than a record holds keeps standing for those before', () => {
  const made = bench(10);
  const consumer = made.consumer('g', { regex: 'a-.*' });
  consumer.join();
  answerRegexes(made);
  consumer.beat();
  expect(consumer.ownedNames()).toHaveLength(10);
  for (let topic = 10; topic < 100; topic += 1) made.topics.set(name(topic), 1);
  made.advance(20_000);
  made.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: [name(99)] });
  answerRegexes(made);
  consumer.beat();
  expect([consumer.ownedNames().length, outsized(made)]).toEqual([10, 0]);
  expect(made.takeEvents('regexTooBroad')).toEqual([
    { kind: 'regexTooBroad', groupId: 'g', regex: 'a-.*', topics: 100 },
  ]);
});

test('record size: a pattern that matches too many topics from the beginning stands for none, and is not asked for at every beat', () => {
  const made = bench(100);
  const consumer = made.consumer('g', { regex: 'a-.*' });
  consumer.join();
  answerRegexes(made);
  for (let beat = 0; beat < 3; beat += 1) {
    consumer.beat();
    made.advance(1_000);
  }
  expect(made.takeEvents('resolveRegex')).toEqual([]);
  expect([made.stateOf(), consumer.ownedNames(), outsized(made)]).toEqual(['Stable', [], 0]);
});

test('record size: a member is given as many partitions as a record holds, and others that join take the rest', () => {
  const made = new GroupBench({ recordBytesMax: RECORD_BYTES_MAX });
  made.topics.set('orders', 300);
  made.topics.set('payments', 100);
  const topics = ['orders', 'payments'];
  const consumers = [made.consumer('g', { topics })];
  consumers[0]?.join();
  made.advance(2_000);
  consumers[0]?.beat();
  const first = consumers[0]?.ownedNames().length ?? 0;
  expect(first).toBeGreaterThan(200);
  expect(first).toBeLessThan(RECORD_BYTES_MAX / 8);
  expect([made.stateOf(), outsized(made)]).toEqual(['Stable', 0]);
  expect(made.takeEvents('assignmentTooLarge')).toEqual([
    { kind: 'assignmentTooLarge', groupId: 'g', members: 1, leftOut: 400 - first },
  ]);
  consumers.push(made.consumer('g', { topics }));
  reconcileAll(made, consumers, 12);
  expect(consumers.flatMap((consumer) => consumer.ownedNames()).sort()).toHaveLength(400);
  expect(made.takeEvents('assignmentTooLarge')).toEqual([]);
  // What one gives back and what it keeps are in one record too.
  consumers.pop()?.leave();
  reconcileAll(made, consumers, 12);
  made.topics.delete('payments');
  made.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['payments'] });
  made.topics.set('refunds', 100);
  consumers[0]?.subscribe(['refunds', 'orders']);
  reconcileAll(made, consumers, 12);
  expect([made.stateOf(), outsized(made)]).toEqual(['Stable', 0]);
});
