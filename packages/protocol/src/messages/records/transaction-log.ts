/** State of transactions (`__transaction_state`, KIP-98, KIP-890). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const TransactionLogKey = message({
  name: 'TransactionLogKey',
  kind: 'key',
  id: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    transactionalId: f.string('0+'),
  },
});
export type TransactionLogKey = Infer<typeof TransactionLogKey>;

export const TransactionLogValue = message({
  name: 'TransactionLogValue',
  kind: 'value',
  id: 0,
  versions: '0-1',
  flexible: '1+',
  fields: {
    producerId: f.int64('0+'),
    previousProducerId: f.int64('1+', { default: -1, tag: 0, tagged: '1+' }),
    nextProducerId: f.int64('1+', { default: -1, tag: 1, tagged: '1+' }),
    producerEpoch: f.int16('0+'),
    nextProducerEpoch: f.int16('1+', { default: -1, tag: 3, tagged: '1+' }),
    transactionTimeoutMs: f.int32('0+'),
    transactionStatus: f.int8('0+'),
    transactionPartitions: f.array(
      {
        topic: f.string('0+'),
        partitionIds: f.array('int32', '0+'),
      },
      '0+',
      { nullable: '0+' },
    ),
    transactionLastUpdateTimestampMs: f.int64('0+'),
    transactionStartTimestampMs: f.int64('0+'),
    clientTransactionVersion: f.int16('1+', { tag: 2, tagged: '1+' }),
  },
});
export type TransactionLogValue = Infer<typeof TransactionLogValue>;
