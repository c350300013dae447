/** DeleteTopics, key 20: removes topics by name or id. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DeleteTopicsRequest = message({
  name: 'DeleteTopicsRequest',
  kind: 'request',
  id: 20,
  versions: '1-6',
  flexible: '4+',
  fields: {
    topics: f.array(
      {
        name: f.string('6+', { nullable: '6+', default: null }),
        topicId: f.uuid('6+'),
      },
      '6+',
    ),
    topicNames: f.array('string', '1-5', { ignorable: true }),
    timeoutMs: f.int32('1+'),
  },
});
export type DeleteTopicsRequest = Infer<typeof DeleteTopicsRequest>;

export const DeleteTopicsResponse = message({
  name: 'DeleteTopicsResponse',
  kind: 'response',
  id: 20,
  versions: '1-6',
  flexible: '4+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    responses: f.array(
      {
        name: f.string('1+', { nullable: '6+' }),
        topicId: f.uuid('6+', { ignorable: true }),
        errorCode: f.int16('1+'),
        errorMessage: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
      },
      '1+',
    ),
  },
});
export type DeleteTopicsResponse = Infer<typeof DeleteTopicsResponse>;
