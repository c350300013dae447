/** kafkajs brings gzip only; the other codecs are plugged in from the libraries that this project already uses. */
import * as zlib from 'node:zlib';
import kafkajs from 'kafkajs';

const { CompressionCodecs, CompressionTypes } = kafkajs;

export function useOwnCodecs(): void {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { buffer: Buffer }) => Promise.resolve(zlib.zstdCompressSync(encoder.buffer)),
    decompress: (buffer: Buffer) => Promise.resolve(zlib.zstdDecompressSync(buffer)),
  });
}
