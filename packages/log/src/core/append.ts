/**
 * What an append may bring and what becomes of it. `planAppend` only looks; `sealPlan` then rewrites headers in place (offsets, leader epoch,
 * timestamps), once everything else has agreed. Order of checks and codes as Kafka's validation has them (KIP-98, KIP-32, KIP-467, KIP-937).
 */
import { assert, refuse } from '@odradek/base';
import type { Refusal } from '@odradek/base';
import { CompressionType, ErrorCode, batch, compress, decompress } from '@odradek/protocol';
import type { AppendRequest, LogConfig, RecordError } from '../types.ts';
import { checkRecordsOf } from './record-rules.ts';

export type AppendRefusal = Refusal & { readonly recordErrors?: readonly RecordError[] };

export type AppendRules = {
  readonly config: LogConfig;
  readonly logEndOffset: number;
  /** Bound of what a compressed batch may hold once it is unpacked. */
  readonly unpackedBytesMax: number;
};

/** One plan is reused by a log for all its appends. */
export class AppendPlan {
  /** Exactly the bytes to write: whole batches. */
  records: Buffer = Buffer.alloc(0);
  batchCount = 0;
  recordCount = 0;
  firstOffset = 0;
  lastOffset = 0;
  /** The largest timestamp, and the last offset of the first batch that has it: what the time index keeps. */
  maxTimestampMs = -1;
  maxTimestampOffset = 0;
  /** -1 unless the topic says LogAppendTime. */
  logAppendTimeMs = -1;
  /** The header's largest timestamp is not that of the records: it is rewritten. */
  fixMaxTimestamp = false;
}

/** Least value of a batch's size field that is taken for a batch at all: Kafka's smallest message of any format. */
const LEAST_SIZE = 26;

/** @returns the refusal, or undefined when `plan` is filled */
export function planAppend(request: AppendRequest, rules: AppendRules, plan: AppendPlan): AppendRefusal | undefined {
  plan.records = request.records;
  plan.batchCount = 0;
  plan.recordCount = 0;
  plan.maxTimestampMs = -1;
  plan.maxTimestampOffset = 0;
  plan.logAppendTimeMs = -1;
  plan.fixMaxTimestamp = false;
  switch (request.origin) {
    case 'client':
      return planClient(request, rules, plan);
    case 'coordinator':
      return planCoordinator(request, rules, plan);
    case 'replication':
      return planReplication(request, rules, plan);
  }
}

/** Writes into the headers what the plan decided. Nothing of it is covered by a batch's CRC, except timestamps, which seal it anew. */
export function sealPlan(request: AppendRequest, plan: AppendPlan): void {
  if (request.origin === 'replication') return;
  const { records } = plan;
  let offset = plan.firstOffset;
  for (let at = 0; at < records.length;) {
    const size = batch.sizeInBytes(records, at);
    batch.setBaseOffset(records, at, offset);
    batch.setPartitionLeaderEpoch(records, at, request.leaderEpoch);
    if (plan.logAppendTimeMs >= 0) batch.setMaxTimestamp(records, at, 1, plan.logAppendTimeMs);
    else if (plan.fixMaxTimestamp) batch.setMaxTimestamp(records, at, 0, plan.maxTimestampMs);
    offset += batch.lastOffsetDelta(records, at) + 1;
    at += size;
  }
  assert(offset === plan.lastOffset + 1, 'a plan seals as many offsets as it promised', {
    offset,
    last: plan.lastOffset,
  });
}

function planClient(request: AppendRequest, rules: AppendRules, plan: AppendPlan): AppendRefusal | undefined {
  const { records } = request;
  const frame = checkFrame(records, 0);
  if (typeof frame !== 'number') return frame;
  if (frame === 0)
    return refuse(ErrorCode.INVALID_RECORD, 'no whole record batch in the request; send exactly one per partition');
  if (batch.magic(records, 0) !== batch.MAGIC_V2) return oldMagic(records, 0);
  const next = checkFrame(records, frame);
  if (typeof next !== 'number') return next;
  if (next > 0) return refuse(ErrorCode.INVALID_RECORD, 'more than one record batch; send exactly one per partition');
  plan.records = frame === records.length ? records : records.subarray(0, frame);
  const refusal = checkHeader(plan.records, rules.config) ?? checkClientHeader(plan.records);
  if (refusal !== undefined) return refusal;
  plan.batchCount = 1;
  plan.recordCount = batch.recordsCount(records, 0);
  plan.firstOffset = rules.logEndOffset;
  plan.lastOffset = rules.logEndOffset + plan.recordCount - 1;
  plan.maxTimestampOffset = plan.lastOffset;
  return checkRecords(request, rules, plan);
}

