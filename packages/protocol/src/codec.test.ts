import { expect, test } from 'vitest';
import { decodeMessage, decodePrefix, encodeMessage } from './codec.ts';
import { elementBytesMin, isPresent, planOf } from './compile/plan.ts';
import type { Plan } from './compile/plan.ts';
import { ErrorCode } from './errors.ts';
import * as messages from './messages/index.ts';
import {
  FetchRequest,
  FetchResponse,
  ListOffsetsRequest,
  MetadataRequest,
  OffsetCommitRequest,
  ProduceRequest,
  ProduceResponse,
} from './messages/index.ts';
import { f, message } from './schema.ts';
import type { Fields, Message } from './schema.ts';
import { EncodeError, REFERENCE_BYTES_MIN } from './writer.ts';

const bytes = (chunks: Buffer[]): Buffer => Buffer.concat(chunks);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('decode: records are a slice of the frame, not a copy', () => {
  const records = Buffer.alloc(5_000, 7);
  const frame = bytes(
    encodeMessage(ProduceRequest, 9, {
      acks: 1,
      timeoutMs: 1,
      topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
    }),
  );
  const decoded = decodeMessage(ProduceRequest, 9, frame);
  const slice = decoded.ok ? decoded.value.topicData[0]?.partitionData[0]?.records : undefined;
  expect(slice?.buffer).toBe(frame.buffer);
  expect(slice?.equals(records)).toBe(true);
});

test('encode: large bytes travel by reference in their place, small ones are copied', () => {
  const large = Buffer.alloc(REFERENCE_BYTES_MIN, 1);
  const small = Buffer.alloc(REFERENCE_BYTES_MIN - 1, 2);
  const partition = (partitionIndex: number, records: Buffer | Buffer[]) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 0,
    abortedTransactions: null,
    records,
  });
  const partitions = [partition(0, large), partition(1, small), partition(2, [small, large])];
  const chunks = encodeMessage(FetchResponse, 12, {
    throttleTimeMs: 0,
    sessionId: 0,
    responses: [{ topic: 't', partitions }],
  });
  expect(chunks.filter((chunk) => chunk === large).length).toBe(2);
  expect(chunks.length).toBe(5);
  const decoded = decodeMessage(FetchResponse, 12, bytes(chunks));
  const read = decoded.ok ? decoded.value.responses[0]?.partitions.map(({ records }) => records?.length) : [];
  expect(read).toEqual([large.length, small.length, large.length + small.length]);
});

test('encode: chunks stay as they are when the next message is encoded', () => {
  const first = encodeMessage(MetadataRequest, 0, { topics: [{ name: 'first' }] });
  const before = bytes(first).toString('hex');
  encodeMessage(MetadataRequest, 0, { topics: [{ name: 'other' }] });
  expect(bytes(first).toString('hex')).toBe(before);
});

test('encode: a message larger than the first buffer comes out whole', () => {
  const topics = Array.from({ length: 20_000 }, (_, i) => ({ name: `topic-${i}-${'x'.repeat(i % 100)}` }));
  const decoded = decodeMessage(MetadataRequest, 0, bytes(encodeMessage(MetadataRequest, 0, { topics })));
  expect(decoded.ok && decoded.value.topics?.map(({ name }) => name)).toEqual(topics.map(({ name }) => name));
});

test('encode: what is left out takes its default', () => {
  const chunks = encodeMessage(FetchRequest, 18, {
    maxWaitMs: 1,
    minBytes: 1,
    isolationLevel: 0,
    topics: [],
  });
  const decoded = decodeMessage(FetchRequest, 18, bytes(chunks));
  expect(decoded.ok && decoded.value).toEqual({
    clusterId: null,
    replicaId: -1,
    replicaState: { replicaId: -1, replicaEpoch: -1 },
    maxWaitMs: 1,
    minBytes: 1,
    maxBytes: 0x7fffffff,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [],
    forgottenTopicsData: [],
    rackId: '',
  });
});

