/**
 * What lies where in the store, 'odradek metadata 2':
 * `F` format · `H` hard state and end of the log · `P` which snapshot counts · `V` the voters that the quorum began with ·
 * `l` + offset → entry that begins there · `p` + generation + position → part of a snapshot.
 */
import { readOffset, writeOffset } from './entry-codec.ts';

export const FORMAT_KEY = Buffer.from('F');
export const FORMAT = Buffer.from('odradek metadata 2');
export const STATE_KEY = Buffer.from('H');
export const POINTER_KEY = Buffer.from('P');
export const BOOTSTRAP_KEY = Buffer.from('V');

const ENTRY = 0x6c;
const PART = 0x70;
const OFFSET_BYTES = 8;
const GENERATION_BYTES = 4;

export type Range = { readonly gte: Buffer; readonly lt: Buffer };

export function entryKey(offset: number): Buffer {
  const key = Buffer.allocUnsafe(1 + OFFSET_BYTES);
  key[0] = ENTRY;
  writeOffset(key, 1, offset);
  return key;
}

export function offsetOf(key: Buffer): number {
  return readOffset(key, 1);
}

export function partKey(generation: number, position: number): Buffer {
  const key = Buffer.allocUnsafe(1 + GENERATION_BYTES + OFFSET_BYTES);
  key[0] = PART;
  key.writeUInt32BE(generation, 1);
  writeOffset(key, 1 + GENERATION_BYTES, position);
  return key;
}

export const ENTRIES: Range = { gte: Buffer.from([ENTRY]), lt: Buffer.from([ENTRY + 1]) };
export const PARTS: Range = { gte: Buffer.from([PART]), lt: Buffer.from([PART + 1]) };

export function entriesBefore(offset: number): Range {
  return { gte: ENTRIES.gte, lt: entryKey(offset) };
}

/** Parts of the snapshots numbered from `from` on, before `until`; left out: all of them. */
export function partsBetween(from: number, until?: number): Range {
  return { gte: partKey(from, 0), lt: until === undefined ? PARTS.lt : partKey(until, 0) };
}
