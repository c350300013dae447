import { expect, test } from 'vitest';
import { ErrorCode } from './errors.ts';
import {
  decodeAssignment,
  decodeControlRecord,
  decodeCoordinatorRecord,
  decodeMetadataRecord,
  decodePrincipal,
  decodeSubscription,
  encodeAssignment,
  encodeCoordinatorRecord,
  encodeEndTxnMarker,
  encodeMetadataRecord,
  encodePrincipal,
  encodeSubscription,
} from './framing.ts';
import { NoOpRecord, TopicRecord } from './messages/index.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test("consumer protocol: Kafka's example is met, and read back; a version of the future is read as the newest", () => {
  const subscription = { topics: ['t'], rackId: 'r' };
  const bytes = encodeSubscription(3, { ...subscription, userData: null, ownedPartitions: [] });
  expect(bytes.toString('hex')).toBe('000300000001000174ffffffff00000000ffffffff000172');
  expect(decodeSubscription(bytes)).toMatchObject({ ok: true, value: subscription });
  bytes.writeInt16BE(9, 0);
  expect(decodeSubscription(Buffer.concat([bytes, hex('aabbcc')]))).toMatchObject({ ok: true, value: subscription });
  bytes.writeInt16BE(-1, 0);
  expect(decodeSubscription(bytes).ok).toBe(false);
  expect(decodeSubscription(hex('00')).ok).toBe(false);
});

test('consumer protocol: an assignment survives', () => {
  const value = { assignedPartitions: [{ topic: 't', partitions: [0, 2] }], userData: hex('0102') };
  expect(decodeAssignment(encodeAssignment(1, value))).toEqual({ ok: true, value });
});

test("principals: Kafka's example is met, and read back", () => {
  const value = { type: 'User', name: 'alice', tokenAuthenticated: false };
  const bytes = encodePrincipal(value);
  expect(bytes.toString('hex')).toBe('0000055573657206616c6963650000');
  expect(decodePrincipal(bytes)).toEqual({ ok: true, value });
});

test("metadata records: Kafka's examples are met, and read back", () => {
  expect(encodeMetadataRecord(NoOpRecord, 0, {}).toString('hex')).toBe('01140000');
  const topic = { name: 't', topicId: 'AAAAAAAAAAEAAAAAAAAAAg' };
  const bytes = encodeMetadataRecord(TopicRecord, 0, topic);
  expect(bytes.toString('hex')).toBe('01020002740000000000000001000000000000000200');
  expect(decodeMetadataRecord(bytes)).toEqual({ ok: true, value: { schema: TopicRecord, version: 0, value: topic } });
});

test.for([
  ['nothing', ''],
  ['another frame version', '02140000'],
  ['an unknown type', '01630000'],
  ['an unknown version', '01140100'],
  ['bytes after the body', '0114000000'],
] as const)('metadata records: %s is refused', ([, text]) => {
  expect(decodeMetadataRecord(hex(text)).ok).toBe(false);
});

test("coordinator records: Kafka's example is met, and read back", () => {
  const key = { group: 'g', topic: 't', partition: 3 };
  const value = { offset: 42, leaderEpoch: 5, metadata: '', commitTimestamp: 1_000 };
  const record = encodeCoordinatorRecord('OffsetCommit', key, value, 3);
  expect(record.key.toString('hex')).toBe('000100016700017400000003');
  expect(record.value?.toString('hex')).toBe('0003000000000000002a00000005000000000000000003e8');
  const read = decodeCoordinatorRecord('group', record.key, record.value);
  expect(read).toMatchObject({ ok: true, value: { name: 'OffsetCommit', key, value, version: 3 } });
});

test('coordinator records: a tombstone has a key only; the same type means another record in another topic', () => {
  const tombstone = encodeCoordinatorRecord('TransactionLog', { transactionalId: 'x' }, null, 0);
  expect(tombstone.value).toBeNull();
  const read = decodeCoordinatorRecord('transaction', tombstone.key, null);
  expect(read).toMatchObject({ ok: true, value: { name: 'TransactionLog', value: null, version: -1 } });
  const share = encodeCoordinatorRecord(
    'ShareUpdate',
    { groupId: 'g', topicId: 'AAAAAAAAAAEAAAAAAAAAAg', partition: 1 },
    null,
    0,
  );
  expect(decodeCoordinatorRecord('share', share.key, null)).toMatchObject({ ok: true, value: { name: 'ShareUpdate' } });
});

test('coordinator records: an unknown type is undefined, garbage is refused', () => {
  expect(decodeCoordinatorRecord('group', hex('7fff'), null)).toEqual({ ok: true, value: undefined });
  expect(decodeCoordinatorRecord('group', hex('00'), null)).toMatchObject({
    ok: false,
    code: ErrorCode.INVALID_REQUEST,
  });
  expect(decodeCoordinatorRecord('group', hex('0001000167'), null).ok).toBe(false);
  expect(decodeCoordinatorRecord('group', hex('000100016700017400000003'), hex('0063')).ok).toBe(false);
});

test("control records: Kafka's transaction marker is met, and read back", () => {
  const { key, value } = encodeEndTxnMarker('COMMIT', 9);
  expect([key.toString('hex'), value.toString('hex')]).toEqual(['00000001', '000000000009']);
  expect(decodeControlRecord(key, value)).toEqual({
    ok: true,
    value: { name: 'COMMIT', value: { coordinatorEpoch: 9 } },
  });
});

test('control records: an unknown type is told, garbage is refused', () => {
  expect(decodeControlRecord(hex('00000063'), null)).toEqual({ ok: true, value: { name: 'UNKNOWN', type: 99 } });
  for (const [key, value] of [
    [null, null],
    [hex('000000'), null],
    [hex('00000001'), null],
    [hex('00000001'), hex('00')],
  ] as const) {
    expect(decodeControlRecord(key, value)).toMatchObject({ ok: false, code: ErrorCode.INVALID_RECORD });
  }
});
