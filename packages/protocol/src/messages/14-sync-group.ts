/** SyncGroup, key 14: hands out the leader's assignment in a classic group. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const SyncGroupRequest = message({
  name: 'SyncGroupRequest',
  kind: 'request',
  id: 14,
  versions: '0-5',
  flexible: '4+',
  fields: {
    groupId: f.string('0+'),
    generationId: f.int32('0+'),
    memberId: f.string('0+'),
    groupInstanceId: f.string('3+', { nullable: '3+', default: null }),
    protocolType: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
    protocolName: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
    assignments: f.array(
      {
        memberId: f.string('0+'),
        assignment: f.bytes('0+'),
      },
      '0+',
    ),
  },
});
export type SyncGroupRequest = Infer<typeof SyncGroupRequest>;

export const SyncGroupResponse = message({
  name: 'SyncGroupResponse',
  kind: 'response',
  id: 14,
  versions: '0-5',
  flexible: '4+',
  fields: {
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    errorCode: f.int16('0+'),
    protocolType: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
    protocolName: f.string('5+', { nullable: '5+', default: null, ignorable: true }),
    assignment: f.bytes('0+'),
  },
});
export type SyncGroupResponse = Infer<typeof SyncGroupResponse>;
