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
  decodeMetadataRecord,
  encodeMetadataRecord,
  ErrorCode,
  type Infer,
  type Message,
} from '@odradek/protocol';
import { ok, refuse, type Outcome } from '@odradek/base';

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

/** The bytes of a record as the value of a record of `__cluster_metadata`. */
export function encodeRecord({ type, version, value }: MetadataRecord): Buffer {
  const schema: Message = schemas[type];
  return encodeMetadataRecord(schema, version, value);
}

/**
 * @returns refused with UNSUPPORTED_VERSION for a type that has no place here or a version that is not known, with
 * INVALID_REQUEST for bytes that are no record
 */
export function decodeRecord(bytes: Buffer): Outcome<MetadataRecord> {
  const decoded = decodeMetadataRecord(bytes);
  if (!decoded.ok) return decoded;
  const { schema, version, value } = decoded.value;
  if (!isRecordType(schema.name))
    return refuse(ErrorCode.UNSUPPORTED_VERSION, `metadata record ${schema.name}, which has no place here`);
  // The value was decoded by the schema of this very name.
  return ok({ type: schema.name, version, value } as MetadataRecord);
}

function isRecordType(name: string): name is RecordType {
  return Object.hasOwn(schemas, name);
}

/** Order by code unit: the same on every machine, whatever its locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
