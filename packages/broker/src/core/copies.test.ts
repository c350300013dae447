import { MetadataImage, record } from '@odradek/metadata';
import { expect, test } from 'vitest';
import { CatchingUp, shortOfOthers } from './copies.ts';

const TOPIC_ID = 'TTTTTTTTTTTTTTTTTTTTTA';
const online = (): boolean => false;

type Placed = {
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly leader?: number;
  readonly adding?: readonly number[];
  readonly removing?: readonly number[];
};

/** Topic `t` with one partition for each row. */
function imageOf(...placed: readonly Placed[]): MetadataImage {
  const image = new MetadataImage();
  const rows = placed.map(({ replicas, isr, leader, adding, removing }, partitionId) =>
    record('PartitionRecord', {
      partitionId,
      topicId: TOPIC_ID,
      replicas: [...replicas],
      isr: [...isr],
      removingReplicas: [...(removing ?? [])],
      addingReplicas: [...(adding ?? [])],
      leader: leader ?? isr[0] ?? -1,
      leaderRecoveryState: 0,
      leaderEpoch: 0,
      partitionEpoch: 0,
      directories: replicas.map(() => 'AAAAAAAAAAAAAAAAAAAAAA'),
      eligibleLeaderReplicas: null,
      lastKnownElr: null,
    }),
  );
  const records = [record('TopicRecord', { name: 't', topicId: TOPIC_ID }), ...rows];
  image.applyBatch({ records, endOffset: records.length, epoch: 1 });
  return image;
}

test('catching up: a start is over once every copy has been in its ISR, and what falls out later does not undo it', () => {
  const replicas = [1, 2, 3];
  const catching = new CatchingUp(1, imageOf({ replicas, isr: [2, 3] }, { replicas, isr: [2] }));
  expect(catching.behind(imageOf({ replicas, isr: [2, 3] }, { replicas, isr: [2] }), online)).toEqual({
    count: 2,
    example: 't-0',
  });
  // The one that came in is forgotten, although it falls out again while the other is awaited.
  expect(catching.behind(imageOf({ replicas, isr: [1, 2] }, { replicas, isr: [2] }), online).count).toBe(1);
  const flapped = imageOf({ replicas, isr: [2, 3] }, { replicas, isr: [2] });
  expect(catching.behind(flapped, online)).toEqual({ count: 1, example: 't-1' });
  expect(catching.behind(imageOf({ replicas, isr: [2, 3] }, { replicas, isr: [2, 1] }), online).count).toBe(0);
  expect(catching.behind(flapped, online)).toEqual({ count: 0, example: '' });
});

test('catching up: what nobody can help with is not waited for: no leader, a failed directory, a copy that moves, a topic that went', () => {
  const replicas = [1, 2];
  const at = (placed: Placed) => {
    const image = imageOf(placed);
    return new CatchingUp(1, image).behind(image, online).count;
  };
  expect(at({ replicas, isr: [2], leader: -1 })).toBe(0);
  expect(at({ replicas, isr: [2], adding: [1] })).toBe(0);
  expect(at({ replicas, isr: [2], removing: [1] })).toBe(0);
  expect(at({ replicas: [2, 3], isr: [2] })).toBe(0);
  expect(at({ replicas, isr: [2] })).toBe(1);
  const image = imageOf({ replicas, isr: [2] });
  expect(new CatchingUp(1, image).behind(image, () => true).count).toBe(0);
  const catching = new CatchingUp(1, image);
  expect(catching.behind(new MetadataImage(), online).count).toBe(0);
  expect(catching.behind(image, online).count).toBe(0);
});

test('catching up: a partition that finds its leader while others are awaited counts from then on', () => {
  const replicas = [1, 2];
  const start = imageOf({ replicas, isr: [2], leader: -1 }, { replicas, isr: [2] });
  const catching = new CatchingUp(1, start);
  expect(catching.behind(start, online)).toEqual({ count: 1, example: 't-1' });
  const led = imageOf({ replicas, isr: [2] }, { replicas, isr: [2, 1] });
  expect(catching.behind(led, online)).toEqual({ count: 1, example: 't-0' });
});

test('copies of others: who is out of an ISR, or a partition that nobody leads, but not this broker itself nor a copy that moves', () => {
  const replicas = [1, 2, 3];
  expect(shortOfOthers(imageOf({ replicas, isr: [1, 2, 3] }), 1).count).toBe(0);
  expect(shortOfOthers(imageOf({ replicas, isr: [2, 3] }), 1).count).toBe(0);
  expect(shortOfOthers(imageOf({ replicas, isr: [2, 3] }), 2)).toEqual({ count: 1, example: 't-0' });
  expect(shortOfOthers(imageOf({ replicas, isr: [1, 2, 3] }, { replicas, isr: [1, 2] }), 1).example).toBe('t-1');
  expect(shortOfOthers(imageOf({ replicas, isr: [1, 2], adding: [3] }), 1).count).toBe(0);
  expect(shortOfOthers(imageOf({ replicas: [1], isr: [1], leader: -1 }), 1).count).toBe(1);
});
