/** ShareGroupDescribe, key 77: state, members and assignments of share groups (KIP-932). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ShareGroupDescribeRequest = message({
  name: 'ShareGroupDescribeRequest',
  kind: 'request',
  id: 77,
  versions: '1',
  flexible: '1+',
  fields: {
    groupIds: f.array('string', '1+'),
    includeAuthorizedOperations: f.bool('1+'),
  },
});
export type ShareGroupDescribeRequest = Infer<typeof ShareGroupDescribeRequest>;

export const ShareGroupDescribeResponse = message({
  name: 'ShareGroupDescribeResponse',
  kind: 'response',
  id: 77,
  versions: '1',
  flexible: '1+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    groups: f.array(
      {
        errorCode: f.int16('1+'),
        errorMessage: f.string('1+', { nullable: '1+', default: null }),
        groupId: f.string('1+'),
        groupState: f.string('1+'),
        groupEpoch: f.int32('1+'),
        assignmentEpoch: f.int32('1+'),
        assignorName: f.string('1+'),
        members: f.array(
          {
            memberId: f.string('1+'),
            rackId: f.string('1+', { nullable: '1+', default: null }),
            memberEpoch: f.int32('1+'),
            clientId: f.string('1+'),
            clientHost: f.string('1+'),
            subscribedTopicNames: f.array('string', '1+'),
            assignment: f.struct(
              {
                topicPartitions: f.array(
                  {
                    topicId: f.uuid('1+'),
                    topicName: f.string('1+'),
                    partitions: f.array('int32', '1+'),
                  },
                  '1+',
                ),
              },
              '1+',
            ),
          },
          '1+',
        ),
        authorizedOperations: f.int32('1+', { default: -2147483648 }),
      },
      '1+',
    ),
  },
});
export type ShareGroupDescribeResponse = Infer<typeof ShareGroupDescribeResponse>;
