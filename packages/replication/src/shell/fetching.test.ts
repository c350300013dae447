import { drain } from '@odradek/base/testing';
import { batch, ErrorCode } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchOf, now, Rig } from '../testing/rig.ts';
import type { FetchResult } from '../types.ts';

const BATCH_BYTES = batchOf(1).length;

async function rigWith(topic: string, batches: number, partitions = 1): Promise<Rig> {
  const rig = await Rig.open();
  await rig.createTopic(topic, { partitions });
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let count = 0; count < batches; count += 1) now(rig.produce(topic, { partition }));
  }
  return rig;
}

/** The answer of a fetch that waits, and whether it is there. */
function answerOf(fetch: FetchResult[] | Promise<FetchResult[]>): {
  there?: FetchResult[];
  readonly done: Promise<unknown>;
} {
  const state: { there?: FetchResult[]; done: Promise<unknown> } = { done: Promise.resolve() };
  state.done = Promise.resolve(fetch).then((results) => (state.there = results));
  return state;
}

const baseOffsets = (result: FetchResult | undefined): number[] => {
  const bytes = Buffer.concat(result?.chunks ?? []);
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) found.push(batch.baseOffset(bytes, at));
  return found;
};

test('fetch: what is there is answered at once, from the batch that holds the offset on', async () => {
  const rig = await rigWith('t', 0);
  now(rig.produce('t', { count: 3 }));
  now(rig.produce('t', { count: 2 }));
  const [result] = now(rig.fetch([{ topic: 't', fetchOffset: 1 }], { maxWaitMs: 500 }));
  expect(result).toMatchObject({ code: 0, highWatermark: 5, lastStableOffset: 5, logStartOffset: 0 });
  expect(result?.abortedTransactions).toBeNull();
  expect(baseOffsets(result)).toEqual([0, 3]);
});

test('fetch: a long poll is answered when its bytes are there, and takes all that came in one burst', async () => {
  const rig = await rigWith('t', 1);
  const answer = answerOf(rig.fetch([{ topic: 't', fetchOffset: 1 }], { maxWaitMs: 500, minBytes: 2 * BATCH_BYTES }));
  now(rig.produce('t'));
  await drain();
  expect(answer.there).toBeUndefined();
  for (let count = 0; count < 3; count += 1) now(rig.produce('t'));
  await answer.done;
  expect(baseOffsets(answer.there?.[0])).toEqual([1, 2, 3, 4]);
});

test('fetch: bytes of several partitions add up', async () => {
  const rig = await rigWith('t', 0, 3);
  const partitions = [0, 1, 2].map((partition) => ({ topic: 't', partition }));
  const answer = answerOf(rig.fetch(partitions, { maxWaitMs: 500, minBytes: 2 * BATCH_BYTES }));
  now(rig.produce('t', { partition: 2 }));
  await drain();
  expect(answer.there).toBeUndefined();
  now(rig.produce('t', { partition: 0 }));
  await answer.done;
  expect(answer.there?.map((result) => baseOffsets(result).length)).toEqual([1, 0, 1]);
});

test('fetch: a long poll ends when its time is over, with what there is', async () => {
  const rig = await rigWith('t', 0);
  const answer = answerOf(rig.fetch([{ topic: 't' }], { maxWaitMs: 500, minBytes: 10_000 }));
  now(rig.produce('t'));
  await rig.clock.advance(499);
  expect(answer.there).toBeUndefined();
  await rig.clock.advance(1);
  expect(baseOffsets(answer.there?.[0])).toEqual([0]);
  expect(rig.metrics.value('odradek_waiting', { kind: 'fetch' })).toBe(0);
});

test('fetch: a long poll ends at once when its connection is gone', async () => {
  const rig = await rigWith('t', 0);
  const connection = new AbortController();
  const answer = answerOf(rig.fetch([{ topic: 't' }], { maxWaitMs: 500, signal: connection.signal }));
  await drain();
  expect(rig.metrics.value('odradek_waiting', { kind: 'fetch' })).toBe(1);
  connection.abort();
  await answer.done;
  expect(rig.metrics.value('odradek_waiting', { kind: 'fetch' })).toBe(0);
});

test('fetch: a long poll over no partitions is answered at once', async () => {
  const rig = await rigWith('t', 0);
  expect(now(rig.fetch([], { maxWaitMs: 500 }))).toEqual([]);
});

test('fetch: a refusal in one partition is answered at once, with what the others have', async () => {
  const rig = await rigWith('t', 1);
  const results = now(
    rig.fetch([{ topic: 't' }, { topic: 'nope' }, { topic: 't', fetchOffset: 9 }], {
      maxWaitMs: 500,
      minBytes: 10_000,
    }),
  );
  expect(results.map(({ code }) => code)).toEqual([
    0,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.OFFSET_OUT_OF_RANGE,
  ]);
  expect(baseOffsets(results[0])).toEqual([0]);
});

