/** What a Produce request's record field must be before the log sees it: exactly one batch of version 2 (KIP-98), in a codec the version has. */
import { ErrorCode } from '@odradek/protocol';

export type RecordsFault = { readonly code: number; readonly why: string };

const LENGTH_AT = 8;
const LENGTH_END = 12;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const HEADER_BYTES = 61;
/** After the length field, a batch of any version has at least this many bytes. */
const LENGTH_MIN = 14;
const CURRENT_MAGIC = 2;
const CODEC_MASK = 0x07;
const ZSTD = 4;
const TRANSACTIONAL = 0x10;
const ZSTD_SINCE_PRODUCE = 7;

/** @returns undefined when the log may judge the rest */
export function recordsFault(records: Buffer | null, version: number): RecordsFault | undefined {
  if (records === null || records.length < LENGTH_END) return noBatch(version);
  const length = records.readInt32BE(LENGTH_AT);
  if (length < LENGTH_MIN) {
    return { code: ErrorCode.CORRUPT_MESSAGE, why: `a record batch says that it is ${length} bytes long` };
  }
  const magic = records.length > MAGIC_AT ? records.readInt8(MAGIC_AT) : CURRENT_MAGIC;
  if (magic < 0 || magic > CURRENT_MAGIC) {
    return { code: ErrorCode.CORRUPT_MESSAGE, why: `magic ${magic} is no version of the record format` };
  }
  const end = LENGTH_END + length;
  if (records.length < end) return noBatch(version);
  if (magic !== CURRENT_MAGIC || end < HEADER_BYTES) {
    const why = `Produce version ${version} takes record batches of version 2 only, not ${magic}`;
    return { code: ErrorCode.INVALID_RECORD, why };
  }
  const codec = records.readInt16BE(ATTRIBUTES_AT) & CODEC_MASK;
  if (codec === ZSTD && version < ZSTD_SINCE_PRODUCE) {
    const why = `zstd needs Produce version ${ZSTD_SINCE_PRODUCE} or newer, this is ${version}`;
    return { code: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, why };
  }
  if (records.length > end) {
    const why = `Produce version ${version} takes exactly one record batch for a partition`;
    return { code: ErrorCode.INVALID_RECORD, why };
  }
  return undefined;
}

/** Whether the (one, whole) batch belongs to a transaction. */
export function isTransactional(records: Buffer): boolean {
  return (records.readInt16BE(ATTRIBUTES_AT) & TRANSACTIONAL) !== 0;
}

/** Whether any of some batches, back to back, is compressed with zstd, which Fetch before version 10 cannot carry (KIP-110). */
export function holdsZstd(chunks: readonly Buffer[]): boolean {
  const [first] = chunks;
  const records = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
  let at = 0;
  while (at + HEADER_BYTES <= records.length) {
    if ((records.readInt16BE(at + ATTRIBUTES_AT) & CODEC_MASK) === ZSTD) return true;
    at += LENGTH_END + records.readInt32BE(at + LENGTH_AT);
  }
  return false;
}

function noBatch(version: number): RecordsFault {
  const why = `Produce version ${version} takes exactly one whole record batch for a partition, and there is none`;
  return { code: ErrorCode.INVALID_RECORD, why };
}
