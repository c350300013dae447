/** InitializeShareGroupState, key 83: first state of share partitions (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const InitializeShareGroupStateRequest = message({
  name: 'InitializeShareGroupStateRequest',
  kind: 'request',
  id: 83,
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
            stateEpoch: f.int32('0+'),
            startOffset: f.int64('0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type InitializeShareGroupStateRequest = Infer<typeof InitializeShareGroupStateRequest>;

export const InitializeShareGroupStateResponse = message({
  name: 'InitializeShareGroupStateResponse',
  kind: 'response',
  id: 83,
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
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type InitializeShareGroupStateResponse = Infer<typeof InitializeShareGroupStateResponse>;
