/** What is wrong on the wire: for each, the error that the client sees, and that the broker goes on for everybody else. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ApiKey, batch, buildBatch, ErrorCode, errorName } from '@odradek/protocol';
import { foreign, freshName, target, type Target } from '../support/target.ts';
import { batchOf, createTopic, fetchFrom, produce, Wire } from '../support/wire.ts';

let cluster: Target;
let topic: string;
/** A client that did nothing wrong, connected all the while. */
let bystander: Wire;
let bystanderOffset = 0;

beforeAll(async () => {
  cluster = await target();
  bystander = await Wire.open(cluster.bootstrap);
  topic = freshName('bad-input');
  await createTopic(bystander, topic, { 'max.message.bytes': '100000' }, 2);
});

afterAll(async () => {
  bystander?.close();
  await cluster?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  const { errorCode, baseOffset } = await produce(bystander, topic, batchOf('still here'), { index: 1 });
  if (errorCode !== 0 || baseOffset !== bystanderOffset) {
    throw new Error(`the bystander got ${errorName(errorCode)} at ${baseOffset} instead of ${bystanderOffset}`);
  }
  bystanderOffset += 1;
});

/** Changes one field of a batch; the checksum is made good again unless it is the checksum that is to be wrong. */
function spoil(change: (bytes: Buffer) => void, checksum: 'right' | 'wrong' = 'right'): Buffer {
  const bytes = Buffer.from(batchOf('a', 'b', 'c'));
  change(bytes);
  if (checksum === 'right') batch.setCrc(bytes, 0);
  return bytes;
}

const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const COUNT_AT = 57;
const FIRST_RECORD_AT = 61;
const hour = 3_600_000;

/** The errors are Apache Kafka's; where it fails with UNKNOWN_SERVER_ERROR, an error that says more is right as well. */
const batches: readonly (readonly [what: string, records: () => Buffer | null, errors: readonly number[]])[] = [
  [
    'a wrong checksum',
    () => spoil((bytes) => (bytes[CRC_AT] = (bytes[CRC_AT] ?? 0) ^ 1), 'wrong'),
    [ErrorCode.CORRUPT_MESSAGE],
  ],
  [
    'a flipped bit in a value',
    () => spoil((bytes) => (bytes[70] = (bytes[70] ?? 0) ^ 1), 'wrong'),
    [ErrorCode.CORRUPT_MESSAGE],
  ],
  ['magic 1', () => spoil((bytes) => bytes.writeInt8(1, MAGIC_AT)), [ErrorCode.INVALID_RECORD]],
  ['magic 3', () => spoil((bytes) => bytes.writeInt8(3, MAGIC_AT)), [ErrorCode.CORRUPT_MESSAGE]],
  [
    'a length beyond its end',
    () => spoil((bytes) => bytes.writeInt32BE(10_000, LENGTH_AT)),
    [ErrorCode.INVALID_RECORD],
  ],
  ['a negative length', () => spoil((bytes) => bytes.writeInt32BE(-1, LENGTH_AT)), [ErrorCode.CORRUPT_MESSAGE]],
  [
    'a count of records that does not hold',
    () => spoil((bytes) => bytes.writeInt32BE(2, COUNT_AT)),
    [ErrorCode.INVALID_RECORD],
  ],
  ['a negative count of records', () => spoil((bytes) => bytes.writeInt32BE(-5, COUNT_AT)), [ErrorCode.INVALID_RECORD]],
  [
    'a last offset that does not hold',
    () => spoil((bytes) => bytes.writeInt32BE(9, LAST_OFFSET_DELTA_AT)),
    [ErrorCode.INVALID_RECORD],
  ],
  ['a record of negative length', () => spoil((bytes) => (bytes[FIRST_RECORD_AT] = 1)), [ErrorCode.INVALID_RECORD]],
  [
    'a record longer than the batch',
    () => spoil((bytes) => (bytes[FIRST_RECORD_AT] = 126)),
    [ErrorCode.INVALID_RECORD],
  ],
  [
    'a codec that does not exist',
    () => spoil((bytes) => bytes.writeInt16BE(7, ATTRIBUTES_AT)),
    [
      ErrorCode.INVALID_RECORD,
      ErrorCode.CORRUPT_MESSAGE,
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      ErrorCode.UNKNOWN_SERVER_ERROR,
    ],
  ],
  [
    'bytes that its codec cannot read',
    () => spoil((bytes) => bytes.writeInt16BE(4, ATTRIBUTES_AT)),
    [ErrorCode.INVALID_RECORD, ErrorCode.CORRUPT_MESSAGE, ErrorCode.UNKNOWN_SERVER_ERROR],
  ],
  [
    'the mark of a control batch',
    () => spoil((bytes) => bytes.writeInt16BE(batch.ATTRIBUTE_CONTROL, ATTRIBUTES_AT)),
    [ErrorCode.INVALID_RECORD],
  ],
  ['a cut-off header', () => batchOf('a').subarray(0, 30), [ErrorCode.INVALID_RECORD]],
  ['nothing at all', () => Buffer.alloc(0), [ErrorCode.INVALID_RECORD]],
  ['two batches for one partition', () => Buffer.concat([batchOf('a'), batchOf('b')]), [ErrorCode.INVALID_RECORD]],
  ['more than max.message.bytes', () => batchOf('x'.repeat(120_000)), [ErrorCode.MESSAGE_TOO_LARGE]],
  [
    'a timestamp far in the future',
    () => buildBatch({}, [{ timestampMs: Date.now() + 48 * hour, value: Buffer.from('a') }]),
    [ErrorCode.INVALID_TIMESTAMP],
  ],
];