/** Content of our own coordinators is trusted: frames, sizes and CRC are checked, offsets assigned. */
function planCoordinator(request: AppendRequest, rules: AppendRules, plan: AppendPlan): AppendRefusal | undefined {
  const { records } = request;
  plan.firstOffset = rules.logEndOffset;
  let offset = rules.logEndOffset;
  const logAppendTime = rules.config.messageTimestampType === 'LogAppendTime';
  if (logAppendTime) plan.logAppendTimeMs = request.nowMs;
  for (let at = 0; at < records.length;) {
    const size = checkFrame(records, at);
    if (typeof size !== 'number') return size;
    if (size === 0) return refuse(ErrorCode.CORRUPT_MESSAGE, `the last batch, at byte ${at}, is cut short`);
    if (batch.magic(records, at) !== batch.MAGIC_V2) return oldMagic(records, at);
    const refusal = checkHeader(
      at === 0 && size === records.length ? records : records.subarray(at, at + size),
      rules.config,
    );
    if (refusal !== undefined) return refusal;
    if (batch.producerId(records, at) >= 0 && size !== records.length) {
      return refuse(ErrorCode.INVALID_RECORD, 'a batch with a producer id comes alone in an append');
    }
    offset += batch.lastOffsetDelta(records, at) + 1;
    const maxTimestampMs = logAppendTime ? request.nowMs : batch.maxTimestamp(records, at);
    noteBatch(plan, { maxTimestampMs, lastOffset: offset - 1, count: batch.recordsCount(records, at) });
    at += size;
  }
  if (plan.batchCount === 0) return refuse(ErrorCode.INVALID_RECORD, 'no record batch in the append');
  plan.lastOffset = offset - 1;
  return undefined;
}

/** The leader has validated and numbered them: what must hold is that they are whole, intact and go up from the log end. */
function planReplication(request: AppendRequest, rules: AppendRules, plan: AppendPlan): AppendRefusal | undefined {
  const { records } = request;
  let nextOffset = rules.logEndOffset;
  let at = 0;
  while (at < records.length) {
    const size = checkFrame(records, at);
    if (typeof size !== 'number') return size;
    if (size === 0) break;
    if (batch.magic(records, at) !== batch.MAGIC_V2) return oldMagic(records, at);
    if (batch.computeCrc(records, at) !== batch.crc(records, at)) return badCrc(records, at);
    const baseOffset = batch.baseOffset(records, at);
    const lastOffset = batch.lastOffset(records, at);
    if (baseOffset < nextOffset || lastOffset < baseOffset) {
      return refuse(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `a replicated batch holds offsets ${baseOffset} to ${lastOffset}, but the next offset of this log is ${nextOffset}`,
      );
    }
    if (plan.batchCount === 0) plan.firstOffset = baseOffset;
    noteBatch(plan, {
      maxTimestampMs: batch.maxTimestamp(records, at),
      lastOffset,
      count: batch.recordsCount(records, at),
    });
    nextOffset = lastOffset + 1;
    at += size;
  }
  if (plan.batchCount === 0) return refuse(ErrorCode.INVALID_RECORD, 'no whole record batch in the append');
  plan.lastOffset = nextOffset - 1;
  plan.records = at === records.length ? records : records.subarray(0, at);
  return undefined;
}

function noteBatch(plan: AppendPlan, seen: { maxTimestampMs: number; lastOffset: number; count: number }): void {
  plan.batchCount += 1;
  plan.recordCount += seen.count;
  if (plan.batchCount > 1 && seen.maxTimestampMs <= plan.maxTimestampMs) return;
  plan.maxTimestampMs = seen.maxTimestampMs;
  plan.maxTimestampOffset = seen.lastOffset;
}

