/** Metadata records about nodes, features and transactions of the metadata log (`__cluster_metadata`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const RegisterBrokerRecord = message({
  name: 'RegisterBrokerRecord',
  kind: 'record',
  id: 0,
  versions: '0-4',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    isMigratingZkBroker: f.bool('2+'),
    incarnationId: f.uuid('0+'),
    brokerEpoch: f.int64('0+'),
    endPoints: f.array(
      {
        name: f.string('0+'),
        host: f.string('0+'),
        port: f.uint16('0+'),
        securityProtocol: f.int16('0+'),
        // Not Kafka's: a listener that names no host. Readers that do not know the tag leave it out.
        auto: f.struct(
          {
            machine: f.string('0+'),
            networks: f.array('string', '0+'),
            outside: f.struct({ host: f.string('0+', { nullable: '0+' }), port: f.uint16('0+') }, '0+'),
          },
          '0+',
          { nullable: '0+', default: null, tag: 10_000, tagged: '0+' },
        ),
      },
      '0+',
    ),
    features: f.array(
      {
        name: f.string('0+'),
        minSupportedVersion: f.int16('0+'),
        maxSupportedVersion: f.int16('0+'),
      },
      '0+',
    ),
    rack: f.string('0+', { nullable: '0+' }),
    fenced: f.bool('0+', { default: true }),
    inControlledShutdown: f.bool('1+'),
    logDirs: f.array('uuid', '3+', { tag: 0, tagged: '3+' }),
    cordonedLogDirs: f.array('uuid', '4+', { nullable: '4+', default: null, tag: 1, tagged: '4+' }),
  },
});
export type RegisterBrokerRecord = Infer<typeof RegisterBrokerRecord>;

export const UnregisterBrokerRecord = message({
  name: 'UnregisterBrokerRecord',
  kind: 'record',
  id: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    brokerEpoch: f.int64('0+'),
  },
});
export type UnregisterBrokerRecord = Infer<typeof UnregisterBrokerRecord>;

export const FenceBrokerRecord = message({
  name: 'FenceBrokerRecord',
  kind: 'record',
  id: 7,
  versions: '0',
  flexible: '0+',
  fields: {
    id: f.int32('0+'),
    epoch: f.int64('0+'),
  },
});
export type FenceBrokerRecord = Infer<typeof FenceBrokerRecord>;

export const UnfenceBrokerRecord = message({
  name: 'UnfenceBrokerRecord',
  kind: 'record',
  id: 8,
  versions: '0',
  flexible: '0+',
  fields: {
    id: f.int32('0+'),
    epoch: f.int64('0+'),
  },
});
export type UnfenceBrokerRecord = Infer<typeof UnfenceBrokerRecord>;

export const BrokerRegistrationChangeRecord = message({
  name: 'BrokerRegistrationChangeRecord',
  kind: 'record',
  id: 17,
  versions: '0-3',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    brokerEpoch: f.int64('0+'),
    fenced: f.int8('0+', { tag: 0, tagged: '0+' }),
    inControlledShutdown: f.int8('1+', { tag: 1, tagged: '1+' }),
    logDirs: f.array('uuid', '2+', { tag: 2, tagged: '2+' }),
    cordonedLogDirs: f.array('uuid', '3+', { nullable: '3+', default: null, tag: 3, tagged: '3+' }),
  },
});
export type BrokerRegistrationChangeRecord = Infer<typeof BrokerRegistrationChangeRecord>;

export const RegisterControllerRecord = message({
  name: 'RegisterControllerRecord',
  kind: 'record',
  id: 27,
  versions: '0',
  flexible: '0+',
  fields: {
    controllerId: f.int32('0+'),
    incarnationId: f.uuid('0+'),
    zkMigrationReady: f.bool('0+'),
    endPoints: f.array(
      {
        name: f.string('0+'),
        host: f.string('0+'),
        port: f.uint16('0+'),
        securityProtocol: f.int16('0+'),
      },
      '0+',
    ),
    features: f.array(
      {
        name: f.string('0+'),
        minSupportedVersion: f.int16('0+'),
        maxSupportedVersion: f.int16('0+'),
      },
      '0+',
    ),
  },
});
export type RegisterControllerRecord = Infer<typeof RegisterControllerRecord>;

export const FeatureLevelRecord = message({
  name: 'FeatureLevelRecord',
  kind: 'record',
  id: 12,
  versions: '0',
  flexible: '0+',
  fields: {
    name: f.string('0+'),
    featureLevel: f.int16('0+'),
  },
});
export type FeatureLevelRecord = Infer<typeof FeatureLevelRecord>;

export const ProducerIdsRecord = message({
  name: 'ProducerIdsRecord',
  kind: 'record',
  id: 15,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    brokerEpoch: f.int64('0+', { default: -1 }),
    nextProducerId: f.int64('0+'),
  },
});
export type ProducerIdsRecord = Infer<typeof ProducerIdsRecord>;

export const NoOpRecord = message({
  name: 'NoOpRecord',
  kind: 'record',
  id: 20,
  versions: '0',
  flexible: '0+',
  fields: {},
});
export type NoOpRecord = Infer<typeof NoOpRecord>;

export const ZkMigrationStateRecord = message({
  name: 'ZkMigrationStateRecord',
  kind: 'record',
  id: 21,
  versions: '0',
  flexible: '0+',
  fields: {
    zkMigrationState: f.int8('0+'),
  },
});
export type ZkMigrationStateRecord = Infer<typeof ZkMigrationStateRecord>;

export const BeginTransactionRecord = message({
  name: 'BeginTransactionRecord',
  kind: 'record',
  id: 23,
  versions: '0',
  flexible: '0+',
  fields: {
    name: f.string('0+', { nullable: '0+', default: null, tag: 0, tagged: '0+' }),
  },
});
export type BeginTransactionRecord = Infer<typeof BeginTransactionRecord>;

export const EndTransactionRecord = message({
  name: 'EndTransactionRecord',
  kind: 'record',
  id: 24,
  versions: '0',
  flexible: '0+',
  fields: {},
});
export type EndTransactionRecord = Infer<typeof EndTransactionRecord>;

export const AbortTransactionRecord = message({
  name: 'AbortTransactionRecord',
  kind: 'record',
  id: 25,
  versions: '0',
  flexible: '0+',
  fields: {
    reason: f.string('0+', { nullable: '0+', default: null, tag: 0, tagged: '0+' }),
  },
});
export type AbortTransactionRecord = Infer<typeof AbortTransactionRecord>;