test('encode: a field that the version lacks is dropped when ignorable, refused otherwise, fine at its default', () => {
  const ignorable = (errorMessage: string | null) => ({
    throttleTimeMs: 0,
    responses: [{ name: 't', partitionResponses: [{ index: 0, errorCode: 1, baseOffset: 0, errorMessage }] }],
  });
  expect(bytes(encodeMessage(ProduceResponse, 3, ignorable('why')))).toEqual(
    bytes(encodeMessage(ProduceResponse, 3, ignorable(null))),
  );
  const replica = (replicaId: number) => ({
    maxWaitMs: 1,
    minBytes: 1,
    isolationLevel: 0,
    topics: [],
    replicaState: { replicaId, replicaEpoch: -1 },
  });
  expect(() => encodeMessage(FetchRequest, 12, replica(3))).toThrow(EncodeError);
  expect(() => encodeMessage(FetchRequest, 12, replica(-1))).not.toThrow();
});

test.for([
  ['int8', 128],
  ['int16', -32_769],
  ['uint16', -1],
  ['int32', 2 ** 31],
  ['uint32', 2 ** 32],
  ['int64', 2 ** 53],
  ['int32', 1.5],
  ['int32', Number.NaN],
] as const)('encode: %s refuses %d', ([type, value]) => {
  const schema = message({
    name: 'Test',
    kind: 'data',
    versions: '0',
    flexible: 'none',
    fields: { field: f[type]('0') },
  });
  expect(() => encodeMessage(schema, 0, { field: value })).toThrow(/field: .*not/);
});

test('decode: uuids that differ in one byte are told apart, one after another and when they come again', () => {
  const ids = Array.from({ length: 17 }, (_, place) => {
    const id = Buffer.alloc(16, 0x5a);
    if (place < 16) id[place] = 0x5b;
    return id.toString('base64url');
  });
  const topics = [...ids, ...ids.toReversed(), ...ids].map((topicId) => ({ topicId, name: null }));
  const decoded = decodeMessage(MetadataRequest, 12, bytes(encodeMessage(MetadataRequest, 12, { topics })));
  expect(decoded.ok && decoded.value.topics?.map(({ topicId }) => topicId)).toEqual(
    topics.map(({ topicId }) => topicId),
  );
});

test('encode: null where the version has no null, a string too long and a uuid that is none are refused', () => {
  expect(() => encodeMessage(MetadataRequest, 0, { topics: null })).toThrow(/topics: must not be null/);
  expect(() => encodeMessage(MetadataRequest, 0, { topics: [{ name: 'x'.repeat(32_768) }] })).toThrow(
    /longer than 32767/,
  );
  expect(() => encodeMessage(MetadataRequest, 12, { topics: [{ topicId: 'nonsense', name: null }] })).toThrow(/uuid/);
});

test('encode: a version that does not exist is refused', () => {
  expect(() => encodeMessage(MetadataRequest, 99, { topics: [] })).toThrow(/no version 99; it has 0 to 13/);
});

test('encode and decode: int64 from -2^53+1 to 2^53-1 survive, beyond is refused with the value', () => {
  const schema = message({
    name: 'Test',
    kind: 'data',
    versions: '0',
    flexible: 'none',
    fields: { field: f.int64('0') },
  });
  const values = [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    -(2 ** 32) - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ];
  for (const field of values) {
    expect(decodeMessage(schema, 0, bytes(encodeMessage(schema, 0, { field })))).toEqual({
      ok: true,
      value: { field },
    });
  }
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
    const raw = Buffer.alloc(8);
    raw.writeBigInt64BE(value);
    const decoded = decodeMessage(schema, 0, raw);
    expect(decoded).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
    expect(decoded.ok ? '' : decoded.why).toContain(String(value));
  }
});

test('decode: strings that are not UTF-8 are read with replacement characters, as Kafka reads them', () => {
  const decoded = decodeMessage(MetadataRequest, 0, hex('00000001 0003 61ff62'));
  expect(decoded.ok && decoded.value.topics?.[0]?.name).toBe('a\ufffdb');
});

