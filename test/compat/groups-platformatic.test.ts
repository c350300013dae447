/**
 * Groups of @platformatic/kafka consumers growing and shrinking under load. What its streams have taken in before a rebalance they hand
 * out after it, whoever owns the partition then (with Apache Kafka just the same). So what is handed out counts, whether its commit is taken
 * or comes too late: nothing may be lost; once only is not claimed.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Consumer } from '@platformatic/kafka';
import { OwnMembers } from '../support/members.ts';
import { leaving } from '../support/reader.ts';
import { growAndShrink, Scenario } from '../support/scenario.ts';
import { quickGroups, target, type Target } from '../support/target.ts';

let cluster: Target;

beforeAll(async () => {
  cluster = await target(quickGroups);
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Every message is committed before the next one is taken, as far as the client is in the group at that moment. */
const members = new OwnMembers(async ({ name, group, subscription, settings }, tell) => {
  const consumer = new Consumer({
    clientId: name,
    bootstrapBrokers: [cluster.bootstrap],
    groupId: group,
    maxWaitTime: 100,
    ...(settings['protocol'] === 'consumer'
      ? { groupProtocol: 'consumer' as const }
      : { heartbeatInterval: 200, sessionTimeout: 10_000, rebalanceTimeout: 20_000 }),
  });
  const leave = leaving(consumer);
  const stream = await consumer.consume({
    topics: [subscription],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
    highWaterMark: 1,
  });
  const reading = (async (): Promise<void> => {
    for await (const message of stream) {
      const { topic, partition } = message;
      const [startMs, from] = [Date.now(), Number(message.offset)];
      await Promise.resolve(message.commit()).catch(() => undefined);
      tell({ topic, partition, from, to: from + 1, startMs, endMs: Date.now(), outcome: 'ok' });
    }
  })();
  return async () => {
    await stream.close();
    await reading;
    await leave();
  };
});

test.concurrent.each(['classic', 'consumer'])(
  'platformatic, %s: from one member to five to two, no record is lost',
  async (protocol) => {
    await using scenario = await Scenario.begin(cluster.bootstrap, `plt-${protocol}`, members);
    const verdict = await growAndShrink(scenario, members, () => ({ protocol }));
    expect(verdict).toMatchObject({ lost: [] });
    expect(verdict.records).toBeGreaterThan(100);
  },
);

/** Its members do not outlive a migration beside others (with Apache Kafka just the same), so that all stop in between. */
test('platformatic: a group changes to the consumer protocol and back while it is empty, and goes on where it was', async () => {
  await using scenario = await Scenario.begin(cluster.bootstrap, 'plt-migration', members);
  for (const [turn, protocol] of ['classic', 'consumer', 'classic'].entries()) {
    const names = [0, 1, 2].map((index) => `turn${turn}-${index}`);
    for (const name of names) await scenario.start(members, name, { protocol });
    expect((await scenario.settled(3)).type).toBe(protocol);
    await scenario.works(...names);
    if (turn < 2) await scenario.stop(...names);
  }
  expect(await scenario.finish()).toMatchObject({ lost: [] });
});
