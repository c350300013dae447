import { Prng } from '@odradek/base';
import { ConfigResourceType } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import type { MetadataDelta } from './delta.ts';
import { differenceOf } from './difference.ts';
import { MetadataImage } from './image.ts';
import { byText, record } from './records.ts';
import type { MetadataRecord } from './records.ts';

const id = (nth: number): string => Buffer.alloc(16, nth + 1).toString('base64url');
const partition = (topicId: string, partitionId: number, change: { leader?: number; epoch?: number } = {}) =>
  record('PartitionRecord', {
    partitionId,
    topicId,
    replicas: [1, 2],
    isr: [1, 2],
    removingReplicas: [],
    addingReplicas: [],
    leader: change.leader ?? 1,
    leaderRecoveryState: 0,
    leaderEpoch: change.epoch ?? 0,
    partitionEpoch: change.epoch ?? 0,
    directories: [id(90), id(91)],
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
const topic = (name: string, nth: number): MetadataRecord[] => [
  record('TopicRecord', { name, topicId: id(nth) }),
  partition(id(nth), 0),
  partition(id(nth), 1),
];
const broker = (brokerId: number, brokerEpoch: number) =>
  record('RegisterBrokerRecord', {
    brokerId,
    isMigratingZkBroker: false,
    incarnationId: id(brokerEpoch),
    brokerEpoch,
    endPoints: [],
    features: [],
    rack: null,
    fenced: true,
    inControlledShutdown: false,
    logDirs: [id(90 + brokerId)],
    cordonedLogDirs: null,
  });
const config = (type: number, resourceName: string, name: string, value: string | null) =>
  record('ConfigRecord', { resourceType: type, resourceName, name, value });

function imageOf(records: readonly MetadataRecord[]): MetadataImage {
  return MetadataImage.from({ records, endOffset: records.length + 1, epoch: 1 });
}

/** What a delta tells, in one order. */
function told(delta: MetadataDelta) {
  return {
    created: [...delta.topicsCreated.keys()].sort(byText),
    deleted: [...delta.topicsDeleted.keys()].sort(byText),
    partitions: [...delta.partitions()].map((each) => `${each.topic.name}-${each.partition}`).sort(byText),
    isNew: [...delta.partitions()].filter(({ before }) => before === undefined).length,
    brokers: [...delta.brokers.keys()].sort((a, b) => a - b),
    configs: [...delta.configs].flatMap(([type, names]) => [...names].map((name) => `${type} ${name}`)).sort(byText),
    features: [...delta.features].sort(byText),
    flags: [delta.producerIdsChanged, delta.aclsChanged, delta.quotasChanged, delta.scramChanged],
  };
}

const base = [
  record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 20 }),
  broker(1, 0),
  broker(2, 1),
  ...topic('kept', 0),
  ...topic('gone', 1),
  config(ConfigResourceType.TOPIC, 'kept', 'retention.ms', '1'),
  config(ConfigResourceType.BROKER, '', 'log.cleaner.threads', '2'),
];

