/** What a Produce request's record field must be before the log sees it: exactly one batch of version 2 (KIP-98), in a codec the version has. */
import { batch, CompressionType, ErrorCode } from '@odradek/protocol';

export type RecordsFault = { readonly code: number; readonly why: string };

const { HEADER_BYTES, LOG_OVERHEAD_BYTES, MAGIC_V2 } = batch;
const MAGIC_AT = batch.HEADER_BYTES_UP_TO_MAGIC - 1;
/** After the length field, a batch of any version has at least this many bytes. */
const LENGTH_MIN = 14;
const ZSTD_SINCE_PRODUCE = 7;

/** @returns undefined when the log may judge the rest */
export function recordsFault(records: Buffer | null, version: number): RecordsFault | undefined {
  if (records === null || records.length < LOG_OVERHEAD_BYTES) return noBatch(version);
  const corrupt = corruption(records, 0);
  if (corrupt !== undefined) return corrupt;
  const end = LOG_OVERHEAD_BYTES + batch.batchLength(records, 0);
  if (records.length < end) return noBatch(version);
  const magic = batch.magic(records, 0);
  if (magic !== MAGIC_V2 || end < HEADER_BYTES) {
    const why = `Produce version ${version} takes record batches of version 2 only, not ${magic}`;
    return { code: ErrorCode.INVALID_RECORD, why };
  }
  if (batch.compressionOf(records, 0) === CompressionType.ZSTD && version < ZSTD_SINCE_PRODUCE) {
    const why = `zstd needs Produce version ${ZSTD_SINCE_PRODUCE} or newer, this is ${version}`;
    return { code: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, why };
  }
  if (records.length === end) return undefined;
  const why = `Produce version ${version} takes exactly one record batch for a partition`;
  return corruption(records, end) ?? { code: ErrorCode.INVALID_RECORD, why };
}

/** What is no beginning of a batch of any version. */
function corruption(records: Buffer, at: number): RecordsFault | undefined {
  const left = records.length - at;
  if (left < LOG_OVERHEAD_BYTES) {
    return { code: ErrorCode.CORRUPT_MESSAGE, why: `${left} bytes follow the record batch` };
  }
  const length = batch.batchLength(records, at);
  if (length < LENGTH_MIN) {
    return { code: ErrorCode.CORRUPT_MESSAGE, why: `a record batch says that it is ${length} bytes long` };
  }
  const magic = left > MAGIC_AT ? batch.magic(records, at) : MAGIC_V2;
  if (magic >= 0 && magic <= MAGIC_V2) return undefined;
  return { code: ErrorCode.CORRUPT_MESSAGE, why: `magic ${magic} is no version of the record format` };
}

/** Whether the (one, whole) batch belongs to a transaction. */
export function isTransactional(records: Buffer): boolean {
  return batch.isTransactional(records, 0);
}

/** Whether any of some batches, back to back, is compressed with zstd, which Fetch before version 10 cannot carry (KIP-110). */
export function holdsZstd(chunks: readonly Buffer[]): boolean {
  let at = 0;
  for (let index = 0; index < chunks.length;) {
    const chunk = chunks[index];
    if (chunk === undefined) break;
    if (at >= chunk.length) {
      at -= chunk.length;
      index += 1;
      continue;
    }
    const isWithin = at + HEADER_BYTES <= chunk.length;
    // Megabytes may follow: only a header that lies across chunks is copied.
    const header = isWithin ? chunk : headerAcross(chunks.slice(index), at);
    if (header.length < HEADER_BYTES) return false;
    const headerAt = isWithin ? at : 0;
    if (batch.compressionOf(header, headerAt) === CompressionType.ZSTD) return true;
    at += batch.sizeInBytes(header, headerAt);
  }
  return false;
}

/** @returns fewer bytes than a header when the chunks end before */
function headerAcross(chunks: readonly Buffer[], at: number): Buffer {
  const parts: Buffer[] = [];
  let missing = HEADER_BYTES;
  let from = at;
  for (const chunk of chunks) {
    const part = chunk.subarray(from, from + missing);
    from = 0;
    parts.push(part);
    missing -= part.length;
    if (missing === 0) break;
  }
  return Buffer.concat(parts);
}

function noBatch(version: number): RecordsFault {
  const why = `Produce version ${version} takes exactly one whole record batch for a partition, and there is none`;
  return { code: ErrorCode.INVALID_RECORD, why };
}
