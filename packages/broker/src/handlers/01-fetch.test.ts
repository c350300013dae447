import { drain } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import type { RequestInput, ResponseOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, createTopic, startSimNode } from '../testing/sim-client.ts';
import type { SimClient, SimNode } from '../testing/sim-client.ts';

type Answer = ResponseOf<1>;
type Asked = {
  readonly version?: number;
  readonly topic?: string;
  readonly topicId?: string;
  readonly at?: readonly (readonly [partition: number, fetchOffset: number])[];
  readonly epoch?: number;
} & Omit<Partial<RequestInput<1>>, 'topics'>;

const BATCH_BYTES = batchOf(1).length;

function fetchRequest(asked: Asked): RequestInput<1> {
  const { version = 12, topic = 't', topicId = '', at = [[0, 0]], epoch = -1, ...rest } = asked;
  const partitions = at.map(([partition, fetchOffset]) => ({
    partition,
    fetchOffset,
    partitionMaxBytes: 1_000_000,
    ...(version >= 9 ? { currentLeaderEpoch: epoch } : {}),
  }));
  const topics = at.length === 0 ? [] : [{ ...(version >= 13 ? { topicId } : { topic }), partitions }];
  return { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, isolationLevel: 0, topics, ...rest };
}

const fetch = (client: SimClient, asked: Asked = {}): Promise<Answer> =>
  client.ask(1, fetchRequest(asked), asked.version ?? 12);

async function produce(client: SimClient, index = 0, records = batchOf(1)): Promise<void> {
  const topicData = [{ name: 't', partitionData: [{ index, records }] }];
  await client.ask(0, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData }, 12);
}

async function simWith(partitions: number): Promise<{ sim: SimNode; client: SimClient; topicId: string }> {
  const sim = await startSimNode();
  const client = await sim.connect();
  const topicId = await createTopic(client, 't', { partitions });
  return { sim, client, topicId };
}

const told = (answer: Answer): unknown =>
  answer.responses.map(({ topic, partitions }) => [
    topic,
    partitions.map(({ partitionIndex, errorCode, records }) => [partitionIndex, errorCode, records?.length ?? null]),
  ]);

test('fetch: every version gives the batches as they lie in the log', async () => {
  const { client, topicId } = await simWith(1);
  await produce(client);
  await produce(client);
  for (let version = 4; version <= 18; version += 1) {
    const { responses } = await fetch(client, { version, topicId });
    expect(responses[0]?.partitions[0]).toMatchObject({
      errorCode: 0,
      highWatermark: 2,
      lastStableOffset: 2,
      logStartOffset: version >= 5 ? 0 : -1,
      preferredReadReplica: -1,
    });
    expect(responses[0]?.partitions[0]?.records).toHaveLength(2 * BATCH_BYTES);
    expect([responses[0]?.topic, responses[0]?.topicId]).toEqual(
      version >= 13 ? ['', topicId] : ['t', 'AAAAAAAAAAAAAAAAAAAAAA'],
    );
  }
});

test('fetch: a consumer that waits is answered by the next record, while its connection goes on serving', async () => {
  const { sim, client } = await simWith(1);
  const consumer = await sim.connect();
  consumer.send(1, 12, fetchRequest({ maxWaitMs: 500 }));
  await drain();
  expect(consumer.take(1, 12)).toBeUndefined();
  await produce(client);
  await drain();
  expect(consumer.take(1, 12)?.responses[0]?.partitions[0]?.records).toHaveLength(BATCH_BYTES);
});

test('fetch: a wait that is over gives an empty answer', async () => {
  const { sim, client } = await simWith(1);
  client.send(1, 12, fetchRequest({ maxWaitMs: 500 }));
  await drain();
  await sim.clock.advance(499);
  expect(client.take(1, 12)).toBeUndefined();
  await sim.clock.advance(1);
  const answer = client.take(1, 12);
  expect(answer === undefined ? undefined : told(answer)).toEqual([['t', [[0, 0, 0]]]]);
});

test('fetch: when the client goes, its wait goes', async () => {
  const { sim, client } = await simWith(1);
  const consumer = await sim.connect();
  consumer.send(1, 12, fetchRequest({ maxWaitMs: 5_000 }));
  await drain();
  expect(sim.node.metrics.value('odradek_waiting', { kind: 'fetch' })).toBe(1);
  consumer.end();
  await drain();
  expect(sim.node.metrics.value('odradek_waiting', { kind: 'fetch' })).toBe(0);
  expect((await fetch(client)).errorCode).toBe(0);
});

