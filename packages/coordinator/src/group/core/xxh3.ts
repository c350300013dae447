/**
 * XXH3, 64 bits, seed 0: the hash that Kafka takes over the metadata of a group's topics. Written here since a core takes no native module and
 * the inputs are small. Long inputs go through two halves of 32 bits, short ones through bigint. Source: the specification of xxHash 0.8.
 */

const SECRET = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364ea' +
    'c5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
);
const PRIME32_1 = 0x9e3779b1;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const MIX_1 = 0x165667919e3779f9n;
const MIX_2 = 0x9fb21c651e98df25n;
/** The eight accumulators of long inputs. */
const START = [
  0xc2b2ae3dn,
  PRIME64_1,
  PRIME64_2,
  PRIME64_3,
  0x85ebca77c2b2ae63n,
  0x85ebca77n,
  0x27d4eb2f165667c5n,
  0x9e3779b1n,
];
const LANES = 8;
const LANE_BYTES = 8;
const STRIPE_BYTES = LANES * LANE_BYTES;
const BLOCK_STRIPES = (SECRET.length - STRIPE_BYTES) / LANE_BYTES;
const BLOCK_BYTES = BLOCK_STRIPES * STRIPE_BYTES;
/** Where parts of the secret begin, as the specification has them. */
const LAST_STRIPE_SECRET = SECRET.length - STRIPE_BYTES - 7;
const MERGE_SECRET = 11;
const MID_SECRET = 3;
const MID_LAST_SECRET = 136 - 17;

/** @returns unsigned */
export function xxh3(bytes: Buffer): bigint {
  const { length } = bytes;
  if (length > 240) return hashLong(bytes);
  if (length > 128) return hashMid(bytes);
  if (length > 16) return hashShort(bytes);
  if (length > 8) return hash9To16(bytes);
  if (length > 3) return hash4To8(bytes);
  if (length > 0) return hash1To3(bytes);
  return finish64(secret(56) ^ secret(64));
}

function hash1To3(bytes: Buffer): bigint {
  const { length } = bytes;
  const at = (index: number): number => bytes[index] ?? 0;
  const mixed = ((at(0) << 16) | (at(length >> 1) << 24) | at(length - 1) | (length << 8)) >>> 0;
  return finish64(BigInt(mixed) ^ BigInt((SECRET.readUInt32LE(0) ^ SECRET.readUInt32LE(4)) >>> 0));
}

function hash4To8(bytes: Buffer): bigint {
  const { length } = bytes;
  const input = (BigInt(bytes.readUInt32LE(0)) << 32n) + BigInt(bytes.readUInt32LE(length - 4));
  let hash = input ^ secret(8) ^ secret(16);
  hash ^= rotated(hash, 49n) ^ rotated(hash, 24n);
  hash = wrap(hash * MIX_2);
  hash ^= (hash >> 35n) + BigInt(length);
  hash = wrap(hash * MIX_2);
  return hash ^ (hash >> 28n);
}

function hash9To16(bytes: Buffer): bigint {
  const { length } = bytes;
  const low = bytes.readBigUInt64LE(0) ^ secret(24) ^ secret(32);
  const high = bytes.readBigUInt64LE(length - LANE_BYTES) ^ secret(40) ^ secret(48);
  return finish(wrap(BigInt(length) + swapped(low) + high + folded(low, high)));
}

function hashShort(bytes: Buffer): bigint {
  const { length } = bytes;
  let sum = BigInt(length) * PRIME64_1;
  // From both ends towards the middle, 16 bytes each.
  for (let pair = (length - 1) >> 5; pair >= 0; pair -= 1) {
    sum += mix16(bytes, 16 * pair, 32 * pair);
    sum += mix16(bytes, length - 16 * (pair + 1), 32 * pair + 16);
  }
  return finish(wrap(sum));
}

function hashMid(bytes: Buffer): bigint {
  const { length } = bytes;
  let sum = BigInt(length) * PRIME64_1;
  for (let at = 0; at < 128; at += 16) sum += mix16(bytes, at, at);
  sum = finish(wrap(sum));
  for (let at = 128; at + 16 <= length; at += 16) sum += mix16(bytes, at, at - 128 + MID_SECRET);
  sum += mix16(bytes, length - 16, MID_LAST_SECRET);
  return finish(wrap(sum));
}

