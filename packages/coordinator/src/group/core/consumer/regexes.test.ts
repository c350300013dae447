import { expect, test } from 'vitest';
import { answerRegexes, reconcileAll } from '../../../testing/bench-consumer.ts';
import type { BenchConsumer } from '../../../testing/bench-consumer.ts';
import { GroupBench } from '../../../testing/group-bench.ts';
import { LOOKS_PER_INPUT } from '../turn.ts';
import { REGEX_REFRESH_MIN_MS } from './regexes.ts';

function bench(): GroupBench {
  const made = new GroupBench();
  made.topics.set('orders', 2);
  made.topics.set('orders-eu', 1);
  made.topics.set('payments', 1);
  return made;
}

/** A group whose one member owns all topics of orders; one second passes for each round. */
function subscribed(made: GroupBench, rounds = 2): BenchConsumer {
  const consumer = made.consumer('g', { regex: 'orders.*' });
  consumer.join();
  reconcileAll(made, [consumer], rounds);
  asked(made);
  return consumer;
}

const asked = (made: GroupBench): (readonly string[])[] =>
  made.takeEvents('resolveRegex').map(({ regexes }) => regexes);
const changed = (made: GroupBench, topic: string): void =>
  void made.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: [topic] });
const makeTopic = (made: GroupBench, topic: string, partitionCount = 1): void => {
  made.topics.set(topic, partitionCount);
  changed(made, topic);
};
const deleteTopic = (made: GroupBench, topic: string): void => {
  made.topics.delete(topic);
  changed(made, topic);
};
/** The answer for one expression, from an image that ends there. */
const resolve = (made: GroupBench, regex: string, topics: readonly string[], metadataOffset: number): void =>
  void made.submit<'regexResolved'>({
    kind: 'regexResolved',
    groupId: 'g',
    metadataOffset,
    resolved: [{ regex, topics }],
  });

test('regexes: who subscribes with one waits for its topics, which are asked for in its name', () => {
  const made = bench();
  const consumer = made.consumer('g', { regex: 'orders.*' });
  expect(consumer.join().value).toMatchObject({ memberEpoch: 1, assignment: [] });
  expect(made.events.at(-1)).toEqual({
    kind: 'resolveRegex',
    groupId: 'g',
    regexes: ['orders.*'],
    asker: { principal: 'User:test', clientHost: '/127.0.0.1' },
  });
  answerRegexes(made);
  expect(made.stateOf()).toBe('Assigning');
  consumer.beat();
  expect([made.stateOf(), consumer.ownedNames()]).toEqual(['Stable', ['orders-0', 'orders-1', 'orders-eu-0']]);
});

test('regexes: one that is known already is not asked for again', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { regex: 'orders.*' }), made.consumer('g', { regex: 'orders.*' })];
  a.join();
  answerRegexes(made);
  a.beat();
  b.join();
  expect(asked(made)).toEqual([]);
  reconcileAll(made, [a, b], 4);
  expect([...a.ownedNames(), ...b.ownedNames()].sort()).toEqual(['orders-0', 'orders-1', 'orders-eu-0']);
});

test('regexes: names and a pattern together are both subscribed to', () => {
  const made = bench();
  const consumer = made.consumer('g', { regex: '.*-eu', topics: ['payments'] });
  consumer.join();
  reconcileAll(made, [consumer], 3);
  expect(consumer.ownedNames().sort()).toEqual(['orders-eu-0', 'payments-0']);
});

test('regexes: topics that come are found, at most every 10 seconds', () => {
  const made = bench();
  const consumer = subscribed(made);
  made.advance(10_000);
  makeTopic(made, 'orders-us');
  expect(asked(made)).toHaveLength(1);
  makeTopic(made, 'orders-asia');
  expect(asked(made)).toEqual([]);
  // The answer to the first question came before the second topic did.
  resolve(made, 'orders.*', ['orders', 'orders-eu', 'orders-us'], 2);
  made.advance(9_000);
  expect(asked(made)).toEqual([]);
  made.advance(1_000);
  answerRegexes(made);
  consumer.beat();
  expect(consumer.ownedNames()).toContain('orders-asia-0');
});

test('regexes: asked again after the refresh interval, since rights change too; the same answer writes and moves nothing', () => {
  const made = bench();
  const consumer = subscribed(made);
  made.written();
  const { groupEpoch } = made.describeConsumer();
  for (let passedMs = 0; passedMs < 600_000; passedMs += 30_000) {
    made.advance(30_000);
    consumer.beat();
  }
  expect(asked(made)).toEqual([['orders.*']]);
  resolve(made, 'orders.*', ['orders', 'orders-eu'], 3);
  expect([made.written(), made.describeConsumer().groupEpoch]).toEqual([[], groupEpoch]);
});

test('regexes: an answer that does not come is asked for again', () => {
  const made = bench();
  const consumer = made.consumer('g', { regex: 'orders.*' });
  consumer.join();
  expect(asked(made)).toHaveLength(1);
  made.advance(9_999);
  expect(asked(made)).toEqual([]);
  made.advance(1);
  expect(asked(made)).toHaveLength(1);
});

