/**
 * Admin requests and their answers between nodes: Kafka's own encodings, so that there is no second schema to keep. Each travels in the
 * newest version that carries it whole: some versions lack a field that an older client's request has (UpdateFeatures v0), and a request
 * forwarded without it would be another request.
 */
import { assert, ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import {
  ApiKey,
  EncodeError,
  ErrorCode,
  apiByKey,
  decodeMessage,
  encodeMessage,
  withShortMessages,
} from '@odradek/protocol';
import type { Message } from '@odradek/protocol';
import type { AdminKind, AdminReply, AdminRequest } from '../admin.ts';

/** A body in Kafka's encoding, without a header. */
export type CarriedBody = { readonly apiKey: number; readonly apiVersion: number; readonly body: Buffer };

const keyOf: Readonly<Record<AdminKind, ApiKey>> = {
  createTopics: ApiKey.CreateTopics,
  deleteTopics: ApiKey.DeleteTopics,
  createPartitions: ApiKey.CreatePartitions,
  alterConfigs: ApiKey.AlterConfigs,
  incrementalAlterConfigs: ApiKey.IncrementalAlterConfigs,
  updateFeatures: ApiKey.UpdateFeatures,
  allocateProducerIds: ApiKey.AllocateProducerIds,
  alterPartition: ApiKey.AlterPartition,
  assignReplicasToDirs: ApiKey.AssignReplicasToDirs,
  alterPartitionReassignments: ApiKey.AlterPartitionReassignments,
  listPartitionReassignments: ApiKey.ListPartitionReassignments,
  electLeaders: ApiKey.ElectLeaders,
  unregisterBroker: ApiKey.UnregisterBroker,
  registerController: ApiKey.ControllerRegistration,
  describeQuorum: ApiKey.DescribeQuorum,
  addRaftVoter: ApiKey.AddRaftVoter,
  removeRaftVoter: ApiKey.RemoveRaftVoter,
  updateRaftVoter: ApiKey.UpdateRaftVoter,
};
const kindOf: ReadonlyMap<number, AdminKind> = new Map(
  Object.entries(keyOf).map(([kind, key]) => [key, kind as AdminKind]),
);

/** The API of Kafka that a kind is. */
export function adminApiKey(kind: AdminKind): ApiKey {
  return keyOf[kind];
}

export function encodeAdminRequest({ kind, request }: AdminRequest): CarriedBody {
  return encodeWhole(keyOf[kind], 'request', request);
}

/** @returns refused with UNSUPPORTED_VERSION when a newer node asks what this one does not know, INVALID_REQUEST when the body is none */
export function decodeAdminRequest({ apiKey, apiVersion, body }: CarriedBody): Outcome<AdminRequest> {
  const kind = kindOf.get(apiKey);
  if (kind === undefined) {
    const why = `API key ${apiKey} is no request that this controller answers: upgrade the controllers before the brokers.`;
    return refuse(ErrorCode.UNSUPPORTED_VERSION, why);
  }
  const decoded = decodeMessage(apiByKey(keyOf[kind]).request, apiVersion, body);
  return decoded.ok ? ok({ kind, request: decoded.value } as AdminRequest) : decoded;
}

export function encodeAdminReply<R extends AdminRequest>(kind: R['kind'], reply: AdminReply<R>): CarriedBody {
  const whole = carried(keyOf[kind], 'response', reply);
  // Its sentences quote what the client sent, which may be as long as a string can be.
  return whole ?? encodeWhole(keyOf[kind], 'response', withShortMessages(reply));
}

/** @param kind of the request that is answered */
export function decodeAdminReply<R extends AdminRequest>(
  kind: R['kind'],
  { apiKey, apiVersion, body }: CarriedBody,
): Outcome<AdminReply<R>> {
  if (apiKey !== keyOf[kind])
    return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, `API key ${apiKey} answers ${kind}, whose key is ${keyOf[kind]}.`);
  const decoded = decodeMessage(apiByKey(keyOf[kind]).response, apiVersion, body);
  return decoded.ok ? ok(decoded.value as AdminReply<R>) : decoded;
}

function encodeWhole(apiKey: ApiKey, side: 'request' | 'response', value: unknown): CarriedBody {
  const body = carried(apiKey, side, value);
  assert(body !== undefined, 'some version carries what was decoded from one', { api: apiByKey(apiKey).name, side });
  return body;
}

/** @returns undefined when no version carries all of it */
function carried(apiKey: ApiKey, side: 'request' | 'response', value: unknown): CarriedBody | undefined {
  const api = apiByKey(apiKey);
  const schema = api[side];
  for (let version = api.max; version >= api.min; version -= 1) {
    const body = tryEncode(schema, version, value);
    if (body === undefined) continue;
    const back = decodeMessage(schema, version, body);
    if (back.ok && isSame(back.value, value)) return { apiKey, apiVersion: version, body };
  }
  return undefined;
}

function tryEncode(schema: Message, version: number, value: unknown): Buffer | undefined {
  try {
    const parts = encodeMessage(schema, version, value);
    const [first] = parts;
    return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  } catch (cause) {
    if (cause instanceof EncodeError) return undefined;
    throw cause;
  }
}

/** Whether two decoded messages say the same. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return Number.isNaN(a) && Number.isNaN(b);
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((each, index) => isSame(each, b[index]));
  }
  const values = b as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(a)) if (!isSame(value, values[name])) return false;
  return true;
}