function hashLong(bytes: Buffer): bigint {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const lanes = new Lanes();
  const blocks = Math.floor((length - 1) / BLOCK_BYTES);
  for (let block = 0; block < blocks; block += 1) {
    for (let stripe = 0; stripe < BLOCK_STRIPES; stripe += 1)
      lanes.accumulate(view, block * BLOCK_BYTES + stripe * STRIPE_BYTES, stripe * LANE_BYTES);
    lanes.scramble(SECRET.length - STRIPE_BYTES);
  }
  const rest = blocks * BLOCK_BYTES;
  const stripes = Math.floor((length - 1 - rest) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripes; stripe += 1)
    lanes.accumulate(view, rest + stripe * STRIPE_BYTES, stripe * LANE_BYTES);
  lanes.accumulate(view, length - STRIPE_BYTES, LAST_STRIPE_SECRET);
  let sum = BigInt(length) * PRIME64_1;
  for (let lane = 0; lane < LANES; lane += 2) {
    const key = MERGE_SECRET + lane * LANE_BYTES;
    sum += folded(lanes.value(lane) ^ secret(key), lanes.value(lane + 1) ^ secret(key + LANE_BYTES));
  }
  return finish(wrap(sum));
}

const HALF = 0x1_0000_0000;
const SECRET_VIEW = new DataView(SECRET.buffer, SECRET.byteOffset, SECRET.length);

/** Eight sums of 64 bits, each as two halves of 32. */
class Lanes {
  readonly #low = new Uint32Array(START.map((start) => Number(start & 0xffff_ffffn)));
  readonly #high = new Uint32Array(START.map((start) => Number(start >> 32n)));

  value(lane: number): bigint {
    return (BigInt(this.#high[lane] ?? 0) << 32n) | BigInt(this.#low[lane] ?? 0);
  }

  /** Each lane takes the product of the halves of its own input, and its neighbour takes the input itself. */
  accumulate(bytes: DataView, at: number, secretAt: number): void {
    const lows = this.#low;
    const highs = this.#high;
    for (let lane = 0; lane < LANES; lane += 1) {
      const offset = lane * LANE_BYTES;
      const low = bytes.getUint32(at + offset, true);
      const high = bytes.getUint32(at + offset + 4, true);
      const neighbour = lane ^ 1;
      const sum = (lows[neighbour] ?? 0) + low;
      lows[neighbour] = sum;
      highs[neighbour] = (highs[neighbour] ?? 0) + high + (sum >= HALF ? 1 : 0);
      const keyLow = (low ^ SECRET_VIEW.getUint32(secretAt + offset, true)) >>> 0;
      const keyHigh = (high ^ SECRET_VIEW.getUint32(secretAt + offset + 4, true)) >>> 0;
      const mixed = (lows[lane] ?? 0) + (Math.imul(keyLow, keyHigh) >>> 0);
      lows[lane] = mixed;
      highs[lane] = (highs[lane] ?? 0) + highOfProduct(keyLow, keyHigh) + (mixed >= HALF ? 1 : 0);
    }
  }

  scramble(secretAt: number): void {
    for (let lane = 0; lane < LANES; lane += 1) {
      const offset = secretAt + lane * LANE_BYTES;
      let low = this.#low[lane] ?? 0;
      let high = this.#high[lane] ?? 0;
      low = (low ^ (high >>> 15) ^ SECRET_VIEW.getUint32(offset, true)) >>> 0;
      high = (high ^ SECRET_VIEW.getUint32(offset + 4, true)) >>> 0;
      this.#low[lane] = Math.imul(low, PRIME32_1);
      this.#high[lane] = highOfProduct(low, PRIME32_1) + (Math.imul(high, PRIME32_1) >>> 0);
    }
  }
}

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function highOfProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const first = aHigh * bLow + Math.floor((aLow * bLow) / 0x1_0000);
  const second = aLow * bHigh + (first % 0x1_0000);
  return aHigh * bHigh + Math.floor(first / 0x1_0000) + Math.floor(second / 0x1_0000);
}

function mix16(bytes: Buffer, at: number, secretAt: number): bigint {
  return folded(
    bytes.readBigUInt64LE(at) ^ secret(secretAt),
    bytes.readBigUInt64LE(at + LANE_BYTES) ^ secret(secretAt + LANE_BYTES),
  );
}

function secret(at: number): bigint {
  return SECRET.readBigUInt64LE(at);
}

/** Both halves of the product of 128 bits, folded over each other. */
function folded(a: bigint, b: bigint): bigint {
  const product = a * b;
  return wrap(product) ^ (product >> 64n);
}

function finish(sum: bigint): bigint {
  const mixed = wrap((sum ^ (sum >> 37n)) * MIX_1);
  return mixed ^ (mixed >> 32n);
}

function finish64(sum: bigint): bigint {
  let mixed = wrap((sum ^ (sum >> 33n)) * PRIME64_2);
  mixed = wrap((mixed ^ (mixed >> 29n)) * PRIME64_3);
  return mixed ^ (mixed >> 32n);
}

function rotated(value: bigint, by: bigint): bigint {
  return wrap(value << by) | (value >> (64n - by));
}

function swapped(value: bigint): bigint {
  const bytes = Buffer.alloc(LANE_BYTES);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
