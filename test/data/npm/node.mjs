import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startKafka } from '@odradek/testkit';
import { orderThrough } from './orders.ts';

void test('node:test, JavaScript: three nodes', async () => {
  await using cluster = await startKafka({ nodes: 3 });
  await cluster.createTopic('orders', { partitions: 3, replicationFactor: 3 });
  assert.equal(await orderThrough(cluster, 'orders'), 'one spool of thread');
});
