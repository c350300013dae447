/** DeleteShareGroupOffsets, key 92: forgets topics of a share group (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DeleteShareGroupOffsetsRequest = message({
  name: 'DeleteShareGroupOffsetsRequest',
  kind: 'request',
  id: 92,
  versions: '0',
  flexible: '0+',
  fields: {
    groupId: f.string('0+'),
    topics: f.array(
      {
        topicName: f.string('0+'),
      },
      '0+',
    ),
  },
});
export type DeleteShareGroupOffsetsRequest = Infer<typeof DeleteShareGroupOffsetsRequest>;

export const DeleteShareGroupOffsetsResponse = message({
  name: 'DeleteShareGroupOffsetsResponse',
  kind: 'response',
  id: 92,
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
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
      },
      '0+',
    ),
  },
});
export type DeleteShareGroupOffsetsResponse = Infer<typeof DeleteShareGroupOffsetsResponse>;
