import { expect, test } from 'vitest';
import { reconcileAll } from '../../../testing/bench-consumer.ts';
import { GroupBench, benchConfig } from '../../../testing/group-bench.ts';

function bench(assignmentIntervalMs: number): GroupBench {
  const settings = { sessionTimeoutMs: 45_000, heartbeatIntervalMs: 5_000, assignmentIntervalMs };
  const made = new GroupBench({ consumer: { ...benchConfig.consumer, ofGroup: () => settings } });
  made.topics.set('orders', 6);
  return made;
}

const epochs = (made: GroupBench): [number, number] => {
  const { groupEpoch, assignmentEpoch } = made.describeConsumer();
  return [groupEpoch, assignmentEpoch];
};

test('target: between two lies the assignment interval; then one comes without anybody asking', () => {
  const made = bench(1_000);
  const consumers = [made.consumer(), made.consumer(), made.consumer()];
  for (const consumer of consumers) consumer.join();
  expect([epochs(made), made.stateOf()]).toEqual([[4, 2], 'Assigning']);
  made.advance(999);
  expect(epochs(made)).toEqual([4, 2]);
  made.advance(1);
  expect([epochs(made), made.stateOf()]).toEqual([[4, 4], 'Reconciling']);
  expect(made.takeEvents('targetAssigned')).toHaveLength(2);
});

test('target: without an interval every join has one', () => {
  const made = bench(0);
  for (let joined = 0; joined < 3; joined += 1) made.consumer().join();
  expect(epochs(made)).toEqual([4, 4]);
});

test('target: the interval holds across a change of coordinators, but never longer than itself', () => {
  const made = bench(1_000);
  made.consumer().join();
  const moved = made.reloaded();
  moved.consumer().join();
  expect(epochs(moved)).toEqual([3, 2]);
  // A clock that is behind that of the coordinator before.
  made.nowMs -= 3_600_000;
  const behind = made.reloaded();
  const late = behind.consumer();
  late.join();
  behind.advance(600);
  late.beat();
  expect(epochs(behind)).toEqual([3, 2]);
  behind.advance(400);
  expect(epochs(behind)).toEqual([3, 3]);
});

test('target: a put-off one of a group that everybody left is not made', () => {
  const made = bench(1_000);
  const [a, b] = [made.consumer(), made.consumer()];
  a.join();
  b.join();
  a.leave();
  b.leave();
  made.written();
  made.advance(1_000);
  expect([made.stateOf(), made.written()]).toEqual(['Empty', []]);
});

test('target: topics that grow, come and go move partitions; others do not', () => {
  const made = bench(0);
  const consumer = made.consumer('g', { topics: ['orders', 'later'] });
  consumer.join();
  const change = (topic: string): void => {
    made.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: [topic] });
    reconcileAll(made, [consumer], 2);
  };
  made.topics.set('payments', 3);
  change('payments');
  expect(epochs(made)).toEqual([2, 2]);
  made.topics.set('orders', 8);
  change('orders');
  expect([epochs(made), consumer.ownedNames().length]).toEqual([[3, 3], 8]);
  made.topics.set('later', 1);
  change('later');
  expect(consumer.ownedNames()).toContain('later-0');
  made.topics.delete('orders');
  change('orders');
  expect(consumer.ownedNames()).toEqual(['later-0']);
  expect(made.takeEvents('groupEpochBumped').map(({ cause }) => cause)).toEqual([
    'joined',
    'topics',
    'topics',
    'topics',
  ]);
});

test('target: a topic that is deleted and made again is another one', () => {
  const made = bench(0);
  const consumer = made.consumer();
  consumer.join();
  made.topics.delete('orders');
  const id = made.topics.set('orders', 6);
  made.submit<'topicsChanged'>({ kind: 'topicsChanged', topics: ['orders'] });
  reconcileAll(made, [consumer], 3);
  expect(consumer.owned).toEqual([{ topicId: id, partitions: [0, 1, 2, 3, 4, 5] }]);
});

test('target: what changed while a shard was being loaded is seen with the first heartbeat; what did not moves nothing', () => {
  const made = bench(0);
  const consumer = made.consumer();
  consumer.join();
  const same = made.reloaded();
  Object.assign(consumer, { bench: same });
  consumer.beat();
  expect(epochs(same)).toEqual([2, 2]);
  made.topics.set('orders', 7);
  const grown = made.reloaded();
  Object.assign(consumer, { bench: grown });
  consumer.beat();
  expect([epochs(grown), consumer.ownedNames().length]).toEqual([[3, 3], 7]);
});

test('target: the assignor that most members prefer is taken; none preferred, the first one', () => {
  const made = bench(0);
  const assignor = (): string => made.describeConsumer().assignorName;
  const joined = (name?: string): void => void made.consumer('g', name === undefined ? {} : { assignor: name }).join();
  joined();
  expect(assignor()).toBe('uniform');
  joined('range');
  expect(assignor()).toBe('range');
  joined('uniform');
  joined('uniform');
  expect(assignor()).toBe('uniform');
  expect(made.takeEvents('targetAssigned').map(({ assignorName }) => assignorName)).toEqual([
    'uniform',
    'range',
    // One each: the first of the configured ones.
    'uniform',
    'uniform',
  ]);
});

test('target: members on racks are given what lies there', () => {
  const made = new GroupBench();
  made.topics.set('orders', 6, ['east', 'west']);
  const [east, west] = [
    made.consumer('g', { rack: 'east', assignor: 'range' }),
    made.consumer('g', { rack: 'west', assignor: 'range' }),
  ];
  east.join();
  west.join();
  expect(made.describeConsumer().members.map(({ rackId }) => rackId)).toEqual(['east', 'west']);
  reconcileAll(made, [east, west], 4);
  expect(made.stateOf()).toBe('Stable');
  expect([...east.ownedNames(), ...west.ownedNames()].sort()).toHaveLength(6);
});

test('target: a record of topics that an older Kafka left is deleted with the next epoch', () => {
  const made = bench(0);
  const consumer = made.consumer();
  consumer.join();
  const key = Buffer.concat([Buffer.from([0, 4, 0, 1]), Buffer.from('g')]);
  const old = made.reloaded({}, [...made.committed, { key, value: Buffer.from([0, 0, 1, 0]) }]);
  old.consumer().join();
  expect(old.written()).toContainEqual({ kind: 'consumerPartitionMetadata', groupId: 'g', value: null });
  old.consumer().join();
  expect(old.written().filter(({ kind }) => kind === 'consumerPartitionMetadata')).toEqual([]);
});