test('fetch: a waiting poll is told when its partition moves, changes its epoch or is deleted', async () => {
  const rig = await rigWith('t', 0);
  await rig.createTopic('u');
  await rig.createTopic('v');
  const [moved, deleted, fenced] = ['t', 'u', 'v'].map((topic) =>
    answerOf(rig.fetch([{ topic, currentLeaderEpoch: 0 }], { maxWaitMs: 500 })),
  );
  await rig.commit([rig.partitionChange('t', { leader: 2, replicas: [2], isr: [2] })]);
  await rig.deleteTopic('u');
  await rig.elect('v', 1);
  await drain();
  expect(moved?.there?.[0]).toMatchObject({
    code: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    currentLeader: { leaderId: 2, leaderEpoch: 1 },
  });
  expect(deleted?.there?.[0]?.code).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  expect(fenced?.there?.[0]).toMatchObject({
    code: ErrorCode.FENCED_LEADER_EPOCH,
    currentLeader: { leaderId: 1, leaderEpoch: 1 },
  });
});

test('fetch: the first batch is whole whatever the limits say, and the next partitions get what is left', async () => {
  const rig = await rigWith('t', 2, 3);
  const partitions = [0, 1, 2].map((partition) => ({ topic: 't', partition }));
  const counts = (maxBytes: number, maxOfEach = 1_000_000): number[] =>
    now(
      rig.fetch(
        partitions.map((each) => ({ ...each, maxBytes: maxOfEach })),
        { maxBytes },
      ),
    ).map((result) => baseOffsets(result).length);
  expect(counts(1)).toEqual([1, 0, 0]);
  expect(counts(3 * BATCH_BYTES)).toEqual([2, 1, 0]);
  expect(counts(1_000_000, 1)).toEqual([1, 0, 0]);
  expect(counts(1_000_000, BATCH_BYTES)).toEqual([1, 1, 1]);
});

test('fetch: leader epochs that the client believes in are checked both ways', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { leaderEpoch: 3 });
  const code = (currentLeaderEpoch: number): unknown => now(rig.fetch([{ topic: 't', currentLeaderEpoch }]))[0]?.code;
  expect([2, 3, 4].map(code)).toEqual([ErrorCode.FENCED_LEADER_EPOCH, 0, ErrorCode.UNKNOWN_LEADER_EPOCH]);
});

test('fetch: a client that followed another history is told where it parted', async () => {
  const rig = await rigWith('t', 2);
  await rig.elect('t', 1);
  now(rig.produce('t'));
  const ask = (fetchOffset: number, lastFetchedEpoch: number): FetchResult | undefined =>
    now(rig.fetch([{ topic: 't', fetchOffset, lastFetchedEpoch }]))[0];
  expect(ask(3, 0)).toMatchObject({ code: 0, divergingEpoch: { leaderEpoch: 0, endOffset: 2 }, sizeBytes: 0 });
  expect(ask(2, 0)?.divergingEpoch).toBeUndefined();
  expect(ask(3, 1)?.divergingEpoch).toBeUndefined();
  expect(ask(3, 5)?.code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
});

test('fetch: an id of another topic of the same name is refused', async () => {
  const rig = await rigWith('t', 1);
  expect(now(rig.fetch([{ topic: 't', topicId: 'BAAAAAAAAAAAAAAAAAAAAA' }]))[0]?.code).toBe(
    ErrorCode.INCONSISTENT_TOPIC_ID,
  );
});

test('fetch: nothing above the high watermark is given out', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2] });
  now(rig.produce('t', { acks: 1 }));
  const answer = answerOf(rig.fetch([{ topic: 't' }], { maxWaitMs: 500 }));
  await drain();
  expect(answer.there).toBeUndefined();
  await rig.commit([rig.partitionChange('t', { isr: [1] })]);
  await answer.done;
  expect(answer.there?.[0]).toMatchObject({ highWatermark: 1, sizeBytes: BATCH_BYTES });
});

test('fetch: read_committed waits for the last stable offset', async () => {
  const rig = await rigWith('t', 0);
  const open = { batch: { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true } };
  now(rig.produce('t', open));
  const committed = answerOf(rig.fetch([{ topic: 't' }], { maxWaitMs: 500, isolation: 'read_committed' }));
  const [dirty] = now(rig.fetch([{ topic: 't' }]));
  expect(dirty).toMatchObject({ highWatermark: 1, lastStableOffset: 0, sizeBytes: batchOf(1).length });
  now(rig.produce('t'));
  await drain();
  expect(committed.there).toBeUndefined();
  await rig.clock.advance(500);
  expect(committed.there?.[0]).toMatchObject({ sizeBytes: 0, abortedTransactions: [], lastStableOffset: 0 });
});

