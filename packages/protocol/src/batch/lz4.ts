/**
 * LZ4 frames as Kafka reads and writes them: independent blocks, header checksum. The library's own frame functions
 * have no bound on their output, choose another block size and accept what Kafka's reader refuses, so that only its
 * block functions are used.
 */
import { createRequire } from 'node:module';
import type * as lz4Library from 'lz4-napi';
import { CodecFault } from './codec-fault.ts';
import { xxhash32 } from './xxhash32.ts';

type Library = typeof lz4Library;
let loaded: Library | undefined;
/** Native code is loaded when the first batch needs it: most nodes see one codec. */
function library(): Library {
  return (loaded ??= createRequire(import.meta.url)('lz4-napi') as Library);
}

const MAGIC = 0x184d2204;
const FLAG_VERSION = 0x40;
const FLAG_VERSION_MASK = 0xc0;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_RESERVED_OR_DICTIONARY = 0x03;
const UNCOMPRESSED = 0x8000_0000;
const BLOCK_BYTES = 64 * 1_024;
/** Magic, flags (version 1, independent blocks), block size code 4 (64 KiB), checksum of the two bytes. */
const HEADER = Buffer.from('04224d18604082', 'hex');
const END_MARK = Buffer.alloc(4);
/** The block functions carry the decompressed size before the block, little-endian. */
const SIZE_BYTES = 4;

export function compressLz4(bytes: Buffer): Buffer {
  const parts: Buffer[] = [HEADER];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    const compressed = library().compressSync(block).subarray(SIZE_BYTES);
    const size = Buffer.alloc(4);
    const smaller = compressed.length < block.length;
    size.writeUInt32LE(smaller ? compressed.length : (block.length | UNCOMPRESSED) >>> 0, 0);
    parts.push(size, smaller ? compressed : block);
  }
  parts.push(END_MARK);
  return Buffer.concat(parts);
}

/** @throws CodecFault for anything but one sound frame, or more than `bytesMax` out of it */
export function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  const frame = readHeader(bytes);
  const parts: Buffer[] = [];
  let total = 0;
  let at = frame.blocksAt;
  for (;;) {
    const announced = readSize(bytes, at);
    at += 4;
    if (announced === 0) break;
    const size = (announced & ~UNCOMPRESSED) >>> 0;
    if (size > frame.blockBytesMax || at + size > bytes.length) throw new CodecFault(`an LZ4 block of ${size} bytes`);
    const block = bytes.subarray(at, at + size);
    at += size;
    if (frame.blockChecksum) {
      if (readSize(bytes, at) !== xxhash32(block)) throw new CodecFault('the checksum of an LZ4 block does not match');
      at += 4;
    }
    const part = announced >= UNCOMPRESSED ? block : decompressBlock(block, frame.blockBytesMax);
    total += part.length;
    if (total > bytesMax) throw new CodecFault(`more than ${bytesMax} bytes come out of it`, 'tooLarge');
    parts.push(part);
  }
  const content = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, total);
  if (frame.contentChecksum && readSize(bytes, at) !== xxhash32(content)) {
    throw new CodecFault('the checksum of an LZ4 frame does not match');
  }
  return content;
}

type Frame = {
  readonly blocksAt: number;
  readonly blockBytesMax: number;
  readonly blockChecksum: boolean;
  readonly contentChecksum: boolean;
};

function readHeader(bytes: Buffer): Frame {
  if (bytes.length < HEADER.length || bytes.readUInt32LE(0) !== MAGIC) throw new CodecFault('not an LZ4 frame');
  const flags = bytes.readUInt8(4);
  const block = bytes.readUInt8(5);
  if ((flags & FLAG_VERSION_MASK) !== FLAG_VERSION) throw new CodecFault('an LZ4 frame of another version');
  if ((flags & FLAG_RESERVED_OR_DICTIONARY) !== 0)
    throw new CodecFault('an LZ4 frame with a dictionary or reserved flags');
  if ((flags & FLAG_INDEPENDENT) === 0)
    throw new CodecFault('LZ4 blocks that depend on each other, which Kafka does not read');
  const sizeCode = block >> 4;
  if (sizeCode < 4 || sizeCode > 7 || (block & 0x0f) !== 0) throw new CodecFault(`LZ4 block descriptor ${block}`);
  const checksumAt = 6 + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8);
  if (bytes.length <= checksumAt) throw new CodecFault('an LZ4 frame cut off in its header');
  const checksum = (xxhash32(bytes.subarray(4, checksumAt)) >> 8) & 0xff;
  if (bytes[checksumAt] !== checksum) throw new CodecFault('the header checksum of an LZ4 frame does not match');
  return {
    blocksAt: checksumAt + 1,
    blockBytesMax: BLOCK_BYTES << (2 * (sizeCode - 4)),
    blockChecksum: (flags & FLAG_BLOCK_CHECKSUM) !== 0,
    contentChecksum: (flags & FLAG_CONTENT_CHECKSUM) !== 0,
  };
}

function readSize(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new CodecFault('an LZ4 frame cut off between blocks');
  return bytes.readUInt32LE(at);
}

function decompressBlock(block: Buffer, blockBytesMax: number): Buffer {
  const sized = Buffer.allocUnsafe(SIZE_BYTES + block.length);
  sized.writeUInt32LE(blockBytesMax, 0);
  block.copy(sized, SIZE_BYTES);
  return library().uncompressSync(sized);
}
