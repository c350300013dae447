import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ApiKey, ErrorCode, apiByKey, decodeMessage, encodeMessage, holdsVersion } from '@odradek/protocol';
import type { Api, Field, Fields, Message } from '@odradek/protocol';
import type { AdminKind, AdminReply, AdminRequest } from '../admin.ts';
import { decodeAdminReply, decodeAdminRequest, encodeAdminReply, encodeAdminRequest } from './admin-codec.ts';

const kinds: readonly [AdminKind, ApiKey][] = [
  ['createTopics', ApiKey.CreateTopics],
  ['deleteTopics', ApiKey.DeleteTopics],
  ['createPartitions', ApiKey.CreatePartitions],
  ['alterConfigs', ApiKey.AlterConfigs],
  ['incrementalAlterConfigs', ApiKey.IncrementalAlterConfigs],
  ['updateFeatures', ApiKey.UpdateFeatures],
  ['allocateProducerIds', ApiKey.AllocateProducerIds],
];

/** Any value of the fields that a version has. */
function anyFields(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  const there = Object.entries(fields).filter(([, { versions }]) => holdsVersion(versions, version));
  return fc.record(Object.fromEntries(there.map(([name, each]) => [name, anyField(each, version)])));
}

function anyField(each: Field, version: number): fc.Arbitrary<unknown> {
  const made = anyValue(each, version);
  const { nullable } = each.options;
  return nullable !== undefined && holdsVersion(nullable, version) ? fc.option(made, { nil: null, freq: 3 }) : made;
}

function anyValue(each: Field, version: number): fc.Arbitrary<unknown> {
  if (each.type === 'array') {
    const { element } = each;
    const made =
      typeof element === 'object'
        ? anyFields(element, version)
        : anyValue({ ...each, type: element ?? 'bool' }, version);
    return fc.array(made, { maxLength: 3 });
  }
  switch (each.type) {
    case 'struct':
      return anyFields(each.fields ?? {}, version);
    case 'bool':
      return fc.boolean();
    case 'string':
      return fc.string({ maxLength: 30 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
    case 'int8':
      return fc.integer({ min: -128, max: 127 });
    case 'int16':
      return fc.integer({ min: -32_768, max: 32_767 });
    case 'int32':
      return fc.integer();
    case 'int64':
      return fc.maxSafeInteger();
    case 'uint16':
    case 'uint32':
    case 'float64':
    case 'records':
      throw new Error(`no admin message has ${each.type}`);
  }
}

/** Any message as this node would have decoded it from a client, in any version. */
function anyDecoded(api: Api, schema: Message): fc.Arbitrary<unknown> {
  return fc
    .integer({ min: api.min, max: api.max })
    .chain((version) => anyFields(schema.fields, version).map((value) => ({ version, value })))
    .map(({ version, value }) => {
      const decoded = decodeMessage(schema, version, Buffer.concat(encodeMessage(schema, version, value)));
      if (!decoded.ok) throw new Error(decoded.why);
      return decoded.value;
    });
}

test.each(kinds)('%s: every request of every version travels whole, and so does every answer', (kind, key) => {
  const api = apiByKey(key);
  fc.assert(
    fc.property(anyDecoded(api, api.request), (request) => {
      const asked = { kind, request } as AdminRequest;
      expect(decodeAdminRequest(encodeAdminRequest(asked))).toEqual({ ok: true, value: asked });
    }),
  );
  fc.assert(
    fc.property(anyDecoded(api, api.response), (response) => {
      const reply = response as AdminReply<AdminRequest>;
      expect(decodeAdminReply(kind, encodeAdminReply(kind, reply))).toEqual({ ok: true, value: reply });
    }),
  );
});

test('a downgrade that an old client allows is still allowed where it arrives', () => {
  const update = { feature: 'metadata.version', maxVersionLevel: 20, allowDowngrade: true, upgradeType: 1 };
  const asked = {
    kind: 'updateFeatures',
    request: { timeoutMs: 1, featureUpdates: [update], validateOnly: false },
  } as const;
  const carried = encodeAdminRequest(asked);
  expect(carried.apiVersion).toBe(0);
  expect(decodeAdminRequest(carried)).toEqual({ ok: true, value: asked });
});

test('what a newer node asks is refused in words', () => {
  expect(decodeAdminRequest({ apiKey: 999, apiVersion: 0, body: Buffer.alloc(0) })).toMatchObject({
    code: ErrorCode.UNSUPPORTED_VERSION,
  });
  const body = Buffer.alloc(0);
  expect(decodeAdminRequest({ apiKey: ApiKey.CreateTopics, apiVersion: 99, body })).toMatchObject({
    code: ErrorCode.UNSUPPORTED_VERSION,
  });
  expect(decodeAdminRequest({ apiKey: ApiKey.CreateTopics, apiVersion: 7, body })).toMatchObject({
    code: ErrorCode.INVALID_REQUEST,
  });
  const answer = { apiKey: ApiKey.DeleteTopics, apiVersion: 6, body };
  expect(decodeAdminReply('createTopics', answer)).toMatchObject({ code: ErrorCode.UNKNOWN_SERVER_ERROR });
});
