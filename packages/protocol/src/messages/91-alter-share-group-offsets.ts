/** AlterShareGroupOffsets, key 91: sets start offsets of a share group (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterShareGroupOffsetsRequest = message({
  name: 'AlterShareGroupOffsetsRequest',
  kind: 'request',
  id: 91,
  versions: '0',
  flexible: '0+',
  fields: {
    groupId: f.string('0+'),
    topics: f.array(
      {
        topicName: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            startOffset: f.int64('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type AlterShareGroupOffsetsRequest = Infer<typeof AlterShareGroupOffsetsRequest>;

export const AlterShareGroupOffsetsResponse = message({
  name: 'AlterShareGroupOffsetsResponse',
  kind: 'response',
  id: 91,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+', default: null }),
    responses: f.array(
      {
        topicName: f.string('0+'),
        topicId: f.uuid('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            errorCode: f.int16('0+'),
            errorMessage: f.string('0+', { nullable: '0+', default: null }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type AlterShareGroupOffsetsResponse = Infer<typeof AlterShareGroupOffsetsResponse>;
