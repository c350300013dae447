/** UnregisterBroker, key 64: takes a broker that is gone out of the cluster (KIP-631). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const UnregisterBrokerRequest = message({
  name: 'UnregisterBrokerRequest',
  kind: 'request',
  id: 64,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
  },
});
export type UnregisterBrokerRequest = Infer<typeof UnregisterBrokerRequest>;

export const UnregisterBrokerResponse = message({
  name: 'UnregisterBrokerResponse',
  kind: 'response',
  id: 64,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
  },
});
export type UnregisterBrokerResponse = Infer<typeof UnregisterBrokerResponse>;
