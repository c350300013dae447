import fc from 'fast-check';
import { expect, test } from 'vitest';
import { subscription } from '../../testing/group-bench.ts';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  subscribedTopics,
  versionOf,
} from './consumer-protocol.ts';

test('subscribedTopics: reads every version by its beginning, and gives up on what is no subscription', () => {
  expect(subscribedTopics([subscription(['b', 'a']), subscription(['a', 'ü'])])).toEqual(new Set(['b', 'a', 'ü']));
  expect(subscribedTopics([])).toEqual(new Set());
  const whole = subscription(['orders']);
  for (let length = 0; length < whole.length - 4; length += 1)
    expect(subscribedTopics([whole.subarray(0, length)])).toBeUndefined();
  const hostile = Buffer.from('00007fffffff', 'hex');
  expect(subscribedTopics([hostile])).toBeUndefined();
});

/** Version 3 of orders and payments, owning orders 0 and 2 in generation 7, in rack a; as the Java client writes it. */
const WHOLE = Buffer.from(
  '0003' +
    '00000002' +
    '00066f7264657273' +
    '00087061796d656e7473' +
    'ffffffff' +
    '00000001' +
    '00066f7264657273' +
    '00000002' +
    '00000000' +
    '00000002' +
    '00000007' +
    '000161',
  'hex',
);

test('consumer protocol: a subscription is read in every version, and a later one as the newest', () => {
  const owned = [{ topic: 'orders', partitions: [0, 2] }];
  const whole = { topics: ['orders', 'payments'], userData: null, owned, rackId: 'a' };
  expect(decodeSubscription(WHOLE)).toEqual(whole);
  expect(decodeSubscription(withVersion(2))).toEqual({ ...whole, rackId: null });
  expect(decodeSubscription(withVersion(1))).toEqual({ ...whole, rackId: null });
  expect(decodeSubscription(withVersion(0))).toEqual({ ...whole, owned: [], rackId: null });
  expect(decodeSubscription(withVersion(9))).toEqual(whole);
  expect([versionOf(WHOLE), versionOf(withVersion(9)), versionOf(withVersion(-1))]).toEqual([3, 3, undefined]);
  expect(
    decodeSubscription(Buffer.concat([WHOLE.subarray(0, -1), Buffer.from('\0'), Buffer.from('more')]))?.rackId,
  ).toBe('\0');
});

function withVersion(version: number): Buffer {
  const bytes = Buffer.from(WHOLE);
  bytes.writeInt16BE(version);
  return bytes;
}

test('consumer protocol: an assignment comes back in every version', () => {
  const partitions = fc.array(fc.record({ topic: fc.string(), partitions: fc.array(fc.nat()) }));
  fc.assert(
    fc.property(fc.nat(3), partitions, (version, given) => {
      const bytes = encodeAssignment(version, given);
      expect(versionOf(bytes)).toBe(version);
      expect(decodeAssignment(bytes)).toEqual({ partitions: given, userData: null });
    }),
  );
});

test('consumer protocol: what is cut short, or no such thing at all, is told from what can be read', () => {
  for (let length = 0; length < WHOLE.length; length += 1)
    expect(decodeSubscription(WHOLE.subarray(0, length))).toBeUndefined();
  const assignment = encodeAssignment(1, [{ topic: 'orders', partitions: [1] }]);
  for (let length = 0; length < assignment.length; length += 1)
    expect(decodeAssignment(assignment.subarray(0, length))).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(WHOLE.length - 1), fc.nat(255), (noise, at, value) => {
      const flipped = Buffer.from(WHOLE);
      flipped[at] = value;
      for (const bytes of [Buffer.from(noise), flipped]) {
        expect(decodeSubscription(bytes)?.topics ?? []).toBeInstanceOf(Array);
        expect(decodeAssignment(bytes)?.partitions ?? []).toBeInstanceOf(Array);
      }
    }),
    { numRuns: 2000 },
  );
});
