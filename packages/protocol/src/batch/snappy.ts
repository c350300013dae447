/**
 * Snappy in both framings that clients use: the stream of the xerial library (what Kafka writes), and one raw block.
 */
import { createRequire } from 'node:module';
import type * as snappyLibrary from 'snappy';
import { CodecFault } from './codec-fault.ts';

type Library = typeof snappyLibrary;
let loaded: Library | undefined;
function library(): Library {
  return (loaded ??= createRequire(import.meta.url)('snappy') as Library);
}

/** 0x82 SNAPPY 0, then version 1 and the oldest version that can read it, 1. */
const XERIAL_HEADER = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex');
const XERIAL_MAGIC_BYTES = 8;
const XERIAL_BLOCK_BYTES = 32 * 1_024;

export function compressSnappy(bytes: Buffer): Buffer {
  const parts: Buffer[] = [XERIAL_HEADER];
  for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_BYTES) {
    const block = library().compressSync(bytes.subarray(at, at + XERIAL_BLOCK_BYTES));
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length, 0);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}

/** @throws CodecFault for garbage, or when more than `bytesMax` would come out of it */
export function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  if (!startsXerial(bytes, 0)) return decompressBlock(bytes, bytesMax);
  const parts: Buffer[] = [];
  let total = 0;
  let at = 0;
  while (at < bytes.length) {
    // Streams that were joined have a header where a block would begin.
    if (startsXerial(bytes, at)) {
      at += XERIAL_HEADER.length;
      continue;
    }
    if (at + 4 > bytes.length) throw new CodecFault('a snappy stream cut off between blocks');
    const size = bytes.readInt32BE(at);
    at += 4;
    if (size < 0 || at + size > bytes.length) throw new CodecFault(`a snappy block of ${size} bytes`);
    const part = decompressBlock(bytes.subarray(at, at + size), bytesMax - total);
    total += part.length;
    parts.push(part);
    at += size;
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, total);
}

function startsXerial(bytes: Buffer, at: number): boolean {
  if (bytes.length - at < XERIAL_HEADER.length) return false;
  return XERIAL_HEADER.compare(bytes, at, at + XERIAL_MAGIC_BYTES, 0, XERIAL_MAGIC_BYTES) === 0;
}

function decompressBlock(block: Buffer, bytesMax: number): Buffer {
  const size = announcedBytes(block);
  if (size > bytesMax) throw new CodecFault(`${size} bytes come out of a snappy block`, 'tooLarge');
  return library().uncompressSync(block, { asBuffer: true }) as Buffer;
}

/** A raw block begins with its decompressed size: checked before the library allocates it. */
function announcedBytes(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = block[i];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw new CodecFault('a snappy block without a size');
}
