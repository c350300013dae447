import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MetadataImage } from './image.ts';
import type { PartitionSet } from './partition-index.ts';
import { record, type MetadataRecord } from './records.ts';
import { NO_LEADER, type PartitionImage } from './topics.ts';

const BROKERS = [1, 2, 3, 4];
const TOPIC_IDS = ['AAAAAAAAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBBBBBBBA', 'CCCCCCCCCCCCCCCCCCCCCA'];

type Step =
  | { readonly kind: 'create'; readonly topic: number; readonly partitions: number }
  | { readonly kind: 'remove'; readonly topic: number }
  | { readonly kind: 'clearElr'; readonly topic: number }
  | {
      readonly kind: 'change';
      readonly topic: number;
      readonly at: number;
      readonly isr: readonly number[];
      readonly elr: readonly number[];
      readonly replicas: readonly number[];
      readonly led: boolean;
      readonly moves: boolean;
    };

const topic = fc.nat(TOPIC_IDS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), topic, partitions: fc.integer({ min: 1, max: 90 }) }),
  fc.record({ kind: fc.constant('remove' as const), topic }),
  fc.record({ kind: fc.constant('clearElr' as const), topic }),
  fc.record({
    kind: fc.constant('change' as const),
    topic,
    at: fc.nat(89),
    isr: fc.shuffledSubarray(BROKERS),
    elr: fc.subarray(BROKERS),
    replicas: fc.shuffledSubarray(BROKERS, { minLength: 1 }),
    led: fc.boolean(),
    moves: fc.boolean(),
  }),
);

function partitionRecord(topicId: string, partitionId: number): MetadataRecord {
  return record('PartitionRecord', {
    partitionId,
    topicId,
    replicas: [1, 2, 3],
    isr: [1, 2],
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderRecoveryState: 0,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: TOPIC_IDS,
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  });
}

function recordsOf(image: MetadataImage, each: Step): MetadataRecord[] {
  const topicId = TOPIC_IDS[each.topic] ?? '';
  const existing = image.topics.byId(topicId);
  if (each.kind === 'create') {
    if (existing !== undefined) return [partitionRecord(topicId, existing.partitions.length)];
    const partitions = Array.from({ length: each.partitions }, (_, at) => partitionRecord(topicId, at));
    return [record('TopicRecord', { name: `t${each.topic}`, topicId }), ...partitions];
  }
  if (existing === undefined) return [];
  if (each.kind === 'remove') return [record('RemoveTopicRecord', { topicId })];
  if (each.kind === 'clearElr') return [record('ClearElrRecord', { topicName: existing.name })];
  const partition = existing.partitions[each.at];
  if (partition === undefined) return [];
  const change = record('PartitionChangeRecord', {
    partitionId: partition.partition,
    topicId,
    isr: each.isr,
    leader: each.led ? (each.isr[0] ?? NO_LEADER) : NO_LEADER,
    replicas: each.replicas,
    removingReplicas: [],
    addingReplicas: each.moves ? each.replicas : [],
    leaderRecoveryState: -1,
    directories: each.replicas.map(() => TOPIC_IDS[0] ?? ''),
    eligibleLeaderReplicas: each.elr,
    lastKnownElr: null,
  });
  return [change];
}

function namesIn(image: MetadataImage, set: PartitionSet): string[] {
  const { index } = image.topics;
  const names: string[] = [];
  for (let place = set.next(0); place !== undefined; place = set.next(place + 1)) {
    expect(set.has(place)).toBe(true);
    names.push(`${index.topicAt(place).name}-${index.partitionAt(place).partition}`);
  }
  expect(set.size).toBe(names.length);
  return names.sort();
}

function namesWhere(image: MetadataImage, holds: (partition: PartitionImage) => boolean): string[] {
  const names: string[] = [];
  for (const { name, partitions } of image.topics.all())
    for (const partition of partitions) if (holds(partition)) names.push(`${name}-${partition.partition}`);
  return names.sort();
}

test('index: after any changes each set holds exactly the partitions that a look at all of them finds', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
      const image = new MetadataImage();
      for (const each of steps) {
        const records = recordsOf(image, each);
        if (records.length > 0) image.applyBatch({ records, endOffset: image.endOffset + records.length, epoch: 1 });
      }
      const { index } = image.topics;
      for (const id of BROKERS) {
        expect(namesIn(image, index.ledBy(id))).toEqual(namesWhere(image, ({ leader }) => leader === id));
        expect(namesIn(image, index.inSyncOn(id))).toEqual(namesWhere(image, ({ isr }) => isr.includes(id)));
        expect(namesIn(image, index.eligibleOn(id))).toEqual(namesWhere(image, ({ elr }) => elr.includes(id)));
      }
      expect(namesIn(image, index.leaderless)).toEqual(namesWhere(image, ({ leader }) => leader === NO_LEADER));
      expect(namesIn(image, index.imbalanced)).toEqual(
        namesWhere(image, ({ leader, replicas }) => leader !== replicas[0]),
      );
      expect(namesIn(image, index.reassigning)).toEqual(
        namesWhere(image, ({ addingReplicas }) => addingReplicas.length > 0),
      );
    }),
    { numRuns: 200 },
  );
});

test('index: places of removed topics are taken again, so that it does not grow with what came and went', () => {
  const image = new MetadataImage();
  for (let round = 0; round < 5; round += 1) {
    for (const each of [
      { kind: 'create', topic: 0, partitions: 40 },
      { kind: 'remove', topic: 0 },
    ] as const) {
      const records = recordsOf(image, each);
      image.applyBatch({ records, endOffset: image.endOffset + records.length, epoch: 1 });
    }
  }
  const records = recordsOf(image, { kind: 'create', topic: 1, partitions: 40 });
  image.applyBatch({ records, endOffset: image.endOffset + records.length, epoch: 1 });
  const { index } = image.topics;
  for (let place = index.ledBy(1).next(0); place !== undefined; place = index.ledBy(1).next(place + 1))
    expect(place).toBeLessThan(40);
  expect(index.ledBy(1).size).toBe(40);
});
