import { expect, test } from 'vitest';
import { apis } from './apis.ts';
import * as messages from './messages/index.ts';
import * as own from './messages/own/index.ts';
import type { Message } from './schema.ts';
import { checkVector } from './testing/golden.ts';
import { vectorsOf } from './testing/vectors.ts';

const faultsOf = (vectors: object[]): string[] =>
  vectors.map(checkVector).flatMap(({ subject, fault }) => (fault === undefined ? [] : [`${subject}: ${fault}`]));

test('messages: every vector made by Kafka is decoded to its JSON and encoded to its bytes', () => {
  const vectors = vectorsOf('golden.jsonl.gz');
  expect(vectors.length).toBe(3_386);
  expect(faultsOf(vectors)).toEqual([]);
});

test('batches: every vector made by Kafka is read, made anew, or refused as Kafka refuses it', () => {
  const vectors = vectorsOf('golden-batches.jsonl.gz');
  expect(vectors.length).toBe(133);
  expect(faultsOf(vectors)).toEqual([]);
});

test('messages: the vectors leave no version of any message out', () => {
  const seen = new Set(
    vectorsOf('golden.jsonl.gz').map((vector) => `${String(vector['message'])} ${String(vector['version'])}`),
  );
  const missing: string[] = [];
  const kafkas = Object.entries(messages as unknown as Record<string, Message>).filter(([name]) => !(name in own));
  for (const [, schema] of kafkas) {
    for (let version = schema.minVersion; version <= schema.maxVersion; version += 1) {
      if (!seen.has(`${schema.name} ${version}`)) missing.push(`${schema.name} ${version}`);
    }
  }
  expect(missing).toEqual([]);
  expect(kafkas.length).toBe(273);
  expect(apis.filter((api) => !api.own).length).toBe(89);
});

test.for([
  ['a changed byte', { hex: 'ffff00000000000100000000' }],
  ['a byte too many', { hex: 'ffff0000000000000000000000' }],
  ['a byte too few', { hex: 'ffff000000000000000000' }],
  ['another value', { json: { transactionalId: null, acks: 1, timeoutMs: 0, topicData: [] } }],
  ['a field too few', { json: { transactionalId: null, acks: 0, timeoutMs: 0 } }],
  ['a field that does not exist', { json: { transactionalId: null, acks: 0, timeoutMs: 0, topicData: [], more: 1 } }],
  ['another message', { message: 'NoSuchRequest' }],
  ['another version', { version: 99 }],
  ['hex that is none', { hex: 'zz' }],
] as const)('golden: a vector with %s is found', ([, change]) => {
  const vector = {
    message: 'ProduceRequest',
    version: 3,
    kind: 'default',
    json: { transactionalId: null, acks: 0, timeoutMs: 0, topicData: [] },
    hex: 'ffff00000000000000000000',
  };
  expect(checkVector(vector).fault).toBeUndefined();
  expect(checkVector({ ...vector, ...change }).fault).toBeTypeOf('string');
});

test.for([
  ['another header field', { baseSequence: 3 }],
  ['another record', { records: [{ offset: '0', timestamp: '1700000000000', key: 'aw==', value: 'dw==' }] }],
  ['a record too few', { records: [] }],
])('golden: a batch vector with %s is found', ([, change]) => {
  const vector = vectorsOf('golden-batches.jsonl.gz').find((one) => one['case'] === 'one');
  expect(checkVector(vector).fault).toBeUndefined();
  const changed = { ...vector, batch: { ...(vector?.['batch'] as object), ...(change as object) } };
  expect(checkVector(changed).fault).toBeTypeOf('string');
});

test('golden: an invalid batch that turns out to be sound is found', () => {
  const vector = vectorsOf('golden-batches.jsonl.gz').find((one) => one['case'] === 'one');
  expect(checkVector({ case: 'invalid', invalid: 'crc', hex: vector?.['hex'] }).fault).toBeTypeOf('string');
});
