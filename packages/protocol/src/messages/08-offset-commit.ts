/** OffsetCommit, key 8: stores how far a group has read. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const OffsetCommitRequest = message({
  name: 'OffsetCommitRequest',
  kind: 'request',
  id: 8,
  versions: '2-10',
  flexible: '8+',
  fields: {
    groupId: f.string('2+'),
    generationIdOrMemberEpoch: f.int32('2+', { default: -1 }),
    memberId: f.string('2+'),
    groupInstanceId: f.string('7+', { nullable: '7+', default: null }),
    retentionTimeMs: f.int64('2-4', { default: -1, ignorable: true, clamped: true }),
    topics: f.array(
      {
        name: f.string('2-9', { ignorable: true }),
        topicId: f.uuid('10+', { ignorable: true }),
        partitions: f.array(
          {
            partitionIndex: f.int32('2+'),
            committedOffset: f.int64('2+'),
            committedLeaderEpoch: f.int32('6+', { default: -1, ignorable: true }),
            committedMetadata: f.string('2+', { nullable: '2+' }),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type OffsetCommitRequest = Infer<typeof OffsetCommitRequest>;

export const OffsetCommitResponse = message({
  name: 'OffsetCommitResponse',
  kind: 'response',
  id: 8,
  versions: '2-10',
  flexible: '8+',
  fields: {
    throttleTimeMs: f.int32('3+', { ignorable: true }),
    topics: f.array(
      {
        name: f.string('2-9', { ignorable: true }),
        topicId: f.uuid('10+', { ignorable: true }),
        partitions: f.array(
          {
            partitionIndex: f.int32('2+'),
            errorCode: f.int16('2+'),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type OffsetCommitResponse = Infer<typeof OffsetCommitResponse>;
