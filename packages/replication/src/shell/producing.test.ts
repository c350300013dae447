import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { batchOf, now, Rig } from '../testing/rig.ts';

test('produce: with one replica acks=all is answered at once, without a promise', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  expect(now(rig.produce('t', { count: 3 }))).toMatchObject([{ code: 0, baseOffset: 0, lastOffset: 2, why: null }]);
  expect(now(rig.produce('t', { acks: 1 }))).toMatchObject([{ baseOffset: 3 }]);
  expect(rig.replicas.partitionState('t', 0)).toMatchObject({ highWatermark: 4, logEndOffset: 4, isLeader: true });
});

test('produce: each partition has its own outcome, in the order of the request', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { partitions: 2 });
  const records = batchOf(2);
  const garbled = Buffer.from(records);
  garbled.writeUInt8(garbled.readUInt8(70) ^ 1, 70);
  const results = now(
    rig.replicas.produce({
      acks: -1,
      timeoutMs: 1_000,
      origin: 'client',
      partitions: [
        { topic: 'nope', partition: 0, records },
        { topic: 't', partition: 1, records },
        { topic: 't', partition: 0, records: garbled },
        { topic: 't', partition: 7, records },
        { topic: 't', partition: 1, records: batchOf(1) },
      ],
    }),
  );
  expect(results.map(({ code, baseOffset }) => [code, baseOffset])).toEqual([
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
    [ErrorCode.NONE, 0],
    [ErrorCode.CORRUPT_MESSAGE, -1],
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
    [ErrorCode.NONE, 2],
  ]);
});

test('produce: the topic id of a request must be the one of the log', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  const one = (topicId: string): unknown =>
    now(
      rig.replicas.produce({
        acks: -1,
        timeoutMs: 1_000,
        origin: 'client',
        partitions: [{ topic: 't', partition: 0, records: batchOf(1), topicId }],
      }),
    )[0]?.code;
  expect([one('BAAAAAAAAAAAAAAAAAAAAA'), one(''), one(rig.topicId('t'))]).toEqual([ErrorCode.UNKNOWN_TOPIC_ID, 0, 0]);
});

test('produce: a broker that does not lead says who does, and at which epoch', async () => {
  const rig = await Rig.open();
  await rig.createTopic('away', { replicas: [2], leader: 2, leaderEpoch: 5 });
  await rig.createTopic('followed', { replicas: [1, 2], leader: 2, leaderEpoch: 7 });
  const code = ErrorCode.NOT_LEADER_OR_FOLLOWER;
  expect(now(rig.produce('away'))).toMatchObject([{ code, currentLeader: { leaderId: 2, leaderEpoch: 5 } }]);
  expect(now(rig.produce('followed'))).toMatchObject([{ code, currentLeader: { leaderId: 2, leaderEpoch: 7 } }]);
});

test('produce: acks=all is refused when fewer replicas are in sync than min.insync.replicas asks; acks=1 is not', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2], isr: [1], configs: { 'min.insync.replicas': '2' } });
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.NOT_ENOUGH_REPLICAS }]);
  expect(now(rig.produce('t', { acks: 1 }))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  await rig.configure('t', 'min.insync.replicas', '1');
  expect(now(rig.produce('t'))).toMatchObject([{ code: 0, baseOffset: 1 }]);
});

test('produce: acks=all waits for its followers, and is answered once those that lag have left the in-sync set', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2] });
  const waiting = rig.produce('t');
  expect(waiting).toBeInstanceOf(Promise);
  expect(rig.replicas.partitionState('t', 0)).toMatchObject({ highWatermark: 0, logEndOffset: 1 });
  expect(rig.metrics.value('odradek_waiting', { kind: 'produce' })).toBe(1);
  await rig.commit([rig.partitionChange('t', { isr: [1] })]);
  expect(await waiting).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(rig.metrics.value('odradek_waiting', { kind: 'produce' })).toBe(0);
});

