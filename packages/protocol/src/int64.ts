/**
 * int64 as a number: two 32-bit halves, no bigint. Safe integers only; whoever reads asks {@link isSafeInt64} where
 * it matters.
 */

const TWO_32 = 2 ** 32;
const SAFE_HIGH = 0x1f_ffff;

/** The int64 at `at`; beyond 2^53 the low bits are lost, so check {@link isSafeInt64} at a border. */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * TWO_32 + buffer.readUInt32BE(at + 4);
}

/** Whether the int64 at `at` is a safe integer. */
export function isSafeInt64(buffer: Buffer, at: number): boolean {
  const high = buffer.readInt32BE(at);
  if (high >= 0) return high <= SAFE_HIGH;
  return high > -SAFE_HIGH - 1 || (high === -SAFE_HIGH - 1 && buffer.readUInt32BE(at + 4) > 0);
}

/** @param value a safe integer, or a bigint of 64 bits */
export function writeInt64(buffer: Buffer, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    buffer.writeBigInt64BE(value, at);
    return;
  }
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  const high = Math.floor(value / TWO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_32, at + 4);
}
