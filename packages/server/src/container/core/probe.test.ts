import { ApiKey, encodeRequest, encodeResponse } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apiVersionsRequest, metadataRequest, readListenerKind, readMetadataAnswer } from './probe.ts';

/** An answer of v4 with so many brokers; of their bytes only the count is read. */
function answer(brokers: number): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.writeInt32BE(36, 0);
  bytes.writeInt32BE(7, 4);
  bytes.writeInt32BE(brokers, 12);
  return bytes;
}

test('probe: the length of the request is that of its frame', () => {
  const request = metadataRequest('odradek-health');
  expect(request.readInt32BE(0)).toBe(request.length - 4);
});

test('probe: an answer in pieces is waited for, whole it says how many brokers serve', () => {
  const whole = answer(3);
  for (let length = 0; length < whole.length; length += 1) {
    expect(readMetadataAnswer(whole.subarray(0, length))).toEqual({ kind: 'incomplete' });
  }
  expect(readMetadataAnswer(whole)).toEqual({ kind: 'healthy', brokers: 3 });
});

test('probe: no broker, another answer and another protocol are not health', () => {
  expect(readMetadataAnswer(answer(0)).kind).toBe('unhealthy');
  const other = answer(1);
  other.writeInt32BE(8, 4);
  expect(readMetadataAnswer(other).kind).toBe('unhealthy');
  expect(readMetadataAnswer(Buffer.from('HTTP/1.1 400 Bad Request\r\n')).kind).toBe('unhealthy');
});

test('probe: its bytes are those that the codecs write, and it reads those that they make of an answer', () => {
  const body = { topics: [], allowAutoTopicCreation: false };
  const written = encodeRequest(ApiKey.Metadata, 4, { correlationId: 7, clientId: 'odradek-health' }, body);
  expect(metadataRequest('odradek-health')).toEqual(Buffer.concat(written));
  const brokers = [1, 2].map((nodeId) => ({ nodeId, host: 'localhost', port: 9092, rack: null }));
  const parts = encodeResponse(ApiKey.Metadata, 4, 7, { brokers, clusterId: 'c', controllerId: 1, topics: [] });
  expect(readMetadataAnswer(Buffer.concat(parts))).toEqual({ kind: 'healthy', brokers: 2 });
});

function apiVersions(keys: readonly number[]): Buffer {
  const apiKeys = keys.map((apiKey) => ({ apiKey, minVersion: 0, maxVersion: 9 }));
  return Buffer.concat(encodeResponse(ApiKey.ApiVersions, 0, 7, { errorCode: 0, apiKeys }));
}

test('probe: a listener that knows Metadata is for clients, another is of controllers, another protocol is foreign', () => {
  const written = encodeRequest(ApiKey.ApiVersions, 0, { correlationId: 7, clientId: 'odradek-health' }, {});
  expect(apiVersionsRequest('odradek-health')).toEqual(Buffer.concat(written));
  expect(readListenerKind(apiVersions([18, 0, 3]))).toBe('broker');
  expect(readListenerKind(apiVersions([18, 55]))).toBe('controller');
  expect(readListenerKind(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toBe('foreign');
});

test('probe: whatever comes is read to an end or waited for, never beyond what is there', () => {
  const answers = [apiVersions([18, 0, 3]), answer(2)];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...answers), fc.nat(60), (noise, whole, at) => {
      const mixed = Buffer.concat([whole.subarray(0, at), Buffer.from(noise)]);
      expect([undefined, 'broker', 'controller', 'foreign']).toContain(readListenerKind(mixed));
      expect(['incomplete', 'healthy', 'unhealthy']).toContain(readMetadataAnswer(mixed).kind);
    }),
  );
});
