import {
  buildBatch,
  CompressionType,
  ConsumerProtocolSubscription,
  encodeAssignment,
  encodeCoordinatorRecord,
  encodeEndTxnMarker,
  encodeMetadataRecord,
  encodeQuorumRecord,
  encodeSubscription,
  FeatureLevelRecord,
  NoOpRecord,
  readBatch,
  type NewRecord,
} from '@odradek/protocol';
import { assert } from '@odradek/base';
import { describe, expect, test } from 'vitest';
import { coordinatorDecoder, metadataDecoder, textDecoder, type Decoder } from './decoders.ts';
import { jsonText, messageJson } from './json.ts';
import { batchLine, recordLine } from './lines.ts';
import { kindOf } from './names.ts';
import { pairsOf, recordRow } from './rows.ts';

const NOW_MS = 1_795_302_077_396;

function shown(records: readonly NewRecord[], decoder: Decoder | undefined, isControl = false): string[] {
  const decoded = readBatch(buildBatch({ baseOffset: 7, isControl }, records));
  assert(decoded.ok, 'a batch of our own can be read');
  return decoded.value.records.map((record) => recordLine(decoded.value, record, { decoder, skipMetadata: false }));
}

const contents = (line: string | undefined): string => line?.replace(/^.*headerKeys: \[[^\]]*\] /, '') ?? '';

describe('batches and records', () => {
  test('a batch is a line of its header, and tells when its bytes are not what was written', () => {
    const options = { baseOffset: 100, producerId: 5, producerEpoch: 1, baseSequence: 10, isTransactional: true };
    const bytes = buildBatch({ ...options, compression: CompressionType.GZIP }, [
      { timestampMs: NOW_MS, value: Buffer.from('a') },
      { timestampMs: NOW_MS + 5, value: Buffer.from('b') },
    ]);
    const line = batchLine(bytes, 4096);
    expect(line).toMatch(
      /^baseOffset: 100 lastOffset: 101 count: 2 baseSequence: 10 lastSequence: 11 producerId: 5 producerEpoch: 1 /,
    );
    expect(line).toContain(
      'isTransactional: true isControl: false deleteHorizonMs: OptionalLong.empty position: 4096 ' +
        `CreateTime: ${NOW_MS + 5} size: ${bytes.length} magic: 2 compresscodec: gzip crc: `,
    );
    expect(line).toMatch(/isvalid: true$/);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    expect(batchLine(bytes, 0)).toMatch(/isvalid: false$/);
  });

  test('a record without a key, with headers, and its texts', () => {
    const headers = [{ key: 'h1', value: null }];
    expect(shown([{ timestampMs: NOW_MS, value: Buffer.from('v'), headers }], textDecoder)).toEqual([
      `| offset: 7 CreateTime: ${NOW_MS} keySize: -1 valueSize: 1 sequence: -1 headerKeys: [h1] payload: v`,
    ]);
  });

  test('markers of transactions and records of the quorum say what they are', () => {
    const marker = encodeEndTxnMarker('ABORT', 3);
    expect(contents(shown([{ timestampMs: NOW_MS, ...marker }], undefined, true)[0])).toBe(
      'endTxnMarker: ABORT coordinatorEpoch: 3',
    );
    const version = encodeQuorumRecord('KRAFT_VERSION', { version: 0, kRaftVersion: 1 });
    expect(contents(shown([{ timestampMs: NOW_MS, ...version }], undefined, true)[0])).toBe(
      'KRaftVersion {"version":0,"kRaftVersion":1}',
    );
  });
});

