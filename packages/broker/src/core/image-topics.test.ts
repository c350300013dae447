import { MetadataImage, record } from '@odradek/metadata';
import type { MetadataRecord } from '@odradek/metadata';
import { LeaderRecoveryState } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { ImageTopics, topicsChangedFor } from './image-topics.ts';

const ORDERS = 'b3JkZXJzb3JkZXJzb3JkZQ';
const AUDIT = 'YXVkaXRhdWRpdGF1ZGl0YQ';
const DIRECTORY = 'ZGlyZWN0b3J5ZGlyZWN0bw';

const topic = (name: string, topicId: string): MetadataRecord => record('TopicRecord', { name, topicId });

function partition(topicId: string, partitionId: number, replicas: readonly number[]): MetadataRecord {
  return record('PartitionRecord', {
    partitionId,
    topicId,
    replicas,
    isr: replicas,
    removingReplicas: [],
    addingReplicas: [],
    leader: replicas[0] ?? -1,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: replicas.map(() => DIRECTORY),
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

function change(topicId: string, to: { readonly leader?: number; readonly replicas?: readonly number[] }) {
  return record('PartitionChangeRecord', {
    partitionId: 0,
    topicId,
    isr: to.replicas ?? null,
    leader: to.leader ?? -2,
    replicas: to.replicas ?? null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: -1,
    directories: to.replicas?.map(() => DIRECTORY) ?? null,
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

function broker(brokerId: number, rack: string | null): MetadataRecord {
  return record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: ORDERS,
    brokerEpoch: brokerId,
    endPoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0, auto: null }],
    features: [],
    rack,
    fenced: false,
    inControlledShutdown: false,
    logDirs: [DIRECTORY],
    cordonedLogDirs: null,
  });
}

/** Brokers 1 and 2 in rack a, 3 in b, 4 in none; `orders` on 1, 2, 3 and on 4, `audit` on 1. */
function cluster(): MetadataImage {
  const image = new MetadataImage();
  const records = [
    broker(1, 'a'),
    broker(2, 'a'),
    broker(3, 'b'),
    broker(4, null),
    topic('orders', ORDERS),
    partition(ORDERS, 0, [1, 2, 3]),
    partition(ORDERS, 1, [4]),
    topic('audit', AUDIT),
    partition(AUDIT, 0, [1]),
  ];
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

function changedBy(...records: readonly MetadataRecord[]): string[] {
  const image = cluster();
  const delta = image.applyBatch({ records, endOffset: image.endOffset + records.length, epoch: 1 });
  return topicsChangedFor(delta, image).toSorted();
}

test('topics of groups: found by name and by id, with the racks of their replicas, each once', () => {
  const image = cluster();
  const topics = new ImageTopics(() => image);
  for (const orders of [topics.byName('orders'), topics.byId(ORDERS)]) {
    expect(orders).toMatchObject({ name: 'orders', id: ORDERS, partitionCount: 2 });
    expect([0, 1, 2].map((at) => orders?.racksOf(at))).toEqual([['a', 'b'], [], []]);
  }
  expect([topics.byName('none'), topics.byId(DIRECTORY)]).toEqual([undefined, undefined]);
});

test('topics of groups: made, deleted, with more partitions, other replicas or other racks they have changed', () => {
  const made = 'bWFkZW1hZGVtYWRlbWFkZQ';
  expect(changedBy(topic('made', made), partition(made, 0, [1]))).toEqual(['made']);
  expect(changedBy(record('RemoveTopicRecord', { topicId: AUDIT }))).toEqual(['audit']);
  expect(changedBy(partition(ORDERS, 2, [1]))).toEqual(['orders']);
  expect(changedBy(change(AUDIT, { replicas: [3], leader: 3 }))).toEqual(['audit']);
  expect(changedBy(broker(1, 'c'))).toEqual(['audit', 'orders']);
  expect(changedBy(broker(4, 'b'))).toEqual(['orders']);
});

test('topics of groups: a new leader, a broker that comes back or is fenced, and configs change nothing for groups', () => {
  expect(changedBy(change(ORDERS, { leader: 2 }))).toEqual([]);
  expect(changedBy(broker(1, 'a'))).toEqual([]);
  expect(changedBy(broker(9, 'z'))).toEqual([]);
  expect(changedBy(record('FenceBrokerRecord', { id: 1, epoch: 1 }))).toEqual([]);
  const entry = { resourceType: 2, resourceName: 'orders', name: 'retention.ms', value: '1' };
  expect(changedBy(record('ConfigRecord', entry))).toEqual([]);
});
