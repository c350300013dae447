/** CreateTopics, key 19: makes topics. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const CreateTopicsRequest = message({
  name: 'CreateTopicsRequest',
  kind: 'request',
  id: 19,
  versions: '2-7',
  flexible: '5+',
  fields: {
    topics: f.array(
      {
        name: f.string('2+'),
        numPartitions: f.int32('2+'),
        replicationFactor: f.int16('2+'),
        assignments: f.array(
          {
            partitionIndex: f.int32('2+'),
            brokerIds: f.array('int32', '2+'),
          },
          '2+',
        ),
        configs: f.array(
          {
            name: f.string('2+'),
            value: f.string('2+', { nullable: '2+' }),
          },
          '2+',
        ),
      },
      '2+',
    ),
    timeoutMs: f.int32('2+', { default: 60000 }),
    validateOnly: f.bool('2+'),
  },
});
export type CreateTopicsRequest = Infer<typeof CreateTopicsRequest>;

export const CreateTopicsResponse = message({
  name: 'CreateTopicsResponse',
  kind: 'response',
  id: 19,
  versions: '2-7',
  flexible: '5+',
  fields: {
    throttleTimeMs: f.int32('2+'),
    topics: f.array(
      {
        name: f.string('2+'),
        topicId: f.uuid('7+', { ignorable: true }),
        errorCode: f.int16('2+'),
        errorMessage: f.string('2+', { nullable: '2+' }),
        topicConfigErrorCode: f.int16('5+', { tag: 0, tagged: '5+', ignorable: true }),
        numPartitions: f.int32('5+', { default: -1, ignorable: true }),
        replicationFactor: f.int16('5+', { default: -1, ignorable: true }),
        configs: f.array(
          {
            name: f.string('5+'),
            value: f.string('5+', { nullable: '5+' }),
            readOnly: f.bool('5+'),
            configSource: f.int8('5+', { default: -1 }),
            isSensitive: f.bool('5+'),
          },
          '5+',
          { nullable: '5+', ignorable: true },
        ),
      },
      '2+',
    ),
  },
});
export type CreateTopicsResponse = Infer<typeof CreateTopicsResponse>;
