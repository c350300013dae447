/** LeaveGroup, key 13: takes members out of a classic group. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const LeaveGroupRequest = message({
  name: 'LeaveGroupRequest',
  kind: 'request',
  id: 13,
  versions: '0-5',
  flexible: '4+',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0-2'),
    members: f.array(
      {
        memberId: f.string('3+'),
        groupInstanceId: f.string('3+', { nullable: '3+', default: null }),
        reason: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
      },
      '3+',
    ),
  },
});
export type LeaveGroupRequest = Infer<typeof LeaveGroupRequest>;

export const LeaveGroupResponse = message({
  name: 'LeaveGroupResponse',
  kind: 'response',
  id: 13,
  versions: '0-5',
  flexible: '4+',
  fields: {
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    errorCode: f.int16('0+'),
    members: f.array(
      {
        memberId: f.string('3+'),
        groupInstanceId: f.string('3+', { nullable: '3+' }),
        errorCode: f.int16('3+'),
      },
      '3+',
    ),
  },
});
export type LeaveGroupResponse = Infer<typeof LeaveGroupResponse>;
