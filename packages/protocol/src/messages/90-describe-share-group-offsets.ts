/** DescribeShareGroupOffsets, key 90: start offsets of a share group (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeShareGroupOffsetsRequest = message({
  name: 'DescribeShareGroupOffsetsRequest',
  kind: 'request',
  id: 90,
  versions: '0-1',
  flexible: '0+',
  fields: {
    groups: f.array(
      {
        groupId: f.string('0+'),
        topics: f.array(
          {
            topicName: f.string('0+'),
            partitions: f.array('int32', '0+'),
          },
          '0+',
          { nullable: '0+' },
        ),
      },
      '0+',
    ),
  },
});
export type DescribeShareGroupOffsetsRequest = Infer<typeof DescribeShareGroupOffsetsRequest>;

export const DescribeShareGroupOffsetsResponse = message({
  name: 'DescribeShareGroupOffsetsResponse',
  kind: 'response',
  id: 90,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    groups: f.array(
      {
        groupId: f.string('0+'),
        topics: f.array(
          {
            topicName: f.string('0+'),
            topicId: f.uuid('0+'),
            partitions: f.array(
              {
                partitionIndex: f.int32('0+'),
                startOffset: f.int64('0+'),
                leaderEpoch: f.int32('0+'),
                lag: f.int64('1+', { default: -1, ignorable: true }),
                errorCode: f.int16('0+'),
                errorMessage: f.string('0+', { nullable: '0+', default: null }),
              },
              '0+',
            ),
          },
          '0+',
        ),
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
      },
      '0+',
    ),
  },
});
export type DescribeShareGroupOffsetsResponse = Infer<typeof DescribeShareGroupOffsetsResponse>;