describe('the difference of two states', () => {
  test('is nothing when they are the same', () => {
    expect(differenceOf(imageOf(base), imageOf(base)).empty).toBe(true);
  });

  test('names topics, and a topic of the same name that is another one', () => {
    const after = [...base.slice(0, 6), ...topic('gone', 7), ...topic('new', 8), ...base.slice(9)];
    expect(told(differenceOf(imageOf(base), imageOf(after)))).toMatchObject({
      created: [id(7), id(8)].sort(byText),
      deleted: [id(1)],
      partitions: ['gone-0', 'gone-1', 'new-0', 'new-1'],
      isNew: 4,
    });
  });

  test('names partitions that moved, with what they were', () => {
    const delta = differenceOf(imageOf(base), imageOf([...base, partition(id(0), 1, { leader: 2, epoch: 1 })]));
    const changes = [...delta.partitions()];
    expect(changes.map(({ before, after }) => [before?.leader, after.leader])).toEqual([[1, 2]]);
    expect(told(delta).created).toEqual([]);
  });

  test('names brokers that came, went, or are other ones', () => {
    const after = base.flatMap((each) => (each.type === 'RegisterBrokerRecord' ? [] : [each]));
    const delta = differenceOf(imageOf(base), imageOf([...after, broker(2, 5), broker(3, 6)]));
    expect(told(delta).brokers).toEqual([1, 2, 3]);
    expect(delta.brokers.get(3)).toBeUndefined();
    expect(delta.brokers.get(1)?.epoch).toBe(0);
  });

  test('names configurations that were set, changed or taken away, and features', () => {
    const after = [
      ...base,
      config(ConfigResourceType.TOPIC, 'kept', 'retention.ms', '2'),
      config(ConfigResourceType.BROKER, '', 'log.cleaner.threads', null),
      config(ConfigResourceType.GROUP, 'g', 'consumer.session.timeout.ms', '9'),
      record('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 21 }),
    ];
    const { BROKER, GROUP, TOPIC } = ConfigResourceType;
    expect(told(differenceOf(imageOf(base), imageOf(after)))).toMatchObject({
      configs: [`${BROKER} `, `${GROUP} g`, `${TOPIC} kept`].sort(byText),
      features: ['metadata.version'],
    });
    expect(told(differenceOf(imageOf(after), imageOf(base))).configs).toHaveLength(3);
  });

  test('is what the records between the two change, whatever they are', () => {
    const random = new Prng(11);
    for (let run = 0; run < 200; run += 1) {
      const [before, probe, after] = [imageOf(base), imageOf(base), imageOf(base)];
      const records: MetadataRecord[] = [];
      for (let nth = random.below(6); nth > 0; nth -= 1) {
        const each = changeOf(random, 20 + nth);
        const isOfNone =
          (each.type === 'RemoveTopicRecord' || each.type === 'PartitionRecord') &&
          probe.topics.byId(each.value.topicId) === undefined;
        if (isOfNone) continue;
        probe.applyBatch({ records: [each], endOffset: probe.endOffset + 1, epoch: 1 });
        records.push(each);
      }
      if (records.length === 0) continue;
      const delta = after.applyBatch({ records, endOffset: after.endOffset + records.length, epoch: 1 });
      const found = differenceOf(before, after);
      const wanted = told(delta);
      const seen = told(found);
      // A run of records may change something and change it back.
      for (const key of ['created', 'deleted', 'isNew'] as const) expect(seen[key]).toEqual(wanted[key]);
      for (const key of ['partitions', 'brokers', 'configs', 'features'] as const) {
        const named = new Set<unknown>(wanted[key]);
        for (const each of seen[key]) expect(named, key).toContain(each);
      }
      expect(seen.partitions).toEqual(changedPartitions(before, after));
      expect(seen.brokers).toEqual([1, 2, 3, 4].filter((each) => !isSameBroker(before, after, each)));
    }
  });
});

function changeOf(random: Prng, nth: number): MetadataRecord {
  switch (random.below(6)) {
    case 0:
      return record('TopicRecord', { name: `t${nth}`, topicId: id(nth) });
    case 1:
      return record('RemoveTopicRecord', { topicId: id(random.below(2)) });
    case 2:
      return partition(id(random.below(2)), random.below(2), { leader: 1 + random.below(2), epoch: nth });
    case 3:
      return broker(1 + random.below(4), nth);
    case 4:
      return config(ConfigResourceType.TOPIC, 'kept', 'retention.ms', random.below(2) === 0 ? null : String(nth));
    default:
      return record('FeatureLevelRecord', { name: 'group.version', featureLevel: random.below(2) });
  }
}

function changedPartitions(before: MetadataImage, after: MetadataImage): string[] {
  const names: string[] = [];
  for (const { id: topicId, name, partitions } of after.topics.all())
    for (const [at, each] of partitions.entries()) {
      const earlier = before.topics.byId(topicId)?.partitions[at];
      if (JSON.stringify(earlier) !== JSON.stringify(each)) names.push(`${name}-${at}`);
    }
  return names.sort(byText);
}

function isSameBroker(before: MetadataImage, after: MetadataImage, brokerId: number): boolean {
  return JSON.stringify(before.cluster.broker(brokerId)) === JSON.stringify(after.cluster.broker(brokerId));
}
