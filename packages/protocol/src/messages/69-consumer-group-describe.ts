/** ConsumerGroupDescribe, key 69: state, members and assignments of consumer groups (KIP-848). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ConsumerGroupDescribeRequest = message({
  name: 'ConsumerGroupDescribeRequest',
  kind: 'request',
  id: 69,
  versions: '0-1',
  flexible: '0+',
  fields: {
    groupIds: f.array('string', '0+'),
    includeAuthorizedOperations: f.bool('0+'),
  },
});
export type ConsumerGroupDescribeRequest = Infer<typeof ConsumerGroupDescribeRequest>;

const assignment = {
  topicPartitions: f.array(
    {
      topicId: f.uuid('0+'),
      topicName: f.string('0+'),
      partitions: f.array('int32', '0+'),
    },
    '0+',
  ),
};

export const ConsumerGroupDescribeResponse = message({
  name: 'ConsumerGroupDescribeResponse',
  kind: 'response',
  id: 69,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    groups: f.array(
      {
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
        groupId: f.string('0+'),
        groupState: f.string('0+'),
        groupEpoch: f.int32('0+'),
        assignmentEpoch: f.int32('0+'),
        assignorName: f.string('0+'),
        members: f.array(
          {
            memberId: f.string('0+'),
            instanceId: f.string('0+', { nullable: '0+', default: null }),
            rackId: f.string('0+', { nullable: '0+', default: null }),
            memberEpoch: f.int32('0+'),
            clientId: f.string('0+'),
            clientHost: f.string('0+'),
            subscribedTopicNames: f.array('string', '0+'),
            subscribedTopicRegex: f.string('0+', { nullable: '0+', default: null }),
            assignment: f.struct(assignment, '0+'),
            targetAssignment: f.struct(assignment, '0+'),
            memberType: f.int8('1+', { default: -1, ignorable: true }),
          },
          '0+',
        ),
        authorizedOperations: f.int32('0+', { default: -2147483648 }),
      },
      '0+',
    ),
  },
});
export type ConsumerGroupDescribeResponse = Infer<typeof ConsumerGroupDescribeResponse>;
