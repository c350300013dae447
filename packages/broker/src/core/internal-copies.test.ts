import { MetadataImage, record, type MetadataRecord, type TopicImage } from '@odradek/metadata';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copiesNow, moreCopies } from './internal-copies.ts';

const TOPIC_ID = 'TTTTTTTTTTTTTTTTTTTTTA';

type Node = { readonly id: number; readonly rack?: string; readonly fenced?: boolean; readonly stops?: boolean };

function brokerRecord({ id, rack, fenced, stops }: Node): MetadataRecord {
  return record('RegisterBrokerRecord', {
    brokerId: id,
    isMigratingZkBroker: false,
    incarnationId: 'IIIIIIIIIIIIIIIIIIIIIA',
    brokerEpoch: 0,
    endPoints: [],
    features: [],
    rack: rack ?? null,
    fenced: fenced ?? false,
    inControlledShutdown: stops ?? false,
    logDirs: [],
    cordonedLogDirs: null,
  });
}

type Placed = { readonly replicas: readonly number[]; readonly removing?: readonly number[]; readonly leader?: number };

function clusterOf(nodes: readonly Node[], placed: readonly Placed[]): { image: MetadataImage; topic: TopicImage } {
  const image = new MetadataImage();
  const records = [
    ...nodes.map(brokerRecord),
    record('TopicRecord', { name: '__consumer_offsets', topicId: TOPIC_ID }),
    ...placed.map(({ replicas, removing, leader }, partitionId) =>
      record('PartitionRecord', {
        partitionId,
        topicId: TOPIC_ID,
        replicas: [...replicas],
        isr: [...replicas],
        removingReplicas: [...(removing ?? [])],
        addingReplicas: [],
        leader: leader ?? replicas[0] ?? -1,
        leaderRecoveryState: 0,
        leaderEpoch: 0,
        partitionEpoch: 0,
        directories: replicas.map(() => 'AAAAAAAAAAAAAAAAAAAAAA'),
        eligibleLeaderReplicas: null,
        lastKnownElr: null,
      }),
    ),
  ];
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  const topic = image.topics.byName('__consumer_offsets');
  if (topic === undefined) throw new Error('the topic is there');
  return { image, topic };
}

const three: readonly Node[] = [{ id: 1 }, { id: 2 }, { id: 3 }];

test('a topic has as many copies as its key says, and as there are brokers that may hold one', () => {
  const { image } = clusterOf([{ id: 1 }, { id: 2, fenced: true }, { id: 3, stops: true }, { id: 4 }], []);
  expect(copiesNow(image, 3)).toBe(2);
  expect(copiesNow(image, 1)).toBe(1);
});

test('a topic that was made while one broker was up comes to all three, its first leaders evenly spread', () => {
  const { image, topic } = clusterOf(
    three,
    Array.from({ length: 50 }, () => ({ replicas: [1] })),
  );
  const { asked, isWaiting } = moreCopies(image, topic, { nodeId: 1, wanted: 3 });
  expect(isWaiting).toBe(false);
  expect(asked.map(({ partition }) => partition)).toEqual(topic.partitions.map(({ partition }) => partition));
  for (const { replicas } of asked) expect(replicas.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  const firsts = [1, 2, 3].map((id) => asked.filter(({ replicas }) => replicas[0] === id).length);
  expect(firsts.toSorted((a, b) => a - b)).toEqual([16, 17, 17]);
});

test('nothing is asked for when there are copies enough, or nobody to hold another', () => {
  const wanted = 3;
  const full = clusterOf(three, [{ replicas: [1, 2, 3] }]);
  expect(moreCopies(full.image, full.topic, { nodeId: 1, wanted }).asked).toEqual([]);
  const alone = clusterOf([{ id: 1 }, { id: 2, fenced: true }], [{ replicas: [1] }]);
  expect(moreCopies(alone.image, alone.topic, { nodeId: 1, wanted }).asked).toEqual([]);
  const one = clusterOf(three, [{ replicas: [1] }]);
  expect(moreCopies(one.image, one.topic, { nodeId: 1, wanted: 1 }).asked).toEqual([]);
});

test('copies go to racks that hold none first', () => {
  const nodes = [
    { id: 1, rack: 'a' },
    { id: 2, rack: 'a' },
    { id: 3, rack: 'b' },
    { id: 4, rack: 'c' },
  ];
  const { image, topic } = clusterOf(nodes, [{ replicas: [1] }]);
  const [first] = moreCopies(image, topic, { nodeId: 1, wanted: 3 }).asked;
  expect(first?.replicas.toSorted((a, b) => a - b)).toEqual([1, 3, 4]);
});

test('a partition that is on its way to other brokers is left to whoever moves it, and looked at again', () => {
  const { image, topic } = clusterOf(three, [{ replicas: [1, 2], removing: [1] }]);
  expect(moreCopies(image, topic, { nodeId: 1, wanted: 3 })).toEqual({ asked: [], isWaiting: true });
});

test('copies that are still being made count: a third broker is added to a move from one to two', () => {
  const { image, topic } = clusterOf(three, [{ replicas: [1, 2], leader: 1 }]);
  const [first] = moreCopies(image, topic, { nodeId: 1, wanted: 3 }).asked;
  expect(first?.replicas.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
});

test('the leaders of one topic make one plan: together they ask once for each partition, evenly and within the bounds', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
  const drawn = fc.record({ ids, count: fc.integer({ min: 1, max: 40 }), wanted: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(drawn, fc.infiniteStream(fc.nat()), ({ ids, count, wanted }, draws) => {
      const placed = Array.from({ length: count }, () => {
        const leader = ids[(draws.next().value ?? 0) % ids.length] ?? 0;
        return { replicas: [leader] };
      });
      const { image, topic } = clusterOf(
        ids.map((id) => ({ id })),
        placed,
      );
      const now = Math.min(wanted, ids.length);
      const asked = ids.flatMap((nodeId) => moreCopies(image, topic, { nodeId, wanted }).asked);
      expect(new Set(asked.map(({ partition }) => partition)).size).toBe(asked.length);
      expect(asked.length).toBe(now > 1 ? count : 0);
      for (const { partition, replicas } of asked) {
        expect(new Set(replicas).size).toBe(now);
        for (const id of topic.partitions[partition]?.replicas ?? []) expect(replicas).toContain(id);
      }
    }),
  );
});
