/** ShareGroupHeartbeat, key 76: joins, keeps alive and leaves a share group (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ShareGroupHeartbeatRequest = message({
  name: 'ShareGroupHeartbeatRequest',
  kind: 'request',
  id: 76,
  versions: '1',
  flexible: '1+',
  fields: {
    groupId: f.string('1+'),
    memberId: f.string('1+'),
    memberEpoch: f.int32('1+'),
    rackId: f.string('1+', { nullable: '1+', default: null }),
    subscribedTopicNames: f.array('string', '1+', { nullable: '1+', default: null }),
  },
});
export type ShareGroupHeartbeatRequest = Infer<typeof ShareGroupHeartbeatRequest>;

export const ShareGroupHeartbeatResponse = message({
  name: 'ShareGroupHeartbeatResponse',
  kind: 'response',
  id: 76,
  versions: '1',
  flexible: '1+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    errorCode: f.int16('1+'),
    errorMessage: f.string('1+', { nullable: '1+', default: null }),
    memberId: f.string('1+', { nullable: '1+', default: null }),
    memberEpoch: f.int32('1+'),
    heartbeatIntervalMs: f.int32('1+'),
    assignment: f.struct(
      {
        topicPartitions: f.array(
          {
            topicId: f.uuid('1+'),
            partitions: f.array('int32', '1+'),
          },
          '1+',
        ),
      },
      '1+',
      { nullable: '1+', default: null },
    ),
  },
});
export type ShareGroupHeartbeatResponse = Infer<typeof ShareGroupHeartbeatResponse>;
