import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ApiKey, buildBatch } from '@odradek/protocol';
import { startKafka, Wire, type Kafka } from './index.ts';

async function produce(cluster: Kafka, topic: string, values: readonly string[]): Promise<void> {
  using wire = await Wire.open(cluster.bootstrap);
  const records = buildBatch(
    {},
    values.map((value) => ({ timestampMs: Date.now(), value: Buffer.from(value) })),
  );
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  const { responses } = await wire.call(ApiKey.Produce, { acks: -1, timeoutMs: 1_000, topicData }, 12);
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

test('startKafka: a broker on a free port of TCP takes records, in memory by default', async () => {
  await using cluster = await startKafka();
  expect(cluster.bootstrap).toMatch(/^localhost:\d+$/);
  expect(cluster.brokers).toEqual([{ id: 1, host: 'localhost', port: Number(cluster.bootstrap.split(':')[1]) }]);
  expect(cluster.directory).toBeUndefined();
  await cluster.createTopic('orders', { partitions: 3, config: { 'retention.ms': 60_000 } });
  await produce(cluster, 'orders', ['a', 'b']);
  await cluster.waitForOffset('orders', 0, 2);
  expect(await cluster.endOffset('orders')).toBe(2);
  expect(await cluster.endOffset('orders', 2)).toBe(0);
});

test('startKafka: many run side by side, each with its own topics', async () => {
  const clusters = await Promise.all(Array.from({ length: 8 }, () => startKafka()));
  expect(new Set(clusters.map(({ bootstrap }) => bootstrap)).size).toBe(8);
  await Promise.all(clusters.map((cluster) => cluster.createTopic('same-name')));
  await clusters[0]?.createTopic('only-here');
  await expect(clusters[1]?.endOffset('only-here')).rejects.toThrow('UNKNOWN_TOPIC_OR_PARTITION');
  await Promise.all(clusters.map((cluster) => cluster.stop()));
});

test('startKafka: the end of the scope closes the port and removes a temporary directory', async () => {
  let left: Kafka;
  {
    await using cluster = await startKafka({ storage: 'directory' });
    left = cluster;
    await cluster.createTopic('files');
    expect(existsSync(`${cluster.directory}/files-0`)).toBe(true);
  }
  expect(existsSync(left.directory ?? '/')).toBe(false);
  await expect(Wire.open(left.bootstrap)).rejects.toThrow(/ECONNREFUSED/);
});

test('startKafka: what is wrong is told when it is asked for', async () => {
  await expect(startKafka({ brokers: 3 })).rejects.toThrow('brokers: 3: a cluster of several brokers is not built yet');
  await expect(startKafka({ config: { 'num.partitions': 'many' } })).rejects.toThrow(/num\.partitions/);
  await using cluster = await startKafka();
  await expect(cluster.createTopic('bad/name')).rejects.toThrow(/INVALID_TOPIC_EXCEPTION/);
  await expect(cluster.waitForTopic('absent', 50)).rejects.toThrow("not within 50 ms: topic 'absent' has leaders");
});

test('startKafka: a directory is found again by the next start', async () => {
  await using first = await startKafka({ storage: 'directory' });
  const { directory } = first;
  await using second = await startKafka({ directory: `${directory}/inner` });
  await second.createTopic('kept');
  await produce(second, 'kept', ['x']);
  await second.stop();
  await using third = await startKafka({ directory: `${directory}/inner` });
  expect(await third.endOffset('kept')).toBe(1);
});