/** @returns the size of the whole batch at `at`; 0 when what is left is not a whole one */
function checkFrame(records: Buffer, at: number): number | Refusal {
  const left = records.length - at;
  if (left < batch.HEADER_BYTES_UP_TO_MAGIC) return 0;
  const size = batch.sizeInBytes(records, at);
  if (size < LEAST_SIZE) {
    return refuse(
      ErrorCode.CORRUPT_MESSAGE,
      `a record batch says it has ${size} bytes; the header alone has ${batch.HEADER_BYTES}`,
    );
  }
  const magic = batch.magic(records, at);
  if (magic < 0 || magic > batch.MAGIC_V2)
    return refuse(ErrorCode.CORRUPT_MESSAGE, `record batch of magic ${magic}; want ${batch.MAGIC_V2}`);
  if (size > left) return 0;
  if (magic === batch.MAGIC_V2 && size < batch.HEADER_BYTES) {
    return refuse(
      ErrorCode.CORRUPT_MESSAGE,
      `a record batch says it has ${size} bytes; the header alone has ${batch.HEADER_BYTES}`,
    );
  }
  return size;
}

function oldMagic(records: Buffer, at: number): Refusal {
  const magic = batch.magic(records, at);
  return refuse(
    ErrorCode.INVALID_RECORD,
    `message format v${magic} is no longer written (since Kafka 4.0, KIP-724); use a client that sends record batches (magic ${batch.MAGIC_V2})`,
  );
}

function badCrc(records: Buffer, at: number): Refusal {
  const stored = batch.crc(records, at).toString(16);
  return refuse(
    ErrorCode.CORRUPT_MESSAGE,
    `the batch's CRC-32C is not ${stored}, which its header says: damaged on the way; send it again`,
  );
}

/** @param one exactly one batch */
function checkHeader(one: Buffer, config: LogConfig): Refusal | undefined {
  if (one.length > config.maxMessageBytes) {
    return refuse(
      ErrorCode.MESSAGE_TOO_LARGE,
      `a record batch of ${one.length} bytes; max.message.bytes of the topic allows ${config.maxMessageBytes}`,
    );
  }
  return batch.computeCrc(one, 0) === batch.crc(one, 0) ? undefined : badCrc(one, 0);
}

function checkClientHeader(one: Buffer): AppendRefusal | undefined {
  const count = batch.recordsCount(one, 0);
  const lastOffsetDelta = batch.lastOffsetDelta(one, 0);
  if (batch.baseOffset(one, 0) !== 0) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `base offset ${batch.baseOffset(one, 0)}; a producer sends 0, the broker assigns offsets`,
    );
  }
  if (count <= 0) return refuse(ErrorCode.INVALID_RECORD, `the batch declares ${count} records; want at least 1`);
  if (lastOffsetDelta !== count - 1) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `last offset delta ${lastOffsetDelta} with ${count} records; want ${count - 1}`,
    );
  }
  if (batch.isControl(one, 0)) return refuse(ErrorCode.INVALID_RECORD, 'control records are written by brokers only');
  if (batch.producerId(one, 0) >= 0 && batch.baseSequence(one, 0) < 0) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `producer id ${batch.producerId(one, 0)} with base sequence ${batch.baseSequence(one, 0)}`,
    );
  }
  if (!Number.isSafeInteger(batch.producerId(one, 0)) || !Number.isSafeInteger(batch.baseTimestamp(one, 0))) {
    return refuse(ErrorCode.INVALID_RECORD, 'a producer id or timestamp beyond 2^53');
  }
  return undefined;
}

