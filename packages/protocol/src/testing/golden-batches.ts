/**
 * Checks of record batches made by Kafka: what is read from the bytes, and the bytes that are made of what was read.
 */
import { assembleBatch, encodeRecords, readBatch, splitBatches, uncompressedRecords } from '../batch/build.ts';
import type { RawRecord } from '../batch/build.ts';
import { compress, compressionName, decompress } from '../batch/compression.ts';
import * as header from '../batch/header.ts';
import { RecordCursor, validateRecords } from '../batch/records.ts';
import type { CompressionType } from '../codes.ts';
import { decodeControlRecord, encodeEndTxnMarker, encodeQuorumRecord } from '../framing.ts';
import * as messages from '../messages/index.ts';
import type { Message } from '../schema.ts';
import { equalJson, toJson } from './json-form.ts';
import type { Json } from './json-form.ts';

type Fields = { readonly [name: string]: Json };

export type BatchVector = {
  readonly case: string;
  readonly hex: string;
  readonly batch?: Fields;
  readonly batches?: readonly Fields[];
  readonly recordsHex?: string;
  readonly tailBytes?: number;
  readonly invalid?: string;
  readonly refusedBy?: string;
};

/** @returns what is wrong, or undefined when the vector is met */
export function batchFault(vector: BatchVector): string | undefined {
  const bytes = Buffer.from(vector.hex, 'hex');
  if (vector.invalid !== undefined) {
    return readBatch(bytes).ok ? `a batch that Kafka refuses (${vector.refusedBy ?? '?'}) was read` : undefined;
  }
  if (vector.batches !== undefined) return sequenceFault(vector, bytes, vector.batches);
  if (vector.batch === undefined) return 'neither batch, batches nor invalid is given';
  const { sizeInBytes } = vector.batch;
  if (sizeInBytes !== bytes.length) return `sizeInBytes ${JSON.stringify(sizeInBytes)} of ${bytes.length} bytes`;
  return oneFault(vector.batch, bytes, vector.recordsHex);
}

function sequenceFault(vector: BatchVector, bytes: Buffer, batches: readonly Fields[]): string | undefined {
  const split = splitBatches(bytes);
  if (!split.ok) return split.why;
  const found = split.value;
  if (found.batches.length !== batches.length) return `found ${found.batches.length} batches of ${batches.length}`;
  if (found.tailBytes !== (vector.tailBytes ?? 0)) return `found a tail of ${found.tailBytes} bytes`;
  for (const [index, { at, sizeInBytes }] of found.batches.entries()) {
    const fault = oneFault(batches[index] ?? {}, bytes.subarray(at, at + sizeInBytes), undefined);
    if (fault !== undefined) return `batch ${index}: ${fault}`;
  }
  return undefined;
}

function oneFault(expected: Fields, bytes: Buffer, recordsHex: string | undefined): string | undefined {
  const read = headerJson(bytes);
  const difference = differenceOf(read, expected, ['records']);
  if (difference !== undefined) return `header: ${difference}`;
  if (!header.verifyCrc(bytes, 0)) return 'the crc does not match';
  const section = uncompressedRecords(bytes, 0);
  if (!section.ok) return section.why;
  if (recordsHex !== undefined && section.value.toString('hex') !== recordsHex)
    return 'the decompressed records differ';
  const summary = validateRecords(section.value, header.recordsCount(bytes, 0));
  if (!summary.ok) return summary.why;
  const records = recordsOf(bytes, section.value);
  const wanted = expected['records'] as Json[];
  const json = records.map((record) => recordJson(bytes, record));
  for (const [index, one] of json.entries()) {
    const wrong = differenceOf(one, wanted[index] as Fields, []);
    if (wrong !== undefined) return `record ${index}: ${wrong}`;
  }
  if (json.length !== wanted.length) return `${json.length} records instead of ${wanted.length}`;
  return (
    encodingFault(expected, bytes, section.value, records) ??
    narrowFault(bytes, records) ??
    controlFault(bytes, records)
  );
}

