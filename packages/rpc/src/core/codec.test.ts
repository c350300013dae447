/** The codec of every service: round trips, agreement with proto/ by protobufjs' own reader and writer, and garbage. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { UUID_ZERO } from '@odradek/base';
import { anyOf } from '../testing/arbitrary.ts';
import { codecOf, field, message } from './schema.ts';
import type { Codec, Field, Shape } from './schema.ts';
import { FromAsked, FromAsker, brokerPeerService } from './services/broker-peer.ts';
import { FromBroker, FromController, brokerSessionService } from './services/broker-session.ts';
import { Ask, farewellCodec, isFarewell } from './services/common.ts';
import { RaftMessage, raftService } from './services/raft.ts';
import { FromFollower, FromLeader, replicaFetchService } from './services/replica-fetch.ts';

const proto = fileURLToPath(new URL('../../../../proto/', import.meta.url));
const root = new protobuf.Root();
for (const file of ['common.proto', 'raft.proto', 'broker_session.proto', 'replica_fetch.proto', 'broker_peer.proto'])
  protobuf.parse(readFileSync(`${proto}${file}`, 'utf8'), root);
root.resolveAll();

const shapes: readonly Shape<unknown>[] = [
  RaftMessage,
  FromBroker,
  FromController,
  FromFollower,
  FromLeader,
  FromAsker,
  FromAsked,
];

/** Every message that a shape holds, itself included. */
function within(shape: Shape<unknown>, found = new Map<string, Shape<unknown>>()): Map<string, Shape<unknown>> {
  const before = found.get(shape.name);
  if (before === shape) return found;
  expect(before, `two shapes are called ${shape.name}`).toBeUndefined();
  found.set(shape.name, shape);
  for (const { of } of Object.values(shape.fields)) if (typeof of === 'object') within(of, found);
  return found;
}

const types = {
  uint64: 'uint64',
  sint32: 'sint32',
  bool: 'bool',
  text: 'string',
  bytes: 'bytes',
  uuid: 'bytes',
  joined: 'bytes',
};

function protoOf({ id, of, rule }: Field<unknown>): object {
  return { id, type: typeof of === 'object' ? of.name : types[of], rule };
}

describe.each(shapes)('$name', (shape) => {
  const codec: Codec<unknown> = shape === FromLeader ? replicaFetchService.told : codecOf(shape);
  const type = root.lookupType(`odradek.${shape.name}`);

  test('is what proto/ says, with all that it holds: names, numbers, types', () => {
    for (const [name, each] of within(shape)) {
      const described = root.lookupType(`odradek.${name}`);
      const fields = described.fieldsArray.map((one) => {
        const rule = one.repeated
          ? 'repeated'
          : one.partOf !== null && one.partOf.name.startsWith('_')
            ? 'optional'
            : 'one';
        return [one.name, { id: one.id, type: one.type, rule }] as const;
      });
      const ours = Object.entries(each.fields).map(([key, one]) => [key, protoOf(one)] as const);
      const goodbye = ['goodbye', { id: 15, type: 'Goodbye', rule: 'one' }] as const;
      expect(fields, name).toEqual(each === shape ? [...ours, goodbye] : ours);
      if (each.isUnion) expect(described.oneofsArray.map((one) => one.oneof.length)).toEqual([fields.length]);
    }
  });

  test('what is written is read to the same', () => {
    fc.assert(
      fc.property(anyOf(shape), (value) => {
        const written = codec.encode(value);
        expect(isFarewell(written)).toBe(false);
        expect(codec.decode(written)).toEqual({ ok: true, value });
      }),
      { numRuns: 500 },
    );
  });

  test('protobufjs reads what is written, and what it writes is read', () => {
    fc.assert(
      fc.property(anyOf(shape), (value) => {
        const written = codec.encode(value);
        const theirs = type.decode(written);
        expect(type.verify(type.toObject(theirs))).toBeNull();
        expect(codec.decode(Buffer.from(type.encode(theirs).finish()))).toEqual({ ok: true, value });
      }),
      { numRuns: 300 },
    );
  });

  test('garbage is refused in words or read as some message, and never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each));
    const damaged = fc.tuple(anyOf(shape), fc.nat(), fc.nat(255), fc.nat()).map(([value, at, byte, end]) => {
      const written = codec.encode(value);
      if (written.length > 0) written[at % written.length] = byte;
      return written.subarray(0, end % 3 === 0 ? end % (written.length + 1) : written.length);
    });
    fc.assert(
      fc.property(fc.oneof(bytes, damaged), (garbage) => {
        const decoded = codec.decode(garbage);
        if (decoded.ok) expect(codec.decode(codec.encode(decoded.value))).toEqual(decoded);
        else expect(decoded.why).toMatch(new RegExp(`^${garbage.length} bytes are no ${shape.name}: .`));
      }),
      { numRuns: 3_000 },
    );
  });

  test('cut short anywhere, it is refused or a smaller message, and never throws', () => {
    fc.assert(
      fc.property(anyOf(shape), (value) => {
        const written = codec.encode(value);
        for (let end = 0; end < written.length; end += 1) codec.decode(written.subarray(0, end));
      }),
      { numRuns: 100 },
    );
  });
});

