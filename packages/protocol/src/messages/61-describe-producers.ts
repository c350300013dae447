/** DescribeProducers, key 61: active producers of partitions (KIP-664). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeProducersRequest = message({
  name: 'DescribeProducersRequest',
  kind: 'request',
  id: 61,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: f.array(
      {
        name: f.string('0+'),
        partitionIndexes: f.array('int32', '0+'),
      },
      '0+',
    ),
  },
});
export type DescribeProducersRequest = Infer<typeof DescribeProducersRequest>;

export const DescribeProducersResponse = message({
  name: 'DescribeProducersResponse',
  kind: 'response',
  id: 61,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            errorCode: f.int16('0+'),
            errorMessage: f.string('0+', { nullable: '0+', default: null }),
            activeProducers: f.array(
              {
                producerId: f.int64('0+'),
                producerEpoch: f.int32('0+'),
                lastSequence: f.int32('0+', { default: -1 }),
                lastTimestamp: f.int64('0+', { default: -1 }),
                coordinatorEpoch: f.int32('0+'),
                currentTxnStartOffset: f.int64('0+', { default: -1 }),
              },
              '0+',
            ),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DescribeProducersResponse = Infer<typeof DescribeProducersResponse>;
