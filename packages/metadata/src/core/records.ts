/**
 * The records of the metadata log: Kafka's own schemas, framed as `__cluster_metadata` frames them (frame version,
 * record type, version, body). Records of ZooKeeper migration and of metadata transactions are not among them: this
 * controller never writes them.
 */
import {
  AccessControlEntryRecord,
  BrokerRegistrationChangeRecord,
  ClearElrRecord,
  ClientQuotaRecord,
  ConfigRecord,
  DelegationTokenRecord,
  FeatureLevelRecord,
  FenceBrokerRecord,
  NoOpRecord,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  RegisterControllerRecord,
  RemoveAccessControlEntryRecord,
  RemoveDelegationTokenRecord,
  RemoveTopicRecord,
  RemoveUserScramCredentialRecord,
  TopicRecord,
  UnfenceBrokerRecord,
  UnregisterBrokerRecord,
  UserScramCredentialRecord,
  decodeMessage,
  encodeMessage,
  ErrorCode,
  type Infer,
  type Message,
} from '@odradek/protocol';
import { assert, ok, refuse, type Outcome } from '@odradek/base';

const schemas = {
  RegisterBrokerRecord,
  UnregisterBrokerRecord,
  TopicRecord,
  PartitionRecord,
  ConfigRecord,
  PartitionChangeRecord,
  FenceBrokerRecord,
  UnfenceBrokerRecord,
  RemoveTopicRecord,
  DelegationTokenRecord,
  UserScramCredentialRecord,
  FeatureLevelRecord,
  ClientQuotaRecord,
  ProducerIdsRecord,
  BrokerRegistrationChangeRecord,
  AccessControlEntryRecord,
  RemoveAccessControlEntryRecord,
  NoOpRecord,
  RemoveUserScramCredentialRecord,
  RemoveDelegationTokenRecord,
  RegisterControllerRecord,
  ClearElrRecord,
} as const;

type Schemas = typeof schemas;
export type RecordType = keyof Schemas;
export type RecordOf<K extends RecordType> = {
  readonly type: K;
  readonly version: number;
  readonly value: Infer<Schemas[K]>;
};
export type MetadataRecord = { [K in RecordType]: RecordOf<K> }[RecordType];

/** A record in the version that this controller writes: the newest. */
export function record<K extends RecordType>(type: K, value: Infer<Schemas[K]>): RecordOf<K> {
  return { type, version: schemas[type].maxVersion, value };
}

const FRAME_VERSION = 1;
/** The frame is three unsigned varints, which up to here are one byte each. */
const VARINT_ONE_BYTE_MAX = 0x7f;

const typesById: ReadonlyMap<number, RecordType> = new Map(
  Object.values(schemas).map((schema) => [schema.id, schema.name as RecordType]),
);

/** The bytes of a record as the value of a record of `__cluster_metadata`. */
export function encodeRecord({ type, version, value }: MetadataRecord): Buffer {
  const schema: Message = schemas[type];
  assert(schema.id <= VARINT_ONE_BYTE_MAX && version <= VARINT_ONE_BYTE_MAX, 'a frame is three bytes', { type });
  const frame = Buffer.from([FRAME_VERSION, schema.id, version]);
  return Buffer.concat([frame, ...encodeMessage(schema, version, value)]);
}

/**
 * @returns refused with UNSUPPORTED_VERSION for a frame, type or version that is not known, INVALID_REQUEST for bytes
 * that are none
 */
export function decodeRecord(bytes: Buffer): Outcome<MetadataRecord> {
  const frame: number[] = [];
  let at = 0;
  while (frame.length < 3) {
    const varint = unsignedVarint(bytes, at);
    if (varint === undefined) return refuse(ErrorCode.INVALID_REQUEST, 'a metadata record ends within its frame');
    frame.push(varint.value);
    at = varint.endAt;
  }
  const [frameVersion, id = -1, version = -1] = frame;
  if (frameVersion !== FRAME_VERSION)
    return refuse(ErrorCode.UNSUPPORTED_VERSION, `metadata record with frame version ${frameVersion}; 1 is known`);
  const type = typesById.get(id);
  if (type === undefined)
    return refuse(ErrorCode.UNSUPPORTED_VERSION, `metadata record of type ${id}, which is not known here`);
  const decoded = decodeMessage<unknown>(schemas[type], version, bytes, at);
  return decoded.ok ? ok({ type, version, value: decoded.value } as MetadataRecord) : decoded;
}

function unsignedVarint(bytes: Buffer, from: number): { readonly value: number; readonly endAt: number } | undefined {
  let value = 0;
  for (let at = from; at < bytes.length && at < from + 5; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return { value, endAt: at + 1 };
  }
  return undefined;
}

/** Order by code unit: the same on every machine, whatever its locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
