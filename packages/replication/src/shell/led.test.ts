import { SimFiles } from '@odradek/base/testing';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import type { IsrPort } from '../replica-types.ts';
import { epochOf, LAG_MAX_MS, now, Rig, Watcher } from '../testing/rig.ts';
import type { RigOptions } from '../testing/rig.ts';

type Request = Parameters<IsrPort['alterPartition']>[0];

/** A controller that takes everything, and commits it when the test says so. */
class Controller implements IsrPort {
  readonly requests: Request[] = [];

  alterPartition(request: Request): ReturnType<IsrPort['alterPartition']> {
    this.requests.push(request);
    const topics = request.topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex, leaderEpoch, partitionEpoch, newIsrWithEpochs }) => ({
        partitionIndex,
        errorCode: ErrorCode.NONE,
        leaderId: 1,
        leaderEpoch,
        isr: newIsrWithEpochs.map(({ brokerId }) => brokerId),
        leaderRecoveryState: 0,
        partitionEpoch: partitionEpoch + 1,
      })),
    }));
    return Promise.resolve({ ok: true, value: { errorCode: ErrorCode.NONE, topics } });
  }

  get proposed(): readonly (readonly number[])[] {
    return this.requests.flatMap(({ topics }) =>
      topics.flatMap(({ partitions }) => partitions.map((each) => each.newIsrWithEpochs.map((one) => one.brokerId))),
    );
  }
}

/** Broker 1 leads `t`; 1, 2 and 3 are registered and alive. */
async function leading(
  topic: { isr?: number[]; configs?: Record<string, string> } = {},
  options: RigOptions = {},
): Promise<{ rig: Rig; controller: Controller }> {
  const controller = new Controller();
  const rig = await Rig.open({ isr: controller, ...options });
  for (const id of [1, 2, 3]) await rig.register(id);
  await rig.createTopic('t', { replicas: [1, 2, 3], ...topic });
  return { rig, controller };
}

async function turn(): Promise<void> {
  for (let at = 0; at < 10; at += 1) await Promise.resolve();
}

const at = (rig: Rig): unknown => rig.replicas.partitionState('t', 0);

test('a leader: acks=all is answered once all in sync have it, and watchers hear of every move', async () => {
  const { rig } = await leading();
  const [second, third] = [new Watcher(), new Watcher()];
  expect(rig.follow('t', 2, {}, second)).toEqual({ kind: 'from', offset: 0 });
  rig.follow('t', 3, {}, third);
  const waiting = rig.produce('t', { count: 3 });
  expect(second.heard).toEqual(['appended 3']);
  rig.acknowledge('t', 2, 3);
  expect(at(rig)).toMatchObject({ highWatermark: 0 });
  rig.acknowledge('t', 3, 3);
  expect(await waiting).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(third.heard).toEqual(['appended 3', 'moved 0-3']);
});

test('a leader: followers read up to the log end, consumers up to what is committed', async () => {
  const { rig } = await leading();
  now(rig.produce('t', { acks: 1, count: 3 }));
  const read = await rig.partition('t').readForReplica(0, 1);
  expect(read.ok && read.value.sizeBytes).toBeGreaterThan(1);
  expect(now(rig.fetch([{ topic: 't' }]))).toMatchObject([{ code: 0, sizeBytes: 0, highWatermark: 0 }]);
});

