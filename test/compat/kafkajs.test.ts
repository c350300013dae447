/** kafkajs, the client that most Node services run: unmodified, against a real process. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import kafkajs, { type Admin, type KafkaMessage } from 'kafkajs';
import { freshName, target, type Target } from '../support/target.ts';
import { kafkajsOf } from '../support/kafkajs.ts';
import { useOwnCodecs } from '../support/kafkajs-codecs.ts';

const { CompressionTypes, ConfigResourceTypes } = kafkajs;

let kafka: ReturnType<typeof kafkajsOf>;
let admin: Admin;
let cluster: Target;

beforeAll(async () => {
  useOwnCodecs();
  cluster = await target();
  kafka = kafkajsOf(cluster.bootstrap, 'compat');
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin?.disconnect();
  await cluster?.[Symbol.asyncDispose]();
});

async function createTopic(what: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = freshName(what);
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] });
  return topic;
}

type Send = Parameters<ReturnType<typeof kafka.producer>['send']>[0];

async function send(record: Send, idempotent = false): Promise<void> {
  const producer = kafka.producer({ idempotent, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send(record);
  await producer.disconnect();
}

type Received = KafkaMessage & { partition: number };

/** Reads `count` messages as a group of one, from the beginning or from what the group has committed. */
async function consume(
  topic: string,
  count: number,
  options: { groupId?: string; maxBytes?: number } = {},
): Promise<Received[]> {
  const maxBytesPerPartition = options.maxBytes ?? 1_048_576;
  const consumer = kafka.consumer({
    groupId: options.groupId ?? freshName('group'),
    maxBytesPerPartition,
    maxWaitTimeInMs: 200,
  });
  const received: Received[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const enough = Promise.withResolvers<void>();
  // One that begins again by itself has not failed.
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) enough.reject(payload.error);
  });
  await consumer.run({
    eachMessage: ({ message, partition }) => {
      received.push({ ...message, partition });
      if (received.length >= count) enough.resolve();
      return Promise.resolve();
    },
  });
  await enough.promise;
  await consumer.disconnect();
  return received;
}

test('kafkajs: what is produced is consumed, with keys, headers, timestamps and tombstones as they were', async () => {
  const topic = await createTopic('kjs-roundtrip');
  const messages = [
    { key: 'k1', value: 'v1', headers: { a: 'x', b: ['1', '2'] }, timestamp: '1700000000123' },
    { key: 'k2', value: null },
    { key: null, value: Buffer.from([0, 255, 10, 13]) },
    { value: '' },
  ];
  await send({ topic, messages, acks: -1 });
  const received = await consume(topic, messages.length);
  expect(received.map(({ key, value }) => [key?.toString() ?? null, value?.toString('latin1') ?? null])).toEqual([
    ['k1', 'v1'],
    ['k2', null],
    [null, '\x00\xff\n\r'],
    [null, ''],
  ]);
  expect(received[0]?.timestamp).toBe('1700000000123');
  expect(received[0]?.headers).toEqual({ a: Buffer.from('x'), b: [Buffer.from('1'), Buffer.from('2')] });
  expect(received.map(({ offset }) => offset)).toEqual(['0', '1', '2', '3']);
});

