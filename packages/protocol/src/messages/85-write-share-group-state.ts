/** WriteShareGroupState, key 85: stores state of share partitions (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const WriteShareGroupStateRequest = message({
  name: 'WriteShareGroupStateRequest',
  kind: 'request',
  id: 85,
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
            stateEpoch: f.int32('0+'),
            leaderEpoch: f.int32('0+'),
            startOffset: f.int64('0+'),
            deliveryCompleteCount: f.int32('1+', { default: -1, ignorable: true }),
            stateBatches: f.array(
              {
                firstOffset: f.int64('0+'),
                lastOffset: f.int64('0+'),
                deliveryState: f.int8('0+'),
                deliveryCount: f.int16('0+'),
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
export type WriteShareGroupStateRequest = Infer<typeof WriteShareGroupStateRequest>;

export const WriteShareGroupStateResponse = message({
  name: 'WriteShareGroupStateResponse',
  kind: 'response',
  id: 85,
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
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type WriteShareGroupStateResponse = Infer<typeof WriteShareGroupStateResponse>;
