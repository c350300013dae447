/** EndQuorumEpoch, key 54: a leader of the quorum resigns (KIP-595). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const EndQuorumEpochRequest = message({
  name: 'EndQuorumEpochRequest',
  kind: 'request',
  id: 54,
  versions: '0-1',
  flexible: '1+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+', default: null }),
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            leaderId: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
            preferredSuccessors: f.array('int32', '0', { ignorable: true }),
            preferredCandidates: f.array(
              {
                candidateId: f.int32('1+'),
                candidateDirectoryId: f.uuid('1+'),
              },
              '1+',
              { ignorable: true },
            ),
          },
          '0+',
        ),
      },
      '0+',
    ),
    leaderEndpoints: f.array(
      {
        name: f.string('1+'),
        host: f.string('1+'),
        port: f.uint16('1+'),
      },
      '1+',
      { ignorable: true },
    ),
  },
});
export type EndQuorumEpochRequest = Infer<typeof EndQuorumEpochRequest>;

export const EndQuorumEpochResponse = message({
  name: 'EndQuorumEpochResponse',
  kind: 'response',
  id: 54,
  versions: '0-1',
  flexible: '1+',
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
export type EndQuorumEpochResponse = Infer<typeof EndQuorumEpochResponse>;