function checkRecords(request: AppendRequest, rules: AppendRules, plan: AppendPlan): AppendRefusal | undefined {
  const { records } = plan;
  const { config } = rules;
  const logAppendTime = config.messageTimestampType === 'LogAppendTime';
  if (batch.timestampTypeOf(records, 0) === 1) {
    const message = 'a producer must not set the log-append-time bit: the topic decides (message.timestamp.type)';
    return refuseRecords(ErrorCode.INVALID_TIMESTAMP, [{ batchIndex: 0, message }], message);
  }
  const section = decompress(batch.compressionOf(records, 0), batch.recordsSection(records, 0), {
    maxBytes: rules.unpackedBytesMax,
  });
  if (!section.ok) return section;
  const found = checkRecordsOf(section.value, plan.recordCount, batch.baseTimestamp(records, 0), {
    keyRequired: config.cleanupCompact,
    earliestMs: logAppendTime ? -Infinity : request.nowMs - config.messageTimestampBeforeMaxMs,
    latestMs: logAppendTime ? Infinity : request.nowMs + config.messageTimestampAfterMaxMs,
  });
  if (found.problem !== undefined) return refuse(ErrorCode.INVALID_RECORD, found.problem);
  if (found.timestampErrors > 0) {
    const why = `${found.timestampErrors} records have a timestamp that the topic does not allow`;
    return refuseRecords(ErrorCode.INVALID_TIMESTAMP, found.errors, why);
  }
  if (found.keyErrors > 0) {
    const why = `${found.keyErrors} records have no key, and the topic is compacted`;
    return refuseRecords(ErrorCode.INVALID_RECORD, found.errors, why);
  }
  plan.maxTimestampMs = logAppendTime ? request.nowMs : found.maxTimestampMs;
  plan.logAppendTimeMs = logAppendTime ? request.nowMs : -1;
  plan.fixMaxTimestamp = !logAppendTime && batch.maxTimestamp(records, 0) !== found.maxTimestampMs;
  if (!Number.isSafeInteger(plan.maxTimestampMs)) {
    return refuse(
      ErrorCode.INVALID_TIMESTAMP,
      `timestamp ${plan.maxTimestampMs} is beyond what a clock of milliseconds shows`,
    );
  }
  return config.compressionType === 'producer' ? undefined : repack(section.value, rules, plan);
}

function refuseRecords(code: number, recordErrors: readonly RecordError[], why: string): AppendRefusal {
  return { ...refuse(code, why), recordErrors };
}

/** Puts the records under the topic's own codec when the producer chose another: the payload stays byte for byte, the header is new. */
function repack(section: Buffer, rules: AppendRules, plan: AppendPlan): AppendRefusal | undefined {
  const { config } = rules;
  const { records } = plan;
  const target = targetCodec(config.compressionType);
  if (target === undefined || target === batch.compressionOf(records, 0)) return undefined;
  const packed = compress(target, section, levelFor(target, config));
  const sizeInBytes = batch.HEADER_BYTES + packed.length;
  if (sizeInBytes > config.maxMessageBytes) {
    return refuse(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the batch has ${sizeInBytes} bytes once it is ${config.compressionType} (compression.type); max.message.bytes allows ${config.maxMessageBytes}`,
    );
  }
  const out = Buffer.allocUnsafe(sizeInBytes);
  packed.copy(out, batch.HEADER_BYTES);
  batch.writeHeader(out, 0, {
    baseOffset: 0,
    sizeInBytes,
    partitionLeaderEpoch: batch.NO_LEADER_EPOCH,
    attributes: (batch.attributes(records, 0) & ~batch.ATTRIBUTE_COMPRESSION) | target,
    lastOffsetDelta: batch.lastOffsetDelta(records, 0),
    baseTimestamp: batch.baseTimestamp(records, 0),
    maxTimestamp: plan.maxTimestampMs,
    producerId: batch.producerId(records, 0),
    producerEpoch: batch.producerEpoch(records, 0),
    baseSequence: batch.baseSequence(records, 0),
    recordsCount: plan.recordCount,
  });
  plan.records = out;
  plan.fixMaxTimestamp = false;
  return undefined;
}

function targetCodec(name: LogConfig['compressionType']): CompressionType | undefined {
  switch (name) {
    case 'producer':
      return undefined;
    case 'uncompressed':
      return CompressionType.NONE;
    case 'gzip':
      return CompressionType.GZIP;
    case 'snappy':
      return CompressionType.SNAPPY;
    case 'lz4':
      return CompressionType.LZ4;
    case 'zstd':
      return CompressionType.ZSTD;
  }
}

function levelFor(codec: CompressionType, config: LogConfig): { readonly level?: number } {
  switch (codec) {
    case CompressionType.GZIP:
      return { level: config.compressionGzipLevel };
    case CompressionType.LZ4:
      return { level: config.compressionLz4Level };
    case CompressionType.ZSTD:
      return { level: config.compressionZstdLevel };
    case CompressionType.NONE:
    case CompressionType.SNAPPY:
      return {};
  }
}
