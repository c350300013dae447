import { MetadataImage, record, type MetadataRecord } from '@odradek/metadata';
import { BrokerRegistrationFencingChange as Fencing, LeaderRecoveryState } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { LeaderChanges } from './leader-changes.ts';

const ORDERS = 'b3JkZXJzb3JkZXJzb3JkZQ';
const SETTLE_MS = 50;

const broker = (brokerId: number): MetadataRecord =>
  record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: ORDERS,
    brokerEpoch: 0,
    endPoints: [],
    features: [],
    rack: null,
    fenced: false,
    inControlledShutdown: false,
    logDirs: [],
    cordonedLogDirs: null,
  });

const partition = (partitionId: number, leader: number): MetadataRecord =>
  record('PartitionRecord', {
    partitionId,
    topicId: ORDERS,
    replicas: [1, 2, 3],
    isr: [1, 2, 3],
    removingReplicas: [],
    addingReplicas: [],
    leader,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [ORDERS, ORDERS, ORDERS],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });

const fenced = (brokerId: number): MetadataRecord =>
  record('BrokerRegistrationChangeRecord', {
    brokerId,
    brokerEpoch: 0,
    fenced: Fencing.FENCE,
    inControlledShutdown: 0,
    logDirs: [],
    cordonedLogDirs: null,
  });

const led = (partitionId: number, leader: number): MetadataRecord =>
  record('PartitionChangeRecord', {
    partitionId,
    topicId: ORDERS,
    isr: [2, 3],
    leader,
    replicas: null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: -1,
    directories: null,
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });

/** Partition 0 is led by broker 1, partition 1 by broker 2. */
function clusterOf() {
  const image = new MetadataImage();
  const changes = new LeaderChanges(SETTLE_MS);
  const apply = (nowMs: number, ...records: MetadataRecord[]): void => {
    const delta = image.applyBatch({ records, endOffset: image.endOffset + records.length, epoch: 1 });
    changes.changed(delta, image, nowMs);
  };
  const topic = record('TopicRecord', { name: 'orders', topicId: ORDERS });
  apply(0, broker(1), broker(2), broker(3), topic, partition(0, 1), partition(1, 2));
  const changing = (nowMs: number): boolean[] => [0, 1].map((index) => changes.isChanging(ORDERS, index, nowMs));
  return { apply, changing };
}

test('leader changes: what a fenced broker led is between two leaders for a while, and nothing else is', () => {
  const { apply, changing } = clusterOf();
  expect(changing(0)).toEqual([false, false]);
  apply(100, led(0, 2), fenced(1));
  expect(changing(100)).toEqual([true, false]);
  expect(changing(100 + SETTLE_MS - 1)).toEqual([true, false]);
  expect(changing(100 + SETTLE_MS)).toEqual([false, false]);
});

test('leader changes: partitions that follow in later batches than the fencing count as well', () => {
  const { apply, changing } = clusterOf();
  apply(100, fenced(1));
  apply(110, led(0, 2));
  expect(changing(110 + SETTLE_MS - 1)).toEqual([true, false]);
});

test('leader changes: a leader that hands over and lives on needs no pause', () => {
  const { apply, changing } = clusterOf();
  apply(100, led(0, 2), led(1, 3));
  expect(changing(100)).toEqual([false, false]);
});

test('leader changes: what has settled is forgotten when others change', () => {
  const { apply, changing } = clusterOf();
  apply(100, led(0, 2), fenced(1));
  apply(100 + SETTLE_MS, led(1, 3), fenced(2));
  expect(changing(100 + SETTLE_MS)).toEqual([false, true]);
});
