import { expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { inSync } from '../testing/asks.ts';
import { Harness } from '../testing/harness.ts';

const unregister = (harness: Harness, brokerId: number) =>
  harness.admin({ kind: 'unregisterBroker', request: { brokerId } });

test('unregisterBroker: it leads nothing and is in sync with nothing, but what it held stays assigned to it', () => {
  const harness = new Harness({ brokers: [1, 2, 3] });
  const replicas = [
    [1, 2, 3],
    [2, 3, 1],
  ];
  harness.create({ name: 't', replicas });
  expect(unregister(harness, 1).errorCode).toBe(ErrorCode.NONE);
  expect(harness.image.cluster.broker(1)).toBeUndefined();
  expect(harness.partition('t')).toMatchObject({ replicas: [1, 2, 3], isr: [2, 3], leader: 2, leaderEpoch: 1 });
  expect(harness.partition('t', 1)).toMatchObject({ replicas: [2, 3, 1], isr: [2, 3], leader: 2, leaderEpoch: 0 });
});

test('unregisterBroker: what only it held is led by nobody, whoever may be eligible, until it is registered again', () => {
  const harness = new Harness({ brokers: [1, 2] });
  harness.create({ name: 't', replicas: [[1]] });
  unregister(harness, 1);
  expect(harness.partition('t')).toMatchObject({ isr: [], elr: [], lastKnownElr: [1], leader: -1 });
  harness.start(1);
  expect(harness.partition('t')).toMatchObject({ isr: [1], lastKnownElr: [], leader: 1 });
});

test('unregisterBroker: one that lives is told with its next heartbeat, and may register again', () => {
  const harness = new Harness({ brokers: [1, 2] });
  unregister(harness, 1);
  expect(harness.beat(1)).toMatchObject({ ok: false, code: ErrorCode.STALE_BROKER_EPOCH });
  harness.start(1);
  expect(harness.image.cluster.isActive(1)).toBe(true);
});

test('unregisterBroker: nobody waits for the session of who is gone', () => {
  const harness = new Harness({ brokers: [1], properties: { 'auto.leader.rebalance.enable': 'false' } });
  unregister(harness, 1);
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBeUndefined();
});

test('unregisterBroker: it gets no replicas, and its partitions can be given to others', () => {
  const harness = new Harness({ brokers: [1, 2, 3] });
  harness.create({ name: 't', replicas: [[1, 2]] });
  unregister(harness, 1);
  expect(harness.create({ name: 'u', replicas: [[1]] })[0]?.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  const partitions = [{ partitionIndex: 0, replicas: [2, 3] }];
  const topics = [{ name: 't', partitions }];
  const request = { timeoutMs: 1, allowReplicationFactorChange: true, topics };
  harness.admin({ kind: 'alterPartitionReassignments', request });
  inSync(harness, 't', [2, 3]);
  expect(harness.partition('t')).toMatchObject({ replicas: [2, 3], isr: [2, 3], leader: 2 });
});

test('unregisterBroker: an id that is not registered is refused', () => {
  const harness = new Harness({ brokers: [1] });
  expect(unregister(harness, 9)).toEqual({
    throttleTimeMs: 0,
    errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED,
    errorMessage: 'Broker ID 9 is not currently registered',
  });
});
