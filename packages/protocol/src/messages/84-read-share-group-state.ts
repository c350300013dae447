/** ReadShareGroupState, key 84: state of share partitions for their leader (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ReadShareGroupStateRequest = message({
  name: 'ReadShareGroupStateRequest',
  kind: 'request',
  id: 84,
  versions: '0',
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
export type ReadShareGroupStateRequest = Infer<typeof ReadShareGroupStateRequest>;

export const ReadShareGroupStateResponse = message({
  name: 'ReadShareGroupStateResponse',
  kind: 'response',
  id: 84,
  versions: '0',
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
            startOffset: f.int64('0+'),
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
export type ReadShareGroupStateResponse = Infer<typeof ReadShareGroupStateResponse>;
