/** AddPartitionsToTxn, key 24: enters partitions into a transaction (KIP-98, KIP-890). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

const addPartitionsToTxnTopic = {
  name: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

export const AddPartitionsToTxnRequest = message({
  name: 'AddPartitionsToTxnRequest',
  kind: 'request',
  id: 24,
  versions: '0-5',
  flexible: '3+',
  fields: {
    transactions: f.array(
      {
        transactionalId: f.string('4+'),
        producerId: f.int64('4+'),
        producerEpoch: f.int16('4+'),
        verifyOnly: f.bool('4+'),
        topics: f.array(addPartitionsToTxnTopic, '4+'),
      },
      '4+',
    ),
    v3AndBelowTransactionalId: f.string('0-3'),
    v3AndBelowProducerId: f.int64('0-3'),
    v3AndBelowProducerEpoch: f.int16('0-3'),
    v3AndBelowTopics: f.array(addPartitionsToTxnTopic, '0-3'),
  },
});
export type AddPartitionsToTxnRequest = Infer<typeof AddPartitionsToTxnRequest>;

const addPartitionsToTxnTopicResult = {
  name: f.string('0+'),
  resultsByPartition: f.array(
    {
      partitionIndex: f.int32('0+'),
      partitionErrorCode: f.int16('0+'),
    },
    '0+',
  ),
};

export const AddPartitionsToTxnResponse = message({
  name: 'AddPartitionsToTxnResponse',
  kind: 'response',
  id: 24,
  versions: '0-5',
  flexible: '3+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('4+', { ignorable: true }),
    resultsByTransaction: f.array(
      {
        transactionalId: f.string('4+'),
        topicResults: f.array(addPartitionsToTxnTopicResult, '4+'),
      },
      '4+',
    ),
    resultsByTopicV3AndBelow: f.array(addPartitionsToTxnTopicResult, '0-3'),
  },
});
export type AddPartitionsToTxnResponse = Infer<typeof AddPartitionsToTxnResponse>;