describe('a batch with', () => {
  test.each(batches)('%s is refused by its error, and nothing of it is kept', async (_what, records, errors) => {
    using wire = await Wire.open(cluster.bootstrap);
    const refused = await produce(wire, topic, records());
    expect(errors.map(errorName)).toContain(errorName(refused.errorCode));
    const kept = await fetchFrom(wire, topic, 0);
    expect(kept).toMatchObject({ errorCode: 0, highWatermark: 0 });
    // The connection itself did nothing wrong.
    expect((await wire.call(ApiKey.Metadata, { topics: [] })).brokers.length).toBeGreaterThan(0);
  });
});

describe('a request for', () => {
  test('a topic that does not exist is refused by name', async () => {
    using wire = await Wire.open(cluster.bootstrap);
    expect(errorName((await produce(wire, freshName('absent'), batchOf('a'))).errorCode)).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    expect(errorName((await fetchFrom(wire, freshName('absent'), 0)).errorCode)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  test('a partition that does not exist is refused by name', async () => {
    using wire = await Wire.open(cluster.bootstrap);
    for (const index of [2, 1_000_000, -1]) {
      expect(errorName((await produce(wire, topic, batchOf('a'), { index })).errorCode)).toBe(
        'UNKNOWN_TOPIC_OR_PARTITION',
      );
    }
  });

  test('an offset beyond the end, or before the start, is out of range', async () => {
    using wire = await Wire.open(cluster.bootstrap);
    for (const offset of [1_000, -7]) {
      expect(errorName((await fetchFrom(wire, topic, offset)).errorCode)).toBe('OFFSET_OUT_OF_RANGE');
    }
  });

  test('acks that mean nothing is refused', async () => {
    using wire = await Wire.open(cluster.bootstrap);
    expect(errorName((await produce(wire, topic, batchOf('a'), { acks: 2 })).errorCode)).toBe('INVALID_REQUIRED_ACKS');
  });

  test.each(['', '.', '..', 'a/b', 'sp ace', 'x'.repeat(250)])('a topic named %j is refused by name', async (name) => {
    using wire = await Wire.open(cluster.bootstrap);
    const entry = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [entry], timeoutMs: 1_000, validateOnly: false });
    expect(errorName(topics[0]?.errorCode ?? 0)).toBe('INVALID_TOPIC_EXCEPTION');
    expect(topics[0]?.errorMessage).toBeTruthy();
  });

  test('a topic with a configuration that does not parse is refused with the key', async () => {
    using wire = await Wire.open(cluster.bootstrap);
    const configs = [{ name: 'retention.ms', value: 'soon' }];
    const entry = { name: freshName('wrong-config'), numPartitions: 1, replicationFactor: 1, assignments: [], configs };
    const { topics } = await wire.call(ApiKey.CreateTopics, { topics: [entry], timeoutMs: 1_000, validateOnly: false });
    expect(errorName(topics[0]?.errorCode ?? 0)).toBe('INVALID_CONFIG');
    expect(topics[0]?.errorMessage).toContain('retention.ms');
  });
});

const frame = (body: Buffer): Buffer => {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
};
const head = (key: number, version: number): Buffer => {
  const bytes = Buffer.alloc(10);
  bytes.writeInt16BE(key, 0);
  bytes.writeInt16BE(version, 2);
  bytes.writeInt32BE(7, 4);
  bytes.writeInt16BE(-1, 8);
  return bytes;
};

const closing: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a frame of negative size', Buffer.from('ffffffff', 'hex')],
  ['a frame beyond socket.request.max.bytes', Buffer.from('7fffffff', 'hex')],
  ['a frame too short for a header', frame(Buffer.from([0, 18]))],
  ['an API that does not exist', frame(head(9_999, 0))],
  ['an API that is gone', frame(head(4, 0))],
  ['a version that does not exist', frame(head(ApiKey.Metadata, 99))],
  ['a negative version', frame(head(ApiKey.Metadata, -1))],
  [
    'an array of 2,147,483,647 topics',
    frame(Buffer.concat([head(ApiKey.Metadata, 1), Buffer.from('7fffffff', 'hex')])),
  ],
  ['an array of negative length', frame(Buffer.concat([head(ApiKey.Metadata, 0), Buffer.from('80000000', 'hex')]))],
  ['a string beyond the end', frame(Buffer.concat([head(ApiKey.Metadata, 1), Buffer.from('000000017000', 'hex')]))],
  ['a body that stops short', frame(head(ApiKey.Produce, 7))],
];

