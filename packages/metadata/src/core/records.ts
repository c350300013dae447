/**
 * The records of the metadata log: Kafka's own schemas, framed as `__cluster_metadata` frames them (frame version, record type, version,
 * body). Records of ZooKeeper migration and of metadata transactions are not among them: this controller never writes them.
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
  type Infer,
} from '@odradek/protocol';

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

/** Order by code unit: the same on every machine, whatever its locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
