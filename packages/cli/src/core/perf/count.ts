/** How many records, and bytes of keys and values, fetched bytes hold: counted in place, without an object a record. */
import { batch, RecordCursor, uncompressedRecords } from '@odradek/protocol';
import { CommandError } from '../refusal.ts';

export type Counted = { records: number; bytes: number };

/** The offset behind the last whole batch; `from` when there is none. */
export function nextOffset(fetched: Buffer, from: number): number {
  let next = from;
  for (const at of wholeBatches(fetched)) next = Math.max(next, batch.lastOffset(fetched, at) + 1);
  return next;
}

/** Adds what is at `from` and behind it. @throws CommandError for bytes that are not what a broker sends */
export function countRecords(fetched: Buffer, from: number, into: Counted): void {
  for (const at of wholeBatches(fetched)) {
    if (batch.isControl(fetched, at) || batch.lastOffset(fetched, at) < from) continue;
    const section = uncompressedRecords(fetched, at);
    if (!section.ok) throw new CommandError(`a fetched batch cannot be read: ${section.why}`);
    const base = batch.baseOffset(fetched, at);
    const cursor = new RecordCursor(section.value, batch.recordsCount(fetched, at));
    while (cursor.next()) {
      if (base + cursor.offsetDelta < from) continue;
      into.records += 1;
      into.bytes += Math.max(cursor.keyLength, 0) + Math.max(cursor.valueLength, 0);
    }
    if (cursor.fault !== undefined) throw new CommandError(`a fetched batch cannot be read: ${cursor.fault}`);
  }
}

/** Where whole batches begin: the last one of an answer may be cut. */
function wholeBatches(fetched: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; fetched.length - at >= batch.HEADER_BYTES;) {
    const sizeBytes = batch.sizeInBytes(fetched, at);
    if (sizeBytes < batch.HEADER_BYTES || batch.magic(fetched, at) < batch.MAGIC_V2) {
      throw new CommandError(
        `a fetched batch of ${sizeBytes} bytes and format ${batch.magic(fetched, at)} cannot be read`,
      );
    }
    if (at + sizeBytes > fetched.length) break;
    found.push(at);
    at += sizeBytes;
  }
  return found;
}
