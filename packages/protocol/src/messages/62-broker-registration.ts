/** BrokerRegistration, key 62: a broker enters the cluster (KIP-631). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const BrokerRegistrationRequest = message({
  name: 'BrokerRegistrationRequest',
  kind: 'request',
  id: 62,
  versions: '0-4',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    clusterId: f.string('0+'),
    incarnationId: f.uuid('0+'),
    listeners: f.array(
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
    rack: f.string('0+', { nullable: '0+' }),
    isMigratingZkBroker: f.bool('1+'),
    logDirs: f.array('uuid', '2+', { ignorable: true }),
    previousBrokerEpoch: f.int64('3+', { default: -1, ignorable: true }),
  },
});
export type BrokerRegistrationRequest = Infer<typeof BrokerRegistrationRequest>;

export const BrokerRegistrationResponse = message({
  name: 'BrokerRegistrationResponse',
  kind: 'response',
  id: 62,
  versions: '0-4',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    brokerEpoch: f.int64('0+', { default: -1 }),
  },
});
export type BrokerRegistrationResponse = Infer<typeof BrokerRegistrationResponse>;
