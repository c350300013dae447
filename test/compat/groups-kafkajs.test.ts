/** Groups of kafkajs consumers growing and shrinking under load. */
import { afterAll, beforeAll, test } from 'vitest';
import { growsAndShrinks } from '../support/group-lives.ts';
import { kafkajsOf } from '../support/kafkajs.ts';
import { OwnMembers } from '../support/members.ts';
import { target, type Target } from '../support/target.ts';

let cluster: Target;

beforeAll(async () => {
  cluster = await target();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Each batch is committed before the next one is taken; a commit that is refused ends the batch, as kafkajs wants it. */
const members = new OwnMembers(async ({ name, group, subscription }, tell) => {
  const kafka = kafkajsOf(cluster.bootstrap, name);
  const consumer = kafka.consumer({
    groupId: group,
    maxWaitTimeInMs: 100,
    heartbeatInterval: 200,
    sessionTimeout: 10_000,
  });
  await consumer.connect();
  await consumer.subscribe({ topic: subscription, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => {
      const { topic, partition, messages } = payload.batch;
      const [first, last] = [messages[0], messages.at(-1)];
      if (first === undefined || last === undefined) return;
      const [startMs, to] = [Date.now(), Number(last.offset) + 1];
      const span = { topic, partition, from: Number(first.offset), to, startMs };
      try {
        await consumer.commitOffsets([{ topic, partition, offset: String(to) }]);
      } catch (error) {
        tell({ ...span, endMs: Date.now(), outcome: error instanceof Error ? error.name : 'error' });
        throw error;
      }
      payload.resolveOffset(last.offset);
      tell({ ...span, endMs: Date.now(), outcome: 'ok' });
      await payload.heartbeat();
    },
  });
  return () => consumer.disconnect();
});

test('kafkajs: from one member to five to two, every record is done once', async () => {
  await growsAndShrinks({ bootstrap: cluster.bootstrap, what: 'kafkajs-group', members }, {});
});
