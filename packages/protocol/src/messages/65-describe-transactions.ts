/** DescribeTransactions, key 65: state of transactions (KIP-664). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeTransactionsRequest = message({
  name: 'DescribeTransactionsRequest',
  kind: 'request',
  id: 65,
  versions: '0',
  flexible: '0+',
  fields: {
    transactionalIds: f.array('string', '0+'),
  },
});
export type DescribeTransactionsRequest = Infer<typeof DescribeTransactionsRequest>;

export const DescribeTransactionsResponse = message({
  name: 'DescribeTransactionsResponse',
  kind: 'response',
  id: 65,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    transactionStates: f.array(
      {
        errorCode: f.int16('0+'),
        transactionalId: f.string('0+'),
        transactionState: f.string('0+'),
        transactionTimeoutMs: f.int32('0+'),
        transactionStartTimeMs: f.int64('0+'),
        producerId: f.int64('0+'),
        producerEpoch: f.int16('0+'),
        topics: f.array(
          {
            topic: f.string('0+'),
            partitions: f.array('int32', '0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DescribeTransactionsResponse = Infer<typeof DescribeTransactionsResponse>;
