import { expect, test } from 'vitest';
import { preferredReadReplica } from './replica-selector.ts';
import type { ReplicaView } from './replica-selector.ts';

const view = (brokerId: number, more: Partial<ReplicaView> = {}): ReplicaView => ({
  brokerId,
  logStartOffset: 0,
  logEndOffset: 100,
  lastCaughtUpMs: 0,
  ...more,
});

type Asked = { readonly nearby: readonly number[]; readonly isr?: readonly number[]; readonly fetchOffset?: number };

function selected(views: readonly ReplicaView[], { nearby, isr = [1, 2, 3, 4], fetchOffset = 50 }: Asked) {
  const viewOf = (brokerId: number): ReplicaView | undefined => views.find((each) => each.brokerId === brokerId);
  return preferredReadReplica({ leader: 1, isr, fetchOffset, nearby, viewOf });
}

test('a replica in the rack of the consumer is preferred to the leader elsewhere', () => {
  expect(selected([view(2), view(3)], { nearby: [3] })).toBe(3);
});

test('the leader serves its own rack, whoever else stands there, and racks without a replica', () => {
  expect(selected([view(2)], { nearby: [1, 2] })).toBeUndefined();
  expect(selected([view(2)], { nearby: [7] })).toBeUndefined();
  expect(selected([view(2)], { nearby: [] })).toBeUndefined();
});

test.for([
  ['is not in sync', view(2), { nearby: [2], isr: [1, 3] }],
  ['has not told where it is', view(3), { nearby: [2] }],
  ['ends below what is asked for', view(2, { logEndOffset: 49 }), { nearby: [2] }],
  ['begins above it', view(2, { logStartOffset: 51 }), { nearby: [2] }],
] as const)('a replica that %s is not preferred', ([, replica, asked]) => {
  expect(selected([replica], asked)).toBeUndefined();
});

test('a replica that ends or begins exactly at what is asked for is preferred', () => {
  expect(selected([view(2, { logEndOffset: 50 })], { nearby: [2] })).toBe(2);
  expect(selected([view(2, { logStartOffset: 50 })], { nearby: [2] })).toBe(2);
});

test('of several the one with the most records is preferred, then the one in step last, then the largest id', () => {
  const nearby = [2, 3, 4];
  expect(selected([view(2, { logEndOffset: 101 }), view(3), view(4)], { nearby })).toBe(2);
  expect(selected([view(2), view(3, { lastCaughtUpMs: 9 }), view(4)], { nearby })).toBe(3);
  expect(selected([view(2), view(3), view(4)], { nearby })).toBe(4);
});
