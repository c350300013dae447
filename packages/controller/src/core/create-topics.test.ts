import { expect, test } from 'vitest';
import { UUID_ZERO } from '@odradek/base';
import { ConfigResourceType, ConfigSource, ErrorCode } from '@odradek/protocol';
import { Harness, SESSION_TIMEOUT_MS, creation, type TopicAsked } from '../testing/harness.ts';

const one = (): Harness => new Harness({ brokers: [1] });

function refusal(harness: Harness, topic: TopicAsked): [number, string | null] {
  const [result] = harness.create(topic);
  return [result?.errorCode ?? -1, result?.errorMessage ?? null];
}

test('createTopics: a topic is there with its id, partitions, leaders and configs, and the answer says so', () => {
  const harness = new Harness({ brokers: [1, 2, 3] });
  const [result] = harness.create({ name: 't', partitions: 6, factor: 3, configs: { 'retention.ms': '1000' } });
  expect(result).toMatchObject({ name: 't', errorCode: ErrorCode.NONE, numPartitions: 6, replicationFactor: 3 });
  const topic = harness.image.topics.byName('t');
  expect(topic?.id).toBe(result?.topicId);
  expect(topic?.partitions).toHaveLength(6);
  for (const partition of topic?.partitions ?? []) {
    expect(partition.leader).toBe(partition.replicas[0]);
    expect(partition.isr).toEqual(partition.replicas);
  }
  expect(harness.image.configs.of(ConfigResourceType.TOPIC, 't')).toEqual(new Map([['retention.ms', '1000']]));
  const described = result?.configs ?? [];
  expect(described.find((entry) => entry.name === 'retention.ms')).toMatchObject({
    value: '1000',
    configSource: ConfigSource.TOPIC_CONFIG,
  });
  expect(described.find((entry) => entry.name === 'cleanup.policy')).toMatchObject({
    value: 'delete',
    configSource: ConfigSource.DEFAULT_CONFIG,
  });
});

test('createTopics: -1 takes num.partitions and default.replication.factor', () => {
  const properties = { 'num.partitions': '5', 'default.replication.factor': '2' };
  const harness = new Harness({ brokers: [1, 2], properties });
  const [result] = harness.create({ name: 't', partitions: -1, factor: -1 });
  expect(result).toMatchObject({ numPartitions: 5, replicationFactor: 2 });
});

