/** OffsetFetch, key 9: how far a group has read. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const OffsetFetchRequest = message({
  name: 'OffsetFetchRequest',
  kind: 'request',
  id: 9,
  versions: '1-10',
  flexible: '6+',
  fields: {
    groupId: f.string('1-7'),
    topics: f.array(
      {
        name: f.string('1-7'),
        partitionIndexes: f.array('int32', '1-7'),
      },
      '1-7',
      { nullable: '2-7' },
    ),
    groups: f.array(
      {
        groupId: f.string('8+'),
        memberId: f.string('9+', { nullable: '9+', default: null, ignorable: true }),
        memberEpoch: f.int32('9+', { default: -1, ignorable: true }),
        topics: f.array(
          {
            name: f.string('8-9', { ignorable: true }),
            topicId: f.uuid('10+', { ignorable: true }),
            partitionIndexes: f.array('int32', '8+'),
          },
          '8+',
          { nullable: '8+' },
        ),
      },
      '8+',
    ),
    requireStable: f.bool('7+'),
  },
});
export type OffsetFetchRequest = Infer<typeof OffsetFetchRequest>;

export const OffsetFetchResponse = message({
  name: 'OffsetFetchResponse',
  kind: 'response',
  id: 9,
  versions: '1-10',
  flexible: '6+',
  fields: {
    throttleTimeMs: f.int32('3+', { ignorable: true }),
    topics: f.array(
      {
        name: f.string('1-7'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1-7'),
            committedOffset: f.int64('1-7'),
            committedLeaderEpoch: f.int32('5-7', { default: -1, ignorable: true }),
            metadata: f.string('1-7', { nullable: '1-7' }),
            errorCode: f.int16('1-7'),
          },
          '1-7',
        ),
      },
      '1-7',
    ),
    errorCode: f.int16('2-7', { ignorable: true }),
    groups: f.array(
      {
        groupId: f.string('8+'),
        topics: f.array(
          {
            name: f.string('8-9', { ignorable: true }),
            topicId: f.uuid('10+', { ignorable: true }),
            partitions: f.array(
              {
                partitionIndex: f.int32('8+'),
                committedOffset: f.int64('8+'),
                committedLeaderEpoch: f.int32('8+', { default: -1 }),
                metadata: f.string('8+', { nullable: '8+' }),
                errorCode: f.int16('8+'),
              },
              '8+',
            ),
          },
          '8+',
        ),
        errorCode: f.int16('8+'),
      },
      '8+',
    ),
  },
});
export type OffsetFetchResponse = Infer<typeof OffsetFetchResponse>;