test('encode and decode: strings of every length around the encodings survive, ASCII or not', () => {
  for (const length of [0, 1, 23, 24, 25, 47, 48, 49, 126, 127, 128, 200, 16_383]) {
    for (const name of [
      'x'.repeat(length),
      `${'x'.repeat(Math.max(length - 1, 0))}ж`,
      '\u{1f600}'.repeat(length / 4),
    ]) {
      for (const version of [4, 9]) {
        const encoded = bytes(encodeMessage(MetadataRequest, version, { topics: [{ name }] }));
        const decoded = decodeMessage(MetadataRequest, version, encoded);
        expect(decoded.ok && decoded.value.topics?.[0]?.name).toBe(name);
      }
    }
  }
});

test.for([
  ['nothing at all', '', /topics: needs 4 bytes, 0 are left/],
  ['null where it may not be', 'ffffffff', /topics: must not be null/],
  ['more elements than bytes', '7fffffff 00', /topics: 2147483647 elements do not fit into the 1 bytes that are left/],
  ['a string that goes on after the end', '00000001 0005 6162', /topics\[\]\.name: needs 5 bytes, 2 are left/],
  ['a null string', '00000001 ffff', /topics\[\]\.name: must not be null/],
] as const)('decode: %s is refused with the path of the field', ([, text, why]) => {
  const decoded = decodeMessage(MetadataRequest, 0, hex(text));
  expect(decoded).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
  expect(decoded.ok ? '' : decoded.why).toMatch(why);
});

/** FetchRequest v15 up to its tagged section: all zero, no topics, no rack. */
const FETCH_15 = '00000000 00000000 00000000 00 00000000 00000000 01 01 01';

test.for([
  ['more tagged fields than bytes', 'ffffffff0f', /tagged fields do not fit/],
  ['an unknown tag that goes on after the end', '01 63 05 00', /needs 5 bytes/],
  ['a known tag of another size than it says', '01 00 05 02 61 00 00 00', /clusterId: its announced size/],
] as const)('decode: %s is refused', ([, tags, why]) => {
  const decoded = decodeMessage(FetchRequest, 15, hex(`${FETCH_15} ${tags}`));
  expect(decodeMessage(FetchRequest, 15, hex(`${FETCH_15} 00`)).ok).toBe(true);
  expect(decoded).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
  expect(decoded.ok ? '' : decoded.why).toMatch(why);
});

test('decode: unknown tagged fields are stepped over', () => {
  const plain = bytes(encodeMessage(FetchRequest, 12, { maxWaitMs: 1, minBytes: 1, isolationLevel: 0, topics: [] }));
  const tagged = Buffer.concat([plain.subarray(0, -1), hex('02 63 03 aabbcc 64 00')]);
  expect(decodeMessage(FetchRequest, 12, tagged)).toEqual(decodeMessage(FetchRequest, 12, plain));
});

test('decode: a version that does not exist is refused with UNSUPPORTED_VERSION', () => {
  const decoded = decodeMessage(MetadataRequest, 14, Buffer.alloc(100));
  expect(decoded).toMatchObject({ ok: false, code: ErrorCode.UNSUPPORTED_VERSION });
});

test('decode: bytes after the message are let pass and told', () => {
  const buffer = hex('aabb 00000001 0001 61 cccc');
  expect(decodeMessage(MetadataRequest, 0, buffer, 2).ok).toBe(true);
  const prefix = decodePrefix(MetadataRequest, 0, buffer, { at: 2 });
  expect(prefix.ok && prefix.value.endAt).toBe(9);
});

test('decode: the elements of all arrays of a request together are bounded', () => {
  const topics = Array.from({ length: 11 }, (_, i) => ({ name: `t${i}` }));
  const frame = bytes(encodeMessage(MetadataRequest, 0, { topics }));
  expect(decodePrefix(MetadataRequest, 0, frame, { elementsMax: 11 }).ok).toBe(true);
  const refused = decodePrefix(MetadataRequest, 0, frame, { elementsMax: 10 });
  expect(refused).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
});

