import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startKafka, type StartOptions } from '@odradek/testkit';
import { orderThrough } from './orders.ts';

void test('node:test, TypeScript: one node', async () => {
  const options: StartOptions = { storage: 'memory' };
  await using cluster = await startKafka(options);
  await cluster.createTopic('orders', { config: { 'cleanup.policy': 'compact' } });
  assert.equal(await orderThrough(cluster, 'orders'), 'one spool of thread');
  assert.equal(await cluster.endOffset('orders'), 1);
});
