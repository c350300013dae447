/** InitProducerId, key 22: gives a producer its id and epoch (KIP-98, KIP-360). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const InitProducerIdRequest = message({
  name: 'InitProducerIdRequest',
  kind: 'request',
  id: 22,
  versions: '0-6',
  flexible: '2+',
  fields: {
    transactionalId: f.string('0+', { nullable: '0+' }),
    transactionTimeoutMs: f.int32('0+'),
    producerId: f.int64('3+', { default: -1 }),
    producerEpoch: f.int16('3+', { default: -1 }),
    enable2Pc: f.bool('6+'),
    keepPreparedTxn: f.bool('6+'),
  },
});
export type InitProducerIdRequest = Infer<typeof InitProducerIdRequest>;

export const InitProducerIdResponse = message({
  name: 'InitProducerIdResponse',
  kind: 'response',
  id: 22,
  versions: '0-6',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    producerId: f.int64('0+', { default: -1 }),
    producerEpoch: f.int16('0+'),
    ongoingTxnProducerId: f.int64('6+', { default: -1 }),
    ongoingTxnProducerEpoch: f.int16('6+', { default: -1 }),
  },
});
export type InitProducerIdResponse = Infer<typeof InitProducerIdResponse>;
