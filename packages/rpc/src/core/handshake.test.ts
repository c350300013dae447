import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Prng, limits } from '@odradek/base';
import { backoffMs } from './backoff.ts';
import { helloHeaders, judgeHello, judgeWelcome, welcomeHeaders } from './handshake.ts';
import { isHttp2 } from './preface.ts';
import type { Identity, Target } from '../ports.ts';

const identity = fc.record({
  clusterId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  nodeId: fc.nat(2 ** 31 - 1),
  directoryId: fc.string({ minLength: 1, maxLength: 22 }),
  incarnationId: fc.string({ minLength: 1, maxLength: 22 }),
});
const range = fc.tuple(fc.nat(20), fc.nat(20)).map(([min, more]) => ({ min, max: min + more }));
const nobody: Target = { host: 'host', port: 1, nodeId: null, directoryId: null };

describe('the handshake', () => {
  test('of one cluster goes through in the highest version that both speak, and each side knows the other', () => {
    fc.assert(
      fc.property(identity, identity, range, range, (one, two, ours, theirs) => {
        const self: Identity = { ...two, clusterId: one.clusterId };
        const target: Target = { host: 'host', port: 1, nodeId: self.nodeId, directoryId: self.directoryId };
        const headers = helloHeaders(one, ours, target);
        for (const value of Object.values(headers)) expect(value).toMatch(/^[\x21-\x7e]+$/);
        const judged = judgeHello(self, { name: 'Echo', versions: theirs }, headers);
        const meets = Math.max(ours.min, theirs.min) <= Math.min(ours.max, theirs.max);
        expect(judged.ok).toBe(meets);
        if (!judged.ok) {
          expect(judged.why).toMatch(/speaks Echo in version/);
          return;
        }
        const version = Math.min(ours.max, theirs.max);
        expect(judged.value).toEqual({ from: one, version });
        const welcomed = judgeWelcome(one, { versions: ours, target }, welcomeHeaders(self, version));
        expect(welcomed).toEqual({ ok: true, value: { from: self, version } });
      }),
    );
  });

  test('is refused by either side when cluster, node or directory is another', () => {
    const one: Identity = { clusterId: 'c', nodeId: 1, directoryId: 'd1', incarnationId: 'i1' };
    const two: Identity = { clusterId: 'c', nodeId: 2, directoryId: 'd2', incarnationId: 'i2' };
    const versions = { min: 1, max: 1 };
    const answer = (target: Partial<Target>, from: Identity, version = 1) =>
      judgeWelcome(one, { versions, target: { ...nobody, ...target } }, welcomeHeaders(from, version));
    expect(answer({}, { ...two, clusterId: 'other' })).toMatchObject({
      ok: false,
      why:
        'node 2 belongs to cluster other, node 1 to cluster c: check the addresses, or format with one --cluster-id ' +
        '(at host:1)',
    });
    expect(answer({ nodeId: 3 }, two)).toMatchObject({ why: 'node 3 is wanted at host:1, but node 2 answers' });
    expect(answer({ directoryId: 'x' }, two)).toMatchObject({ why: 'directory x is wanted at host:1, but d2 answers' });
    expect(answer({}, two, 2)).toMatchObject({ why: 'node 2 answers in version 2, which was not offered' });
    expect(answer({ nodeId: 2, directoryId: 'd2' }, two)).toMatchObject({ ok: true });
  });

  test('with any headers at all ends in words, and never throws', () => {
    const self: Identity = { clusterId: 'c', nodeId: 1, directoryId: 'd', incarnationId: 'i' };
    const names = Object.keys(helloHeaders(self, { min: 1, max: 1 }, { ...nobody, nodeId: 1, directoryId: 'd' }));
    const text = fc.oneof(
      fc.string({ maxLength: 400 }),
      fc.constantFrom('%', '%zz', '-1', '99999999999', '1-', 'c', '1'),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), text), (headers) => {
        const judged = judgeHello(self, { name: 'Echo', versions: { min: 1, max: 1 } }, headers);
        if (!judged.ok) expect(judged.why).not.toBe('');
      }),
    );
    expect(judgeHello(self, { name: 'Echo', versions: { min: 1, max: 1 } }, {})).toMatchObject({
      why: 'the caller does not say which node of which cluster it is: it is no node of Odradek',
    });
  });
});

test('the wait before a dial doubles up to its bound, and half of it is luck', () => {
  const bounds = { ...limits.production, rpcRedialMinMs: 20, rpcRedialMaxMs: 1_000 };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.nat(), (failures, seed) => {
      const fullMs = Math.min(1_000, 20 * 2 ** Math.min(20, failures - 1));
      const waitMs = backoffMs(failures, bounds, new Prng(seed));
      expect(waitMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(waitMs).toBeLessThanOrEqual(fullMs);
    }),
  );
});

test('HTTP/2 is told by its first four bytes, and nothing else is taken for it', () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0');
  for (let count = 0; count <= preface.length; count += 1)
    expect(isHttp2(preface.subarray(0, count)), `${count} bytes`).toBe(count < 4 ? 'more' : true);
  expect(isHttp2(Buffer.from('PRI * HTTP/1.1'))).toBe(false);
  expect(isHttp2(Buffer.from('POST / HTTP/1.1'))).toBe(false);
  expect(isHttp2(Buffer.from([0]))).toBe(false);
  fc.assert(
    fc.property(fc.nat(1_000_000_000), fc.nat(0xffff), (length, key) => {
      const frame = Buffer.alloc(8);
      frame.writeInt32BE(length);
      frame.writeUInt16BE(key, 4);
      expect(isHttp2(frame)).toBe(false);
    }),
  );
});
