import { UUID_ZERO } from '@odradek/base';
import { expect, test } from 'vitest';
import type { GroupRecord, OffsetValue } from './kinds.ts';
import { groupPartitionFor } from './partition-for.ts';
import { decodeRecord, encodeRecord } from './records.ts';

const offset: OffsetValue = {
  offset: 42,
  leaderEpoch: 5,
  metadata: '',
  commitMs: 1000,
  expireMs: -1,
  topicId: UUID_ZERO,
};

test('records: an offset is what Kafka writes, byte for byte', () => {
  const { key, value } = encodeRecord({ kind: 'offset', groupId: 'g', topic: 't', partition: 3, value: offset });
  expect(key.toString('hex')).toBe('000100016700017400000003');
  expect(value?.toString('hex')).toBe('0003000000000000002a00000005000000000000000003e8');
});

test('records: an offset with a topic id is version 4, with an expiry version 1, which knows no leader epoch', () => {
  const record = (value: OffsetValue): GroupRecord => ({
    kind: 'offset',
    groupId: 'g',
    topic: 't',
    partition: 3,
    value,
  });
  const back = (value: OffsetValue): unknown => {
    const decoded = decodeRecord(encodeRecord(record(value)));
    return decoded?.value;
  };
  const version = (value: OffsetValue): number | undefined => encodeRecord(record(value)).value?.readInt16BE(0);
  const withId = { ...offset, topicId: 'AAAAAAAAAAAAAAAAAAAAAg' };
  expect([version(withId), back(withId)]).toEqual([4, withId]);
  const expiring = { ...offset, expireMs: 5000 };
  expect([version(expiring), back(expiring)]).toEqual([1, { ...expiring, leaderEpoch: -1 }]);
});

test('records: a group and tombstones come back as they were', () => {
  const group: GroupRecord = {
    kind: 'group',
    groupId: 'g',
    value: {
      protocolType: 'consumer',
      generation: 7,
      protocolName: 'range',
      leader: 'm1',
      stateSinceMs: 123,
      members: [
        {
          memberId: 'm1',
          groupInstanceId: 'i1',
          clientId: 'c',
          clientHost: '/h',
          rebalanceTimeoutMs: 2,
          sessionTimeoutMs: 1,
          subscription: Buffer.from('sub'),
          assignment: Buffer.from('ass'),
        },
      ],
    },
  };
  const gone: GroupRecord = { kind: 'group', groupId: 'g', value: null };
  const goneOffset: GroupRecord = { kind: 'offset', groupId: 'g', topic: 't', partition: 1, value: null };
  expect([group, gone, goneOffset].map((record) => decodeRecord(encodeRecord(record)))).toEqual([
    group,
    gone,
    goneOffset,
  ]);
});

test('records: an offset of the oldest form (key type 0, value version 0) is read', () => {
  const key = Buffer.from('000000016700017400000003', 'hex');
  const value = Buffer.from('0000000000000000002a000000000000000003e8', 'hex');
  expect(decodeRecord({ key, value })).toEqual({
    kind: 'offset',
    groupId: 'g',
    topic: 't',
    partition: 3,
    value: { ...offset, leaderEpoch: -1 },
  });
});

test('records: what is not ours or cannot be read is let alone', () => {
  const { key } = encodeRecord({ kind: 'group', groupId: 'g', value: null });
  const unreadable: [Buffer, Buffer | null][] = [
    [Buffer.from('00090001670000', 'hex'), null],
    [Buffer.from('7fff', 'hex'), null],
    [Buffer.alloc(1), null],
    [Buffer.alloc(0), null],
    [key, Buffer.from('00', 'hex')],
    [key, Buffer.from('00030005', 'hex')],
    [key, Buffer.from('0063', 'hex')],
  ];
  expect(unreadable.map(([bytes, value]) => decodeRecord({ key: bytes, value }))).toEqual(
    unreadable.map(() => undefined),
  );
});

test('groupPartitionFor: is the non-negative Java hash of the id, modulo the partitions', () => {
  // From the JVM; the absolute value of the smallest int does not fit, and Kafka takes 0 for it.
  const hashes = new Map([
    ['hello', 99_162_322],
    ['zzzzzz', -685_785_664],
    ['connect-cluster', 1_440_343_063],
    ['ünïcode-группа', 488_259_741],
    ['console-consumer-12345', 158_455_506],
    ['polygenelubricants', 0],
  ]);
  for (const [groupId, hash] of hashes) expect(groupPartitionFor(groupId, 50)).toBe(Math.abs(hash) % 50);
  expect(groupPartitionFor('', 50)).toBe(0);
});