test.for([
  ['an unknown topic', { topic: 'nope' }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['an unknown partition', { at: [[9, 0]] }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['an unknown topic id', { version: 17, topicId: 'BAAAAAAAAAAAAAAAAAAAAA' }, ErrorCode.UNKNOWN_TOPIC_ID],
  ['an offset beyond the end', { at: [[0, 5]] }, ErrorCode.OFFSET_OUT_OF_RANGE],
  ['a negative offset', { at: [[0, -1]] }, ErrorCode.OFFSET_OUT_OF_RANGE],
  ['a leader epoch from the future', { epoch: 9 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
] as const)('fetch: %s is refused at once in its partition, whatever the wait', async ([, asked, code]) => {
  const { client } = await simWith(1);
  const answer = await fetch(client, { maxWaitMs: 10_000, ...asked });
  expect(answer.errorCode).toBe(0);
  expect(answer.responses[0]?.partitions[0]).toMatchObject({ errorCode: code, highWatermark: -1 });
  expect(answer.responses[0]?.partitions[0]?.records).toHaveLength(0);
});

test('fetch: brokers that fetch as followers are refused: replicas have their own streams', async () => {
  const { client, topicId } = await simWith(1);
  const old = await fetch(client, { version: 4, replicaId: 2 });
  expect(old.responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  const recent = await fetch(client, { version: 17, topicId, replicaState: { replicaId: 2, replicaEpoch: 1 } });
  expect(recent.errorCode).toBe(ErrorCode.INVALID_REQUEST);
});

test('fetch: a session names only what has news, and one that is unknown or out of step is refused', async () => {
  const { client } = await simWith(3);
  const at = [
    [0, 0],
    [1, 0],
    [2, 0],
  ] as const;
  const full = await fetch(client, { at, sessionEpoch: 0 });
  const sessionId = full.sessionId;
  expect(sessionId).toBeGreaterThan(0);
  expect(told(full)).toEqual([
    [
      't',
      [
        [0, 0, 0],
        [1, 0, 0],
        [2, 0, 0],
      ],
    ],
  ]);
  expect(told(await fetch(client, { at: [], sessionId, sessionEpoch: 1 }))).toEqual([]);
  await produce(client, 1);
  expect(told(await fetch(client, { at: [], sessionId, sessionEpoch: 2 }))).toEqual([['t', [[1, 0, BATCH_BYTES]]]]);
  const moved = await fetch(client, { at: [[1, 1]], sessionId, sessionEpoch: 3 });
  expect(told(moved)).toEqual([]);
  expect((await fetch(client, { at: [], sessionId, sessionEpoch: 3 })).errorCode).toBe(
    ErrorCode.INVALID_FETCH_SESSION_EPOCH,
  );
  expect((await fetch(client, { at: [], sessionId: 99, sessionEpoch: 1 })).errorCode).toBe(
    ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
  );
});

test('fetch: over a session with a small limit every partition gets its turn', async () => {
  const { client } = await simWith(3);
  for (const partition of [0, 1, 2]) for (let count = 0; count < 3; count += 1) await produce(client, partition);
  const at = [0, 1, 2].map((partition) => [partition, 0] as const);
  const maxBytes = 1;
  const seen: unknown[] = [];
  let answer = await fetch(client, { at, sessionEpoch: 0, maxBytes });
  const { sessionId } = answer;
  for (let sessionEpoch = 1; sessionEpoch <= 3; sessionEpoch += 1) {
    answer = await fetch(client, { at: [], sessionId, sessionEpoch, maxBytes });
    seen.push(...answer.responses.flatMap(({ partitions }) => partitions.map((each) => each.partitionIndex)));
  }
  expect(seen).toEqual([0, 1, 2]);
});

test('fetch: a session by topic ids tells of a topic that was deleted, and of one made under its name', async () => {
  const { client, topicId } = await simWith(1);
  const { sessionId } = await fetch(client, { version: 17, topicId, sessionEpoch: 0 });
  await client.ask(20, { topics: [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 1_000 }, 6);
  const code = async (sessionEpoch: number): Promise<unknown> => {
    const answer = await fetch(client, { version: 17, at: [], sessionId, sessionEpoch });
    return [answer.responses[0]?.topicId, answer.responses[0]?.partitions[0]?.errorCode];
  };
  expect(await code(1)).toEqual([topicId, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
  await createTopic(client, 't');
  expect(await code(2)).toEqual([topicId, ErrorCode.INCONSISTENT_TOPIC_ID]);
});

test('fetch: zstd is kept from clients before version 10, who cannot read it', async () => {
  const { client } = await simWith(1);
  await produce(client, 0, batchOf(1, { compression: 4 }));
  expect(told(await fetch(client, { version: 9 }))).toEqual([['t', [[0, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, 0]]]]);
  const newer = await fetch(client, { version: 10 });
  expect(newer.responses[0]?.partitions[0]?.errorCode).toBe(0);
});

test('fetch: read_committed is told of aborted transactions, of which there are none, and others are not', async () => {
  const { client } = await simWith(1);
  await produce(client);
  const aborted = async (isolationLevel: number): Promise<unknown> =>
    (await fetch(client, { isolationLevel })).responses[0]?.partitions[0]?.abortedTransactions;
  expect([await aborted(0), await aborted(1)]).toEqual([null, []]);
});

test('fetch: fetch.max.bytes bounds an answer whatever the client allows', async () => {
  const sim = await startSimNode({ config: { 'fetch.max.bytes': '1024' } });
  const client = await sim.connect();
  await createTopic(client, 't');
  for (let count = 0; count < 30; count += 1) await produce(client);
  const { responses } = await fetch(client, { maxBytes: 0x7fff_ffff });
  const bytes = responses[0]?.partitions[0]?.records?.length ?? 0;
  expect(bytes).toBeGreaterThan(1_024 - BATCH_BYTES);
  expect(bytes).toBeLessThanOrEqual(1_024);
});
