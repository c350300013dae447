/** The codecs of record batches. Only what follows the header of a batch is compressed, as one stream. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { limits, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { CompressionType } from '../codes.ts';
import { ErrorCode } from '../errors.ts';
import { CodecFault } from './codec-fault.ts';
import { compressLz4, decompressLz4 } from './lz4.ts';
import { compressSnappy, decompressSnappy } from './snappy.ts';

/** What Kafka lets a codec's level be, and what it is when nothing is said; codecs without levels are missing. */
export const compressionLevels = {
  gzip: { min: 1, max: 9, default: -1 },
  lz4: { min: 1, max: 17, default: 9 },
  zstd: { min: -131_072, max: 22, default: 3 },
} as const;

export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

const names: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** @returns undefined for the codes 5 to 7, which are no codec */
export function compressionName(codec: number): CompressionName | undefined {
  return names[codec];
}

/** Compresses records.
 * @param level of gzip and zstd (see {@link compressionLevels}); lz4 has one level here, its fast one, whatever is
 * asked
 */
export function compress(codec: CompressionType, bytes: Buffer, options: { readonly level?: number } = {}): Buffer {
  switch (codec) {
    case CompressionType.NONE:
      return bytes;
    case CompressionType.GZIP:
      return gzipSync(bytes, { level: options.level ?? compressionLevels.gzip.default });
    case CompressionType.SNAPPY:
      return compressSnappy(bytes);
    case CompressionType.LZ4:
      return compressLz4(bytes);
    case CompressionType.ZSTD: {
      const level = options.level ?? compressionLevels.zstd.default;
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } });
    }
  }
}

/** Decompresses records of a batch.
 * @param maxBytes bound of the output, so that a small batch cannot ask for all memory; `decompressedBatchBytesMax`
 * when left out
 * @returns refused with INVALID_RECORD for garbage, MESSAGE_TOO_LARGE beyond `maxBytes`,
 * UNSUPPORTED_COMPRESSION_TYPE for no codec
 */
export function decompress(
  codec: number,
  bytes: Buffer,
  options: { readonly maxBytes?: number } = {},
): Outcome<Buffer> {
  const maxBytes = options.maxBytes ?? limits.production.decompressedBatchBytesMax;
  const name = compressionName(codec);
  if (name === undefined) return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `${codec} is no compression type`);
  try {
    return ok(decompressBy(name, bytes, maxBytes));
  } catch (error) {
    if (isTooLarge(error)) {
      return refuse(
        ErrorCode.MESSAGE_TOO_LARGE,
        `a batch holds more than ${maxBytes} bytes once its ${name} is undone`,
      );
    }
    // Native codecs throw errors of their own for bytes that they cannot read; nothing else can go wrong in them.
    const why = error instanceof Error ? error.message : String(error);
    return refuse(ErrorCode.INVALID_RECORD, `the ${name} of a batch cannot be undone: ${why}`);
  }
}

function decompressBy(name: CompressionName, bytes: Buffer, maxBytes: number): Buffer {
  switch (name) {
    case 'none':
      return bytes;
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: maxBytes });
    case 'snappy':
      return decompressSnappy(bytes, maxBytes);
    case 'lz4':
      return decompressLz4(bytes, maxBytes);
    case 'zstd':
      return zstdDecompressSync(bytes, { maxOutputLength: maxBytes });
  }
}

function isTooLarge(error: unknown): boolean {
  if (error instanceof CodecFault) return error.kind === 'tooLarge';
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
