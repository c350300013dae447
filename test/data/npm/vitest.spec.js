import { expect, test } from 'vitest';
import { spawnKafka, startKafka } from '@odradek/testkit';
import { orderThrough } from './orders.ts';

test('vitest, JavaScript: one node, whose clock is moved', async () => {
  const cluster = await startKafka({ clock: 'virtual' });
  await cluster.createTopic('orders');
  expect(await orderThrough(cluster, 'orders')).toBe('one spool of thread');
  const before = cluster.clock.nowMs();
  await cluster.clock.advance('7d');
  expect(cluster.clock.nowMs() - before).toBeGreaterThanOrEqual(7 * 86_400_000);
  await cluster.stop();
});

test('vitest, JavaScript: a process of its own', async () => {
  const kafka = await spawnKafka();
  expect(await orderThrough(kafka, 'orders')).toBe('one spool of thread');
  expect(await kafka.stop()).toMatchObject({ code: 0 });
});
