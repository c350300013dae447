import { expect, test } from 'vitest';
import { ConfigResourceType, LeaderRecoveryState } from '@odradek/protocol';
import { MetadataImage } from './image.ts';
import { record, type MetadataRecord } from './records.ts';
import { NO_LEADER_CHANGE, NO_RECOVERY_CHANGE } from './topics.ts';

const ORDERS = 'b3JkZXJzb3JkZXJzb3JkZQ';
const DIRECTORY = 'ZGlyZWN0b3J5ZGlyZWN0bw';

const topic = (name: string, topicId: string): MetadataRecord => record('TopicRecord', { name, topicId });

function partition(topicId: string, partitionId: number, isr: readonly number[] = [1, 2]): MetadataRecord {
  return record('PartitionRecord', {
    partitionId,
    topicId,
    replicas: [1, 2],
    isr,
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [DIRECTORY, DIRECTORY],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

function change(
  topicId: string,
  partitionId: number,
  fields: { leader?: number; isr?: readonly number[] },
): MetadataRecord {
  return record('PartitionChangeRecord', {
    partitionId,
    topicId,
    isr: fields.isr ?? null,
    leader: fields.leader ?? NO_LEADER_CHANGE,
    replicas: null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: NO_RECOVERY_CHANGE,
    directories: null,
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

const config = (name: string, key: string, value: string | null): MetadataRecord =>
  record('ConfigRecord', { resourceType: ConfigResourceType.TOPIC, resourceName: name, name: key, value });

function broker(brokerId: number, brokerEpoch: number, fenced = true): MetadataRecord {
  return record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: ORDERS,
    brokerEpoch,
    endPoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0, auto: null }],
    features: [{ name: 'metadata.version', minSupportedVersion: 7, maxSupportedVersion: 30 }],
    rack: 'a',
    fenced,
    inControlledShutdown: false,
    logDirs: [DIRECTORY],
    cordonedLogDirs: null,
  });
}

function imageOf(...records: readonly MetadataRecord[]): MetadataImage {
  const image = new MetadataImage();
  if (records.length > 0) image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

function next(image: MetadataImage, ...records: readonly MetadataRecord[]) {
  return image.applyBatch({ records, endOffset: image.endOffset + records.length, epoch: image.epoch });
}

test('image: a topic is found by its name and by its id, with its partitions in order', () => {
  const image = imageOf(topic('orders', ORDERS), partition(ORDERS, 0), partition(ORDERS, 1));
  expect(image.topics.byName('orders')).toBe(image.topics.byId(ORDERS));
  expect(image.topics.byId(ORDERS)?.partitions.map((each) => each.partition)).toEqual([0, 1]);
  expect(image.topics.partitionCount).toBe(2);
  expect(image.topics.byName('none')).toBeUndefined();
});

test('image: a named leader moves the leader epoch, even when it is the same; any change moves the partition epoch', () => {
  const image = imageOf(topic('orders', ORDERS), partition(ORDERS, 0));
  next(image, change(ORDERS, 0, { isr: [1] }));
  expect(image.topics.partition('orders', 0)).toMatchObject({ leader: 1, leaderEpoch: 0, partitionEpoch: 1, isr: [1] });
  next(image, change(ORDERS, 0, { leader: 1 }));
  expect(image.topics.partition('orders', 0)).toMatchObject({ leader: 1, leaderEpoch: 1, partitionEpoch: 2 });
});

test('image: a holder of a partition sees it as it was, whatever comes later', () => {
  const image = imageOf(topic('orders', ORDERS), partition(ORDERS, 0));
  const held = image.topics.partition('orders', 0);
  next(image, change(ORDERS, 0, { leader: 2 }));
  expect(held?.leader).toBe(1);
  expect(image.topics.partition('orders', 0)?.leader).toBe(2);
});

test('delta: a partition that changes twice in a run is named once, with what it was before the run', () => {
  const image = imageOf(topic('orders', ORDERS), partition(ORDERS, 0));
  const delta = next(image, change(ORDERS, 0, { leader: 2 }), change(ORDERS, 0, { isr: [2] }));
  const changes = [...delta.partitions()];
  expect(changes).toHaveLength(1);
  expect(changes[0]?.before).toMatchObject({ leader: 1, isr: [1, 2] });
  expect(changes[0]?.after).toMatchObject({ leader: 2, isr: [2], leaderEpoch: 1, partitionEpoch: 2 });
});

test('delta: a topic created and deleted in one run leaves no trace; its name may be used again with another id', () => {
  const other = 'b3RoZXJvdGhlcm90aGVyb3Q';
  const image = imageOf();
  const delta = next(
    image,
    topic('orders', ORDERS),
    partition(ORDERS, 0),
    record('RemoveTopicRecord', { topicId: ORDERS }),
    topic('orders', other),
    partition(other, 0),
  );
  expect([...delta.topicsCreated.keys()]).toEqual([other]);
  expect(delta.topicsDeleted.size).toBe(0);
  expect([...delta.partitions()].map((each) => each.topic.id)).toEqual([other]);
});

test('image: a deleted topic takes its partitions and its configuration with it, and the delta says so', () => {
  const image = imageOf(topic('orders', ORDERS), config('orders', 'retention.ms', '1'), partition(ORDERS, 0));
  const delta = next(image, record('RemoveTopicRecord', { topicId: ORDERS }));
  expect(delta.topicsDeleted.get(ORDERS)?.partitions).toHaveLength(1);
  expect(delta.configs.get(ConfigResourceType.TOPIC)).toEqual(new Set(['orders']));
  expect(image.configs.of(ConfigResourceType.TOPIC, 'orders').size).toBe(0);
  expect(image.topics.partitionCount).toBe(0);
  expect(image.toRecords()).toEqual([]);
});

test('image: a config set to null is gone, and a resource with nothing set is not listed', () => {
  const image = imageOf(config('orders', 'retention.ms', '1'), config('orders', 'retention.ms', null));
  expect(image.configs.names(ConfigResourceType.TOPIC)).toEqual([]);
});

test('image: fencing and unfencing change a broker only at its own epoch', () => {
  const image = imageOf(broker(1, 7));
  expect(image.cluster.isActive(1)).toBe(false);
  next(image, record('UnfenceBrokerRecord', { id: 1, epoch: 7 }));
  expect(image.cluster.isActive(1)).toBe(true);
  expect(() => next(image, record('FenceBrokerRecord', { id: 1, epoch: 6 }))).toThrow(/names its epoch/);
});

test('image: a broker in controlled shutdown is alive but not active', () => {
  const image = imageOf(broker(1, 7, false));
  const stops = { brokerId: 1, brokerEpoch: 7, fenced: 0, inControlledShutdown: 1, logDirs: [], cordonedLogDirs: null };
  const delta = next(image, record('BrokerRegistrationChangeRecord', stops));
  expect(image.cluster.isAlive(1)).toBe(true);
  expect(image.cluster.isActive(1)).toBe(false);
  expect(delta.brokers.get(1)?.inControlledShutdown).toBe(false);
});

test('image: records that cannot follow what was applied are a broken claim, not a silent change', () => {
  const image = imageOf(topic('orders', ORDERS), partition(ORDERS, 0));
  expect(() => next(image, topic('orders', DIRECTORY))).toThrow(/created once/);
  expect(() => next(imageOf(topic('orders', ORDERS)), partition(ORDERS, 1))).toThrow(/no gaps/);
  expect(() => next(imageOf(), partition(ORDERS, 0))).toThrow(/topic that exists/);
  expect(() => next(imageOf(topic('orders', ORDERS)), partition(ORDERS, 0, [2]))).toThrow(/in the ISR/);
  expect(() => image.applyBatch({ records: [topic('other', DIRECTORY)], endOffset: 99, epoch: 1 })).toThrow(
    /follows what was applied/,
  );
});

test('image: producer id blocks only move on', () => {
  const block = (nextProducerId: number): MetadataRecord =>
    record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 1, nextProducerId });
  const image = imageOf(block(1000));
  expect(image.nextProducerId).toBe(1000);
  expect(() => next(image, block(1000))).toThrow(/only move on/);
});

test('image: the snapshot of an image rebuilds it, offset and epoch included', () => {
  const image = imageOf(
    broker(1, 0, false),
    topic('orders', ORDERS),
    config('orders', 'retention.ms', '1'),
    partition(ORDERS, 0),
    partition(ORDERS, 1),
    change(ORDERS, 1, { leader: 2, isr: [2] }),
    record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 30 }),
    record('FeatureLevelRecord', { name: 'a.version', featureLevel: 1 }),
    record('ProducerIdsRecord', { brokerId: 1, brokerEpoch: 0, nextProducerId: 3000 }),
    record('ClientQuotaRecord', {
      entity: [
        { entityType: 'user', entityName: null },
        { entityType: 'client-id', entityName: 'a' },
      ],
      key: 'producer_byte_rate',
      value: 1.5,
      remove: false,
    }),
  );
  const again = MetadataImage.from(image.toSnapshot());
  expect(again.toSnapshot()).toEqual(image.toSnapshot());
  expect(again.endOffset).toBe(10);
  expect(image.toRecords()[0]).toMatchObject({ value: { name: 'metadata.version' } });
});

test('quotas: an entity is the same whatever the order of its parts, and null is not a name', () => {
  const entry = (types: readonly [string, string | null][], value: number): MetadataRecord =>
    record('ClientQuotaRecord', {
      entity: types.map(([entityType, entityName]) => ({ entityType, entityName })),
      key: 'k',
      value,
      remove: false,
    });
  const userFirst: [string, string | null][] = [
    ['user', 'u'],
    ['client-id', null],
  ];
  const image = imageOf(entry(userFirst, 1), entry(userFirst.toReversed(), 2), entry([['user', 'null']], 3));
  expect([...image.quotas.all()].map((quota) => [...quota.values.values()])).toEqual([[2], [3]]);
});
