import { expect, test } from 'vitest';
import { ErrorCode, type CreatePartitionsRequest } from '@odradek/protocol';
import { Harness } from '../testing/harness.ts';

type Asked = CreatePartitionsRequest['topics'][number];

function grow(harness: Harness, topics: readonly Asked[], validateOnly = false) {
  return harness.admin({ kind: 'createPartitions', request: { topics, timeoutMs: 1_000, validateOnly } }).results;
}

const to = (name: string, count: number, replicas?: readonly (readonly number[])[]): Asked => ({
  name,
  count,
  assignments: replicas?.map((brokerIds) => ({ brokerIds })) ?? null,
});

function withTopic(): Harness {
  const harness = new Harness({ brokers: [1, 2, 3] });
  harness.create({ name: 't', partitions: 2, factor: 2 });
  return harness;
}

test('createPartitions: new partitions come after the old, with the replication factor of the topic', () => {
  const harness = withTopic();
  const before = harness.image.topics.byName('t')?.partitions.slice(0, 2);
  expect(grow(harness, [to('t', 5)])).toEqual([{ name: 't', errorCode: 0, errorMessage: null }]);
  const partitions = harness.image.topics.byName('t')?.partitions ?? [];
  expect(partitions.slice(0, 2)).toEqual(before);
  expect(partitions.map((each) => [each.partition, each.replicas.length, each.leaderEpoch])).toEqual([
    [0, 2, 0],
    [1, 2, 0],
    [2, 2, 0],
    [3, 2, 0],
    [4, 2, 0],
  ]);
});

test('createPartitions: given replicas are taken as given', () => {
  const harness = withTopic();
  grow(harness, [
    to('t', 4, [
      [3, 1],
      [2, 3],
    ]),
  ]);
  expect(harness.partition('t', 2)).toMatchObject({ replicas: [3, 1], leader: 3 });
  expect(harness.partition('t', 3)).toMatchObject({ replicas: [2, 3], leader: 2 });
});

test.for([
  [to('t', 2), ErrorCode.INVALID_PARTITIONS, 'Topic already has 2 partition(s).'],
  [to('t', 1), ErrorCode.INVALID_PARTITIONS, 'The topic t currently has 2 partition(s); 1 would not be an increase.'],
  [to('t', -1), ErrorCode.INVALID_PARTITIONS, 'The topic t currently has 2 partition(s); -1 would not be an increase.'],
  [to('none', 3), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'This server does not host this topic-partition.'],
  [
    to('t', 4, [[1, 2]]),
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.',
  ],
  [
    to('t', 3, [[1, 9]]),
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'The manual partition assignment includes broker 9, but no such broker is registered.',
  ],
  [
    to('t', 3, [[1]]),
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).',
  ],
  [
    to('t', 3, [[]]),
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'The manual partition assignment includes an empty replica list.',
  ],
] as const)('createPartitions: %j is refused', ([asked, errorCode, errorMessage]) => {
  const harness = withTopic();
  expect(grow(harness, [asked])).toEqual([{ name: asked.name, errorCode, errorMessage }]);
  expect(harness.image.topics.partitionCount).toBe(2);
});

test('createPartitions: a topic that is named twice is refused once; the others grow', () => {
  const harness = withTopic();
  harness.create({ name: 'u' });
  const results = grow(harness, [to('t', 3), to('u', 2), to('t', 4)]);
  expect(results.map((each) => [each.name, each.errorCode])).toEqual([
    ['t', ErrorCode.INVALID_REQUEST],
    ['u', ErrorCode.NONE],
  ]);
  expect(harness.image.topics.byName('t')?.partitions).toHaveLength(2);
});

test('createPartitions: validateOnly changes nothing, and too many are refused', () => {
  const harness = withTopic();
  expect(grow(harness, [to('t', 3)], true)[0]?.errorCode).toBe(ErrorCode.NONE);
  expect(grow(harness, [to('t', 20_000)])[0]?.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
  expect(harness.image.topics.partitionCount).toBe(2);
});
