/** Who is believed of what brokers tell. */
import { expect, test } from 'vitest';
import { Sightings, type Told } from './sightings.ts';

const partition = (leaderId: number, leaderEpoch: number, isrNodes: readonly number[], partitionIndex = 0): Told => ({
  partitions: [{ errorCode: 0, partitionIndex, leaderId, leaderEpoch, replicaNodes: [1, 2, 3], isrNodes }],
});

test('a newer leader epoch is believed of anybody, an older one of nobody', () => {
  const sightings = new Sightings(1);
  sightings.heard(3, partition(1, 4, [1, 2, 3]), 0);
  sightings.heard(3, partition(2, 5, [2, 3]), 10);
  sightings.heard(1, partition(1, 4, [1]), 20);
  expect(sightings.changes[0]).toEqual([
    { atMs: 0, leader: 1, leaderEpoch: 4, replicas: [1, 2, 3], isr: [1, 2, 3] },
    { atMs: 10, leader: 2, leaderEpoch: 5, replicas: [1, 2, 3], isr: [2, 3] },
  ]);
});

test('within an epoch the leader knows who is in sync; another broker may be behind', () => {
  const sightings = new Sightings(1);
  sightings.heard(2, partition(1, 0, [1, 2, 3]), 0);
  sightings.heard(1, partition(1, 0, [3, 1]), 10);
  sightings.heard(2, partition(1, 0, [1, 2, 3]), 20);
  expect(sightings.partitions[0]?.isr).toEqual([1, 3]);
  expect(sightings.isWhole).toBe(false);
  sightings.heard(1, partition(1, 0, [3, 2, 1]), 30);
  expect(sightings.isWhole).toBe(true);
});

test('a partition without a leader, or one that nobody has told of, is not whole', () => {
  const sightings = new Sightings(2);
  sightings.heard(1, partition(1, 0, [1, 2, 3]), 0);
  expect(sightings.isWhole).toBe(false);
  sightings.heard(1, partition(2, 0, [1, 2, 3], 1), 0);
  expect([sightings.isWhole, [...sightings.leads]]).toEqual([true, [[1, 1], [2, 1]]]); // prettier-ignore
  sightings.heard(3, partition(-1, 1, [1, 2, 3], 1), 10);
  expect(sightings.isWhole).toBe(false);
});

test('the active controller is noted when it changes', () => {
  const sightings = new Sightings(1);
  for (const [controller, atMs] of [[1, 0], [1, 10], [-1, 20], [3, 30]] as const) sightings.heardController(controller, atMs); // prettier-ignore
  expect(sightings.controllers).toEqual([
    { atMs: 0, controller: 1 },
    { atMs: 30, controller: 3 },
  ]);
  expect(sightings.controller).toBe(3);
});