test('regexes: an answer for one that nobody subscribes with any more, or for a group that is gone, changes nothing', () => {
  const made = bench();
  const consumer = made.consumer('g', { regex: 'orders.*' });
  consumer.join();
  consumer.beat({ subscribedTopicRegex: '', subscribedTopicNames: ['payments'] });
  made.written();
  answerRegexes(made);
  const resolved = [{ regex: 'x', topics: ['orders'] }];
  made.submit<'regexResolved'>({ kind: 'regexResolved', groupId: 'no such group', metadataOffset: 1, resolved });
  expect([made.written(), consumer.ownedNames(), made.stateOf('no such group')]).toEqual([[], ['payments-0'], 'Dead']);
});

test('regexes: the last who subscribes with one takes its topics with it', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { regex: 'orders.*' }), made.consumer('g', { topics: ['payments'] })];
  a.join();
  b.join();
  reconcileAll(made, [a, b], 4);
  made.written();
  a.leave();
  expect(made.written()).toContainEqual({ kind: 'resolvedRegex', groupId: 'g', regex: 'orders.*', value: null });
  const deleted = made.submit<'deleteOffsets'>({
    kind: 'deleteOffsets',
    groupId: 'g',
    topics: ['orders', 'payments'].map((topic) => ({ topic, partitions: [0] })),
  }).value;
  expect(deleted.topics.map(({ partitions }) => partitions[0]?.code)).toEqual([0, 86]);
});

test('regexes: a coordinator that takes over asks with the first heartbeat, in the name of who sends it', () => {
  const made = bench();
  const consumer = subscribed(made);
  made.advance(10_000);
  const moved = made.reloaded();
  changed(moved, 'orders-us');
  moved.advance(20_000);
  expect(asked(moved)).toEqual([]);
  Object.assign(consumer, { bench: moved });
  consumer.beat();
  expect(moved.takeEvents('resolveRegex')).toMatchObject([
    { regexes: ['orders.*'], asker: { principal: 'User:test' } },
  ]);
});

test('regexes: a new one is asked for at once, and does not make the others forget that topics came', () => {
  const made = bench();
  const [a, b] = [made.consumer('g', { regex: 'orders.*' }), made.consumer('g', { regex: 'pay.*' })];
  a.join();
  reconcileAll(made, [a], 2);
  asked(made);
  makeTopic(made, 'orders-us');
  expect(asked(made)).toEqual([]);
  b.join();
  expect(made.takeEvents('resolveRegex')).toMatchObject([{ regexes: ['pay.*'] }]);
  resolve(made, 'pay.*', ['payments'], 2);
  made.advance(10_000);
  expect(asked(made)).toEqual([['orders.*', 'pay.*']]);
});

test('regexes: a clock that was set back holds no question up', () => {
  const made = bench();
  const consumer = subscribed(made);
  made.nowMs -= 3_600_000;
  const moved = made.reloaded();
  Object.assign(consumer, { bench: moved });
  consumer.beat();
  expect(asked(moved)).toEqual([['orders.*']]);
});

test('regexes: a topic that is deleted and made again is assigned with the heartbeats that see it go and come', () => {
  const made = bench();
  const consumer = subscribed(made, 15);
  deleteTopic(made, 'orders');
  consumer.beat();
  expect([asked(made), consumer.ownedNames()]).toEqual([[], ['orders-eu-0']]);
  consumer.beat();
  made.advance(1_000);
  makeTopic(made, 'orders', 2);
  consumer.beat();
  expect([made.stateOf(), consumer.ownedNames().sort()]).toEqual(['Stable', ['orders-0', 'orders-1', 'orders-eu-0']]);
});

test('regexes: an answer that was under way while a topic was made again does not lose it', () => {
  const made = bench();
  const consumer = subscribed(made, 15);
  deleteTopic(made, 'orders');
  makeTopic(made, 'orders-us');
  expect(asked(made)).toHaveLength(1);
  makeTopic(made, 'orders', 2);
  resolve(made, 'orders.*', ['orders-eu', 'orders-us'], 2);
  reconcileAll(made, [consumer], 15);
  expect(consumer.ownedNames().sort()).toEqual(['orders-0', 'orders-1', 'orders-eu-0', 'orders-us-0']);
});

test('regexes: of topics that change many groups hear in several inputs, each of them once', () => {
  const made = bench();
  for (let n = 0; n < 2_500; n += 1) made.consumer(`g${n}`, { regex: 'orders.*' }).join();
  answerRegexes(made);
  asked(made);
  made.advance(REGEX_REFRESH_MIN_MS);
  made.topics.set('orders-us', 1);
  const told = made.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['orders-us'] });
  const heard = [made.takeEvents('resolveRegex')];
  while (!told.answered && made.fireOne()) heard.push(made.takeEvents('resolveRegex'));
  expect(told.code).toBe(0);
  expect(heard.flat().map(({ groupId }) => groupId)).toEqual(Array.from({ length: 2_500 }, (_, n) => `g${n}`));
  for (const events of heard) expect(events.length).toBeLessThanOrEqual(LOOKS_PER_INPUT);
});
