import { expect, test } from 'vitest';
import fc from 'fast-check';
import { ErrorCode, PartitionRecord } from '@odradek/protocol';
import { decodeRecord, encodeRecord, record } from './records.ts';
import type { RecordOf } from './records.ts';

test('records: framed byte for byte as Kafka frames them', () => {
  expect(encodeRecord(record('NoOpRecord', {})).toString('hex')).toBe('01140000');
  const topic = { name: 't', topicId: 'AAAAAAAAAAEAAAAAAAAAAg' };
  const hex = '01020002740000000000000001000000000000000200';
  expect(encodeRecord(record('TopicRecord', topic)).toString('hex')).toBe(hex);
  expect(decodeRecord(Buffer.from(hex, 'hex'))).toEqual({
    ok: true,
    value: { type: 'TopicRecord', version: 0, value: topic },
  });
});

test('records: what is encoded is decoded to the same', () => {
  const ids = fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 5 });
  const epoch = fc.integer({ min: -1, max: 0x7fff_ffff });
  const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
  const nullable = fc.option(ids, { nil: null });
  const partition = fc.record({
    partitionId: epoch,
    topicId: uuid,
    replicas: ids,
    isr: ids,
    removingReplicas: ids,
    addingReplicas: ids,
    leader: epoch,
    leaderRecoveryState: fc.constantFrom(0, 1),
    leaderEpoch: epoch,
    partitionEpoch: epoch,
    directories: fc.array(uuid, { maxLength: 3 }),
    eligibleLeaderReplicas: nullable,
    lastKnownElr: nullable,
  });
  fc.assert(
    fc.property(partition, (value) => {
      const written = record('PartitionRecord', value);
      expect(decodeRecord(encodeRecord(written))).toEqual({ ok: true, value: written });
    }),
  );
});

test('records: a listener that names no host keeps what its clients may be told, one that does is written as Kafka writes it', () => {
  const uuid = 'AAAAAAAAAAEAAAAAAAAAAg';
  const text = fc.string({ maxLength: 20 });
  const port = fc.integer({ min: 0, max: 65_535 });
  const auto = fc.record({
    machine: text,
    networks: fc.array(text, { maxLength: 4 }),
    outside: fc.record({ host: fc.option(text, { nil: null }), port }),
  });
  const endpoint = fc.record({ name: text, host: text, port, securityProtocol: fc.nat(3) });
  const registered = (endPoints: RecordOf<'RegisterBrokerRecord'>['value']['endPoints']) =>
    record('RegisterBrokerRecord', {
      brokerId: 1,
      isMigratingZkBroker: false,
      incarnationId: uuid,
      brokerEpoch: 7,
      endPoints,
      features: [],
      rack: null,
      fenced: true,
      inControlledShutdown: false,
      logDirs: [uuid],
      cordonedLogDirs: null,
    });
  fc.assert(
    fc.property(fc.array(fc.tuple(endpoint, fc.option(auto, { nil: null })), { maxLength: 3 }), (endpoints) => {
      const written = registered(endpoints.map(([each, open]) => ({ ...each, auto: open })));
      expect(decodeRecord(encodeRecord(written))).toEqual({ ok: true, value: written });
      const plain = encodeRecord(registered(endpoints.map(([each]) => ({ ...each, auto: null }))));
      const tags = endpoints.filter(([, open]) => open !== null).length;
      expect(encodeRecord(written).length > plain.length).toBe(tags > 0);
    }),
  );
});

test('records: garbage is refused by a value, never by a throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const outcome = decodeRecord(Buffer.from(bytes));
      const codes: number[] = [ErrorCode.NONE, ErrorCode.INVALID_REQUEST, ErrorCode.UNSUPPORTED_VERSION];
      expect(codes).toContain(outcome.ok ? ErrorCode.NONE : outcome.code);
    }),
    { numRuns: 2_000 },
  );
});

test('records: an unknown frame version, type or version is refused with what was found', () => {
  const refused = (hex: string): string => {
    const outcome = decodeRecord(Buffer.from(hex, 'hex'));
    return outcome.ok ? 'taken' : outcome.why;
  };
  expect(refused('02140000')).toMatch(/frame version 2/);
  expect(refused('016f0000')).toMatch(/unknown type 111/);
  expect(refused('0115000000')).toMatch(/ZkMigrationStateRecord, which has no place here/);
  expect(refused('010309')).toMatch(/no version 9/);
  expect(refused('01')).not.toBe('taken');
  expect(PartitionRecord.maxVersion).toBe(2);
});
