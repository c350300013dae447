/** AlterPartition, key 56: a leader proposes a new ISR (KIP-497, KIP-704). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterPartitionRequest = message({
  name: 'AlterPartitionRequest',
  kind: 'request',
  id: 56,
  versions: '2-3',
  flexible: '2+',
  fields: {
    brokerId: f.int32('2+'),
    brokerEpoch: f.int64('2+', { default: -1 }),
    topics: f.array(
      {
        topicId: f.uuid('2+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('2+'),
            leaderEpoch: f.int32('2+'),
            newIsr: f.array('int32', '2'),
            newIsrWithEpochs: f.array(
              {
                brokerId: f.int32('3+'),
                brokerEpoch: f.int64('3+', { default: -1 }),
              },
              '3+',
            ),
            leaderRecoveryState: f.int8('2+'),
            partitionEpoch: f.int32('2+'),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type AlterPartitionRequest = Infer<typeof AlterPartitionRequest>;

export const AlterPartitionResponse = message({
  name: 'AlterPartitionResponse',
  kind: 'response',
  id: 56,
  versions: '2-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('2+'),
    errorCode: f.int16('2+'),
    topics: f.array(
      {
        topicId: f.uuid('2+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('2+'),
            errorCode: f.int16('2+'),
            leaderId: f.int32('2+'),
            leaderEpoch: f.int32('2+'),
            isr: f.array('int32', '2+'),
            leaderRecoveryState: f.int8('2+'),
            partitionEpoch: f.int32('2+'),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type AlterPartitionResponse = Infer<typeof AlterPartitionResponse>;
