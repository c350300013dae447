/** DescribeGroups, key 15: state and members of classic groups. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const DescribeGroupsRequest = message({
  name: 'DescribeGroupsRequest',
  kind: 'request',
  id: 15,
  versions: '0-6',
  flexible: '5+',
  fields: {
    groups: f.array('string', '0+'),
    includeAuthorizedOperations: f.bool('3+'),
  },
});
export type DescribeGroupsRequest = Infer<typeof DescribeGroupsRequest>;

export const DescribeGroupsResponse = message({
  name: 'DescribeGroupsResponse',
  kind: 'response',
  id: 15,
  versions: '0-6',
  flexible: '5+',
  fields: {
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    groups: f.array(
      {
        errorCode: f.int16('0+'),
        errorMessage: f.string('6+', { nullable: '6+', default: null }),
        groupId: f.string('0+'),
        groupState: f.string('0+'),
        protocolType: f.string('0+'),
        protocolData: f.string('0+'),
        members: f.array(
          {
            memberId: f.string('0+'),
            groupInstanceId: f.string('4+', { nullable: '4+', default: null, ignorable: true }),
            clientId: f.string('0+'),
            clientHost: f.string('0+'),
            memberMetadata: f.bytes('0+'),
            memberAssignment: f.bytes('0+'),
          },
          '0+',
        ),
        authorizedOperations: f.int32('3+', { default: -2147483648 }),
      },
      '0+',
    ),
  },
});
export type DescribeGroupsResponse = Infer<typeof DescribeGroupsResponse>;
