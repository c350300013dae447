/** User data in the subscriptions of Kafka Streams members of classic groups. */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

const taskId = {
  topicGroupId: f.int32('1-6'),
  partition: f.int32('1-6'),
};

export const SubscriptionInfoData = message({
  name: 'SubscriptionInfoData',
  kind: 'data',
  versions: '1-11',
  flexible: 'none',
  fields: {
    version: f.int32('1+'),
    latestSupportedVersion: f.int32('3+', { default: -1 }),
    processId: f.uuid('1+'),
    prevTasks: f.array(taskId, '1-6'),
    standbyTasks: f.array(taskId, '1-6'),
    userEndPoint: f.bytes('2+'),
    taskOffsetSums: f.array(
      {
        topicGroupId: f.int32('7+'),
        partition: f.int32('10+'),
        offsetSum: f.int64('10+'),
        namedTopology: f.string('10+', { nullable: '10+' }),
        partitionToOffsetSum: f.array(
          {
            partition: f.int32('7-9'),
            offsetSum: f.int64('7-9'),
          },
          '7-9',
        ),
      },
      '7+',
    ),
    uniqueField: f.int8('8+'),
    errorCode: f.int32('9+'),
    clientTags: f.array(
      {
        key: f.bytes('11+'),
        value: f.bytes('11+'),
      },
      '11+',
    ),
  },
});
export type SubscriptionInfoData = Infer<typeof SubscriptionInfoData>;
