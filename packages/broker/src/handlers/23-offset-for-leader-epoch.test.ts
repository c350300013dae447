import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';

test('offset for leader epoch: every version tells where an epoch ends, and refuses what it must', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't');
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf(5) }] }];
  await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
  const end = async (
    leaderEpoch: number,
    asked: { version?: number; current?: number; topic?: string } = {},
  ): Promise<unknown> => {
    const { version = 4, current = -1, topic = 't' } = asked;
    const partitions = [{ partition: 0, currentLeaderEpoch: current, leaderEpoch }];
    const { topics } = await client.ask(23, { topics: [{ topic, partitions }] }, version);
    const [found] = topics[0]?.partitions ?? [];
    return [found?.errorCode, found?.leaderEpoch, found?.endOffset];
  };
  for (const version of [2, 3, 4]) expect(await end(0, { version })).toEqual([0, 0, 5]);
  expect(await end(1)).toEqual([0, -1, -1]);
  expect(await end(0, { current: 7 })).toEqual([ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1]);
  expect(await end(0, { topic: 'nope' })).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1, -1]);
});
