/** A partition's log as it lies on a simulated disk: read behind the broker's back, batch by batch. */
import type { SimFiles } from '@odradek/base/testing';
import { batch, readBatch } from '@odradek/protocol';
import type { LogRecord } from './written.ts';

export type DiskBatch = {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  /** Of all that the producer made of it. */
  readonly crc: number;
  readonly bytes: Buffer;
};

const LOG_FILE = /^\d{20}\.log$/u;

/** All whole batches from the lowest file on, up to the first thing that is none. */
export function diskLog(files: SimFiles, directory: string): DiskBatch[] {
  const found: DiskBatch[] = [];
  for (const name of files.list(directory)) {
    if (!LOG_FILE.test(name)) continue;
    const bytes = files.peek(`${directory}/${name}`) ?? Buffer.alloc(0);
    for (let at = 0; at + batch.HEADER_BYTES <= bytes.length;) {
      const size = batch.sizeInBytes(bytes, at);
      if (size < batch.HEADER_BYTES || at + size > bytes.length) break;
      found.push({
        baseOffset: batch.baseOffset(bytes, at),
        lastOffset: batch.lastOffset(bytes, at),
        leaderEpoch: batch.partitionLeaderEpoch(bytes, at),
        crc: batch.crc(bytes, at),
        bytes: bytes.subarray(at, at + size),
      });
      at += size;
    }
  }
  return found;
}

export function recordsOf(bytes: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const read = readBatch(bytes, at);
    if (!read.ok) throw new Error(`a batch on a disk cannot be read: ${read.why}`);
    for (const { offset, value } of read.value.records) records.push({ offset, value: value?.toString() ?? '' });
    at += read.value.sizeInBytes;
  }
  return records;
}
