/** Kafka's `.snapshot` file (ProducerSnapshot, version 1): the producers' state at an offset, with a CRC-32C over the entries. */
import { crc32c } from '@odradek/base';
import { readInt64, writeInt64 } from '@odradek/protocol';
import { firstSequenceOf } from './producers.ts';
import type { ProducerEntry } from './producers.ts';

const VERSION = 1;
const AT_CRC = 2;
const AT_ENTRIES = 6;
const PREFIX_BYTES = 10;
const ENTRY_BYTES = 46;

export function encodeSnapshot(count: number, entries: Iterable<ProducerEntry>): Buffer {
  const out = Buffer.alloc(PREFIX_BYTES + count * ENTRY_BYTES);
  out.writeInt16BE(VERSION, 0);
  out.writeInt32BE(count, AT_ENTRIES);
  let at = PREFIX_BYTES;
  for (const entry of entries) {
    const last = entry.batches.at(-1);
    writeInt64(out, at, entry.producerId);
    out.writeInt16BE(entry.epoch, at + 8);
    out.writeInt32BE(last?.lastSequence ?? -1, at + 10);
    writeInt64(out, at + 14, last?.lastOffset ?? -1);
    out.writeInt32BE(last === undefined ? 0 : last.lastOffset - last.firstOffset, at + 22);
    writeInt64(out, at + 26, entry.lastTimestampMs);
    out.writeInt32BE(entry.coordinatorEpoch, at + 34);
    writeInt64(out, at + 38, entry.txnFirstOffset);
    at += ENTRY_BYTES;
  }
  out.writeUInt32BE(crc32c(out.subarray(AT_ENTRIES)), AT_CRC);
  return out;
}

/** @returns undefined when the file is torn, of another version, or its CRC is wrong */
export function decodeSnapshot(file: Buffer): ProducerEntry[] | undefined {
  if (file.length < PREFIX_BYTES || file.readInt16BE(0) !== VERSION) return undefined;
  const count = file.readInt32BE(AT_ENTRIES);
  if (count < 0 || file.length !== PREFIX_BYTES + count * ENTRY_BYTES) return undefined;
  if (crc32c(file.subarray(AT_ENTRIES)) !== file.readUInt32BE(AT_CRC)) return undefined;
  const entries: ProducerEntry[] = [];
  for (let at = PREFIX_BYTES; at < file.length; at += ENTRY_BYTES) entries.push(decodeEntry(file, at));
  return entries;
}

function decodeEntry(file: Buffer, at: number): ProducerEntry {
  const lastSequence = file.readInt32BE(at + 10);
  const lastOffset = readInt64(file, at + 14);
  const offsetDelta = file.readInt32BE(at + 22);
  const timestampMs = readInt64(file, at + 26);
  const kept = {
    firstSequence: firstSequenceOf(lastSequence, offsetDelta),
    lastSequence,
    firstOffset: lastOffset - offsetDelta,
    lastOffset,
    timestampMs,
  };
  return {
    producerId: readInt64(file, at),
    epoch: file.readInt16BE(at + 8),
    coordinatorEpoch: file.readInt32BE(at + 34),
    lastTimestampMs: timestampMs,
    txnFirstOffset: readInt64(file, at + 38),
    batches: lastOffset < 0 ? [] : [kept],
  };
}
