/** What stands before the body of every request and response, and whole frames of both. */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { apiByKey, requestHeaderVersion, responseHeaderVersion } from './apis.ts';
import type { Api, ApiKey, RequestInput, RequestOf, ResponseInput, ResponseOf } from './apis.ts';
import { decodePrefix, encodeParts } from './codec.ts';
import { ErrorCode } from './errors.ts';
import { RequestHeader, ResponseHeader } from './messages/records/headers.ts';

/**
 * - `known`: the body may be decoded.
 * - `unknownVersion`: the key is ours, the version is not. ApiVersions is answered all the same, others are closed.
 * - `unknownKey`: no such API; close.
 */
export type RequestKind = 'known' | 'unknownVersion' | 'unknownKey';

export type DecodedRequestHeader = {
  readonly kind: RequestKind;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** null when the client gave none, and when the header of an unknown version could not be read that far. */
  readonly clientId: string | null;
  readonly headerVersion: 1 | 2;
  /** Where the body begins in the frame; only meaningful when `kind` is `known`. */
  readonly bodyAt: number;
};

/** int16 key, int16 version, int32 correlation id: the same in every header version that there ever was. */
const FIXED_BYTES = 8;

/** Reads the header of a request frame (without its size).
 * @returns refused with INVALID_REQUEST when it is too short or garbled; unknown keys and versions are told by `kind`
 */
export function decodeRequestHeader(frame: Buffer): Outcome<DecodedRequestHeader> {
  if (frame.length < FIXED_BYTES) {
    return refuse(
      ErrorCode.INVALID_REQUEST,
      `a request of ${frame.length} bytes is shorter than a header (${FIXED_BYTES})`,
    );
  }
  const apiKey = frame.readInt16BE(0);
  const apiVersion = frame.readInt16BE(2);
  const correlationId = frame.readInt32BE(4);
  const row = apiByKey(apiKey);
  const kind = kindOf(row, apiVersion);
  const headerVersion = row === undefined ? 1 : requestHeaderVersion(row, apiVersion);
  const header = decodePrefix(RequestHeader, headerVersion, frame);
  if (header.ok) {
    const { clientId } = header.value.value;
    return ok({ kind, apiKey, apiVersion, correlationId, clientId, headerVersion, bodyAt: header.value.endAt });
  }
  if (kind === 'known') return header;
  // The header of a version from the future may look different from here on: what was read is enough for an answer.
  return ok({ kind, apiKey, apiVersion, correlationId, clientId: null, headerVersion, bodyAt: frame.length });
}

function kindOf(row: Api | undefined, version: number): RequestKind {
  if (row === undefined) return 'unknownKey';
  return version < row.min || version > row.max ? 'unknownVersion' : 'known';
}

/** A whole response frame, its 4-byte size included, as parts that lie back to back.
 * An ApiVersions request of an unknown version is answered with `apiVersion` 0 (KIP-511).
 * @throws EncodeError when the body holds what the version cannot carry
 */
export function encodeResponse<K extends ApiKey>(
  apiKey: K,
  version: number,
  correlationId: number,
  body: ResponseInput<K>,
): Buffer[] {
  const row = apiByKey(apiKey);
  const header = { schema: ResponseHeader, version: responseHeaderVersion(row, version), value: { correlationId } };
  return encodeParts([header, { schema: row.response, version, value: body }], true);
}

/** A whole request frame, its 4-byte size included: what a client sends. */
export function encodeRequest<K extends ApiKey>(
  apiKey: K,
  version: number,
  head: { readonly correlationId: number; readonly clientId: string | null },
  body: RequestInput<K>,
): Buffer[] {
  const row = apiByKey(apiKey);
  const header = {
    schema: RequestHeader,
    version: requestHeaderVersion(row, version),
    value: { requestApiKey: apiKey, requestApiVersion: version, ...head },
  };
  return encodeParts([header, { schema: row.request, version, value: body }], true);
}

/** The body of a request whose header was read. Typed by the key, which must be the header's own. */
export function decodeRequestBody<K extends ApiKey>(
  apiKey: K,
  frame: Buffer,
  header: DecodedRequestHeader,
): Outcome<RequestOf<K>> {
  assert(header.apiKey === apiKey, 'the header is of this API', { apiKey, header });
  const body = decodePrefix(apiByKey(apiKey).request, header.apiVersion, frame, { at: header.bodyAt });
  return body.ok ? ok(body.value.value as RequestOf<K>) : body;
}

/**
 * A response frame (without its size), as a client reads it: it knows key and version from the request of this
 * correlation id.
 */
export function decodeResponse<K extends ApiKey>(
  apiKey: K,
  version: number,
  frame: Buffer,
): Outcome<{ readonly correlationId: number; readonly body: ResponseOf<K> }> {
  const row = apiByKey(apiKey);
  const header = decodePrefix(ResponseHeader, responseHeaderVersion(row, version), frame);
  if (!header.ok) return header;
  const body = decodePrefix(row.response, version, frame, { at: header.value.endAt });
  if (!body.ok) return body;
  return ok({ correlationId: header.value.value.correlationId, body: body.value.value as ResponseOf<K> });
}