test.for([
  ['', 'the empty string is not allowed'],
  ['.', "'.' is not allowed"],
  ['..', "'..' is not allowed"],
  ['a b', "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
  ['ä', "'ä' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
  ['x'.repeat(250), `the length of '${'x'.repeat(250)}' is longer than the max allowed length 249`],
] as const)('createTopics: the name %j is refused in Kafka’s words', ([name, why]) => {
  expect(refusal(one(), { name })).toEqual([ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${why}`]);
});

test('createTopics: a name of 249 characters is fine', () => {
  expect(refusal(one(), { name: 'x'.repeat(249) })).toEqual([ErrorCode.NONE, null]);
});

test('createTopics: a name that exists, or differs only by dots and underscores, is refused', () => {
  const harness = one();
  harness.create({ name: 'a.b_c' });
  expect(refusal(harness, { name: 'a.b_c' })).toEqual([
    ErrorCode.TOPIC_ALREADY_EXISTS,
    "Topic 'a.b_c' already exists.",
  ]);
  expect(refusal(harness, { name: 'a_b.c' })).toEqual([
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    "Topic 'a_b.c' collides with existing topic: a.b_c",
  ]);
  expect(refusal(harness, { name: 'a-b-c' })).toEqual([ErrorCode.NONE, null]);
});

test('createTopics: two names of one request may collide, as with Kafka; a third one of the next may not', () => {
  const harness = one();
  const results = harness.create({ name: 'a.b' }, { name: 'a_b' });
  expect(results.map((result) => result.errorCode)).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  harness.admin({ kind: 'deleteTopics', request: { topics: [], topicNames: ['a.b'], timeoutMs: 1 } });
  expect(refusal(harness, { name: 'a.b' })).toEqual([
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    "Topic 'a.b' collides with existing topic: a_b",
  ]);
});

test('createTopics: a name freed by a deletion may be used again, collisions included', () => {
  const harness = one();
  harness.create({ name: 'a.b' });
  harness.admin({ kind: 'deleteTopics', request: { topics: [], topicNames: ['a.b'], timeoutMs: 1 } });
  expect(refusal(harness, { name: 'a_b' })).toEqual([ErrorCode.NONE, null]);
});

test('createTopics: a name that a request says twice is refused once, the others are created', () => {
  const results = one().create({ name: 'a' }, { name: 'b' }, { name: 'a' });
  expect(results.map(({ name, errorCode, errorMessage }) => [name, errorCode, errorMessage])).toEqual([
    ['b', ErrorCode.NONE, null],
    ['a', ErrorCode.INVALID_REQUEST, 'Duplicate topic name.'],
  ]);
});

test('createTopics: the metadata log is no topic to create', () => {
  const why = 'Creation of internal topic __cluster_metadata is prohibited.';
  expect(refusal(one(), { name: '__cluster_metadata' })).toEqual([ErrorCode.INVALID_REQUEST, why]);
});

test.for([
  [{ partitions: 0 }, ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.'],
  [{ partitions: -2 }, ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.'],
  [
    { factor: 0 },
    ErrorCode.INVALID_REPLICATION_FACTOR,
    'Replication factor must be larger than 0, or -1 to use the default value.',
  ],
  [
    { factor: 2 },
    ErrorCode.INVALID_REPLICATION_FACTOR,
    'Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.',
  ],
  [
    { replicas: [[7]] },
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'The manual partition assignment includes broker 7, but no such broker is registered.',
  ],
  [
    { replicas: [[1, 1]] },
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'The manual partition assignment includes the broker 1 more than once.',
  ],
  [
    { replicas: [[]] },
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'The manual partition assignment includes an empty replica list.',
  ],
  [
    { assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'partitions should be a consecutive 0-based integer sequence',
  ],
  [
    {
      assignments: [
        { partitionIndex: 0, brokerIds: [1] },
        { partitionIndex: 0, brokerIds: [1] },
      ],
    },
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'Found multiple manual partition assignments for partition 0',
  ],
  [
    { replicas: [[1]], factor: 1 },
    ErrorCode.INVALID_REQUEST,
    'A manual partition assignment was specified, but replication factor was not set to -1.',
  ],
  [
    { replicas: [[1]], partitions: 1 },
    ErrorCode.INVALID_REQUEST,
    'A manual partition assignment was specified, but numPartitions was not set to -1.',
  ],
  [
    { configs: { 'retention.ms': null, 'segment.ms': null } },
    ErrorCode.INVALID_CONFIG,
    'Null value not supported for topic configs: retention.ms,segment.ms',
  ],
] as const)('createTopics: %j is refused', ([asked, code, why]) => {
  const harness = one();
  const before = harness.image.endOffset;
  expect(refusal(harness, { name: 't', ...asked })).toEqual([code, why]);
  expect(harness.image.endOffset).toBe(before);
});

test('createTopics: replicas given in different numbers are refused', () => {
  const harness = new Harness({ brokers: [1, 2] });
  const [code, why] = refusal(harness, { name: 't', replicas: [[1, 2], [1]] });
  expect(code).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  expect(why).toMatch(
    /a partition with 1 replica\(s\), but this is not consistent with previous partitions, which have 2/,
  );
});

test('createTopics: unknown keys and bad values name the key; nothing of the topic is made', () => {
  const harness = one();
  expect(refusal(harness, { name: 't', configs: { foo: 'bar' } })[0]).toBe(ErrorCode.INVALID_CONFIG);
  const [code, why] = refusal(harness, { name: 't', configs: { 'retention.ms': 'abc' } });
  expect(code).toBe(ErrorCode.INVALID_CONFIG);
  expect(why).toMatch(/retention\.ms/);
  expect(harness.image.topics.byName('t')).toBeUndefined();
});

test('createTopics: a fenced replica is placed but not in sync; with no live broker nothing is created', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  harness.create({ name: 'placed', factor: 2 }, { name: 'given', replicas: [[1, 2]] });
  expect(harness.partition('placed')).toMatchObject({ leader: 2, replicas: [2, 1], isr: [2] });
  expect(harness.partition('given')).toMatchObject({ leader: 2, replicas: [1, 2], isr: [2] });
  expect(refusal(harness, { name: 'x', replicas: [[1]] })).toEqual([
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    'All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.',
  ]);
  harness.passMs(SESSION_TIMEOUT_MS);
  expect(refusal(harness, { name: 'x' })[0]).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
});

test('createTopics: validateOnly answers as if, and changes nothing', () => {
  const harness = one();
  const before = harness.image.endOffset;
  const reply = harness.admin({ kind: 'createTopics', request: creation([{ name: 't', partitions: 3 }], true) });
  expect(reply.topics[0]).toMatchObject({ errorCode: ErrorCode.NONE, numPartitions: 3 });
  expect(harness.image.endOffset).toBe(before);
});

test('createTopics: a request for too many partitions is refused as a whole', () => {
  const harness = new Harness({ brokers: [1], partitionsPerRequestMax: 10 });
  const results = harness.create({ name: 'a', partitions: 6 }, { name: 'b', partitions: 5 });
  expect(results.map((result) => result.errorCode)).toEqual([ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION]);
  expect(results[0]?.topicId).toBe(UUID_ZERO);
  expect(harness.create({ name: 'c', partitions: 10 })[0]?.errorCode).toBe(ErrorCode.NONE);
});

test('createTopics: in one request each topic is created or refused by itself', () => {
  const results = one().create({ name: 'good' }, { name: 'bad name' }, { name: 'fine' });
  expect(results.map((result) => result.errorCode)).toEqual([0, ErrorCode.INVALID_TOPIC_EXCEPTION, 0]);
});
