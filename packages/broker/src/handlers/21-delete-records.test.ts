import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient } from '../testing/sim-client.ts';

async function clientWithRecords(): Promise<SimClient> {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't');
  await createTopic(client, 'compacted', { configs: { 'cleanup.policy': 'compact' } });
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf(5) }] }];
  await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
  return client;
}

test('delete records: every version moves the log start and tells it', async () => {
  const client = await clientWithRecords();
  for (const version of [0, 1, 2]) {
    const partitions = [{ partitionIndex: 0, offset: version + 1 }];
    const { topics } = await client.ask(21, { topics: [{ name: 't', partitions }], timeoutMs: 1_000 }, version);
    expect(topics[0]?.partitions).toEqual([{ partitionIndex: 0, lowWatermark: version + 1, errorCode: 0 }]);
  }
});

test.for([
  ['t', 0, -1, 0, 5],
  ['t', 0, 0, 0, 0],
  ['t', 0, 6, ErrorCode.OFFSET_OUT_OF_RANGE, -1],
  ['t', 0, -2, ErrorCode.OFFSET_OUT_OF_RANGE, -1],
  ['t', 3, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
  ['nope', 0, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
  ['compacted', 0, 0, ErrorCode.POLICY_VIOLATION, -1],
] as const)('delete records: %s-%i before %i gives code %i and low watermark %i', async (row) => {
  const [name, partitionIndex, offset, errorCode, lowWatermark] = row;
  const client = await clientWithRecords();
  const asked = { topics: [{ name, partitions: [{ partitionIndex, offset }] }], timeoutMs: 1_000 };
  const { topics } = await client.ask(21, asked);
  expect(topics[0]?.partitions).toEqual([{ partitionIndex, lowWatermark, errorCode }]);
});
