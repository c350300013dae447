const assert = require('node:assert/strict');
const { test } = require('node:test');
const { startKafka } = require('@odradek/testkit');
const { orderThrough } = require('./orders.ts');

void test('node:test, CommonJS: one node with files', async () => {
  const cluster = await startKafka({ storage: 'directory' });
  try {
    await cluster.createTopic('orders', { partitions: 3 });
    assert.equal(await orderThrough(cluster, 'orders'), 'one spool of thread');
    await cluster.waitForOffset('orders', 0, 0);
  } finally {
    await cluster.stop();
  }
});
