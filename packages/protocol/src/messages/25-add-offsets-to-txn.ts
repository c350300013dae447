/** AddOffsetsToTxn, key 25: enters a group's offsets into a transaction (KIP-98). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AddOffsetsToTxnRequest = message({
  name: 'AddOffsetsToTxnRequest',
  kind: 'request',
  id: 25,
  versions: '0-4',
  flexible: '3+',
  fields: {
    transactionalId: f.string('0+'),
    producerId: f.int64('0+'),
    producerEpoch: f.int16('0+'),
    groupId: f.string('0+'),
  },
});
export type AddOffsetsToTxnRequest = Infer<typeof AddOffsetsToTxnRequest>;

export const AddOffsetsToTxnResponse = message({
  name: 'AddOffsetsToTxnResponse',
  kind: 'response',
  id: 25,
  versions: '0-4',
  flexible: '3+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
  },
});
export type AddOffsetsToTxnResponse = Infer<typeof AddOffsetsToTxnResponse>;
