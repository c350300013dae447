import { expect, test } from 'vitest';
import { MetadataImage, NO_LEADER, type PartitionImage } from '@odradek/metadata';
import { AlterConfigOp, ConfigResourceType, ErrorCode } from '@odradek/protocol';
import { Harness, SESSION_TIMEOUT_MS, directoryOf, elrOff, type HarnessOptions } from '../testing/harness.ts';

const SLICE = 4;
const PARTITIONS = 18;
const UNCLEAN = { 'unclean.leader.election.enable': 'true' };

/** Brokers 1, 2, 3, and more partitions of all three than a slice takes; 1 leads all of them. */
function cluster(over: HarnessOptions = {}): Harness {
  const harness = new Harness({ brokers: [1, 2, 3], recordsPerSliceMax: SLICE, ...over });
  harness.create({ name: 't', replicas: Array.from({ length: PARTITIONS }, () => [1, 2, 3]) });
  return harness;
}

const partitions = (harness: Harness): readonly PartitionImage[] => harness.image.topics.byName('t')?.partitions ?? [];
const leaders = (harness: Harness): Set<number> => new Set(partitions(harness).map(({ leader }) => leader));
const countLedBy = (harness: Harness, id: number): number => harness.image.topics.index.ledBy(id).size;
const isPending = (harness: Harness): boolean => harness.controller.nextWakeMs(harness.nowMs) === 0;

/** Lets what is under way come to its end. @returns the records of each slice */
function settle(harness: Harness): number[] {
  const slices: number[] = [];
  while (isPending(harness)) {
    const before = harness.image.endOffset;
    harness.handle({ kind: 'tick' });
    slices.push(harness.image.endOffset - before);
    expect(slices.length, 'it comes to an end').toBeLessThan(200);
  }
  return slices;
}

test('moves: a broker with more partitions than a slice is fenced first, and no batch is larger than a slice', () => {
  const harness = cluster();
  expect(harness.beat(1, { wantFence: true })).toMatchObject({ value: { fenced: true } });
  const types = harness.batches.at(-1)?.records.map(({ type }) => type);
  expect(types).toEqual([
    'BrokerRegistrationChangeRecord',
    ...Array.from({ length: SLICE }, () => 'PartitionChangeRecord'),
  ]);
  const slices = settle(harness);
  expect(Math.max(...slices)).toBe(SLICE);
  expect(slices.reduce((sum, count) => sum + count, SLICE)).toBe(PARTITIONS);
  expect(leaders(harness)).toEqual(new Set([2]));
});

test('moves: what a broker leads is given away before what it only follows', () => {
  const harness = new Harness({ brokers: [1, 2], recordsPerSliceMax: SLICE });
  const replicas = Array.from({ length: PARTITIONS }, (_, at) => (at < PARTITIONS - SLICE ? [2, 1] : [1, 2]));
  harness.create({ name: 't', replicas });
  harness.beat(1, { wantFence: true });
  expect(countLedBy(harness, 1)).toBe(0);
  expect(isPending(harness)).toBe(true);
  settle(harness);
  expect(partitions(harness).every(({ isr }) => isr.length === 1)).toBe(true);
});

test('moves: one that fits a slice is one batch that shows no fenced leader', () => {
  const harness = new Harness({ brokers: [1, 2], recordsPerSliceMax: SLICE });
  harness.create({ name: 't', replicas: [[1, 2]] });
  harness.beat(1, { wantFence: true });
  expect(harness.batches.at(-1)?.records.map(({ type }) => type)).toEqual([
    'PartitionChangeRecord',
    'BrokerRegistrationChangeRecord',
  ]);
  expect(isPending(harness)).toBe(false);
});

test('moves: a broker is not unfenced before all it led has gone', () => {
  const harness = cluster();
  harness.beat(1, { wantFence: true });
  expect(harness.beat(1)).toMatchObject({ value: { fenced: true } });
  settle(harness);
  expect(harness.beat(1)).toMatchObject({ value: { fenced: false } });
});

test('moves: a broker that stops may go when all it led has gone and every other broker knows it', () => {
  const harness = cluster();
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: false, fenced: false } });
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: false, fenced: false } });
  settle(harness);
  expect(countLedBy(harness, 1)).toBe(0);
  const beforeTheEnd = { metadataOffset: harness.image.endOffset - 1 };
  for (const id of [2, 3]) harness.beat(id, beforeTheEnd);
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: false } });
  for (const id of [2, 3]) harness.beat(id);
  expect(harness.beat(1, { wantShutDown: true })).toMatchObject({ value: { shouldShutDown: true } });
});

test('moves: a new controller goes on with what another has left half done', () => {
  const harness = cluster();
  harness.beat(1, { wantFence: true });
  const half = MetadataImage.from(harness.image.toSnapshot());
  expect(half.topics.index.ledBy(1).size).toBe(PARTITIONS - SLICE);
  const after = new Harness({ image: half, seed: 2, recordsPerSliceMax: SLICE });
  expect(isPending(after)).toBe(true);
  settle(after);
  expect(leaders(after)).toEqual(new Set([2]));
  expect(partitions(after).every(({ isr }) => !isr.includes(1))).toBe(true);
});

test('moves: a new life registers only when all of the old one has gone, and then under one epoch', () => {
  const harness = cluster();
  harness.passMs(SESSION_TIMEOUT_MS - 1, [2, 3]);
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  harness.handle({ kind: 'sessionLost', brokerId: 1, brokerEpoch });
  expect(harness.register(1)).toMatchObject({ ok: false, code: ErrorCode.REQUEST_TIMED_OUT });
  expect(harness.image.cluster.broker(1)).toMatchObject({ fenced: true, epoch: brokerEpoch });
  settle(harness);
  expect(harness.register(1)).toMatchObject({ ok: true });
  expect(isPending(harness)).toBe(false);
  expect(partitions(harness).every(({ isr }) => !isr.includes(1))).toBe(true);
});

