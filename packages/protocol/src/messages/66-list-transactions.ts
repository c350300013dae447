/** ListTransactions, key 66: transactions that a broker coordinates (KIP-664, KIP-994). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ListTransactionsRequest = message({
  name: 'ListTransactionsRequest',
  kind: 'request',
  id: 66,
  versions: '0-2',
  flexible: '0+',
  fields: {
    stateFilters: f.array('string', '0+'),
    producerIdFilters: f.array('int64', '0+'),
    durationFilter: f.int64('1+', { default: -1 }),
    transactionalIdPattern: f.string('2+', { nullable: '2+', default: null }),
  },
});
export type ListTransactionsRequest = Infer<typeof ListTransactionsRequest>;

export const ListTransactionsResponse = message({
  name: 'ListTransactionsResponse',
  kind: 'response',
  id: 66,
  versions: '0-2',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    unknownStateFilters: f.array('string', '0+'),
    transactionStates: f.array(
      {
        transactionalId: f.string('0+'),
        producerId: f.int64('0+'),
        transactionState: f.string('0+'),
      },
      '0+',
    ),
  },
});
export type ListTransactionsResponse = Infer<typeof ListTransactionsResponse>;
