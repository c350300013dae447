import { ErrorCode } from '@odradek/protocol';
import type { ResponseOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient } from '../testing/sim-client.ts';

type Partition = ResponseOf<2>['topics'][number]['partitions'][number];
const TIME = 1_700_000_000_000;

async function list(
  client: SimClient,
  timestamp: number,
  asked: { readonly version?: number; readonly topic?: string; readonly partitions?: readonly number[] } = {},
): Promise<readonly Partition[]> {
  const { version = 11, topic = 't', partitions = [0] } = asked;
  const named = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
  const level = version >= 2 ? { isolationLevel: 0 } : {};
  const { topics } = await client.ask(
    2,
    { replicaId: -1, ...level, topics: [{ name: topic, partitions: named }] },
    version,
  );
  return topics[0]?.partitions ?? [];
}

async function clientWithRecords(): Promise<SimClient> {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't', { partitions: 2 });
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf(5, {}, TIME) }] }];
  await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
  return client;
}

test('list offsets: every version tells the end, and from 4 on the epoch', async () => {
  const client = await clientWithRecords();
  for (let version = 1; version <= 11; version += 1) {
    expect(await list(client, -1, { version })).toMatchObject([
      { errorCode: 0, offset: 5, timestamp: -1, leaderEpoch: version >= 4 ? 0 : -1 },
    ]);
    expect(await list(client, TIME + 2, { version })).toMatchObject([{ errorCode: 0, offset: 2, timestamp: TIME + 2 }]);
  }
});

test.for([
  [-3, 7],
  [-4, 8],
  [-5, 9],
  [-6, 11],
] as const)('list offsets: timestamp %i is known from version %i on', async ([timestamp, since]) => {
  const client = await clientWithRecords();
  expect((await list(client, timestamp, { version: since - 1 }))[0]?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  expect((await list(client, timestamp, { version: since }))[0]?.errorCode).toBe(0);
});

test('list offsets: a timestamp that means nothing, a partition named twice, and what is not there are refused', async () => {
  const client = await clientWithRecords();
  expect((await list(client, -7))[0]?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  expect((await list(client, -1, { partitions: [0, 1, 0] })).map(({ errorCode }) => errorCode)).toEqual([
    ErrorCode.INVALID_REQUEST,
    0,
    ErrorCode.INVALID_REQUEST,
  ]);
  expect((await list(client, -1, { partitions: [7] }))[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  expect((await list(client, -1, { topic: 'nope' }))[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('list offsets: a time after the last record gives no offset and no error', async () => {
  const client = await clientWithRecords();
  expect(await list(client, TIME + 1_000)).toMatchObject([{ errorCode: 0, offset: -1, timestamp: -1 }]);
});

test('list offsets: many partitions are answered in their order', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't', { partitions: 100 });
  const partitions = Array.from({ length: 100 }, (_, index) => 99 - index);
  expect((await list(client, -1, { partitions })).map(({ partitionIndex }) => partitionIndex)).toEqual(partitions);
});

test('list offsets: from version 10 on, what is not looked up within the timeout is refused, and the rest is told', async () => {
  const sim = await startSimNode();
  const client = await sim.connect();
  await createTopic(client, 't', { partitions: 100 });
  const indexes = Array.from({ length: 100 }, (_, index) => index);
  const partitionData = indexes.map((index) => ({ index, records: batchOf(1, {}, TIME) }));
  await client.ask(0, { acks: -1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] }, 12);
  // Each read of the disk takes a second.
  sim.files.failWhen((point) => {
    if (point === 'read') void sim.clock.advance(1_000);
    return undefined;
  });
  const partitions = indexes.map((partitionIndex) => ({ partitionIndex, timestamp: TIME }));
  const asked = { replicaId: -1, isolationLevel: 0, topics: [{ name: 't', partitions }] };
  const { topics } = await client.ask(2, { ...asked, timeoutMs: 3_000 }, 10);
  const codes = topics[0]?.partitions.map(({ errorCode }) => errorCode) ?? [];
  expect(codes.slice(0, 3)).toEqual([0, 0, 0]);
  expect(codes.at(-1)).toBe(ErrorCode.REQUEST_TIMED_OUT);
});
