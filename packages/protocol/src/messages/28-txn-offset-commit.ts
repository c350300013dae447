/** TxnOffsetCommit, key 28: stores a group's offsets within a transaction. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const TxnOffsetCommitRequest = message({
  name: 'TxnOffsetCommitRequest',
  kind: 'request',
  id: 28,
  versions: '0-5',
  flexible: '3+',
  fields: {
    transactionalId: f.string('0+'),
    groupId: f.string('0+'),
    producerId: f.int64('0+'),
    producerEpoch: f.int16('0+'),
    generationId: f.int32('3+', { default: -1 }),
    memberId: f.string('3+'),
    groupInstanceId: f.string('3+', { nullable: '3+', default: null }),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            committedOffset: f.int64('0+'),
            committedLeaderEpoch: f.int32('2+', { default: -1, ignorable: true }),
            committedMetadata: f.string('0+', { nullable: '0+' }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type TxnOffsetCommitRequest = Infer<typeof TxnOffsetCommitRequest>;

export const TxnOffsetCommitResponse = message({
  name: 'TxnOffsetCommitResponse',
  kind: 'response',
  id: 28,
  versions: '0-5',
  flexible: '3+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            errorCode: f.int16('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type TxnOffsetCommitResponse = Infer<typeof TxnOffsetCommitResponse>;