describe('records of the cluster itself', () => {
  const group = coordinatorDecoder('group');
  const decoded = (key: Buffer | null, value: Buffer | null, decoder = group): string =>
    contents(shown([{ timestampMs: NOW_MS, key, value }], decoder)[0]);

  test('a committed offset, and that it was deleted', () => {
    const key = { group: 'g', topic: 't', partition: 1 };
    const offset = { offset: 2, leaderEpoch: 0, metadata: '', commitTimestamp: NOW_MS };
    const set = encodeCoordinatorRecord('OffsetCommit', key, offset, 3);
    const shownKey = 'key: {"type":"1","data":{"group":"g","topic":"t","partition":1}}';
    expect(decoded(set.key, set.value)).toBe(
      `${shownKey} payload: {"version":"3","data":{"offset":2,"leaderEpoch":0,"metadata":"","commitTimestamp":${NOW_MS}}}`,
    );
    const gone = encodeCoordinatorRecord('OffsetCommit', key, null, 3);
    expect(decoded(gone.key, gone.value)).toBe(`${shownKey} payload: <DELETE>`);
  });

  test('what members of a group of consumers read is told in words', () => {
    const member = {
      memberId: 'm',
      clientId: 'c',
      clientHost: '/h',
      rebalanceTimeout: 1,
      sessionTimeout: 2,
      subscription: encodeSubscription(0, { topics: ['orders'], userData: null }),
      assignment: encodeAssignment(0, {
        assignedPartitions: [{ topic: 'orders', partitions: [0, 1] }],
        userData: null,
      }),
    };
    const value = { protocolType: 'consumer', generation: 1, protocol: 'range', leader: 'm', members: [member] };
    const record = encodeCoordinatorRecord('GroupMetadata', { group: 'g' }, value, 2);
    const line = decoded(record.key, record.value);
    expect(line).toContain('"subscription":{"topics":["orders"],"userData":null}');
    expect(line).toContain(
      '"assignment":{"assignedPartitions":[{"topic":"orders","partitions":[0,1]}],"userData":null}',
    );
  });

  test('what is unknown or broken is said, and the rest goes on', () => {
    expect(decoded(Buffer.from([0, 99]), null)).toBe('key: Unknown record type 99 at offset 7, skipping.');
    expect(decoded(Buffer.from([0, 1, 9]), null)).toMatch(/^key: Error at offset 7, skipping\. /);
    expect(decoded(null, null)).toMatch(/^key: Error at offset 7/);
    expect(decoded(null, Buffer.from([1]), metadataDecoder)).toMatch(/^payload: Error at 7, skipping\. /);
  });

  test('metadata records carry their type in capitals', () => {
    const record = encodeMetadataRecord(FeatureLevelRecord, 0, { name: 'group.version', featureLevel: 1 });
    expect(decoded(null, record, metadataDecoder)).toBe(
      'payload: {"type":"FEATURE_LEVEL_RECORD","version":0,"data":{"name":"group.version","featureLevel":1}}',
    );
    expect(decoded(null, encodeMetadataRecord(NoOpRecord, 0, {}), metadataDecoder)).toContain('"NO_OP_RECORD"');
  });
});

test('messages as JSON: fields of their version only, integers of any size', () => {
  const value = { topics: ['a'], userData: Buffer.from([1, 2]), ownedPartitions: [], generationId: 4, rackId: null };
  expect(jsonText(messageJson(ConsumerProtocolSubscription, 0, value))).toBe('{"topics":["a"],"userData":"AQI="}');
  expect(jsonText(messageJson(ConsumerProtocolSubscription, 2, value))).toContain('"generationId":4');
  expect(jsonText({ big: 2n ** 63n - 1n, text: 'ü"' })).toBe('{"big":9223372036854775807,"text":"ü\\""}');
});

test.each([
  ['00000000000000000012.log', { kind: 'log', offset: 12 }],
  ['00000000000000000012.timeindex.deleted', { kind: 'timeindex', offset: 12 }],
  ['00000000000000000012-0000000003.checkpoint', { kind: 'checkpoint', endOffset: 12, epoch: 3 }],
  ['bootstrap.checkpoint', { kind: 'bootstrap' }],
  ['copy.log', { kind: 'misnamed' }],
  ['leader-epoch-checkpoint', { kind: 'unknown' }],
])('%s', (name, kind) => {
  expect(kindOf(name)).toEqual(kind);
});

test('as JSON: the pairs of a line with their types, and what is JSON already stays it', () => {
  const line =
    'deleteHorizonMs: OptionalLong[5] isControl: false producerId: -1 compresscodec: none x: OptionalLong.empty';
  expect(pairsOf(line)).toEqual({
    deleteHorizonMs: 5,
    isControl: false,
    producerId: -1,
    compresscodec: 'none',
    x: null,
  });
  const offset = { offset: 2, leaderEpoch: 0, metadata: '', commitTimestamp: NOW_MS };
  const record = encodeCoordinatorRecord('OffsetCommit', { group: 'g', topic: 't', partition: 1 }, offset, 3);
  const decoded = readBatch(buildBatch({ baseOffset: 7 }, [{ timestampMs: NOW_MS, ...record }]));
  assert(decoded.ok && decoded.value.records[0] !== undefined, 'a batch of our own has its record');
  const view = { decoder: coordinatorDecoder('group'), skipMetadata: false };
  expect(recordRow(decoded.value, decoded.value.records[0], view)).toMatchObject({
    offset: 7,
    timestampType: 'CreateTime',
    key: { type: '1', data: { group: 'g', topic: 't', partition: 1 } },
    payload: { version: '3', data: { offset: 2 } },
  });
  expect(
    recordRow(decoded.value, decoded.value.records[0], { ...view, decoder: textDecoder, skipMetadata: true }),
  ).toHaveProperty('payload');
});
