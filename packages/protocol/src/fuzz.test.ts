/**
 * Hostile input: 100,000 cases and more. Whatever the bytes are, a decoder gives a value or a refusal with a code;
 * it does not throw, hang or ask for memory that the bytes do not pay for. What it accepts can be encoded and
 * decoded again to the same.
 */
import { Prng } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apis } from './apis.ts';
import { readBatch, splitBatches } from './batch/build.ts';
import * as batch from './batch/header.ts';
import { validateRecords } from './batch/records.ts';
import { decodePrefix, encodeMessage } from './codec.ts';
import { ErrorCode } from './errors.ts';
import {
  decodeControlRecord,
  decodeCoordinatorRecord,
  decodeMetadataRecord,
  decodePrincipal,
  decodeSubscription,
} from './framing.ts';
import { FrameSplitter } from './frame.ts';
import { decodeRequestBody, decodeRequestHeader } from './header.ts';
import * as messages from './messages/index.ts';
import type { Message } from './schema.ts';
import { vectorsOf } from './testing/vectors.ts';

const schemas = Object.values(messages as unknown as Record<string, Message>);
const CODES: readonly number[] = [
  ErrorCode.INVALID_REQUEST,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.INVALID_RECORD,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
];

/** A refusal must have one of the codes above. @returns whether there was none */
function typed(outcome: Outcome<unknown>): boolean {
  if (outcome.ok) return true;
  if (!CODES.includes(outcome.code)) throw new Error(`refused with code ${outcome.code}: ${outcome.why}`);
  return false;
}

/** Objects, strings and buffers in a decoded value: no more of them than bytes can pay for. */
function partsOf(value: unknown): number {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return 1;
  let parts = 1;
  for (const inner of Object.values(value)) parts += partsOf(inner);
  return parts;
}

/** The most parts that one byte can stand for: a struct whose fields are all absent or tagged, made of defaults. */
const PARTS_PER_BYTE_MAX = 64;

/** @returns whether the bytes were accepted */
function decodes(schema: Message, version: number, bytes: Buffer): boolean {
  const decoded = decodePrefix(schema, version, bytes);
  typed(decoded);
  if (!decoded.ok) return false;
  const { value, endAt } = decoded.value;
  if (endAt > bytes.length) throw new Error('it read beyond the end');
  if (partsOf(value) > (bytes.length + 1) * PARTS_PER_BYTE_MAX) throw new Error('more came out than went in');
  const encoded = Buffer.concat(encodeMessage(schema, version, value));
  const again = decodePrefix(schema, version, encoded);
  if (!again.ok) throw new Error(`what was encoded is refused: ${again.why}`);
  const twice = Buffer.concat(encodeMessage(schema, version, again.value.value));
  if (!twice.equals(encoded)) throw new Error('encoding is not stable');
  return true;
}

/** A few edits of the kinds that break parsers: bits, extreme bytes, cuts, insertions, lengths. */
function mutate(bytes: Buffer, prng: Prng): Buffer {
  let mutant = Buffer.from(bytes);
  const edits = 1 + prng.below(4);
  for (let i = 0; i < edits && mutant.length > 0; i += 1) {
    const at = prng.below(mutant.length);
    const kind = prng.below(6);
    if (kind === 0) mutant[at] = (mutant[at] ?? 0) ^ (1 << prng.below(8));
    else if (kind === 1) mutant[at] = [0x00, 0x7f, 0x80, 0xff][prng.below(4)] ?? 0;
    else if (kind === 2) mutant = mutant.subarray(0, at);
    else if (kind === 3)
      mutant = Buffer.concat([mutant.subarray(0, at), Buffer.from(prng.bytes(1 + prng.below(8))), mutant.subarray(at)]);
    else if (kind === 4 && at + 4 <= mutant.length)
      mutant.writeInt32BE([-1, 0x7fffffff, -0x80000000, 1_000_000][prng.below(4)] ?? 0, at);
    else if (kind === 5)
      mutant = Buffer.concat([
        mutant.subarray(0, at),
        mutant.subarray(Math.min(mutant.length, at + 1 + prng.below(16))),
      ]);
  }
  return mutant;
}

const SEED = 20_260_101;

