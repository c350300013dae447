/** BeginQuorumEpoch, key 53: a new leader of the quorum tells it (KIP-595). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const BeginQuorumEpochRequest = message({
  name: 'BeginQuorumEpochRequest',
  kind: 'request',
  id: 53,
  versions: '0-1',
  flexible: '1+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+', default: null }),
    voterId: f.int32('1+', { default: -1, ignorable: true }),
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            voterDirectoryId: f.uuid('1+', { ignorable: true }),
            leaderId: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
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
export type BeginQuorumEpochRequest = Infer<typeof BeginQuorumEpochRequest>;

export const BeginQuorumEpochResponse = message({
  name: 'BeginQuorumEpochResponse',
  kind: 'response',
  id: 53,
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
export type BeginQuorumEpochResponse = Infer<typeof BeginQuorumEpochResponse>;
