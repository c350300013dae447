import { expect, test } from 'vitest';
import { preferredReadReplica } from './replica-selector.ts';
import type { ReplicaView } from './replica-selector.ts';

const view = (id: number, more: Partial<ReplicaView> = {}): ReplicaView => ({
  id,
  logStartOffset: 0,
  endOffset: 100,
  caughtUpMs: 0,
  ...more,
});

type Asked = { readonly nearby: readonly number[]; readonly isr?: readonly number[]; readonly fetchOffset?: number };

function selected(followers: readonly ReplicaView[], { nearby, isr = [1, 2, 3, 4], fetchOffset = 50 }: Asked) {
  return preferredReadReplica({ leader: 1, followers, isr, fetchOffset, nearby });
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
  ['has not told where it is', view(2, { endOffset: -1, logStartOffset: -1 }), { nearby: [2], fetchOffset: -1 }],
  ['ends below what is asked for', view(2, { endOffset: 49 }), { nearby: [2] }],
  ['begins above it', view(2, { logStartOffset: 51 }), { nearby: [2] }],
] as const)('a replica that %s is not preferred', ([, replica, asked]) => {
  expect(selected([replica], asked)).toBeUndefined();
});

test('a replica that ends or begins exactly at what is asked for is preferred', () => {
  expect(selected([view(2, { endOffset: 50 })], { nearby: [2] })).toBe(2);
  expect(selected([view(2, { logStartOffset: 50 })], { nearby: [2] })).toBe(2);
});

test('of several the one with the most records is preferred, then the one in step last, then the largest id', () => {
  const nearby = [2, 3, 4];
  expect(selected([view(2, { endOffset: 101 }), view(3), view(4)], { nearby })).toBe(2);
  expect(selected([view(2), view(3, { caughtUpMs: 9 }), view(4)], { nearby })).toBe(3);
  expect(selected([view(2), view(4), view(3)], { nearby })).toBe(4);
});
