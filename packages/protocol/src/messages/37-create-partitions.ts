/** CreatePartitions, key 37: adds partitions to topics (KIP-195). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const CreatePartitionsRequest = message({
  name: 'CreatePartitionsRequest',
  kind: 'request',
  id: 37,
  versions: '0-3',
  flexible: '2+',
  fields: {
    topics: f.array(
      {
        name: f.string('0+'),
        count: f.int32('0+'),
        assignments: f.array(
          {
            brokerIds: f.array('int32', '0+'),
          },
          '0+',
          { nullable: '0+' },
        ),
      },
      '0+',
    ),
    timeoutMs: f.int32('0+'),
    validateOnly: f.bool('0+'),
  },
});
export type CreatePartitionsRequest = Infer<typeof CreatePartitionsRequest>;

export const CreatePartitionsResponse = message({
  name: 'CreatePartitionsResponse',
  kind: 'response',
  id: 37,
  versions: '0-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    results: f.array(
      {
        name: f.string('0+'),
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
      },
      '0+',
    ),
  },
});
export type CreatePartitionsResponse = Infer<typeof CreatePartitionsResponse>;