test('fetch: reads that must go to disk stay within the limit of the request together', async () => {
  const rig = await Rig.open({ limits: { tailCacheBytesMax: 1 } });
  await rig.createTopic('t', { partitions: 4 });
  for (let partition = 0; partition < 4; partition += 1) {
    for (let count = 0; count < 20; count += 1) now(rig.produce('t', { partition, size: 1_000 }));
  }
  const fetch = rig.fetch(
    [0, 1, 2, 3].map((partition) => ({ topic: 't', partition, maxBytes: 5_000 })),
    { maxBytes: 12_000, maxWaitMs: 500 },
  );
  expect(fetch).toBeInstanceOf(Promise);
  const sizes = (await fetch).map(({ sizeBytes }) => sizeBytes);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(12_000);
  expect(sizes.slice(0, 2).every((size) => size > 3_000)).toBe(true);
});

test('fetch: bytes that come while a read is on its way to disk wake the poll all the same', async () => {
  const rig = await Rig.open({ limits: { tailCacheBytesMax: 1 } });
  await rig.createTopic('t', { partitions: 2 });
  now(rig.produce('t', { partition: 0 }));
  const answer = answerOf(
    rig.fetch(
      [
        { topic: 't', partition: 0 },
        { topic: 't', partition: 1 },
      ],
      { maxWaitMs: 500, minBytes: 2 * BATCH_BYTES },
    ),
  );
  now(rig.produce('t', { partition: 1 }));
  await drain();
  expect(answer.there?.map((result) => baseOffsets(result))).toEqual([[0], [0]]);
});

test('fetch: a disk that cannot be read refuses the partition and no other', async () => {
  const rig = await Rig.open({ limits: { tailCacheBytesMax: 1 } });
  await rig.createTopic('t', { partitions: 2 });
  now(rig.produce('t', { partition: 0, size: 500 }));
  rig.files.failWhen((point, path) => (point === 'read' && path.includes('t-0') ? 'EIO' : undefined));
  const results = await rig.fetch([
    { topic: 't', partition: 0 },
    { topic: 't', partition: 1 },
  ]);
  expect(results.map(({ code }) => code)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0]);
});

test('fetch: beyond the bound of waits a poll is answered at once instead of waiting', async () => {
  const rig = await Rig.open({ limits: { waitersMax: 1 } });
  await rig.createTopic('t');
  const first = answerOf(rig.fetch([{ topic: 't' }], { maxWaitMs: 500 }));
  const second = answerOf(rig.fetch([{ topic: 't' }], { maxWaitMs: 500 }));
  await drain();
  expect([first.there, second.there?.length]).toEqual([undefined, 1]);
  await rig.clock.advance(500);
  expect(first.there).toHaveLength(1);
});

test('fetch: a consumer that polls reads every record once and in order, however produce and polls interleave', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('produce' as const), partition: fc.nat(2), count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('poll' as const), minBytes: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(300) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, isCold) => {
      const rig = await Rig.open(isCold ? { limits: { tailCacheBytesMax: 1 } } : {});
      await rig.createTopic('t', { partitions: 3 });
      const position = [0, 0, 0];
      let polling: { there?: FetchResult[] } | undefined;
      const take = (): void => {
        for (const result of polling?.there ?? []) {
          const bytes = Buffer.concat(result.chunks);
          for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
            expect(batch.baseOffset(bytes, at)).toBe(position[result.partition]);
            position[result.partition] = batch.lastOffset(bytes, at) + 1;
          }
        }
        if (polling?.there !== undefined) polling = undefined;
      };
      const poll = (minBytes: number): void => {
        const asked = position.map((fetchOffset, partition) => ({ topic: 't', partition, fetchOffset }));
        polling = answerOf(rig.fetch(asked, { maxWaitMs: 200, minBytes, maxBytes: 300 }));
      };
      for (const each of steps) {
        if (each.kind === 'produce') now(rig.produce('t', each));
        else if (each.kind === 'wait') await rig.clock.advance(each.ms);
        else if (polling === undefined) poll(each.minBytes);
        await drain();
        take();
      }
      await rig.clock.advance(200);
      take();
      const ends = (): unknown[] => [0, 1, 2].map((at) => rig.replicas.partitionState('t', at)?.logEndOffset);
      for (let left = 60; left > 0 && position.some((at, index) => at !== ends()[index]); left -= 1) {
        poll(1);
        await drain();
        take();
      }
      expect(position).toEqual(ends());
    }),
    { numRuns: 40 },
  );
});

