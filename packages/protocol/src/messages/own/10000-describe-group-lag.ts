/**
 * DescribeGroupLag, key 10000 (Odradek's own): how far groups are behind, measured by their coordinator in one step, so that no number
 * is older than another. Sent to the coordinator of the groups. -1 stands for what is not known; `note` says why.
 */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const DescribeGroupLagRequest = message({
  name: 'DescribeGroupLagRequest',
  kind: 'request',
  id: 10000,
  versions: '0',
  flexible: '0+',
  fields: {
    groupIds: f.array('string', '0+'),
  },
});
export type DescribeGroupLagRequest = Infer<typeof DescribeGroupLagRequest>;

export const DescribeGroupLagResponse = message({
  name: 'DescribeGroupLagResponse',
  kind: 'response',
  id: 10000,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+', { default: 0 }),
    groups: f.array(
      {
        /** GROUP_ID_NOT_FOUND, GROUP_AUTHORIZATION_FAILED, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE. */
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
        groupId: f.string('0+'),
        groupState: f.string('0+'),
        /** As in ListGroups: `classic`, `consumer`. */
        groupType: f.string('0+'),
        /** When it was measured: wall clock of the coordinator, milliseconds; -1 with an error. */
        measuredAtMs: f.int64('0+'),
        /** Over all partitions whose lag is known; lagMsMax is the largest. */
        lagRecordsSum: f.int64('0+'),
        lagMsMax: f.int64('0+'),
        /** Partitions whose lag is not known. */
        unknownCount: f.int32('0+'),
        topics: f.array(
          {
            topicName: f.string('0+'),
            /** The zero uuid when the topic is gone. */
            topicId: f.uuid('0+'),
            partitions: f.array(
              {
                partitionIndex: f.int32('0+'),
                /** -1: nothing is committed. */
                committedOffset: f.int64('0+'),
                committedLeaderEpoch: f.int32('0+'),
                committedAtMs: f.int64('0+'),
                logStartOffset: f.int64('0+'),
                highWatermark: f.int64('0+'),
                /** Where readers of committed transactions end. */
                lastStableOffset: f.int64('0+'),
                /** Up to the high watermark. */
                lagRecords: f.int64('0+'),
                /** Up to the last stable offset: what a read_committed consumer is behind. */
                stableLagRecords: f.int64('0+'),
                /** Age of the first record that is not consumed; 0 without lag. */
                lagMs: f.int64('0+'),
                /** The timestamp of that record: behind since then. */
                behindSinceMs: f.int64('0+'),
                /** Who owns the partition; null: nobody. */
                memberId: f.string('0+', { nullable: '0+' }),
                clientId: f.string('0+', { nullable: '0+' }),
                clientHost: f.string('0+', { nullable: '0+' }),
                groupInstanceId: f.string('0+', { nullable: '0+' }),
                /** What is odd about this row, for a person; null: nothing. */
                note: f.string('0+', { nullable: '0+' }),
              },
              '0+',
            ),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DescribeGroupLagResponse = Infer<typeof DescribeGroupLagResponse>;