test.for<[string, Partial<Parameters<Rig['follow']>[2]>, number, number]>([
  ['of no epoch', { leaderEpoch: -1 }, 2, ErrorCode.FENCED_LEADER_EPOCH],
  ['of an older epoch', { leaderEpoch: 4 }, 2, ErrorCode.FENCED_LEADER_EPOCH],
  ['of a newer epoch', { leaderEpoch: 6 }, 2, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ['of a broker that is no replica', {}, 9, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ['of the leader itself', {}, 1, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ['of a life that is over', { brokerEpoch: 3 }, 2, ErrorCode.NOT_LEADER_OR_FOLLOWER],
  ['beyond the end, with nothing before it', { fetchOffset: 9, logStartOffset: 9 }, 2, ErrorCode.OFFSET_OUT_OF_RANGE],
  ['of an epoch that never was', { fetchOffset: 3, lastFetchedEpoch: 7 }, 2, ErrorCode.OFFSET_OUT_OF_RANGE],
])('a leader refuses a claim %s', async ([, claim, brokerId, code]) => {
  const { rig } = await leading({}, {});
  await rig.createTopic('e', { replicas: [1, 2, 3], leaderEpoch: 5 });
  now(rig.produce('e', { acks: 1, count: 3 }));
  expect(rig.follow('e', brokerId, claim)).toMatchObject({ kind: 'refused', code });
});

test('a leader: who does not lead refuses', async () => {
  const { rig } = await leading();
  await rig.elect('t', 2);
  expect(rig.follow('t', 3)).toMatchObject({ kind: 'refused', code: ErrorCode.NOT_LEADER_OR_FOLLOWER });
});

test('a leader: who ends beyond it or with an epoch that it lacks is told where their histories part', async () => {
  const { rig } = await leading();
  now(rig.produce('t', { acks: 1, count: 3 }));
  expect(rig.follow('t', 2, { fetchOffset: 8, lastFetchedEpoch: 0 })).toEqual({
    kind: 'diverging',
    epoch: 0,
    endOffset: 3,
  });
  await rig.elect('t', 1);
  await rig.elect('t', 1);
  // The leader's own epoch 2 has no record yet, and epoch 1 never had one.
  expect(rig.follow('t', 2, { fetchOffset: 5, lastFetchedEpoch: 1 })).toEqual({
    kind: 'diverging',
    epoch: 0,
    endOffset: 3,
  });
  expect(rig.follow('t', 2, { fetchOffset: 3, lastFetchedEpoch: 0 })).toEqual({ kind: 'from', offset: 3 });
});

test('a leader: who does not know of which epoch its records are begins anew', async () => {
  const { rig } = await leading();
  now(rig.produce('t', { acks: 1, count: 5 }));
  expect(rig.follow('t', 2, { fetchOffset: 4, logStartOffset: 1 })).toEqual({
    kind: 'diverging',
    epoch: -1,
    endOffset: 1,
  });
  expect(rig.follow('t', 2, { fetchOffset: 1, logStartOffset: 1 })).toEqual({ kind: 'from', offset: 1 });
});

test('a leader: a claim below its log start is out of range, and the range is told', async () => {
  const { rig } = await leading({ isr: [1] });
  now(rig.produce('t', { count: 5 }));
  void rig.replicas.deleteRecords({ topic: 't', partition: 0, offset: 4, timeoutMs: 1 });
  expect(rig.follow('t', 2, { fetchOffset: 3, lastFetchedEpoch: 0 })).toMatchObject({
    kind: 'refused',
    code: ErrorCode.OFFSET_OUT_OF_RANGE,
    logStartOffset: 4,
    logEndOffset: 5,
  });
});

test('a leader: streams are told when it resigns, and when its epoch is over', async () => {
  const { rig } = await leading();
  const watcher = new Watcher();
  rig.follow('t', 2, {}, watcher);
  await rig.elect('t', 1);
  rig.follow('t', 2, {}, watcher);
  await rig.elect('t', 3);
  expect(watcher.heard).toEqual([`lost ${ErrorCode.FENCED_LEADER_EPOCH}`, `lost ${ErrorCode.NOT_LEADER_OR_FOLLOWER}`]);
});

test('a leader: a broker follows over one stream: an older one hears nothing more', async () => {
  const { rig } = await leading();
  const [older, newer] = [new Watcher(), new Watcher()];
  rig.follow('t', 2, {}, older);
  rig.follow('t', 2, {}, newer);
  now(rig.produce('t', { acks: 1 }));
  expect([older.heard, newer.heard]).toEqual([[], ['appended 1']]);
  rig.partition('t').unfollow(older);
  rig.acknowledge('t', 2, 1);
  rig.follow('t', 3, { fetchOffset: 1, lastFetchedEpoch: 0 });
  expect(at(rig)).toMatchObject({ highWatermark: 1 });
});

test('a leader: who is silent leaves the in-sync set by the time of a lag and a half, and writes go on', async () => {
  const { rig, controller } = await leading();
  for (const id of [2, 3]) rig.follow('t', id);
  const waiting = rig.produce('t', { timeoutMs: 10 * LAG_MAX_MS });
  rig.acknowledge('t', 2, 1);
  await rig.clock.advance(LAG_MAX_MS);
  expect(controller.requests).toEqual([]);
  await rig.clock.advance(LAG_MAX_MS / 2);
  expect(controller.proposed).toEqual([[1, 2]]);
  expect(controller.requests[0]?.topics[0]?.partitions[0]?.newIsrWithEpochs).toEqual([
    { brokerId: 1, brokerEpoch: epochOf(1) },
    { brokerId: 2, brokerEpoch: epochOf(2) },
  ]);
  expect(await waiting).toMatchObject([{ code: 0 }]);
  expect(rig.metrics.value('odradek_isr_changes_total', { change: 'shrink' })).toBe(1);
  expect(rig.metrics.value('odradek_led_partitions', { state: 'under-replicated' })).toBe(1);
  rig.acknowledge('t', 3, 1);
  await turn();
  expect(controller.proposed).toEqual([
    [1, 2],
    [1, 2, 3],
  ]);
  expect(rig.metrics.value('odradek_led_partitions', { state: 'under-replicated' })).toBe(0);
});

test('a leader: a replica that is there only because the partition moves is not missed, one that it had is', async () => {
  const { rig } = await leading();
  const missed = (): number => rig.metrics.value('odradek_led_partitions', { state: 'under-replicated' });
  await rig.commit([rig.partitionChange('t', { replicas: [1, 2, 3, 4], adding: [4] })]);
  expect(missed()).toBe(0);
  await rig.commit([rig.partitionChange('t', { isr: [1, 2] })]);
  expect(missed()).toBe(1);
});

test('a leader: it tells how many of its partitions are being reassigned, whether replicas come or go', async () => {
  const { rig } = await leading();
  const moving = (): number => rig.metrics.value('odradek_led_partitions', { state: 'reassigning' });
  expect(moving()).toBe(0);
  await rig.commit([rig.partitionChange('t', { replicas: [1, 2, 3, 4], adding: [4] })]);
  expect(moving()).toBe(1);
  await rig.commit([rig.partitionChange('t', { adding: [], removing: [3] })]);
  expect(moving()).toBe(1);
  await rig.commit([rig.partitionChange('t', { replicas: [1, 2, 4], removing: [] })]);
  expect(moving()).toBe(0);
});

test('a leader: a broker that is unfenced joins without anything being written', async () => {
  const { rig, controller } = await leading({ isr: [1] });
  await rig.register(2, { epoch: epochOf(2), fenced: true });
  rig.follow('t', 2);
  await turn();
  expect(controller.proposed).toEqual([]);
  await rig.register(2, { epoch: epochOf(2) });
  await turn();
  expect(controller.proposed).toEqual([[1, 2]]);
});

test('a leader: min.insync.replicas is told by metrics', async () => {
  const { rig } = await leading({ isr: [1, 2], configs: { 'min.insync.replicas': '2' } });
  const count = (state: string): number | undefined => rig.metrics.value('odradek_led_partitions', { state });
  expect([count('at-min-isr'), count('under-min-isr')]).toEqual([1, 0]);
  await rig.commit([rig.partitionChange('t', { isr: [1] })]);
  expect([count('at-min-isr'), count('under-min-isr')]).toEqual([0, 1]);
  now(rig.produce('t', { acks: 1, count: 7 }));
  expect(rig.metrics.value('odradek_replica_lag_records', {})).toBe(7);
});

test('DeleteRecords is answered once every replica whose broker lives has deleted', async () => {
  const { rig } = await leading();
  const watcher = new Watcher();
  rig.follow('t', 2, {}, watcher);
  rig.follow('t', 3);
  const written = rig.produce('t', { count: 5 });
  for (const id of [2, 3]) rig.acknowledge('t', id, 5);
  await written;
  let answer: unknown;
  const at5 = { topic: 't', partition: 0, offset: 4, timeoutMs: 1_000 };
  void rig.replicas.deleteRecords(at5).then((outcome) => (answer = outcome));
  await turn();
  expect(watcher.heard.at(-1)).toBe('moved 4-5');
  expect(rig.metrics.value('odradek_waiting', { kind: 'delete' })).toBe(1);
  rig.acknowledge('t', 2, 5, 4);
  rig.acknowledge('t', 3, 5, 3);
  await turn();
  expect(answer).toBeUndefined();
  rig.acknowledge('t', 3, 5, 4);
  await turn();
  expect(answer).toEqual({ ok: true, value: 4 });
});

test('DeleteRecords does not wait for replicas whose brokers are fenced', async () => {
  const { rig } = await leading({ isr: [1] });
  now(rig.produce('t', { count: 5 }));
  const waiting = rig.replicas.deleteRecords({ topic: 't', partition: 0, offset: 2, timeoutMs: 1_000 });
  for (const id of [2, 3]) await rig.register(id, { fenced: true });
  expect(await waiting).toEqual({ ok: true, value: 2 });
});

test.for<[string, (rig: Rig) => Promise<unknown>, number]>([
  ['its time is over', (rig) => rig.clock.advance(1_000), ErrorCode.REQUEST_TIMED_OUT],
  [
    'the leadership moves',
    (rig) => rig.commit([rig.partitionChange('t', { leader: 2, isr: [1, 2] })]),
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ],
])('DeleteRecords is refused when %s, and what is deleted stays deleted', async ([, happen, code]) => {
  const { rig } = await leading({ isr: [1] });
  now(rig.produce('t', { count: 5 }));
  const waiting = rig.replicas.deleteRecords({ topic: 't', partition: 0, offset: 2, timeoutMs: 1_000 });
  await happen(rig);
  expect(await waiting).toMatchObject({ ok: false, code });
  expect(at(rig)).toMatchObject({ logStartOffset: 2 });
});

test('a leader whose disk fails goes on giving its followers what is there', async () => {
  const files = new SimFiles();
  const { rig } = await leading({}, { files });
  now(rig.produce('t', { acks: 1 }));
  files.failWhen((point) => (point === 'write' ? 'EIO' : undefined));
  expect(now(rig.produce('t', { acks: 1 }))).toMatchObject([{ code: ErrorCode.KAFKA_STORAGE_ERROR }]);
  expect(rig.follow('t', 2)).toEqual({ kind: 'from', offset: 0 });
  expect(await rig.partition('t').readForReplica(0, 1_000)).toMatchObject({ ok: true });
});

test('a leader of nobody has no follower to look after, whatever time it is', async () => {
  const { rig, controller } = await leading();
  await rig.createTopic('lone', { partitions: 100 });
  await rig.clock.advance(LAG_MAX_MS);
  // The 3 replicas of t are silent: that alone is proposed.
  await rig.clock.advance(LAG_MAX_MS / 2);
  expect(controller.proposed).toEqual([[1]]);
});

test('a broker leads nothing before it has heard of its own registration: its log may lack what it had when it led', async () => {
  const rig = await Rig.open({ brokerEpoch: 50 });
  await rig.register(1, { epoch: 11 });
  await rig.createTopic('t', { replicas: [1, 2] });
  await rig.createTopic('u', { replicas: [2, 1], leader: 2 });
  expect(now(rig.produce('t', { acks: 1 }))).toMatchObject([{ code: ErrorCode.NOT_LEADER_OR_FOLLOWER }]);
  expect(rig.replicas.byId(rig.topicId('t'), 0)).toBeUndefined();
  await rig.register(1, { epoch: 50 });
  expect(now(rig.produce('t', { acks: 1 }))).toMatchObject([{ code: 0, baseOffset: 0 }]);
  expect(rig.partition('u').leader).toBe(2);
});