describe('a connection that sends', () => {
  test.each(closing)('%s is closed', async (_what, bytes) => {
    using wire = await Wire.open(cluster.bootstrap);
    wire.send(bytes);
    expect(await wire.isClosed()).toBe(true);
  });

  test('ApiVersions in a version that does not exist is answered in version 0 with what does', async () => {
    using wire = await Wire.open(cluster.bootstrap);
    wire.send(frame(Buffer.concat([head(ApiKey.ApiVersions, 99), Buffer.from([0])])));
    const answer = await wire.frame();
    expect(answer.readInt32BE(0)).toBe(7);
    expect(errorName(answer.readInt16BE(4))).toBe('UNSUPPORTED_VERSION');
    expect(answer.readInt32BE(6)).toBeGreaterThan(0);
    expect((await wire.call(ApiKey.Metadata, { topics: [] })).brokers.length).toBeGreaterThan(0);
  });

  // What Apache Kafka does not do: it reads a size out of any bytes and waits.
  test.skipIf(foreign !== undefined).each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', /HTTP/],
    ['TLS', Buffer.from('160301020001000001fc0303', 'hex'), /TLS/],
  ] as const)('%s is closed, and the log says what it was', async (_what, bytes, told) => {
    using wire = await Wire.open(cluster.bootstrap);
    wire.send(Buffer.from(bytes));
    expect(await wire.isClosed()).toBe(true);
    await expect.poll(() => cluster.node?.output()).toMatch(told);
  });
});