test('services: each is a stream that proto/ describes', () => {
  const described = root.lookupService('odradek.Raft').methods['Connect'];
  expect(described).toMatchObject({ requestType: 'RaftMessage', responseType: 'RaftMessage' });
  expect(raftService.path).toBe('/odradek.Raft/Connect');
  const session = root.lookupService('odradek.BrokerSession').methods['Connect'];
  expect(session).toMatchObject({ requestType: 'FromBroker', responseType: 'FromController' });
  expect(session).toMatchObject({ requestStream: true, responseStream: true });
  expect(brokerSessionService.path).toBe('/odradek.BrokerSession/Connect');
  const replicas = root.lookupService('odradek.ReplicaFetch').methods['Connect'];
  expect(replicas).toMatchObject({ requestType: 'FromFollower', responseType: 'FromLeader' });
  expect(replicas).toMatchObject({ requestStream: true, responseStream: true });
  expect(replicaFetchService.path).toBe('/odradek.ReplicaFetch/Connect');
  const peers = root.lookupService('odradek.BrokerPeer').methods['Connect'];
  expect(peers).toMatchObject({ requestType: 'FromAsker', responseType: 'FromAsked' });
  expect(peers).toMatchObject({ requestStream: true, responseStream: true });
  expect(brokerPeerService.path).toBe('/odradek.BrokerPeer/Connect');
});

test('batches: what is laid out by hand is, byte for byte, what the common codec writes; chunks come as one', () => {
  fc.assert(
    fc.property(anyOf(FromLeader), fc.array(fc.nat(300), { maxLength: 3 }), (value, cuts) => {
      if (value.kind !== 'batches') return;
      const parts = value.parts.map((part) => ({ ...part, records: cutAt(part.records[0] ?? Buffer.alloc(0), cuts) }));
      const written = replicaFetchService.told.encode({ ...value, parts });
      expect(written).toEqual(codecOf(FromLeader).encode(value));
      expect(replicaFetchService.told.decode(written)).toEqual({ ok: true, value });
    }),
    { numRuns: 500 },
  );
});

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
  return ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
}

test('last words: are told by their first byte, and are the same in every stream', () => {
  const words = { kind: 'goodbye', reason: 'refused', why: 'a newer life of node 2 is here' } as const;
  const written = farewellCodec.encode(words);
  expect(isFarewell(written)).toBe(true);
  expect(farewellCodec.decode(written)).toEqual({ ok: true, value: words });
  for (const shape of shapes) {
    const read = root.lookupType(`odradek.${shape.name}`).decode(written).toJSON();
    expect(read).toEqual({ goodbye: { reason: words.reason, why: words.why } });
  }
});

test('a request within the cluster: one of a node that does not know of clients’ requests is of none, and it can read ours', () => {
  const { clientRequest: _, ...before } = Ask.fields;
  const former = codecOf(message('Ask', before as typeof Ask.fields));
  const said = { requestId: 1, apiKey: 19, apiVersion: 7, body: Buffer.from('b'), principal: 'User:a', deadlineMs: 9 };
  const ours = { ...said, clientRequest: 'PLAINTEXT-3-17' };
  expect(former.decode(codecOf(Ask).encode(ours))).toEqual({ ok: true, value: said });
  const theirs = former.encode({ ...said, clientRequest: null });
  expect(codecOf(Ask).decode(theirs)).toEqual({ ok: true, value: { ...said, clientRequest: null } });
  expect(codecOf(Ask).encode({ ...said, clientRequest: null })).toEqual(theirs);
});

describe('the language of messages', () => {
  const First = message('First', { a: field.uint64(1), c: field.text(3) });
  const Later = message('Later', {
    a: field.uint64(1),
    b: field.bytes(2),
    c: field.text(3),
    inner: field.nullableNested(4, First),
    ids: field.uuids(5),
    number: field.nullableUint64(6),
  });
  const later = { a: 7, b: Buffer.from('new'), c: 'text', inner: { a: 1, c: '' }, ids: [UUID_ZERO], number: 0 };

  test('a reader skips the fields of a later version, and takes what is missing as empty', () => {
    expect(codecOf(First).decode(codecOf(Later).encode(later))).toEqual({ ok: true, value: { a: 7, c: 'text' } });
    expect(codecOf(Later).decode(codecOf(First).encode({ a: 7, c: 'text' }))).toEqual({
      ok: true,
      value: { a: 7, b: Buffer.alloc(0), c: 'text', inner: null, ids: [], number: null },
    });
    expect(codecOf(Later).decode(codecOf(Later).encode(later))).toEqual({ ok: true, value: later });
  });

  test('bytes are slices of what came: nothing is copied', () => {
    const received = codecOf(Later).encode(later);
    const decoded = codecOf(Later).decode(received);
    if (!decoded.ok) throw new Error(decoded.why);
    expect(decoded.value.b.buffer).toBe(received.buffer);
    expect(decoded.value.b.byteOffset).toBeGreaterThanOrEqual(received.byteOffset);
  });

  test.each([
    ['a number beyond what a program counts exactly', '08ffffffffffffffff7f', /a number beyond 2\^53 - 1$/],
    ['a number without an end', '08ffffffffffffffffffff01', /a number of more than 10 bytes$/],
    ['bytes beyond the end', '1a7f61', /it is cut off$/],
    ['a field of another type', '0a0161', /field 1 is of another type$/],
    ['a group, which nobody writes any more', '4b', /a field of wire type 3$/],
    ['half a number', '0880', /it is cut off$/],
  ])('%s is refused', (_, hex, why) => {
    const decoded = codecOf(First).decode(Buffer.from(hex, 'hex'));
    expect(!decoded.ok && decoded.why).toMatch(why);
  });

  test('what cannot be written is a bug of the writer', () => {
    expect(() => codecOf(First).encode({ a: -1, c: '' })).toThrow(/a uint64 is a whole number/);
    expect(() => codecOf(First).encode({ a: 0.5, c: '' })).toThrow(/a uint64 is a whole number/);
    expect(() => codecOf(Later).encode({ ...later, ids: ['short'] })).toThrow(/a uuid is 22 characters/);
  });
});
