/**
 * How records lie in the store: CRC-32C of what follows, controller epoch, count, then each record behind its length.
 * Big-endian, int32 but for the epoch's sign. The checksum is ours on top of LevelDB's own: it also covers what was
 * read back through a table file.
 */
import { crc32c } from '@odradek/base';
import { decodeRecord, encodeRecord, type MetadataRecord } from '@odradek/metadata';

const HEADER_BYTES = 12;

export type StoredRecords = { readonly epoch: number; readonly records: MetadataRecord[] };

export function encodeRecords(records: readonly MetadataRecord[], epoch: number): Buffer {
  const parts: Buffer[] = [Buffer.alloc(HEADER_BYTES)];
  for (const record of records) {
    const bytes = encodeRecord(record);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  const stored = Buffer.concat(parts);
  stored.writeInt32BE(epoch, 4);
  stored.writeUInt32BE(records.length, 8);
  stored.writeUInt32BE(crc32c(stored.subarray(4)), 0);
  return stored;
}

/** @throws Error that says what is wrong with the bytes */
export function decodeRecords(stored: Buffer): StoredRecords {
  if (stored.length < HEADER_BYTES) throw new Error(`${stored.length} bytes are too few for a batch`);
  const wanted = stored.readUInt32BE(0);
  const found = crc32c(stored.subarray(4));
  if (wanted !== found) throw new Error(`checksum ${found.toString(16)} instead of ${wanted.toString(16)}`);
  const epoch = stored.readInt32BE(4);
  const count = stored.readUInt32BE(8);
  const records: MetadataRecord[] = [];
  let at = HEADER_BYTES;
  for (let left = count; left > 0; left -= 1) {
    const endAt = at + 4 <= stored.length ? at + 4 + stored.readUInt32BE(at) : stored.length + 1;
    if (endAt > stored.length) throw new Error(`record ${records.length} of ${count} goes beyond the batch`);
    const decoded = decodeRecord(stored.subarray(at + 4, endAt));
    if (!decoded.ok) throw new Error(`record ${records.length} of ${count}: ${decoded.why}`);
    records.push(decoded.value);
    at = endAt;
  }
  if (at !== stored.length) throw new Error(`${stored.length - at} bytes after the last record`);
  return { epoch, records };
}
