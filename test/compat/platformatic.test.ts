/** @platformatic/kafka, the client under this project's own command line: unmodified, against a real process. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  Producer,
  stringDeserializers,
  stringSerializers,
  type Message,
  type MessageToProduce,
} from '@platformatic/kafka';
import { freshName, target, type Target } from '../support/target.ts';

let cluster: Target;
let admin: Admin;

const client = () => ({
  clientId: 'compat',
  bootstrapBrokers: [cluster.bootstrap],
  retries: 100,
  retryDelay: 100,
  connectTimeout: 30_000,
});

beforeAll(async () => {
  cluster = await target();
  admin = new Admin(client());
});

afterAll(async () => {
  await admin?.close();
  await cluster?.[Symbol.asyncDispose]();
});

type Strings = MessageToProduce<string, string, string, string>;
type Received = Message<string, string, string, string>;

async function createTopic(what: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = freshName(what);
  await admin.createTopics({
    topics: [topic],
    partitions,
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  });
  return topic;
}

async function send(
  messages: Strings[],
  options: { compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'; idempotent?: boolean } = {},
): Promise<void> {
  const producer = new Producer({
    ...client(),
    serializers: stringSerializers,
    idempotent: options.idempotent ?? false,
  });
  await producer.send({ messages, acks: -1, compression: options.compression ?? 'none' });
  await producer.close();
}

type ConsumeOptions = { groupId?: string; groupProtocol?: 'classic' | 'consumer'; maxBytes?: number };

async function consume(topic: string, count: number, options: ConsumeOptions = {}): Promise<Received[]> {
  const consumer = new Consumer({
    ...client(),
    groupId: options.groupId ?? freshName('plt'),
    deserializers: stringDeserializers,
    maxWaitTime: 200,
  });
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: true,
    maxBytes: options.maxBytes ?? 10_485_760,
  });
  const received: Received[] = [];
  if (count > 0) {
    for await (const message of stream as AsyncIterable<Received>) {
      received.push(message);
      if (received.length >= count) break;
    }
  }
  await stream.close();
  await consumer.close(true);
  return received;
}

test('platformatic: what is produced is consumed, with keys, headers, timestamps and tombstones as they were', async () => {
  const topic = await createTopic('plt-roundtrip');
  await send([
    { topic, key: 'k1', value: 'v1', headers: { a: 'x', b: 'y' }, timestamp: 1_700_000_000_123n },
    { topic, key: 'k2', value: 'v2' },
    { topic, value: '' },
  ]);
  const tombstones = new Producer(client());
  await tombstones.send({ messages: [{ topic, key: Buffer.from('k1'), value: null as unknown as Buffer }], acks: -1 });
  await tombstones.close();
  const received = await consume(topic, 4);
  expect(received.map(({ key, value, offset }) => [key ?? null, value ?? null, offset])).toEqual([
    ['k1', 'v1', 0n],
    ['k2', 'v2', 1n],
    [null, '', 2n],
    ['k1', null, 3n],
  ]);
  expect(received[0]?.timestamp).toBe(1_700_000_000_123n);
  expect(received[0]?.headerEntries).toEqual([
    ['a', 'x'],
    ['b', 'y'],
  ]);
});

test.for(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'platformatic: batches in %s come back as they were',
  async (compression) => {
    const topic = await createTopic(`plt-${compression}`);
    const values = Array.from({ length: 200 }, (_, index) => `${compression} ${index} ${'payload '.repeat(40)}`);
    await send(
      values.map((value) => ({ topic, value })),
      { compression },
    );
    const received = await consume(topic, values.length);
    expect(received.map(({ value }) => value)).toEqual(values);
  },
);

test('platformatic: a message of 10 MiB passes where the topic allows it', async () => {
  const topic = await createTopic('plt-large', 1, { 'max.message.bytes': String(22 * 1024 * 1024) });
  const value = randomBytes(5 * 1024 * 1024).toString('hex');
  await send([{ topic, value }]);
  const [received] = await consume(topic, 1, { maxBytes: 1_048_576 });
  expect(received?.value === value).toBe(true);
});

test('platformatic: an idempotent producer writes every message once and in order', async () => {
  const topic = await createTopic('plt-idempotent');
  const producer = new Producer({ ...client(), serializers: stringSerializers, idempotent: true });
  for (let batch = 0; batch < 20; batch++) {
    const messages = Array.from({ length: 25 }, (_, index) => ({ topic, value: String(batch * 25 + index) }));
    await producer.send({ messages });
  }
  await producer.close();
  const received = await consume(topic, 500);
  expect(received.map(({ value }) => Number(value))).toEqual(Array.from({ length: 500 }, (_, index) => index));
});

test('platformatic: partitions are read without a group, from an offset in the middle of a batch', async () => {
  const topic = await createTopic('plt-assign', 2);
  const values = Array.from({ length: 50 }, (_, index) => String(index));
  await send(values.map((value) => ({ topic, value, partition: 1 })));
  const consumer = new Consumer({ ...client(), groupId: freshName('plt-unused') });
  consumer.topics.track(topic);
  const metadata = await consumer.metadata({ topics: [topic] });
  const described = metadata.topics.get(topic);
  const position = {
    partition: 1,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    fetchOffset: 20n,
    partitionMaxBytes: 1,
  };
  const response = await consumer.fetch({
    node: described?.partitions[1]?.leader ?? -1,
    topics: [{ topicId: described?.id ?? '', partitions: [position] }],
    maxBytes: 1,
    minBytes: 1,
    maxWaitTime: 500,
    isolationLevel: 0,
  });
  const [batch] = response.responses[0]?.partitions[0]?.records ?? [];
  expect(batch?.firstOffset).toBe(0n);
  expect(batch?.records.map(({ value }) => value?.toString())).toEqual(values);
  await consumer.close(true);
});

test('platformatic: a group goes on where its last member stopped', async () => {
  const topic = await createTopic('plt-group');
  const groupId = freshName('plt-resume');
  await send([
    { topic, value: 'a' },
    { topic, value: 'b' },
  ]);
  await consume(topic, 2, { groupId });
  await send([{ topic, value: 'c' }]);
  const received = await consume(topic, 1, { groupId });
  expect(received.map(({ value }) => value)).toEqual(['c']);
});

test('platformatic admin: topics, partitions, configs, groups and records are created, shown, changed and deleted', async () => {
  const topic = await createTopic('plt-admin', 2, { 'retention.ms': '60000' });
  expect(await admin.listTopics()).toContain(topic);
  const [brokerId = -1] = (await admin.metadata({ topics: [topic] })).brokers.keys();
  const assignments = [{ brokerIds: [brokerId] }];
  await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments }], validateOnly: false });
  const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
  expect(metadata.topics.get(topic)?.partitionsCount).toBe(3);
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic };
  await admin.incrementalAlterConfigs({
    resources: [
      {
        ...resource,
        configs: [
          { name: 'segment.bytes', value: '1048576', configOperation: IncrementalAlterConfigOperationTypes.SET },
        ],
      },
    ],
    validateOnly: false,
  });
  const [described] = await admin.describeConfigs({
    resources: [{ ...resource, configurationKeys: null as unknown as string[] }],
  });
  const configs = new Map(described?.configs.map(({ name, value }) => [name, value]));
  expect(configs.get('segment.bytes')).toBe('1048576');
  expect(configs.get('retention.ms')).toBe('60000');
  await send([
    { topic, value: 'x', partition: 0 },
    { topic, value: 'y', partition: 0 },
  ]);
  const groupId = freshName('plt-described');
  await consume(topic, 1, { groupId });
  expect([...(await admin.listGroups({})).keys()]).toContain(groupId);
  expect((await admin.describeGroups({ groups: [groupId] })).get(groupId)?.state).toBe('Empty');
  await admin.deleteTopics({ topics: [topic] });
  await expect.poll(() => admin.listTopics()).not.toContain(topic);
});
