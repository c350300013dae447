/** Batches and records of a log, a line each, as kafka-dump-log prints them. */
import {
  batch,
  compressionName,
  decodeControlRecord,
  KRaftVersionRecord,
  LeaderChangeMessage,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  VotersRecord,
  type ControlRecord,
  type DecodedBatch,
  type DecodedRecord,
  type Message,
} from '@odradek/protocol';
import type { Decoder } from './decoders.ts';
import { jsonText, messageJson } from './json.ts';

/** @param bytes one batch, from its first byte. @param position of it in the file */
export function batchLine(bytes: Buffer, position: number): string {
  const horizon = batch.hasDeleteHorizon(bytes, 0)
    ? `OptionalLong[${batch.baseTimestamp(bytes, 0)}]`
    : 'OptionalLong.empty';
  return [
    `baseOffset: ${batch.baseOffset(bytes, 0)} lastOffset: ${batch.lastOffset(bytes, 0)}`,
    `count: ${batch.recordsCount(bytes, 0)}`,
    `baseSequence: ${batch.baseSequence(bytes, 0)} lastSequence: ${batch.lastSequence(bytes, 0)}`,
    `producerId: ${batch.producerId(bytes, 0)} producerEpoch: ${batch.producerEpoch(bytes, 0)}`,
    `partitionLeaderEpoch: ${batch.partitionLeaderEpoch(bytes, 0)}`,
    `isTransactional: ${batch.isTransactional(bytes, 0)} isControl: ${batch.isControl(bytes, 0)}`,
    `deleteHorizonMs: ${horizon} position: ${position}`,
    `${timestampWord(batch.timestampTypeOf(bytes, 0))}: ${batch.maxTimestamp(bytes, 0)} size: ${bytes.length}`,
    `magic: ${batch.magic(bytes, 0)} compresscodec: ${compressionName(batch.compressionOf(bytes, 0))}`,
    `crc: ${batch.crc(bytes, 0)} isvalid: ${batch.verifyCrc(bytes, 0)}`,
  ].join(' ');
}

function timestampWord(type: 0 | 1): string {
  return type === 1 ? 'LogAppendTime' : 'CreateTime';
}

export type RecordView = {
  /** Undefined: what records hold is not shown. */
  readonly decoder: Decoder | undefined;
  /** Offsets, times and sizes are left out, and so is all of control records. */
  readonly skipMetadata: boolean;
};

export function recordLine(of: DecodedBatch, record: DecodedRecord, { decoder, skipMetadata }: RecordView): string {
  const parts = skipMetadata ? [] : [metadataOf(of, record)];
  if (decoder !== undefined && !of.isControl) {
    const { key, payload } = decoder(record);
    if (key !== undefined) parts.push(`key: ${key}`);
    if (payload !== undefined) parts.push(`payload: ${payload}`);
  }
  return `| ${parts.join(' ')}`;
}

function metadataOf(of: DecodedBatch, { offset, timestampMs, key, value, sequence, headers }: DecodedRecord): string {
  const keys = headers.map((header) => header.key).join(',');
  const told =
    `offset: ${offset} ${timestampWord(of.timestampType)}: ${timestampMs} keySize: ${key?.length ?? -1} ` +
    `valueSize: ${value?.length ?? -1} sequence: ${sequence} headerKeys: [${keys}]`;
  return of.isControl ? `${told} ${controlText(key, value)}` : told;
}

/** Only the first word has a colon, in Kafka too. */
const quorumRecords = {
  LEADER_CHANGE: ['LeaderChange:', LeaderChangeMessage],
  SNAPSHOT_HEADER: ['SnapshotHeader', SnapshotHeaderRecord],
  SNAPSHOT_FOOTER: ['SnapshotFooter', SnapshotFooterRecord],
  KRAFT_VERSION: ['KRaftVersion', KRaftVersionRecord],
  KRAFT_VOTERS: ['KRaftVoters', VotersRecord],
} as const;

/** What a control record says. */
export function controlText(key: Buffer | null, value: Buffer | null): string {
  const decoded = decodeControlRecord(key, value);
  if (!decoded.ok) return `controlType: UNKNOWN(${decoded.why})`;
  const record: ControlRecord = decoded.value;
  if (record.name === 'UNKNOWN') return `controlType: UNKNOWN(${record.type})`;
  if (record.name === 'COMMIT' || record.name === 'ABORT') {
    return `endTxnMarker: ${record.name} coordinatorEpoch: ${record.value.coordinatorEpoch}`;
  }
  const [word, schema]: readonly [string, Message] = quorumRecords[record.name];
  const version = 'version' in record.value ? record.value.version : 0;
  return `${word} ${jsonText(messageJson(schema, Math.min(version, schema.maxVersion), record.value))}`;
}
