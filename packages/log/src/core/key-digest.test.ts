import { expect, test } from 'vitest';
import { keyDigest } from './key-digest.ts';

const secret = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
const counting = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => index));

function digestOf(key: Buffer, own = secret): string {
  const words = new Uint32Array(4);
  keyDigest(own)(key, words);
  const bytes = Buffer.alloc(16);
  words.forEach((word, at) => bytes.writeUInt32LE(word, at * 4));
  return bytes.toString('hex');
}

test("digest: it is SipHash-2-4 with 128 bits, as its authors' vectors have it", () => {
  const vectors: [number, string][] = [
    [0, 'a3817f04ba25a8e66df67214c7550293'],
    [1, 'da87c1d86b99af44347659119b22fc45'],
    [2, '8177228da4a45dc7fca38bdef60affe4'],
    [3, '9c70b60c5267a94e5f33b6b02985ed51'],
    [15, '5493e99933b0a8117e08ec0f97cfc3d9'],
  ];
  for (const [length, expected] of vectors) expect(digestOf(counting(length)), `${length} bytes`).toBe(expected);
});

test('digest: keys of every length, keys that differ in one bit, and one key under two secrets are told apart', () => {
  const seen = new Set<string>();
  for (let length = 0; length < 70; length += 1) {
    seen.add(digestOf(counting(length)));
    for (let bit = 0; bit < length * 8; bit += 1) {
      const other = counting(length);
      other[bit >>> 3] = (other[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      seen.add(digestOf(other));
    }
  }
  expect(seen.size).toBe(70 + (8 * (69 * 70)) / 2);
  expect(digestOf(counting(9), Buffer.alloc(16, 1))).not.toBe(digestOf(counting(9)));
});
