/** Vote, key 52: a candidate asks for a vote (KIP-595, KIP-996). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const VoteRequest = message({
  name: 'VoteRequest',
  kind: 'request',
  id: 52,
  versions: '0-2',
  flexible: '0+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+', default: null }),
    voterId: f.int32('1+', { default: -1, ignorable: true }),
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            replicaEpoch: f.int32('0+'),
            replicaId: f.int32('0+'),
            replicaDirectoryId: f.uuid('1+', { ignorable: true }),
            voterDirectoryId: f.uuid('1+', { ignorable: true }),
            lastOffsetEpoch: f.int32('0+'),
            lastOffset: f.int64('0+'),
            preVote: f.bool('2+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type VoteRequest = Infer<typeof VoteRequest>;

export const VoteResponse = message({
  name: 'VoteResponse',
  kind: 'response',
  id: 52,
  versions: '0-2',
  flexible: '0+',
  fields: {
    errorCode: f.int16('0+'),
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            errorCode: f.int16('0+'),
            leaderId: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
            voteGranted: f.bool('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
    nodeEndpoints: f.array(
      {
        nodeId: f.int32('1+'),
        host: f.string('1+'),
        port: f.uint16('1+'),
      },
      '1+',
      { tag: 0, tagged: '1+' },
    ),
  },
});
export type VoteResponse = Infer<typeof VoteResponse>;
