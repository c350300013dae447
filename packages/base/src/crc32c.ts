import { crc32c as native } from '@node-rs/crc32';

/** CRC-32C (Castagnoli) of bytes, as an unsigned 32-bit number. `previous` continues a running checksum. */
export function crc32c(bytes: Uint8Array, previous?: number): number {
  return previous === undefined ? native(bytes) : native(bytes, previous);
}