test('fetch: a follower gives what is committed to who may read from any replica, and sends others to the leader', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2], isr: [1] });
  now(rig.produce('t', { count: 2, acks: 1 }));
  await rig.commit([rig.partitionChange('t', { leader: 2, isr: [1, 2] })]);
  const nowhere = now(rig.fetch([{ topic: 't' }]))[0];
  expect(nowhere).toMatchObject({
    code: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    currentLeader: { leaderId: 2, leaderEpoch: 1 },
  });
  const asked = { fromAnyReplica: true, nearbyBrokers: [2] };
  const [read] = now(rig.fetch([{ topic: 't' }], asked));
  expect(read).toMatchObject({ code: 0, highWatermark: 2, logStartOffset: 0 });
  expect(read?.preferredReadReplica).toBeUndefined();
  expect(baseOffsets(read)).toEqual([0]);
  expect(now(rig.fetch([{ topic: 't', currentLeaderEpoch: 1 }], asked))[0]?.code).toBe(0);
  expect(now(rig.fetch([{ topic: 't', currentLeaderEpoch: 0 }], asked))[0]).toMatchObject({
    code: ErrorCode.FENCED_LEADER_EPOCH,
    currentLeader: { leaderId: 2, leaderEpoch: 1 },
  });
  expect(now(rig.fetch([{ topic: 't', currentLeaderEpoch: 2 }], asked))[0]?.code).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  expect(now(rig.fetch([{ topic: 't', fetchOffset: 3 }], asked))[0]?.code).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
});

test('fetch: who waits at a follower is woken when its partition gets another epoch', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2, 3], isr: [1, 2, 3], leader: 2 });
  const answer = answerOf(
    rig.fetch([{ topic: 't', currentLeaderEpoch: 0 }], { fromAnyReplica: true, maxWaitMs: 30_000 }),
  );
  await drain();
  expect(answer.there).toBeUndefined();
  await rig.elect('t', 3);
  await answer.done;
  expect(answer.there?.[0]).toMatchObject({ code: ErrorCode.FENCED_LEADER_EPOCH });
});

test('fetch: the leader sends who names brokers nearby to the one that is in sync and has the offset, without a record', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2, 3], isr: [1, 2] });
  now(rig.produce('t', { count: 4, acks: 1 }));
  rig.follow('t', 2);
  const ask = (nearbyBrokers: readonly number[], fetchOffset = 2): FetchResult | undefined =>
    now(rig.fetch([{ topic: 't', fetchOffset }], { fromAnyReplica: true, nearbyBrokers, maxWaitMs: 500 }))[0];
  expect(now(rig.fetch([{ topic: 't' }], { nearbyBrokers: [2] }))[0]?.preferredReadReplica).toBe(2);
  rig.acknowledge('t', 2, 4);
  expect(ask([2])).toMatchObject({
    code: 0,
    preferredReadReplica: 2,
    highWatermark: 4,
    logStartOffset: 0,
    sizeBytes: 0,
  });
  expect(ask([1, 2])?.preferredReadReplica).toBeUndefined();
  expect(ask([3])?.preferredReadReplica).toBeUndefined();
  expect(ask([2], 9)).toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
  expect(ask([2], 9)?.preferredReadReplica).toBeUndefined();
  expect(baseOffsets(ask([3]))).toEqual([0]);
});

test('fetch: a read_committed consumer that is sent on is told of no transactions', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2] });
  rig.follow('t', 2);
  const how = { isolation: 'read_committed', fromAnyReplica: true, nearbyBrokers: [2] } as const;
  expect(now(rig.fetch([{ topic: 't' }], how))[0]).toMatchObject({
    preferredReadReplica: 2,
    abortedTransactions: null,
  });
});

test('fetch: who waits at a follower is answered by what its leader has sent once that is committed', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [2, 1], leader: 2, leaderEpoch: 3 });
  const answer = answerOf(rig.fetch([{ topic: 't' }], { fromAnyReplica: true, maxWaitMs: 30_000 }));
  const follower = rig.partition('t');
  const records = Buffer.from(batchOf(2));
  batch.setPartitionLeaderEpoch(records, 0, 3);
  const taken = follower.replicate(records, { fetchOffset: 0, highWatermark: 0, logStartOffset: 0 });
  expect(taken).toEqual({ ok: true, value: 2 });
  await drain();
  expect(answer.there).toBeUndefined();
  follower.progress({ highWatermark: 2, logStartOffset: 0 });
  await answer.done;
  expect(answer.there?.[0]).toMatchObject({ code: 0, highWatermark: 2 });
  expect(baseOffsets(answer.there?.[0])).toEqual([0]);
});