/** Header fields as the vectors carry them, read without losing a bit. */
function headerJson(bytes: Buffer): Fields {
  const int64 = (at: number): bigint => bytes.readBigInt64BE(at);
  const baseOffset = int64(0);
  const baseTimestamp = int64(27);
  const json: { [name: string]: Json } = {
    baseOffset: String(baseOffset),
    lastOffset: String(baseOffset + BigInt(header.lastOffsetDelta(bytes, 0))),
    sizeInBytes: header.sizeInBytes(bytes, 0),
    partitionLeaderEpoch: header.partitionLeaderEpoch(bytes, 0),
    magic: header.magic(bytes, 0),
    crc: header.crc(bytes, 0),
    attributes: header.attributes(bytes, 0),
    compression: compressionName(header.compressionOf(bytes, 0)) ?? '?',
    timestampType: header.timestampTypeOf(bytes, 0) === 1 ? 'LogAppendTime' : 'CreateTime',
    transactional: header.isTransactional(bytes, 0),
    control: header.isControl(bytes, 0),
    lastOffsetDelta: header.lastOffsetDelta(bytes, 0),
    baseTimestamp: String(baseTimestamp),
    maxTimestamp: String(int64(35)),
    producerId: String(int64(43)),
    producerEpoch: header.producerEpoch(bytes, 0),
    baseSequence: header.baseSequence(bytes, 0),
    lastSequence: header.lastSequence(bytes, 0),
    count: header.recordsCount(bytes, 0),
  };
  if (header.hasDeleteHorizon(bytes, 0)) json['deleteHorizonMs'] = String(baseTimestamp);
  return json;
}

function recordsOf(bytes: Buffer, section: Buffer): RawRecord[] {
  const cursor = new RecordCursor(section, header.recordsCount(bytes, 0));
  const records: RawRecord[] = [];
  while (cursor.next()) {
    records.push({
      offsetDelta: cursor.offsetDelta,
      timestampDelta: cursor.timestampDelta,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    });
  }
  return records;
}

const base64 = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString('base64'));

function recordJson(bytes: Buffer, record: RawRecord): Fields {
  const logAppendTime = header.timestampTypeOf(bytes, 0) === 1;
  const timestamp = logAppendTime ? bytes.readBigInt64BE(35) : bytes.readBigInt64BE(27) + BigInt(record.timestampDelta);
  const json: { [name: string]: Json } = {
    offset: String(bytes.readBigInt64BE(0) + BigInt(record.offsetDelta)),
    timestamp: String(timestamp),
    key: base64(record.key),
    value: base64(record.value),
  };
  const sequence = header.baseSequence(bytes, 0);
  if (sequence >= 0) json['sequence'] = header.addToSequence(sequence, record.offsetDelta);
  const headers = record.headers ?? [];
  if (headers.length > 0) json['headers'] = headers.map(({ key, value }) => ({ key, value: base64(value) }));
  if (header.isControl(bytes, 0)) Object.assign(json, controlJson(record));
  return json;
}

function controlJson(record: RawRecord): Fields {
  const decoded = decodeControlRecord(record.key, record.value);
  if (!decoded.ok || decoded.value.name === 'UNKNOWN') return {};
  const { name, value } = decoded.value;
  const schema = controlSchema(name);
  const version = Math.min(record.value?.readInt16BE(0) ?? 0, schema.maxVersion);
  return { controlType: name, controlValue: toJson(schema, version, value) };
}

function controlSchema(name: string): Message {
  if (name === 'COMMIT' || name === 'ABORT') return messages.EndTxnMarker;
  if (name === 'LEADER_CHANGE') return messages.LeaderChangeMessage;
  if (name === 'SNAPSHOT_HEADER') return messages.SnapshotHeaderRecord;
  if (name === 'SNAPSHOT_FOOTER') return messages.SnapshotFooterRecord;
  return name === 'KRAFT_VERSION' ? messages.KRaftVersionRecord : messages.VotersRecord;
}

/**
 * Made anew from the vector's JSON: without a codec the bytes must be the same, with one they must come out of it
 * the same.
 */