test.for(['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const)(
  'kafkajs: batches in %s come back as they were',
  async (codec) => {
    const topic = await createTopic(`kjs-${codec.toLowerCase()}`);
    const values = Array.from({ length: 200 }, (_, index) => `${codec} ${index} ${'payload '.repeat(40)}`);
    await send({ topic, messages: values.map((value) => ({ value })), compression: CompressionTypes[codec] });
    const received = await consume(topic, values.length);
    expect(received.map(({ value }) => value?.toString())).toEqual(values);
  },
);

test('kafkajs: a message of 10 MiB passes where the topic allows it, and is refused as too large where it does not', async () => {
  const large = await createTopic('kjs-large', 1, { 'max.message.bytes': String(11 * 1024 * 1024) });
  const value = randomBytes(10 * 1024 * 1024);
  await send({ topic: large, messages: [{ value }] });
  const [received] = await consume(large, 1, { maxBytes: 12 * 1024 * 1024 });
  expect(received?.value?.equals(value)).toBe(true);
  const small = await createTopic('kjs-small');
  await expect(send({ topic: small, messages: [{ value }] })).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
});

test('kafkajs: an idempotent producer writes every message once and in order', async () => {
  const topic = await createTopic('kjs-idempotent', 1);
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (let batch = 0; batch < 20; batch++) {
    const messages = Array.from({ length: 25 }, (_, index) => ({ value: String(batch * 25 + index) }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
  const received = await consume(topic, 500);
  expect(received.map(({ value }) => Number(value?.toString()))).toEqual(
    Array.from({ length: 500 }, (_, index) => index),
  );
});

test('kafkajs: keys go to the same partition, and a group reads all partitions', async () => {
  const topic = await createTopic('kjs-partitions', 4);
  const messages = Array.from({ length: 400 }, (_, index) => ({ key: `key-${index % 20}`, value: String(index) }));
  await send({ topic, messages });
  const received = await consume(topic, messages.length);
  const partitionsOfKey = Map.groupBy(received, ({ key }) => key?.toString() ?? '');
  for (const group of partitionsOfKey.values()) expect(new Set(group.map(({ partition }) => partition)).size).toBe(1);
  expect(new Set(received.map(({ partition }) => partition)).size).toBe(4);
  for (const group of partitionsOfKey.values()) {
    const order = group.map(({ value }) => Number(value?.toString()));
    expect(order).toEqual(order.toSorted((left, right) => left - right));
  }
});

test('kafkajs: a group goes on where its last member stopped, and its committed metadata comes back', async () => {
  const topic = await createTopic('kjs-group');
  const groupId = freshName('kjs-resume');
  await send({ topic, messages: [{ value: 'a' }, { value: 'b' }] });
  await consume(topic, 2, { groupId });
  await send({ topic, messages: [{ value: 'c' }] });
  const received = await consume(topic, 1, { groupId });
  expect(received.map(({ value }) => value?.toString())).toEqual(['c']);
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] });
  const offsets = await admin.fetchOffsets({ groupId, topics: [topic] });
  expect(offsets).toMatchObject([{ topic, partitions: [{ partition: 0, offset: '1' }] }]);
});

test('kafkajs: two members share the partitions; when one leaves, the other takes them all', async () => {
  const topic = await createTopic('kjs-rebalance', 4);
  const groupId = freshName('kjs-two');
  const owned = new Map<string, number[]>();
  const members = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const consumer = kafka.consumer({
        groupId,
        sessionTimeout: 10_000,
        heartbeatInterval: 300,
        rebalanceTimeout: 10_000,
      });
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => owned.set(name, payload.memberAssignment[topic] ?? []));
      await consumer.connect();
      await consumer.subscribe({ topic });
      await consumer.run({ eachMessage: () => Promise.resolve() });
      return consumer;
    }),
  );
  // In between each may tell of another generation.
  const shares = () => ({
    sizes: [...owned.values()].map(({ length }) => length),
    all: [...owned.values()].flat().toSorted((left, right) => left - right),
  });
  await expect.poll(shares).toEqual({ sizes: [2, 2], all: [0, 1, 2, 3] });
  await members[0]?.disconnect();
  await expect.poll(() => owned.get('two')?.length).toBe(4);
  const described = await admin.describeGroups([groupId]);
  expect(described.groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
  expect(described.groups[0]?.members).toHaveLength(1);
  await members[1]?.disconnect();
});

test('kafkajs admin: topics, partitions, configs, offsets, groups and records are created, shown, changed and deleted', async () => {
  const topic = await createTopic('kjs-admin', 2, { 'retention.ms': '60000' });
  expect(await admin.listTopics()).toContain(topic);
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
  expect(metadata.topics[0]?.partitions).toHaveLength(3);
  const type = ConfigResourceTypes.TOPIC;
  const configs = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type, name: topic }] });
  const entries = new Map(configs.resources[0]?.configEntries.map((entry) => [entry.configName, entry]));
  expect(entries.get('retention.ms')).toMatchObject({ configValue: '60000', isDefault: false });
  expect(entries.get('cleanup.policy')).toMatchObject({ configValue: 'delete' });
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type, name: topic, configEntries: [{ name: 'segment.bytes', value: '1048576' }] }],
  });
  await send({ topic, messages: Array.from({ length: 9 }, (_, index) => ({ partition: index % 3, value: 'x' })) });
  const offsets = await admin.fetchTopicOffsets(topic);
  expect(offsets.map(({ high }) => high)).toEqual(['3', '3', '3']);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
  const after = await admin.fetchTopicOffsets(topic);
  expect(after.find(({ partition }) => partition === 0)).toMatchObject({ low: '2', high: '3' });
  const described = await admin.describeCluster();
  expect(described.brokers.length).toBeGreaterThan(0);
  const groupId = freshName('kjs-delete');
  await consume(topic, 1, { groupId });
  expect((await admin.listGroups()).groups.map((group) => group.groupId)).toContain(groupId);
  expect(await admin.deleteGroups([groupId])).toMatchObject([{ groupId, errorCode: 0 }]);
  await admin.deleteTopics({ topics: [topic] });
  await expect.poll(() => admin.listTopics()).not.toContain(topic);
});

test('kafkajs admin: offsets by time are exact to the record', async () => {
  const topic = await createTopic('kjs-times');
  const messages = [1_000, 2_000, 3_000].map((timestamp) => ({ value: 'x', timestamp: String(timestamp) }));
  await send({ topic, messages });
  const at = async (timestamp: number): Promise<string | undefined> =>
    (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0]?.offset;
  expect(await Promise.all([at(1), at(1_001), at(3_000)])).toEqual(['0', '1', '2']);
});
