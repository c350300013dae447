/** ConsumerGroupHeartbeat, key 68: joins, keeps alive and leaves a consumer group of the new protocol (KIP-848). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ConsumerGroupHeartbeatRequest = message({
  name: 'ConsumerGroupHeartbeatRequest',
  kind: 'request',
  id: 68,
  versions: '0-1',
  flexible: '0+',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
    memberEpoch: f.int32('0+'),
    instanceId: f.string('0+', { nullable: '0+', default: null }),
    rackId: f.string('0+', { nullable: '0+', default: null }),
    rebalanceTimeoutMs: f.int32('0+', { default: -1 }),
    subscribedTopicNames: f.array('string', '0+', { nullable: '0+', default: null }),
    subscribedTopicRegex: f.string('1+', { nullable: '1+', default: null }),
    serverAssignor: f.string('0+', { nullable: '0+', default: null }),
    topicPartitions: f.array(
      {
        topicId: f.uuid('0+'),
        partitions: f.array('int32', '0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
});
export type ConsumerGroupHeartbeatRequest = Infer<typeof ConsumerGroupHeartbeatRequest>;

export const ConsumerGroupHeartbeatResponse = message({
  name: 'ConsumerGroupHeartbeatResponse',
  kind: 'response',
  id: 68,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+', default: null }),
    memberId: f.string('0+', { nullable: '0+', default: null }),
    memberEpoch: f.int32('0+'),
    heartbeatIntervalMs: f.int32('0+'),
    assignment: f.struct(
      {
        topicPartitions: f.array(
          {
            topicId: f.uuid('0+'),
            partitions: f.array('int32', '0+'),
          },
          '0+',
        ),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
});
export type ConsumerGroupHeartbeatResponse = Infer<typeof ConsumerGroupHeartbeatResponse>;
