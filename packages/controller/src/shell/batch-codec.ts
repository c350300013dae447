/**
 * How records lie in an entry of the log and in a part of a snapshot: CRC-32C of what follows, controller epoch, count, then each record
 * behind its length. Big-endian, int32 but for the epoch's sign. The checksum is ours on top of LevelDB's own: it also covers what was
 * read back through a table file, and what another controller sent.
 */
import { crc32c } from '@odradek/base';
import { decodeRecord, encodeRecord, type MetadataRecord } from '@odradek/metadata';

const HEADER_BYTES = 12;

export type StoredRecords = { readonly epoch: number; readonly records: MetadataRecord[] };
export type PackedRecords = { readonly epoch: number; readonly records: Buffer[] };

export function encodeRecords(records: readonly MetadataRecord[], epoch: number): Buffer {
  return packRecords(records.map(encodeRecord), epoch);
}

/** @param records as they are in `__cluster_metadata` */
export function packRecords(records: readonly Buffer[], epoch: number): Buffer {
  let sizeBytes = HEADER_BYTES;
  for (const { length } of records) sizeBytes += 4 + length;
  const packed = Buffer.allocUnsafe(sizeBytes);
  packed.writeInt32BE(epoch, 4);
  packed.writeUInt32BE(records.length, 8);
  let at = HEADER_BYTES;
  for (const bytes of records) {
    packed.writeUInt32BE(bytes.length, at);
    bytes.copy(packed, at + 4);
    at += 4 + bytes.length;
  }
  packed.writeUInt32BE(crc32c(packed.subarray(4)), 0);
  return packed;
}

/** @returns slices of `packed` @throws Error that says what is wrong with the bytes */
export function unpackRecords(packed: Buffer): PackedRecords {
  if (packed.length < HEADER_BYTES) throw new Error(`${packed.length} bytes are too few for a batch`);
  const wanted = packed.readUInt32BE(0);
  const found = crc32c(packed.subarray(4));
  if (wanted !== found) throw new Error(`checksum ${found.toString(16)} instead of ${wanted.toString(16)}`);
  const epoch = packed.readInt32BE(4);
  const count = packed.readUInt32BE(8);
  const records: Buffer[] = [];
  let at = HEADER_BYTES;
  for (let left = count; left > 0; left -= 1) {
    const endAt = at + 4 <= packed.length ? at + 4 + packed.readUInt32BE(at) : packed.length + 1;
    if (endAt > packed.length) throw new Error(`record ${records.length} of ${count} goes beyond the batch`);
    records.push(packed.subarray(at + 4, endAt));
    at = endAt;
  }
  if (at !== packed.length) throw new Error(`${packed.length - at} bytes after the last record`);
  return { epoch, records };
}

/** @throws Error that says what is wrong with the bytes */
export function decodeRecords(packed: Buffer): StoredRecords {
  const { epoch, records } = unpackRecords(packed);
  const decoded = records.map((bytes, at) => {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(`record ${at} of ${records.length}: ${record.why}`);
    return record.value;
  });
  return { epoch, records: decoded };
}