function encodingFault(expected: Fields, bytes: Buffer, section: Buffer, records: RawRecord[]): string | undefined {
  const wanted = expected['records'] as readonly Fields[];
  const made = encodeRecords(wanted.map((record, index) => rawFromJson(expected, record, records[index])));
  if (!made.equals(section)) return 'the encoded records differ';
  const batch = assembleBatch(
    {
      baseOffset: BigInt(expected['baseOffset'] as string),
      partitionLeaderEpoch: expected['partitionLeaderEpoch'] as number,
      attributes: expected['attributes'] as number,
      lastOffsetDelta: expected['lastOffsetDelta'] as number,
      baseTimestamp: BigInt(expected['baseTimestamp'] as string),
      maxTimestamp: BigInt(expected['maxTimestamp'] as string),
      producerId: BigInt(expected['producerId'] as string),
      producerEpoch: expected['producerEpoch'] as number,
      baseSequence: expected['baseSequence'] as number,
      recordsCount: expected['count'] as number,
    },
    made,
  );
  const codec = header.compressionOf(bytes, 0);
  if (codec === 0)
    return batch.equals(bytes) ? undefined : `the encoded batch differs: ${batch.toString('hex').slice(0, 2_000)}`;
  const back = decompress(codec, compress(codec as CompressionType, section));
  return back.ok && back.value.equals(section) ? undefined : 'records do not survive our own codec';
}

/** With LogAppendTime the vector's timestamps are the batch's, so the deltas are those that were read. */
function rawFromJson(batch: Fields, record: Fields, read: RawRecord | undefined): RawRecord {
  const bytes = (value: Json | undefined): Buffer | null =>
    typeof value === 'string' ? Buffer.from(value, 'base64') : null;
  const logAppendTime = batch['timestampType'] === 'LogAppendTime';
  const since = (name: string, base: string): number =>
    Number(BigInt(record[name] as string) - BigInt(batch[base] as string));
  const headers = (record['headers'] ?? []) as { key: string; value: string | null }[];
  return {
    offsetDelta: since('offset', 'baseOffset'),
    timestampDelta: logAppendTime ? (read?.timestampDelta ?? 0) : since('timestamp', 'baseTimestamp'),
    key: bytes(record['key']),
    value: bytes(record['value']),
    headers: headers.map(({ key, value }) => ({ key, value: bytes(value) })),
  };
}

/** What the broker itself uses must agree, wherever the numbers fit; where they do not it must refuse. */
function narrowFault(bytes: Buffer, records: RawRecord[]): string | undefined {
  const safe = [0, 27, 35, 43].every((at) => Number.isSafeInteger(Number(bytes.readBigInt64BE(at))));
  const batch = readBatch(bytes);
  if (!safe) return batch.ok ? 'a value beyond 2^53 was read as a number' : undefined;
  if (!batch.ok) return batch.why;
  return batch.value.records.length === records.length ? undefined : 'readBatch gives another number of records';
}

function controlFault(bytes: Buffer, records: RawRecord[]): string | undefined {
  if (!header.isControl(bytes, 0)) return undefined;
  for (const record of records) {
    const decoded = decodeControlRecord(record.key, record.value);
    if (!decoded.ok) return decoded.why;
    if (decoded.value.name === 'UNKNOWN') return `an unknown control record of type ${decoded.value.type}`;
    const { name } = decoded.value;
    const again =
      name === 'COMMIT' || name === 'ABORT'
        ? encodeEndTxnMarker(name, (decoded.value.value as messages.EndTxnMarker).coordinatorEpoch)
        : encodeQuorumRecord(
            name,
            decoded.value.value as messages.VotersRecord &
              messages.LeaderChangeMessage &
              messages.SnapshotHeaderRecord &
              messages.KRaftVersionRecord,
          );
    if (!again.key.equals(record.key ?? Buffer.alloc(0))) return `the encoded key of ${name} differs`;
    if (!again.value.equals(record.value ?? Buffer.alloc(0))) return `the encoded value of ${name} differs`;
  }
  return undefined;
}

function differenceOf(read: Fields, expected: Fields, except: readonly string[]): string | undefined {
  const names = new Set([...Object.keys(read), ...Object.keys(expected)]);
  for (const name of names) {
    if (except.includes(name)) continue;
    const a = read[name];
    const b = expected[name];
    if (a === undefined || b === undefined || !equalJson(a, b)) {
      return `${name} is ${JSON.stringify(a)?.slice(0, 500)} instead of ${JSON.stringify(b)?.slice(0, 500)}`;
    }
  }
  return undefined;
}
