import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CompressionType } from '../codes.ts';
import { ErrorCode } from '../errors.ts';
import { compress, decompress } from './compression.ts';
import { xxhash32 } from './xxhash32.ts';

const codecs = [CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD] as const;
const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Bytes that compress somewhat, from a few bytes to several blocks of every codec. */
function sample(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * i) >> (i % 7 === 0 ? 3 : 9);
  return bytes;
}

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

test.for(codecs.map((codec) => [names[codec], codec] as const))(
  '%s: what is compressed comes out again, at every size around its blocks',
  ([, codec]) => {
    for (const length of [0, 1, 15, 16, 1_000, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000]) {
      for (const bytes of [sample(length), Buffer.alloc(length)]) {
        const out = decompress(codec, compress(codec, bytes));
        expect(out.ok ? out.value.equals(bytes) : out.why).toBe(true);
      }
    }
  },
);

test.for(codecs.map((codec) => [names[codec], codec] as const))(
  '%s: more than the bound is refused with MESSAGE_TOO_LARGE, however small it came',
  ([, codec]) => {
    const bomb = compress(codec, Buffer.alloc(20 * 1_024 * 1_024));
    const refused = decompress(codec, bomb, { maxBytes: 1_024 * 1_024 });
    expect(refused).toMatchObject({ ok: false, code: ErrorCode.MESSAGE_TOO_LARGE });
    const exact = compress(codec, Buffer.alloc(70_000));
    expect(decompress(codec, exact, { maxBytes: 70_000 }).ok).toBe(true);
    expect(decompress(codec, exact, { maxBytes: 69_999 }).ok).toBe(false);
  },
);

test.for(codecs.map((codec) => [names[codec], codec] as const))(
  '%s: garbage and every cut are refused, never thrown',
  ([, codec]) => {
    const sound = compress(codec, sample(3_000));
    for (let length = 0; length < sound.length; length += 1) {
      const out = decompress(codec, sound.subarray(0, length));
      // A raw snappy block may be a prefix of a stream by chance; it must not be taken for the whole.
      expect(out.ok && out.value.length === 3_000).toBe(false);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const out = decompress(codec, Buffer.from(bytes), { maxBytes: 1_000_000 });
        expect(out.ok || [ErrorCode.INVALID_RECORD, ErrorCode.MESSAGE_TOO_LARGE].includes(out.code as 87)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  },
);

test('no codec: codes 5 to 7 are refused', () => {
  for (const codec of [5, 6, 7]) {
    expect(decompress(codec, Buffer.alloc(4))).toMatchObject({
      ok: false,
      code: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    });
  }
});

test('levels: gzip and zstd take theirs, and a higher one is not larger', () => {
  const bytes = Buffer.from('a level is a promise of patience, nothing more. '.repeat(500));
  for (const [codec, low, high] of [
    [CompressionType.GZIP, 1, 9],
    [CompressionType.ZSTD, -5, 19],
  ] as const) {
    const fast = compress(codec, bytes, { level: low });
    const patient = compress(codec, bytes, { level: high });
    expect(patient.length).toBeLessThan(fast.length);
  }
});

test.for([
  ['gzip', ['-dc'], CompressionType.GZIP],
  ['zstd', ['-dc'], CompressionType.ZSTD],
  ['lz4', ['-dc'], CompressionType.LZ4],
] as const)('%s: the program of that name reads what we write', ([program, flags, codec], context) => {
  context.skip(!has(program), `${program} is not on this machine`);
  const bytes = sample(200_000);
  const out = spawnSync(program, [...flags], { input: compress(codec, bytes), maxBuffer: 1_000_000 });
  expect(out.stdout.equals(bytes)).toBe(true);
});

test.for([
  ['gzip', ['-c'], CompressionType.GZIP],
  ['zstd', ['-c'], CompressionType.ZSTD],
  ['lz4', ['-c', '-B4', '-BI'], CompressionType.LZ4],
  ['lz4', ['-c', '-B7', '-BI', '-BX', '--content-size'], CompressionType.LZ4],
] as const)('%s: we read what the program writes with %j', ([program, flags, codec], context) => {
  context.skip(!has(program), `${program} is not on this machine`);
  const bytes = sample(200_000);
  const compressed = spawnSync(program, [...flags], { input: bytes, maxBuffer: 1_000_000 }).stdout;
  const out = decompress(codec, compressed);
  expect(out.ok ? out.value.equals(bytes) : out.why).toBe(true);
});

test('snappy: a raw block and joined streams are read like one stream', () => {
  const stream = compress(CompressionType.SNAPPY, Buffer.from('hello hello hello hello'));
  const raw = stream.subarray(20);
  const joined = Buffer.concat([stream, stream]);
  expect(decompress(CompressionType.SNAPPY, raw)).toMatchObject({
    ok: true,
    value: Buffer.from('hello hello hello hello'),
  });
  const twice = decompress(CompressionType.SNAPPY, joined);
  expect(twice.ok && twice.value.toString()).toBe('hello hello hello hello'.repeat(2));
});

test('snappy: a block that announces 4 GiB is refused before it is allocated', () => {
  const before = process.memoryUsage.rss();
  const out = decompress(CompressionType.SNAPPY, Buffer.from('ffffffff0f000000', 'hex'));
  expect(out).toMatchObject({ ok: false, code: ErrorCode.MESSAGE_TOO_LARGE });
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1_024 * 1_024);
});

test('lz4: dependent blocks are refused, as by Kafka; so is a wrong header or block checksum', (context) => {
  context.skip(!has('lz4'), 'lz4 is not on this machine');
  const linked = spawnSync('lz4', ['-c', '-B4', '-BD'], { input: sample(200_000), maxBuffer: 1_000_000 }).stdout;
  expect(decompress(CompressionType.LZ4, linked)).toMatchObject({ ok: false, code: ErrorCode.INVALID_RECORD });
  const frame = compress(CompressionType.LZ4, sample(1_000));
  frame[6] = (frame[6] ?? 0) ^ 1;
  expect(decompress(CompressionType.LZ4, frame)).toMatchObject({ ok: false, code: ErrorCode.INVALID_RECORD });
  const checked = spawnSync('lz4', ['-c', '-BI', '-BX'], { input: sample(1_000) }).stdout;
  checked[20] = (checked[20] ?? 0) ^ 1;
  expect(decompress(CompressionType.LZ4, checked)).toMatchObject({ ok: false, code: ErrorCode.INVALID_RECORD });
});

test('xxhash32: known values', () => {
  expect(xxhash32(Buffer.alloc(0))).toBe(0x02cc5d05);
  expect(xxhash32(Buffer.from('a'))).toBe(0x550d7456);
  expect(xxhash32(Buffer.from('abc'))).toBe(0x32d153ff);
  expect(xxhash32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f);
});
