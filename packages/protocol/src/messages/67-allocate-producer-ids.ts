/** AllocateProducerIds, key 67: a block of producer ids for a broker (KIP-730). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AllocateProducerIdsRequest = message({
  name: 'AllocateProducerIdsRequest',
  kind: 'request',
  id: 67,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    brokerEpoch: f.int64('0+', { default: -1 }),
  },
});
export type AllocateProducerIdsRequest = Infer<typeof AllocateProducerIdsRequest>;

export const AllocateProducerIdsResponse = message({
  name: 'AllocateProducerIdsResponse',
  kind: 'response',
  id: 67,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    producerIdStart: f.int64('0+'),
    producerIdLen: f.int32('0+'),
  },
});
export type AllocateProducerIdsResponse = Infer<typeof AllocateProducerIdsResponse>;
