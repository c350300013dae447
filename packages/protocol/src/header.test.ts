import { expect, test } from 'vitest';
import { ApiKey, apis, requestHeaderVersion, responseHeaderVersion } from './apis.ts';
import { ErrorCode } from './errors.ts';
import { decodeRequestBody, decodeRequestHeader, decodeResponse, encodeRequest, encodeResponse } from './header.ts';

const bytes = (chunks: Buffer[]): Buffer => Buffer.concat(chunks);

test("requests: Kafka's own examples are met byte for byte, and read back", () => {
  const head = { correlationId: 7, clientId: 'me' };
  const v4 = bytes(encodeRequest(ApiKey.ApiVersions, 4, head, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }));
  expect(v4.toString('hex')).toBe('00000012001200040000000700026d65000278023100');
  const v0 = bytes(encodeRequest(ApiKey.ApiVersions, 0, head, {}));
  expect(v0.toString('hex')).toBe('0000000c001200000000000700026d65');

  const frame = v4.subarray(4);
  const header = decodeRequestHeader(frame);
  if (!header.ok) throw new Error(header.why);
  expect(header.value).toEqual({
    kind: 'known',
    apiKey: 18,
    apiVersion: 4,
    correlationId: 7,
    clientId: 'me',
    headerVersion: 2,
    bodyAt: 13,
  });
  const body = decodeRequestBody(ApiKey.ApiVersions, frame, header.value);
  expect(body).toMatchObject({ ok: true, value: { clientSoftwareName: 'x', clientSoftwareVersion: '1' } });
});

test("responses: Kafka's answer to an ApiVersions of the future is met byte for byte", () => {
  const answer = encodeResponse(ApiKey.ApiVersions, 0, 7, { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: [] });
  expect(bytes(answer).toString('hex')).toBe('0000000a00000007002300000000');
});

test('responses: every API in its oldest and newest version is framed and read back', () => {
  for (const api of apis) {
    for (const version of [api.min, api.max]) {
      const fields = Object.entries(api.response.fields).map(([name, field]) => [
        name,
        field.type === 'array' ? [] : undefined,
      ]);
      const chunks = encodeResponse(api.key, version, 5, Object.fromEntries(fields) as never);
      const whole = bytes(chunks);
      expect(whole.readInt32BE(0)).toBe(whole.length - 4);
      const read = decodeResponse(api.key, version, whole.subarray(4));
      expect(read.ok ? read.value.correlationId : read.why).toBe(5);
    }
  }
});

test('responses: large records stay by reference, and the size counts them', () => {
  const records = Buffer.alloc(10_000, 3);
  const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, abortedTransactions: null, records }];
  const chunks = encodeResponse(ApiKey.Fetch, 18, 1, { throttleTimeMs: 0, sessionId: 0, responses: [{ partitions }] });
  expect(chunks).toContain(records);
  expect(bytes(chunks).readInt32BE(0)).toBe(bytes(chunks).length - 4);
});

test('requests: a version of the future still gives its correlation id, whatever follows', () => {
  const frame = Buffer.from('0012 7fff 0000002a ffff'.replaceAll(' ', ''), 'hex');
  const known = { kind: 'unknownVersion', apiKey: 18, apiVersion: 32_767, correlationId: 42, clientId: null };
  expect(decodeRequestHeader(frame)).toMatchObject({ ok: true, value: known });
  const garbled = Buffer.concat([frame.subarray(0, 8), Buffer.from('7f')]);
  expect(decodeRequestHeader(garbled)).toMatchObject({ ok: true, value: known });
});

test.for([
  ['an unknown key', '03e7', '0000', 'unknownKey'],
  ['a key that is gone', '0004', '0000', 'unknownKey'],
  ['a negative key', 'ffff', '0000', 'unknownKey'],
  ['a version below the oldest', '0000', '0002', 'unknownVersion'],
  ['a negative version', '0003', 'ffff', 'unknownVersion'],
] as const)('requests: %s is told from the others', ([, key, version, kind]) => {
  const frame = Buffer.from(`${key}${version}0000000100026d65`, 'hex');
  expect(decodeRequestHeader(frame)).toMatchObject({ ok: true, value: { kind, correlationId: 1, clientId: 'me' } });
});

test.for([
  ['empty', ''],
  ['seven bytes', '00120000000000'],
  ['no client id', '0012000000000007'],
  ['a client id that goes on after the end', '001200000000000700056d65'],
] as const)('requests: a header that is %s is refused', ([, text]) => {
  const outcome = decodeRequestHeader(Buffer.from(text, 'hex'));
  expect(outcome).toMatchObject({ ok: false, code: ErrorCode.INVALID_REQUEST });
});

test('headers: flexible versions have headers 2 and 1, but ApiVersions is always answered with 0', () => {
  for (const api of apis) {
    for (let version = api.min; version <= api.max; version += 1) {
      const flexible = api.flexibleFrom !== undefined && version >= api.flexibleFrom;
      expect(requestHeaderVersion(api, version)).toBe(flexible ? 2 : 1);
      expect(responseHeaderVersion(api, version)).toBe(flexible && api.key !== ApiKey.ApiVersions ? 1 : 0);
    }
  }
});
