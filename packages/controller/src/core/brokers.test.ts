import { expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { MetadataImage, NO_LEADER } from '@odradek/metadata';
import { bootstrapRecords } from './features.ts';
import { Harness, SESSION_TIMEOUT_MS, directoryOf } from '../testing/harness.ts';

test('brokers: a broker is registered fenced, its epoch being the offset of its registration', () => {
  const harness = new Harness();
  const outcome = harness.register(7);
  expect(outcome).toEqual({ ok: true, value: { brokerEpoch: bootstrapRecords(new MetadataImage()).length } });
  expect(harness.image.cluster.broker(7)).toMatchObject({
    epoch: bootstrapRecords(new MetadataImage()).length,
    fenced: true,
  });
});

test('brokers: one that has not applied its own registration stays fenced, one that has is unfenced', () => {
  const harness = new Harness();
  harness.register(7);
  expect(harness.beat(7, { metadataOffset: harness.image.endOffset - 1 })).toMatchObject({ value: { fenced: true } });
  expect(harness.beat(7)).toMatchObject({ value: { fenced: false } });
  expect(harness.image.cluster.isActive(7)).toBe(true);
});

test('brokers: of another cluster, or without a usable directory, or behind the finalized features, are refused', () => {
  const harness = new Harness({ brokers: [1] });
  const code = (over: object): number => {
    const outcome = harness.register(2, over);
    return outcome.ok ? ErrorCode.NONE : outcome.code;
  };
  expect(code({ clusterId: 'another' })).toBe(ErrorCode.INCONSISTENT_CLUSTER_ID);
  expect(code({ logDirs: [] })).toBe(ErrorCode.INVALID_REGISTRATION);
  expect(code({ logDirs: ['AAAAAAAAAAAAAAAAAAAAAQ'] })).toBe(ErrorCode.INVALID_REGISTRATION);
  expect(code({ logDirs: ['not a uuid'] })).toBe(ErrorCode.INVALID_REGISTRATION);
  expect(code({ logDirs: [directoryOf(2), directoryOf(2)] })).toBe(ErrorCode.INVALID_REGISTRATION);
  expect(code({ logDirs: [directoryOf(1)] })).toBe(ErrorCode.INVALID_REGISTRATION);
  expect(code({ features: [{ name: 'metadata.version', min: 7, max: 29 }] })).toBe(ErrorCode.UNSUPPORTED_VERSION);
  expect(code({ features: [] })).toBe(ErrorCode.UNSUPPORTED_VERSION);
  expect(harness.image.cluster.broker(2)).toBeUndefined();
});

test('brokers: a second process with the id of a live one is refused until the session of the first is over', () => {
  const harness = new Harness({ brokers: [1] });
  expect(harness.register(1)).toMatchObject({ ok: false, code: ErrorCode.DUPLICATE_BROKER_REGISTRATION });
  harness.passMs(SESSION_TIMEOUT_MS);
  expect(harness.register(1)).toMatchObject({ ok: true });
});

test('brokers: a new controller that has heard nobody takes a new incarnation at once', () => {
  const before = new Harness({ brokers: [1] });
  const after = new Harness({ image: before.image, seed: 2 });
  expect(after.register(1)).toMatchObject({ ok: true });
});

test('brokers: the same incarnation keeps its epoch and its state when it registers again', () => {
  const harness = new Harness({ brokers: [1] });
  const { incarnationId = '', epoch } = harness.brokers.get(1) ?? {};
  expect(harness.register(1, { incarnationId, rack: 'b' })).toEqual({ ok: true, value: { brokerEpoch: epoch } });
  expect(harness.image.cluster.broker(1)).toMatchObject({ rack: 'b', fenced: false, epoch });
});

test('brokers: a heartbeat under an old epoch, or of nobody, is refused', () => {
  const harness = new Harness({ brokers: [1] });
  expect(harness.beat(1, { epoch: 0 })).toMatchObject({ code: ErrorCode.STALE_BROKER_EPOCH });
  expect(harness.beat(9)).toMatchObject({ code: ErrorCode.BROKER_ID_NOT_REGISTERED });
});

test('brokers: one that falls silent is fenced after the session timeout; its partitions are led by who is in sync', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.passMs(SESSION_TIMEOUT_MS - 1, [2]);
  expect(harness.image.cluster.isAlive(1)).toBe(true);
  harness.passMs(1, [2]);
  expect(harness.image.cluster.isAlive(1)).toBe(false);
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 1 });
});

test('brokers: no batch shows a fenced leader', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  const fencing = harness.batches.at(-1)?.records.map((each) => each.type);
  expect(fencing).toEqual(['PartitionChangeRecord', 'BrokerRegistrationChangeRecord']);
});

test('brokers: the last in-sync replica stays in the ISR when it is fenced, and leads again when it is back', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  harness.passMs(SESSION_TIMEOUT_MS);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [2], leaderEpoch: 2 });
  harness.start(1);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER });
  harness.start(2);
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 3 });
});

test('brokers: with unclean.leader.election.enable any replica that is back leads, and the loss is marked', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]], configs: { 'unclean.leader.election.enable': 'true' } });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  harness.passMs(SESSION_TIMEOUT_MS);
  harness.start(1);
  expect(harness.partition('t')).toMatchObject({ leader: 1, isr: [1], leaderRecoveryState: 1 });
});

test('brokers: a new incarnation leads nothing until it is unfenced, and then under a new leader epoch', () => {
  const before = new Harness({ brokers: [1] });
  before.create({ name: 't', replicas: [[1]] });
  const after = new Harness({ image: before.image, seed: 2 });
  after.register(1);
  expect(after.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [1], leaderEpoch: 1 });
  after.beat(1);
  expect(after.partition('t')).toMatchObject({ leader: 1, isr: [1], leaderEpoch: 2 });
});

test('brokers: one that wants to stop gives its leaderships away first, and goes when every other broker knows', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.beat(2, { metadataOffset: 0 });
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { fenced: false, shouldShutDown: false } });
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2] });
  expect(harness.image.cluster.isAlive(1)).toBe(true);
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: false } });
  harness.beat(2);
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: true } });
  expect(harness.image.cluster.isAlive(1)).toBe(false);
});

test('brokers: alone, one that wants to stop may go at its second word', () => {
  const harness = new Harness({ brokers: [1] });
  harness.create({ name: 't', replicas: [[1]] });
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: false } });
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: true } });
});

test('brokers: one that was allowed to stop and beats on stays fenced until it registers anew', () => {
  const harness = new Harness({ brokers: [1] });
  harness.create({ name: 't', replicas: [[1]] });
  harness.beat(1, { wantShutDown: true });
  harness.beat(1, { wantShutDown: true });
  expect(harness.beat(1)).toMatchObject({ value: { fenced: true } });
  expect(harness.partition('t').leader).toBe(NO_LEADER);
  harness.start(1);
  expect(harness.partition('t').leader).toBe(1);
});

test('brokers: a replica on a directory that its broker no longer has does not lead', () => {
  const harness = new Harness({ brokers: [1] });
  harness.create({ name: 't', replicas: [[1]] });
  expect(harness.partition('t').directories).toEqual([directoryOf(1)]);
  harness.passMs(SESSION_TIMEOUT_MS);
  harness.register(1, { logDirs: [directoryOf(8), directoryOf(9)] });
  harness.beat(1);
  expect(harness.image.cluster.isActive(1)).toBe(true);
  expect(harness.partition('t').leader).toBe(NO_LEADER);
});