describe('fuzz', () => {
  test('messages: 40,000 mutants of the golden vectors', () => {
    const prng = new Prng(SEED);
    const vectors = vectorsOf('golden.jsonl.gz')
      .map((vector) => ({
        schema: schemas.find(({ name }) => name === vector['message']),
        version: vector['version'] as number,
        bytes: Buffer.from(vector['hex'] as string, 'hex'),
      }))
      .filter(({ bytes }) => bytes.length < 4_000);
    let accepted = 0;
    for (let i = 0; i < 40_000; i += 1) {
      const vector = vectors[i % vectors.length];
      if (vector?.schema === undefined) throw new Error('a vector without a schema');
      if (decodes(vector.schema, vector.version, mutate(vector.bytes, prng))) accepted += 1;
    }
    // Both ways out are walked often.
    expect(accepted).toBeGreaterThan(5_000);
    expect(accepted).toBeLessThan(35_000);
  });

  test('messages: 30,000 pieces of noise, read as any version of any message', () => {
    const versioned = fc
      .constantFrom(...schemas)
      .chain((schema) => fc.tuple(fc.constant(schema), fc.integer({ min: schema.minVersion, max: schema.maxVersion })));
    fc.assert(
      fc.property(versioned, fc.uint8Array({ maxLength: 120 }), ([schema, version], bytes) => {
        decodes(schema, version, Buffer.from(bytes));
      }),
      { numRuns: 30_000, seed: SEED },
    );
  });

  test('requests: 20,000 frames with a true key and version before noise or zeros', () => {
    const api = fc
      .constantFrom(...apis)
      .chain((row) => fc.tuple(fc.constant(row), fc.integer({ min: row.min - 1, max: row.max + 1 })));
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.nat({ max: 100 }).map((length) => new Uint8Array(length)),
    );
    fc.assert(
      fc.property(api, noise, ([row, version], bytes) => {
        const head = Buffer.alloc(8);
        head.writeInt16BE(row.key, 0);
        head.writeInt16BE(version, 2);
        const frame = Buffer.concat([head, Buffer.from(bytes)]);
        const header = decodeRequestHeader(frame);
        if (typed(header) && header.ok && header.value.kind === 'known') {
          typed(decodeRequestBody(row.key, frame, header.value));
        }
      }),
      { numRuns: 20_000, seed: SEED },
    );
  });

  test('records: 10,000 mutants of keys, values and frames of every kind of record', () => {
    const prng = new Prng(SEED);
    const subjects = vectorsOf('golden.jsonl.gz')
      .map((vector) => Buffer.from(vector['hex'] as string, 'hex'))
      .filter((bytes) => bytes.length < 500);
    const prefix = Buffer.alloc(2);
    for (let i = 0; i < 10_000; i += 1) {
      prefix.writeInt16BE(prng.below(26), 0);
      const bytes = Buffer.concat([prefix, mutate(subjects[i % subjects.length] ?? Buffer.alloc(0), prng)]);
      const other = mutate(bytes, prng);
      const outcomes = [
        decodeCoordinatorRecord((['group', 'transaction', 'share'] as const)[i % 3] ?? 'group', bytes, other),
        decodeMetadataRecord(Buffer.concat([Buffer.from([1, prng.below(30), prng.below(3)]), other])),
        decodeControlRecord(bytes, other),
        decodeSubscription(bytes),
        decodePrincipal(bytes),
      ];
      outcomes.forEach(typed);
    }
  });

  test('batches: 20,000 mutants of the golden ones, most with a checksum made good', () => {
    const prng = new Prng(SEED);
    const subjects = vectorsOf('golden-batches.jsonl.gz')
      .map((vector) => Buffer.from(vector['hex'] as string, 'hex'))
      .filter((bytes) => bytes.length < 4_000);
    let reached = 0;
    for (let i = 0; i < 20_000; i += 1) {
      const subject = subjects[i % subjects.length] ?? Buffer.alloc(0);
      const mutant = Buffer.concat([subject.subarray(0, 21), mutate(subject.subarray(21), prng)]);
      if (mutant.length >= batch.HEADER_BYTES && i % 4 > 0) {
        mutant.writeInt32BE(mutant.length - batch.LOG_OVERHEAD_BYTES, 8);
        batch.setCrc(mutant, 0);
      }
      const read = readBatch(mutant);
      if (typed(read) || (!read.ok && read.code === ErrorCode.INVALID_RECORD)) reached += 1;
      splitBatches(mutant);
      typed(validateRecords(mutant, prng.below(50)));
    }
    expect(reached).toBeGreaterThan(5_000);
  });

  test('frames: 5,000 streams of noise never give more bytes than they had', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (chunks) => {
        const splitter = new FrameSplitter(1_000);
        let given = 0;
        let taken = 0;
        for (const chunk of chunks) {
          taken += chunk.length;
          splitter.push(Buffer.from(chunk), (frame) => (given += frame.length + 4));
        }
        expect(given).toBeLessThanOrEqual(taken);
      }),
      { numRuns: 5_000, seed: SEED },
    );
  });
});
