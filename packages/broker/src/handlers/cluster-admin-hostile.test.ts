/** What nobody honest asks of a cluster, on a whole simulated node: it is answered in the form of its API, and stops nobody. */
import { UUID_ZERO } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { type ApiKey, apiByKey, ErrorCode, holdsVersion } from '@odradek/protocol';
import type { Field, Fields, RequestInput } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SimNode, startSimNode } from '../testing/node.ts';

/** All that the controller decides, or tells of itself. */
const KEYS = [19, 20, 33, 37, 43, 44, 45, 46, 55, 57, 60, 64, 80, 81] as const;
const PATIENCE_MS = 60_000;

/** Asks, and lets time pass until there is an answer. @throws when there is none, or the connection is closed */
async function ask(node: SimNode, [key, version]: readonly [ApiKey, number], body: object): Promise<unknown> {
  const client = node.connect();
  let isSettled = false;
  const answer = client.request(key, version, body as RequestInput<ApiKey>).finally(() => (isSettled = true));
  answer.catch(() => undefined);
  await drain();
  for (let waitedMs = 0; !isSettled && waitedMs < PATIENCE_MS; waitedMs += 100) await node.clock.advance(100);
  client.close();
  return answer;
}

function codesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'errorCode' && typeof inner === 'number' ? [inner] : codesIn(inner),
  );
}

const words = ['t', 'u', '', '__cluster_metadata', 'a.b', 'a_b', 'group.version', 'metadata.version', 'retention.ms'];
const texts = fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 12 }));
const LIST_MAX = 3;

function primitive(type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'bool':
      return fc.boolean();
    case 'string':
      return texts;
    case 'uuid':
      return fc.constantFrom(UUID_ZERO, 'AQEBAQEBAQEBAQEBAQEBAQ');
    case 'uint16':
      return fc.integer({ min: 0, max: 65_535 });
    default:
      return fc.oneof(fc.constantFrom(-1, 0, 1, 2), fc.integer({ min: -128, max: 127 }));
  }
}

function valueOf({ type, options, element, fields }: Field, version: number): fc.Arbitrary<unknown> {
  const plain = (): fc.Arbitrary<unknown> => {
    if (type === 'struct') return structOf(fields ?? {}, version);
    if (type !== 'array') return primitive(type);
    const item = typeof element === 'string' ? primitive(element) : structOf(element ?? {}, version);
    return fc.array(item, { maxLength: LIST_MAX });
  };
  const isNullable = options.nullable !== undefined && holdsVersion(options.nullable, version);
  return isNullable ? fc.option(plain(), { freq: 6 }) : plain();
}

function structOf(fields: Fields, version: number): fc.Arbitrary<object> {
  const held = Object.entries(fields).filter(([, { versions }]) => holdsVersion(versions, version));
  return fc.record(Object.fromEntries(held.map(([name, field]) => [name, valueOf(field, version)])));
}

const requests = fc.constantFrom(...KEYS).chain((key) => {
  const { min, maxStable, request } = apiByKey(key);
  return fc
    .integer({ min, max: maxStable })
    .chain((version) => structOf(request.fields, version).map((body) => ({ key, version, body })));
});

test('hostile: whatever is asked of the cluster is answered, never by an error that says that the server broke', async () => {
  const node = await startSimNode();
  await fc.assert(
    fc.asyncProperty(requests, async ({ key, version, body }) => {
      // Time that a request may wait for what never comes is not what this is about.
      const answer = await ask(node, [key, version], 'timeoutMs' in body ? { ...body, timeoutMs: 100 } : body);
      expect(codesIn(answer)).not.toContain(ErrorCode.UNKNOWN_SERVER_ERROR);
      expect(node.bugs).toEqual([]);
    }),
    { numRuns: 1_500 },
  );
  await node.close();
  expect(node.bugs).toEqual([]);
});

/** The longest that a string of a version that is not flexible may be. */
const LONG = 'x'.repeat(32_767);
const partition = { partitionIndex: 0, replicas: [1] };

test.each<readonly [string, readonly [ApiKey, number], object, number]>([
  ['electLeaders', [43, 0], { topicPartitions: [{ topic: LONG, partitions: [0] }], timeoutMs: 1_000 }, 3],
  ['electLeaders', [43, 2], { topicPartitions: [{ topic: LONG, partitions: [0] }], timeoutMs: 1_000 }, 3],
  ['reassignments', [45, 1], { topics: [{ name: LONG, partitions: [partition] }], timeoutMs: 1_000 }, 3],
  ['features', [57, 2], { featureUpdates: [{ feature: LONG, maxVersionLevel: 1 }], timeoutMs: 1_000 }, 95],
  ['quorum', [55, 2], { topics: [{ topicName: LONG, partitions: [{ partitionIndex: 0 }] }] }, 3],
  [
    'voters',
    [80, 1],
    { clusterId: LONG, timeoutMs: 1_000, voterId: 1, voterDirectoryId: UUID_ZERO, listeners: [] },
    104,
  ],
  ['voters', [81, 0], { clusterId: LONG, voterId: 1, voterDirectoryId: UUID_ZERO }, 104],
])('hostile: %s (key and version %j): a text as long as may be is answered', async (_of, asked, body, code) => {
  const node = await startSimNode();
  expect(codesIn(await ask(node, asked, body))).toContain(code);
  await node.close();
});

test('hostile: partitions that are named ever so often, and ever so many of them, are answered each', async () => {
  const node = await startSimNode();
  const many = Array.from({ length: 20_000 }, (_, at) => at % 100);
  const elected = await ask(node, [43, 2], { topicPartitions: [{ topic: 't', partitions: many }], timeoutMs: 30_000 });
  expect(codesIn(elected).filter((code) => code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)).toHaveLength(many.length);
  const partitions = many.map((partitionIndex) => ({ partitionIndex, replicas: null }));
  const moved = await ask(node, [45, 1], { topics: [{ name: 't', partitions }], timeoutMs: 30_000 });
  // More than one request may change: refused as a whole, and each of them.
  expect(codesIn(moved)).toEqual(Array.from({ length: many.length + 1 }, () => ErrorCode.POLICY_VIOLATION));
  await node.close();
  expect(node.bugs).toEqual([]);
});
