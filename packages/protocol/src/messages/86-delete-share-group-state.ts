/** DeleteShareGroupState, key 86: removes state of share partitions (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DeleteShareGroupStateRequest = message({
  name: 'DeleteShareGroupStateRequest',
  kind: 'request',
  id: 86,
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
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type DeleteShareGroupStateRequest = Infer<typeof DeleteShareGroupStateRequest>;

export const DeleteShareGroupStateResponse = message({
  name: 'DeleteShareGroupStateResponse',
  kind: 'response',
  id: 86,
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
export type DeleteShareGroupStateResponse = Infer<typeof DeleteShareGroupStateResponse>;
