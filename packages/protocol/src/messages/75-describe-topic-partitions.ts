/** DescribeTopicPartitions, key 75: topics and partitions page by page, with eligible leader replicas (KIP-966). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeTopicPartitionsRequest = message({
  name: 'DescribeTopicPartitionsRequest',
  kind: 'request',
  id: 75,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: f.array(
      {
        name: f.string('0+'),
      },
      '0+',
    ),
    responsePartitionLimit: f.int32('0+', { default: 2000 }),
    cursor: f.struct(
      {
        topicName: f.string('0+'),
        partitionIndex: f.int32('0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
});
export type DescribeTopicPartitionsRequest = Infer<typeof DescribeTopicPartitionsRequest>;

export const DescribeTopicPartitionsResponse = message({
  name: 'DescribeTopicPartitionsResponse',
  kind: 'response',
  id: 75,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    topics: f.array(
      {
        errorCode: f.int16('0+'),
        name: f.string('0+', { nullable: '0+' }),
        topicId: f.uuid('0+'),
        isInternal: f.bool('0+'),
        partitions: f.array(
          {
            errorCode: f.int16('0+'),
            partitionIndex: f.int32('0+'),
            leaderId: f.int32('0+'),
            leaderEpoch: f.int32('0+', { default: -1 }),
            replicaNodes: f.array('int32', '0+'),
            isrNodes: f.array('int32', '0+'),
            eligibleLeaderReplicas: f.array('int32', '0+', { nullable: '0+', default: null }),
            lastKnownElr: f.array('int32', '0+', { nullable: '0+', default: null }),
            offlineReplicas: f.array('int32', '0+'),
          },
          '0+',
        ),
        topicAuthorizedOperations: f.int32('0+', { default: -2147483648 }),
      },
      '0+',
    ),
    nextCursor: f.struct(
      {
        topicName: f.string('0+'),
        partitionIndex: f.int32('0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
});
export type DescribeTopicPartitionsResponse = Infer<typeof DescribeTopicPartitionsResponse>;
