/** EndTxn, key 26: commits or aborts a transaction (KIP-98, KIP-890). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const EndTxnRequest = message({
  name: 'EndTxnRequest',
  kind: 'request',
  id: 26,
  versions: '0-5',
  flexible: '3+',
  fields: {
    transactionalId: f.string('0+'),
    producerId: f.int64('0+'),
    producerEpoch: f.int16('0+'),
    committed: f.bool('0+'),
  },
});
export type EndTxnRequest = Infer<typeof EndTxnRequest>;

export const EndTxnResponse = message({
  name: 'EndTxnResponse',
  kind: 'response',
  id: 26,
  versions: '0-5',
  flexible: '3+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    producerId: f.int64('5+', { default: -1, ignorable: true }),
    producerEpoch: f.int16('5+', { default: -1, ignorable: true }),
  },
});
export type EndTxnResponse = Infer<typeof EndTxnResponse>;
