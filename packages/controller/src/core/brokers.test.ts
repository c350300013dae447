import { expect, test } from 'vitest';
import { ErrorCode, LeaderRecoveryState } from '@odradek/protocol';
import { NO_LEADER } from '@odradek/metadata';
import { Harness, RECONNECT_GRACE_MS, SESSION_TIMEOUT_MS, directoryOf, elrOff } from '../testing/harness.ts';

test('brokers: a broker is registered fenced, its epoch being the offset of its registration', () => {
  const harness = new Harness();
  const { endOffset } = harness.image;
  expect(harness.register(7)).toEqual({ ok: true, value: { brokerEpoch: endOffset } });
  expect(harness.image.cluster.broker(7)).toMatchObject({ epoch: endOffset, fenced: true });
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
  expect(harness.beat(9)).toMatchObject({ code: ErrorCode.STALE_BROKER_EPOCH });
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

test('brokers: without ELR the last in-sync replica stays in the ISR when it is fenced, and leads again when it is back', () => {
  const harness = new Harness({ image: elrOff(), brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  harness.passMs(SESSION_TIMEOUT_MS);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [2], leaderEpoch: 2 });
  harness.start(1);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER });
  harness.start(2);
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 3 });
});

test('brokers: with ELR the last in-sync replica is eligible when it is fenced, and leads again when it is back', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.passMs(SESSION_TIMEOUT_MS, [2]);
  harness.passMs(SESSION_TIMEOUT_MS);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [], elr: [2], lastKnownElr: [2] });
  harness.start(1);
  expect(harness.partition('t')).toMatchObject({ leader: NO_LEADER, elr: [2] });
  harness.beat(2);
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2], elr: [], lastKnownElr: [], leaderEpoch: 3 });
  expect(harness.partition('t').leaderRecoveryState).toBe(LeaderRecoveryState.RECOVERED);
});

test('brokers: with ELR one that stopped in order stays eligible in its next life, one that did not is only remembered', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.beat(2, { wantFence: true });
  harness.beat(1, { wantFence: true });
  expect(harness.partition('t')).toMatchObject({ isr: [], elr: [1] });
  const previousBrokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  harness.lose(1);
  harness.register(1, { previousBrokerEpoch });
  expect(harness.partition('t')).toMatchObject({ isr: [], elr: [1] });
  harness.lose(1);
  harness.register(1, { previousBrokerEpoch });
  expect(harness.partition('t')).toMatchObject({ isr: [], elr: [], lastKnownElr: [1], leader: NO_LEADER });
  harness.beat(2);
  expect(harness.partition('t').leader).toBe(NO_LEADER);
  harness.beat(1);
  const recovering = { leader: 1, isr: [1], lastKnownElr: [], leaderRecoveryState: LeaderRecoveryState.RECOVERING };
  expect(harness.partition('t')).toMatchObject(recovering);
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
  const before = new Harness({ image: elrOff(), brokers: [1] });
  before.create({ name: 't', replicas: [[1]] });
  const after = new Harness({ image: before.image, seed: 2 });
  after.register(1);
  expect(after.partition('t')).toMatchObject({ leader: NO_LEADER, isr: [1], leaderEpoch: 1 });
  after.beat(1);
  expect(after.partition('t')).toMatchObject({ leader: 1, isr: [1], leaderEpoch: 2 });
});

test('brokers: one that is about to stop may come back before it was allowed to', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.beat(1, { wantShutDown: true });
  expect(harness.register(1)).toMatchObject({ ok: true });
});

test('sessions: a broker whose stream broke is fenced after the grace, and the reason is told', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch });
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(RECONNECT_GRACE_MS);
  harness.nowMs += RECONNECT_GRACE_MS - 1;
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(1);
  harness.nowMs += 1;
  expect(harness.handle({ kind: 'tick' })).toEqual({
    kind: 'expired',
    fenced: {
      brokerId: 1,
      brokerEpoch,
      why: `the stream of broker 1 broke, and it did not come back within ${RECONNECT_GRACE_MS} ms`,
    },
  });
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2] });
});

test('sessions: a broker whose whole process is gone is not waited for, until it is heard again', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch });
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch, isNodeDown: true });
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(0);
  harness.beat(1);
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(SESSION_TIMEOUT_MS);
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch });
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(RECONNECT_GRACE_MS);
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch, isNodeDown: true });
  const why = 'the stream of broker 1 broke, and nobody is there any more';
  expect(harness.handle({ kind: 'tick' })).toEqual({ kind: 'expired', fenced: { brokerId: 1, brokerEpoch, why } });
  expect(harness.partition('t')).toMatchObject({ leader: 2, isr: [2] });
});

test('sessions: silence is told as such', () => {
  const harness = new Harness({ brokers: [1] });
  harness.nowMs += SESSION_TIMEOUT_MS + 7;
  const silence = `broker 1 was not heard for ${SESSION_TIMEOUT_MS + 7} ms, which is longer than`;
  expect(harness.handle({ kind: 'tick' })).toMatchObject({
    fenced: { brokerId: 1, why: `${silence} broker.session.timeout.ms=${SESSION_TIMEOUT_MS}` },
  });
});

test('sessions: a broker that is heard again in time is not fenced; the loss of an earlier life counts for nothing', () => {
  const harness = new Harness({ brokers: [1] });
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch });
  harness.nowMs += RECONNECT_GRACE_MS - 1;
  harness.beat(1);
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(SESSION_TIMEOUT_MS);
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch: brokerEpoch - 1 });
  harness.handle({ kind: 'sessionLost', brokerId: 9, brokerEpoch });
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(SESSION_TIMEOUT_MS);
});

test('sessions: a new life is taken at once when the stream of the old one broke', () => {
  const harness = new Harness({ brokers: [1] });
  expect(harness.register(1)).toMatchObject({ ok: false, code: ErrorCode.DUPLICATE_BROKER_REGISTRATION });
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch });
  expect(harness.register(1)).toMatchObject({ ok: true });
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

test('brokers: two processes with one id do not take turns, fenced or not; one that was allowed to stop makes room at once', () => {
  const harness = new Harness();
  harness.register(1);
  expect(harness.image.cluster.broker(1)?.fenced).toBe(true);
  expect(harness.register(1)).toMatchObject({ ok: false, code: ErrorCode.DUPLICATE_BROKER_REGISTRATION });
  harness.beat(1);
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: true } });
  expect(harness.register(1)).toMatchObject({ ok: true });
});
