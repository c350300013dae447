/** JoinGroup, key 11: enters a classic group and waits for the rebalance. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const JoinGroupRequest = message({
  name: 'JoinGroupRequest',
  kind: 'request',
  id: 11,
  versions: '0-9',
  flexible: '6+',
  fields: {
    groupId: f.string('0+'),
    sessionTimeoutMs: f.int32('0+'),
    rebalanceTimeoutMs: f.int32('1+', { default: -1, ignorable: true }),
    memberId: f.string('0+'),
    groupInstanceId: f.string('5+', { nullable: '5+', default: null }),
    protocolType: f.string('0+'),
    protocols: f.array(
      {
        name: f.string('0+'),
        metadata: f.bytes('0+'),
      },
      '0+',
    ),
    reason: f.string('8+', { nullable: '8+', default: null, ignorable: true }),
  },
});
export type JoinGroupRequest = Infer<typeof JoinGroupRequest>;

export const JoinGroupResponse = message({
  name: 'JoinGroupResponse',
  kind: 'response',
  id: 11,
  versions: '0-9',
  flexible: '6+',
  fields: {
    throttleTimeMs: f.int32('2+', { ignorable: true }),
    errorCode: f.int16('0+'),
    generationId: f.int32('0+', { default: -1 }),
    protocolType: f.string('7+', { nullable: '7+', default: null, ignorable: true }),
    protocolName: f.string('0+', { nullable: '7+' }),
    leader: f.string('0+'),
    skipAssignment: f.bool('9+'),
    memberId: f.string('0+'),
    members: f.array(
      {
        memberId: f.string('0+'),
        groupInstanceId: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
        metadata: f.bytes('0+'),
      },
      '0+',
    ),
  },
});
export type JoinGroupResponse = Infer<typeof JoinGroupResponse>;