test('decode: no element of any array is free, so that a count is bounded by the bytes behind it', () => {
  const free: string[] = [];
  const look = (fields: Fields, plan: Plan, path: string): void => {
    for (const [name, field] of Object.entries(fields)) {
      if (!isPresent(field, plan)) continue;
      const { element } = field;
      if (element !== undefined && elementBytesMin(element, plan) < 1) free.push(`${path}.${name} v${plan.version}`);
      const inner = typeof element === 'object' ? element : field.fields;
      if (inner !== undefined) look(inner, plan, `${path}.${name}`);
    }
  };
  for (const schema of Object.values(messages as unknown as Record<string, Message>)) {
    for (let version = schema.minVersion; version <= schema.maxVersion; version += 1) {
      look(schema.fields, planOf(schema, version, false), schema.name);
    }
  }
  expect(free).toEqual([]);
});

test('decode: announcing two billion elements or bytes costs no memory', () => {
  const attacks: [Message, number, Buffer][] = [
    [MetadataRequest, 0, hex('7fffffff')],
    [MetadataRequest, 13, hex('ffffffff0f')],
    [ProduceRequest, 3, hex('ffff 0001 00000001 00000001 0001 61 00000001 00000000 7fffffff')],
    [ProduceRequest, 13, hex('00 0001 00000001 02' + '00'.repeat(16) + '02 00000000 ffffffff0f')],
  ];
  const before = process.memoryUsage();
  for (let i = 0; i < 1_000; i += 1) {
    for (const [schema, version, frame] of attacks) expect(decodeMessage(schema, version, frame).ok).toBe(false);
  }
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 1_024 * 1_024);
});

test('decode: a time beyond 2^53 that is only compared is the nearest safe integer; an offset that is kept is refused', () => {
  const listed = hex('ffffffff 00 00000001 0001 74 00000001 00000000 7fffffffffffffff');
  const asked = decodeMessage(ListOffsetsRequest, 2, listed);
  expect(asked).toMatchObject({
    ok: true,
    value: { topics: [{ partitions: [{ timestamp: Number.MAX_SAFE_INTEGER }] }] },
  });
  const kept = hex('0001 67 00000000 0000 00000001 0001 74 00000001 00000000 7fffffffffffffff ffffffff ffff');
  const committed = decodeMessage(OffsetCommitRequest, 6, kept);
  expect(committed).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
  expect(committed.ok ? '' : committed.why).toContain('committedOffset');
});

test('decode: a string that is not UTF-8 reads with its bad bytes replaced, and is refused when it cannot be written again', () => {
  const frameOf = (length: number): Buffer => {
    const frame = bytes(encodeMessage(MetadataRequest, 0, { topics: [{ name: 'x'.repeat(length) }] }));
    return Buffer.from(frame.map((byte) => (byte === 0x78 ? 0xff : byte)));
  };
  const short = decodeMessage(MetadataRequest, 0, frameOf(10_922));
  const name = short.ok ? (short.value.topics?.[0]?.name ?? '') : '';
  expect(name).toBe('\ufffd'.repeat(10_922));
  expect(() => encodeMessage(MetadataRequest, 0, { topics: [{ name }] })).not.toThrow();
  expect(decodeMessage(MetadataRequest, 0, frameOf(10_923))).toMatchObject({
    ok: false,
    code: ErrorCode.INVALID_REQUEST,
  });
});

test('encode: a message above the bound of what is copied is refused, not built until the process falls over it', () => {
  const topics = Array.from({ length: 8_200 }, () => ({ name: 'x'.repeat(32_767) }));
  expect(() => encodeMessage(MetadataRequest, 0, { topics })).toThrow(EncodeError);
  expect(encodeMessage(MetadataRequest, 0, { topics: topics.slice(0, 2) })).toHaveLength(1);
});
