/** DescribeQuorum, key 55: leader, voters and observers of the metadata quorum (KIP-595, KIP-836). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeQuorumRequest = message({
  name: 'DescribeQuorumRequest',
  kind: 'request',
  id: 55,
  versions: '0-2',
  flexible: '0+',
  fields: {
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DescribeQuorumRequest = Infer<typeof DescribeQuorumRequest>;

const replicaState = {
  replicaId: f.int32('0+'),
  replicaDirectoryId: f.uuid('2+'),
  logEndOffset: f.int64('0+'),
  lastFetchTimestamp: f.int64('1+', { default: -1, ignorable: true }),
  lastCaughtUpTimestamp: f.int64('1+', { default: -1, ignorable: true }),
};

export const DescribeQuorumResponse = message({
  name: 'DescribeQuorumResponse',
  kind: 'response',
  id: 55,
  versions: '0-2',
  flexible: '0+',
  fields: {
    errorCode: f.int16('0+'),
    errorMessage: f.string('2+', { nullable: '2+', ignorable: true }),
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            errorCode: f.int16('0+'),
            errorMessage: f.string('2+', { nullable: '2+', ignorable: true }),
            leaderId: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
            highWatermark: f.int64('0+'),
            currentVoters: f.array(replicaState, '0+'),
            observers: f.array(replicaState, '0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
    nodes: f.array(
      {
        nodeId: f.int32('2+'),
        listeners: f.array(
          {
            name: f.string('2+'),
            host: f.string('2+'),
            port: f.uint16('2+'),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type DescribeQuorumResponse = Infer<typeof DescribeQuorumResponse>;
