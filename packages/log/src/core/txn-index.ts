/** The `.txnindex` file: aborted transactions of a segment, by the offset of their marker. Rows of 34 bytes. */
import type { AbortedTransaction } from '../types.ts';
import { readInt64, writeInt64 } from '@odradek/protocol';
import type { AbortedEntry } from './producers.ts';

export const TXN_ENTRY_BYTES = 34;
const VERSION = 0;

export function encodeAborted(entries: readonly AbortedEntry[]): Buffer {
  const out = Buffer.alloc(entries.length * TXN_ENTRY_BYTES);
  entries.forEach((entry, row) => {
    const at = row * TXN_ENTRY_BYTES;
    out.writeInt16BE(VERSION, at);
    writeInt64(out, at + 2, entry.producerId);
    writeInt64(out, at + 10, entry.firstOffset);
    writeInt64(out, at + 18, entry.lastOffset);
    writeInt64(out, at + 26, entry.lastStableOffset);
  });
  return out;
}

/** Whole and sane rows from the start of the file; a torn tail is not read. */
export function decodeAborted(file: Buffer, baseOffset: number): AbortedEntry[] {
  const entries: AbortedEntry[] = [];
  for (let at = 0; at + TXN_ENTRY_BYTES <= file.length; at += TXN_ENTRY_BYTES) {
    const entry = {
      producerId: readInt64(file, at + 2),
      firstOffset: readInt64(file, at + 10),
      lastOffset: readInt64(file, at + 18),
      lastStableOffset: readInt64(file, at + 26),
    };
    if (file.readInt16BE(at) !== VERSION || entry.lastOffset < baseOffset) break;
    entries.push(entry);
  }
  return entries;
}

/**
 * Those that a reader of [fromOffset, upToOffset) must leave out are added to `into`.
 * @returns true when no later entry can matter
 */
export function collectAborted(
  entries: readonly AbortedEntry[],
  range: { readonly fromOffset: number; readonly upToOffset: number },
  into: AbortedTransaction[],
): boolean {
  for (const entry of entries) {
    if (entry.lastOffset >= range.fromOffset && entry.firstOffset < range.upToOffset) {
      into.push({ producerId: entry.producerId, firstOffset: entry.firstOffset });
    }
    if (entry.lastStableOffset >= range.upToOffset) return true;
  }
  return false;
}