test('moves: a new life after an unclean stop is eligible nowhere, however many partitions that are', () => {
  const harness = cluster();
  for (const id of [2, 3, 1]) {
    harness.beat(id, { wantFence: true });
    settle(harness);
  }
  expect(partitions(harness).every(({ elr }) => elr.includes(1))).toBe(true);
  harness.lose(1);
  for (let tries = 0; !harness.register(1).ok; tries += 1) {
    expect(tries).toBeLessThan(PARTITIONS);
    harness.handle({ kind: 'tick' });
  }
  expect(partitions(harness).some(({ elr, isr }) => elr.includes(1) || isr.includes(1))).toBe(false);
  expect(partitions(harness).every(({ lastKnownElr }) => lastKnownElr[0] === 1)).toBe(true);
});

test('moves: a registration comes through although the broker stays in many ISRs as their last member', () => {
  const harness = cluster({ image: elrOff(), recordsPerSliceMax: 1 });
  for (const id of [2, 3, 1]) {
    harness.beat(id, { wantFence: true });
    settle(harness);
  }
  expect(partitions(harness).every(({ isr }) => isr[0] === 1 && isr.length === 1)).toBe(true);
  harness.lose(1);
  expect(harness.register(1)).toMatchObject({ ok: true });
});

test('moves: a broker that comes back leads what nobody led, a slice at a time', () => {
  const harness = cluster();
  for (const id of [2, 3, 1]) {
    harness.beat(id, { wantFence: true });
    settle(harness);
  }
  expect(leaders(harness)).toEqual(new Set([NO_LEADER]));
  harness.beat(1);
  expect(countLedBy(harness, 1)).toBe(SLICE);
  settle(harness);
  expect(countLedBy(harness, 1)).toBe(PARTITIONS);
});

test('moves: a directory that fails loses what lies there, a slice at a time, and nothing else', () => {
  const logDirs = [directoryOf(11), directoryOf(12)];
  const harness = new Harness({ recordsPerSliceMax: SLICE });
  harness.register(1, { logDirs });
  harness.beat(1);
  harness.start(2);
  harness.create({ name: 't', replicas: Array.from({ length: PARTITIONS }, () => [1, 2]) });
  const topicId = harness.image.topics.byName('t')?.id ?? '';
  const on = (id: string, first: number, count: number) => ({
    id,
    topics: [{ topicId, partitions: Array.from({ length: count }, (_, at) => ({ partitionIndex: first + at })) }],
  });
  const brokerEpoch = harness.brokers.get(1)?.epoch ?? -1;
  const directories = [on(logDirs[0] ?? '', 0, 10), on(logDirs[1] ?? '', 10, 8)];
  harness.admin({ kind: 'assignReplicasToDirs', request: { brokerId: 1, brokerEpoch, directories } });
  harness.beat(1, { offlineLogDirs: [logDirs[0] ?? ''] });
  expect(harness.batches.at(-1)?.records[0]).toMatchObject({ value: { logDirs: [logDirs[1]] } });
  settle(harness);
  expect(partitions(harness).map(({ leader }) => leader)).toEqual([
    ...Array.from({ length: 10 }, () => 2),
    ...Array.from({ length: 8 }, () => 1),
  ]);
});

function setUnclean(harness: Harness, resourceType: number, resourceName: string): void {
  const configs = Object.entries(UNCLEAN).map(([name, value]) => ({ name, value, configOperation: AlterConfigOp.SET }));
  const resources = [{ resourceType, resourceName, configs }];
  harness.admin({ kind: 'incrementalAlterConfigs', request: { resources, validateOnly: false } });
}

test.for([
  ['the topic', ConfigResourceType.TOPIC, 't'],
  ['the cluster', ConfigResourceType.BROKER, ''],
] as const)(
  'unclean elections: allowed for %s while partitions have no leader, they happen at once',
  ([, type, name]) => {
    const harness = cluster({ image: elrOff() });
    for (const id of [2, 3, 1]) {
      harness.beat(id, { wantFence: true });
      settle(harness);
    }
    harness.beat(2);
    settle(harness);
    expect(leaders(harness)).toEqual(new Set([NO_LEADER]));
    setUnclean(harness, type, name);
    expect(Math.max(...settle(harness))).toBe(SLICE);
    expect(partitions(harness).every(({ leader, isr }) => leader === 2 && isr.join() === '2')).toBe(true);
  },
);

test('unclean elections: what has no leader is looked at again every unclean.leader.election.interval.ms, the rest never', () => {
  const harness = new Harness({
    brokers: [1, 2],
    properties: { 'unclean.leader.election.interval.ms': '60000', 'auto.leader.rebalance.enable': 'false' },
  });
  harness.create({ name: 't', replicas: [[1, 2]] });
  for (const id of [2, 1]) harness.beat(id, { wantFence: true });
  settle(harness);
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(60_000);
  harness.nowMs += 60_000;
  expect(harness.handle({ kind: 'tick' })).toEqual({ kind: 'moved', partitions: 0 });
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(60_000);
  harness.beat(1);
  expect(harness.partition('t').leader).toBe(1);
  expect(harness.controller.nextWakeMs(harness.nowMs)).toBe(SESSION_TIMEOUT_MS);
});