test('produce: while too few are in sync nothing becomes committed: acks=all waits until its time is over (KIP-966)', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2], configs: { 'min.insync.replicas': '2' } });
  const waiting = rig.produce('t', { timeoutMs: 500 });
  await rig.commit([rig.partitionChange('t', { isr: [1] })]);
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.NOT_ENOUGH_REPLICAS }]);
  expect(now(rig.produce('t', { acks: 1 }))).toMatchObject([{ code: 0, baseOffset: 1 }]);
  await rig.clock.advance(500);
  expect(await waiting).toMatchObject([{ code: ErrorCode.REQUEST_TIMED_OUT }]);
  expect(rig.replicas.partitionState('t', 0)).toMatchObject({ highWatermark: 0, logEndOffset: 2 });
});

test('produce: what was committed is refused when by then more would have to be in sync than are (KIP-966)', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2, 3], isr: [1, 2] });
  const waiting = rig.produce('t');
  rig.follow('t', 2);
  rig.acknowledge('t', 2, 1);
  rig.replicas.byId(rig.topicId('t'), 0)?.reconfigure(3);
  expect(await waiting).toMatchObject([{ code: ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND }]);
});

test('produce: acks=all is refused when its time is over, and no earlier', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2] });
  let answer: unknown;
  const waiting = Promise.resolve(rig.produce('t', { timeoutMs: 500 })).then((results) => (answer = results));
  await rig.clock.advance(499);
  expect(answer).toBeUndefined();
  await rig.clock.advance(1);
  expect(await waiting).toMatchObject([{ code: ErrorCode.REQUEST_TIMED_OUT }]);
});

test('produce: acks=all that waits is refused when the leadership moves', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t', { replicas: [1, 2] });
  const waiting = rig.produce('t');
  await rig.elect('t', 2);
  const currentLeader = { leaderId: 2, leaderEpoch: 1 };
  expect(await waiting).toMatchObject([{ code: ErrorCode.NOT_LEADER_OR_FOLLOWER, currentLeader }]);
});

test('produce: nothing is appended that could not be waited for', async () => {
  const rig = await Rig.open({ limits: { waitersMax: 1 } });
  await rig.createTopic('t', { replicas: [1, 2] });
  const waiting = rig.produce('t');
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.NOT_ENOUGH_REPLICAS }]);
  expect(rig.replicas.partitionState('t', 0)?.logEndOffset).toBe(1);
  await rig.clock.advance(1_000);
  expect(await waiting).toMatchObject([{ code: ErrorCode.REQUEST_TIMED_OUT }]);
});

test('produce: a duplicate of an idempotent batch is answered with its first offset and appended once', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  const again = { batch: { producerId: 7, producerEpoch: 0, baseSequence: 0 } };
  expect(now(rig.produce('t', again))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(now(rig.produce('t', again))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(rig.replicas.partitionState('t', 0)?.logEndOffset).toBe(1);
  expect(rig.metrics.value('odradek_topic_records_in_total', { topic: 't' })).toBe(1);
});

test('produce: a disk that fails refuses with a storage error, and reads go on', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  now(rig.produce('t'));
  rig.files.failWhen((point) => (point === 'write' ? 'EIO' : undefined));
  expect(now(rig.produce('t'))).toMatchObject([{ code: ErrorCode.KAFKA_STORAGE_ERROR }]);
  expect(now(rig.fetch([{ topic: 't' }]))).toMatchObject([{ code: 0, highWatermark: 1 }]);
  expect(rig.replicas.logDirs()).toMatchObject([{ path: '/data', online: false }]);
});

test('produce: what a log refuses is counted by its error', async () => {
  const rig = await Rig.open();
  await rig.createTopic('t');
  now(rig.produce('nope'));
  expect(rig.metrics.value('odradek_produce_refused_total', { error: 'UNKNOWN_TOPIC_OR_PARTITION' })).toBe(1);
});
