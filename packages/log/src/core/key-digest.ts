/**
 * 128 bits that tell keys apart: SipHash-2-4 with a secret of its own for each compaction, so that nobody who does not know the secret can make
 * two keys that are taken for one. A call into a native digest takes five times as long for keys of
 * the usual length.
 */

/** Four words of a digest. */
export type DigestWords = Uint32Array;
export const DIGEST_WORDS = 4;
export const SECRET_BYTES = 16;

/** Writes the digest of `key` into `into`. */
export type Digest = (key: Buffer, into: DigestWords) => void;

/** @param secret {@link SECRET_BYTES} bytes of chance */
// oxlint-disable-next-line eslint/max-lines-per-function -- calls within it would take most of its time
export function keyDigest(secret: Buffer): Digest {
  const k0l = secret.readInt32LE(0);
  const k0h = secret.readInt32LE(4);
  const k1l = secret.readInt32LE(8);
  const k1h = secret.readInt32LE(12);
  // oxlint-disable-next-line eslint/max-lines-per-function -- the same
  return (key, into) => {
    // Four lanes of 64 bits in halves.
    let v0l = k0l ^ 0x70736575;
    let v0h = k0h ^ 0x736f6d65;
    let v1l = k1l ^ 0x6e646f6d ^ 0xee;
    let v1h = k1h ^ 0x646f7261;
    let v2l = k0l ^ 0x6e657261;
    let v2h = k0h ^ 0x6c796765;
    let v3l = k1l ^ 0x79746573;
    let v3h = k1h ^ 0x74656462;
    const { length } = key;
    const words = (length >>> 3) + 1;
    for (let step = 0; step < words + 2; step += 1) {
      let ml = 0;
      let mh = 0;
      let rounds = 4;
      if (step < words) {
        const at = step << 3;
        if (step < words - 1) {
          ml = key.readInt32LE(at);
          mh = key.readInt32LE(at + 4);
        } else {
          for (let rest = at; rest < length; rest += 1) {
            const shift = (rest & 7) << 3;
            const byte = key[rest] ?? 0;
            if (shift < 32) ml |= byte << shift;
            else mh |= byte << (shift - 32);
          }
          mh |= length << 24;
        }
        v3l ^= ml;
        v3h ^= mh;
        rounds = 2;
      } else if (step === words) v2l ^= 0xee;
      else v1l ^= 0xdd;
      for (; rounds > 0; rounds -= 1) {
        let low = (v0l >>> 0) + (v1l >>> 0);
        v0h = (v0h + v1h + (low > 0xffff_ffff ? 1 : 0)) | 0;
        v0l = low | 0;
        let high = v1h;
        v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
        v1l = ((v1l << 13) | (high >>> 19)) ^ v0l;
        high = v0h;
        v0h = v0l;
        v0l = high;
        low = (v2l >>> 0) + (v3l >>> 0);
        v2h = (v2h + v3h + (low > 0xffff_ffff ? 1 : 0)) | 0;
        v2l = low | 0;
        high = v3h;
        v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
        v3l = ((v3l << 16) | (high >>> 16)) ^ v2l;
        low = (v0l >>> 0) + (v3l >>> 0);
        v0h = (v0h + v3h + (low > 0xffff_ffff ? 1 : 0)) | 0;
        v0l = low | 0;
        high = v3h;
        v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
        v3l = ((v3l << 21) | (high >>> 11)) ^ v0l;
        low = (v2l >>> 0) + (v1l >>> 0);
        v2h = (v2h + v1h + (low > 0xffff_ffff ? 1 : 0)) | 0;
        v2l = low | 0;
        high = v1h;
        v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
        v1l = ((v1l << 17) | (high >>> 15)) ^ v2l;
        high = v2h;
        v2h = v2l;
        v2l = high;
      }
      if (step < words) {
        v0l ^= ml;
        v0h ^= mh;
        continue;
      }
      const half = (step - words) << 1;
      into[half] = v0l ^ v1l ^ v2l ^ v3l;
      into[half + 1] = v0h ^ v1h ^ v2h ^ v3h;
    }
  };
}
