/** kafkajs brings gzip only; the other codecs are plugged in from this project's own, as its users plug in a package. */
import kafkajs from 'kafkajs';
import { compress, CompressionType, decompress } from '@odradek/protocol';

const { CompressionCodecs, CompressionTypes } = kafkajs;

type Encoder = { readonly buffer: Buffer };

export function useOwnCodecs(): void {
  const pairs = [
    [CompressionTypes.Snappy, CompressionType.SNAPPY],
    [CompressionTypes.LZ4, CompressionType.LZ4],
    [CompressionTypes.ZSTD, CompressionType.ZSTD],
  ] as const;
  for (const [theirs, codec] of pairs) {
    CompressionCodecs[theirs] = () => ({
      compress: ({ buffer }: Encoder) => Promise.resolve(compress(codec, buffer)),
      decompress: (buffer: Buffer) => {
        const plain = decompress(codec, buffer);
        return plain.ok ? Promise.resolve(plain.value) : Promise.reject(new Error(plain.why));
      },
    });
  }
}
