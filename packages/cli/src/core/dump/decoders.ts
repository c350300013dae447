/** What the records of a log say: texts, or those of the cluster's own topics as JSON, as kafka-dump-log shows them. */
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  CONSUMER_PROTOCOL_TYPE,
  coordinatorSchemas,
  decodeCoordinatorRecord,
  decodeMetadataRecord,
  decodeVersioned,
  type CoordinatorLog,
  type DecodedRecord,
  type Message,
} from '@odradek/protocol';
import { jsonText, messageJson, type Json } from './json.ts';

/** @property payload undefined: nothing is shown of it */
export type Contents = { readonly key: string | undefined; readonly payload: string | undefined };
export type Decoder = (record: DecodedRecord) => Contents;

export const textDecoder: Decoder = ({ key, value }) => ({
  key: key?.toString('utf8'),
  payload: value?.toString('utf8'),
});

/** Records of `__consumer_offsets`, `__transaction_state` and `__share_group_state`. */
export function coordinatorDecoder(log: CoordinatorLog): Decoder {
  return ({ offset, key, value }) => {
    if (key === null) return failed(offset, 'the record has no key');
    const decoded = decodeCoordinatorRecord(log, key, value);
    if (!decoded.ok) return failed(offset, decoded.why);
    const type = key.length < 2 ? -1 : key.readInt16BE(0);
    if (decoded.value === undefined) {
      return { key: `Unknown record type ${type} at offset ${offset}, skipping.`, payload: undefined };
    }
    const { name, key: keyValue, value: body, version } = decoded.value;
    const schemas = coordinatorSchemas(name);
    const shownKey = jsonText({ type: String(type), data: messageJson(schemas.key, 0, keyValue) });
    if (body === null) return { key: shownKey, payload: '<DELETE>' };
    const data = messageJson(schemas.value, version, body);
    const readable = name === 'GroupMetadata' ? withReadableMembers(data, body) : data;
    return { key: shownKey, payload: jsonText({ version: String(version), data: readable }) };
  };
}

function failed(offset: number, why: string): Contents {
  return { key: `Error at offset ${offset}, skipping. ${why}`, payload: undefined };
}

type MemberBytes = { readonly subscription: Buffer; readonly assignment: Buffer };

/** Of groups of consumers, what members read and what they were given is in bytes that are known. */
function withReadableMembers(
  data: Json,
  { protocolType, members }: { readonly protocolType: string; readonly members: readonly MemberBytes[] },
): Json {
  if (protocolType !== CONSUMER_PROTOCOL_TYPE || !isObject(data) || !Array.isArray(data['members'])) return data;
  const shown = data['members'].map((member: Json, at: number): Json => {
    const bytes = members[at];
    if (bytes === undefined || !isObject(member)) return member;
    return {
      ...member,
      subscription: versionedJson(ConsumerProtocolSubscription, bytes.subscription) ?? member['subscription'] ?? null,
      assignment: versionedJson(ConsumerProtocolAssignment, bytes.assignment) ?? member['assignment'] ?? null,
    };
  });
  return { ...data, members: shown };
}

function versionedJson(schema: Message, bytes: Buffer): Json | undefined {
  const decoded = decodeVersioned(schema, bytes);
  return decoded.ok ? messageJson(schema, decoded.value.version, decoded.value.value) : undefined;
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Records of the metadata log and its snapshots. They have no keys. */
export const metadataDecoder: Decoder = ({ offset, value }) => {
  const decoded = value === null ? undefined : decodeMetadataRecord(value);
  if (decoded?.ok !== true) {
    return { key: undefined, payload: `Error at ${offset}, skipping. ${decoded?.why ?? 'the record has no value'}` };
  }
  const { schema, version, value: body } = decoded.value;
  const data = messageJson(schema, version, body);
  return { key: undefined, payload: jsonText({ type: constantCase(schema.name), version, data }) };
};

/** `NoOpRecord` as `NO_OP_RECORD`. */
function constantCase(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
