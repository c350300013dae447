import { expect, test } from 'vitest';
import { startKafka, type Group, type Kafka } from '@odradek/testkit';
import { orderThrough } from './orders.ts';

test('vitest, TypeScript: one node', async () => {
  await using cluster: Kafka = await startKafka({ config: { 'num.partitions': 2 } });
  await cluster.createTopic('orders', { partitions: 3 });
  expect(await orderThrough(cluster, 'orders')).toBe('one spool of thread');
  const group: Group = await cluster.waitForGroup('warehouse', { members: 0 });
  expect(group.state).toBe('Empty');
});

test('vitest, TypeScript: three nodes, one of which is killed', async () => {
  await using cluster: Kafka = await startKafka({ nodes: 3 });
  await cluster.createTopic('orders', { replicationFactor: 3, config: { 'min.insync.replicas': 2 } });
  const active = await cluster.waitForController();
  await active.kill();
  expect(await orderThrough(cluster, 'orders')).toBe('one spool of thread');
});
