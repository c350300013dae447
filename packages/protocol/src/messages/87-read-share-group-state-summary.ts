/** ReadShareGroupStateSummary, key 87: start offsets of share partitions (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ReadShareGroupStateSummaryRequest = message({
  name: 'ReadShareGroupStateSummaryRequest',
  kind: 'request',
  id: 87,
  versions: '0-1',
  flexible: '0+',
  fields: {
    groupId: f.string('0+'),
    topics: f.array(
      {
        topicId: f.uuid('0+'),
        partitions: f.array(
          {
            partition: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type ReadShareGroupStateSummaryRequest = Infer<typeof ReadShareGroupStateSummaryRequest>;

export const ReadShareGroupStateSummaryResponse = message({
  name: 'ReadShareGroupStateSummaryResponse',
  kind: 'response',
  id: 87,
  versions: '0-1',
  flexible: '0+',
  fields: {
    results: f.array(
      {
        topicId: f.uuid('0+'),
        partitions: f.array(
          {
            partition: f.int32('0+'),
            errorCode: f.int16('0+'),
            errorMessage: f.string('0+', { nullable: '0+', default: null }),
            stateEpoch: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
            startOffset: f.int64('0+'),
            deliveryCompleteCount: f.int32('1+', { default: -1, ignorable: true }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type ReadShareGroupStateSummaryResponse = Infer<typeof ReadShareGroupStateSummaryResponse>;
