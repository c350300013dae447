import { drain } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import type { ResponseOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient } from '../testing/sim-client.ts';

type Partition = ResponseOf<0>['responses'][number]['partitionResponses'][number];
type Asked = { acks?: number; topic?: string; topicId?: string; index?: number; version?: number };

async function produce(client: SimClient, records: Buffer | null, asked: Asked = {}): Promise<Partition | undefined> {
  const { acks = -1, topic = 't', topicId, index = 0, version = 12 } = asked;
  const named = version >= 13 ? { topicId: topicId ?? '' } : { name: topic };
  const topicData = [{ ...named, partitionData: [{ index, records }] }];
  const { responses } = await client.ask(0, { transactionalId: null, acks, timeoutMs: 1_000, topicData }, version);
  return responses[0]?.partitionResponses[0];
}

async function clientWith(topic: string, partitions = 1): Promise<{ client: SimClient; topicId: string }> {
  const sim = await startSimNode();
  const client = await sim.connect();
  return { client, topicId: await createTopic(client, topic, { partitions }) };
}

test('produce: every version appends and tells the offset', async () => {
  const { client, topicId } = await clientWith('t');
  for (let version = 3; version <= 13; version += 1) {
    const answer = await produce(client, batchOf(2), { version, topicId });
    expect(answer).toMatchObject({ errorCode: 0, baseOffset: 2 * (version - 3), errorMessage: null, recordErrors: [] });
  }
});

test.for([
  ['no records', null, {}, ErrorCode.INVALID_RECORD],
  ['empty records', Buffer.alloc(0), {}, ErrorCode.INVALID_RECORD],
  ['two batches', Buffer.concat([batchOf(1), batchOf(1)]), {}, ErrorCode.INVALID_RECORD],
  ['acks=2', batchOf(1), { acks: 2 }, ErrorCode.INVALID_REQUIRED_ACKS],
  ['an unknown topic', batchOf(1), { topic: 'nope' }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['an unknown partition', batchOf(1), { index: 4 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['a negative partition', batchOf(1), { index: -1 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['an unknown topic id', batchOf(1), { version: 13, topicId: 'BAAAAAAAAAAAAAAAAAAAAA' }, ErrorCode.UNKNOWN_TOPIC_ID],
  ['an internal topic', batchOf(1), { topic: '__consumer_offsets' }, ErrorCode.INVALID_TOPIC_EXCEPTION],
  [
    'a transactional batch',
    batchOf(1, { isTransactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
    {},
    ErrorCode.INVALID_TXN_STATE,
  ],
  ['a control batch', batchOf(1, { isControl: true }), {}, ErrorCode.INVALID_RECORD],
  ['a record from the far future', batchOf(1, {}, 1_800_000_000_000), {}, ErrorCode.INVALID_TIMESTAMP],
] as const)('produce: %s is refused in a good response, with a sentence', async ([, records, asked, code]) => {
  const { client } = await clientWith('t');
  const answer = await produce(client, records, asked);
  expect(answer).toMatchObject({ errorCode: code, baseOffset: -1, logAppendTimeMs: -1 });
  expect(answer?.errorMessage).toMatch(/\w+ \w+/);
  expect(await produce(client, batchOf(1))).toMatchObject({ errorCode: 0, baseOffset: 0 });
});

test('produce: records that a compacted topic cannot take are named one by one', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't', { configs: { 'cleanup.policy': 'compact' } });
  const answer = await produce(client, batchOf(2));
  expect(answer).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, logStartOffset: 0 });
  expect(answer?.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([0, 1]);
});

test('produce: good and refused partitions of one request keep their places', async () => {
  const { client } = await clientWith('t', 2);
  const partitionData = [
    { index: 0, records: null },
    { index: 1, records: batchOf(2) },
    { index: 9, records: batchOf(1) },
    { index: 1, records: batchOf(1) },
  ];
  const topicData = [
    { name: 'nope', partitionData: [{ index: 0, records: batchOf(1) }] },
    { name: 't', partitionData },
  ];
  const { responses } = await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
  expect(
    responses.map(({ name, partitionResponses }) => [
      name,
      partitionResponses.map(({ index, errorCode, baseOffset }) => [index, errorCode, baseOffset]),
    ]),
  ).toEqual([
    ['nope', [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1]]],
    [
      't',
      [
        [0, ErrorCode.INVALID_RECORD, -1],
        [1, 0, 0],
        [9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
        [1, 0, 2],
      ],
    ],
  ]);
});

test('produce: acks=0 is never answered, and a refusal closes the connection', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't');
  const send = (name: string): void =>
    client.send(0, 9, {
      transactionalId: null,
      acks: 0,
      timeoutMs: 1_000,
      topicData: [{ name, partitionData: [{ index: 0, records: batchOf(1) }] }],
    });
  send('t');
  expect((await client.ask(18, {}, 0)).errorCode).toBe(0);
  expect(sim.node.broker.replicas.partitionState('t', 0)?.logEndOffset).toBe(1);
  send('nope');
  await drain();
  expect(client.isClosed).toBe(true);
});

test('produce: a storage error is told to clients before version 4 as a leader that moved', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't');
  sim.files.failWhen((point) => (point === 'write' ? 'EIO' : undefined));
  expect((await produce(client, batchOf(1)))?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect((await produce(client, batchOf(1), { version: 3 }))?.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});
