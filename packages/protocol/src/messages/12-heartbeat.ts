/** Heartbeat, key 12: keeps a member of a classic group alive. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const HeartbeatRequest = message({
  name: 'HeartbeatRequest',
  kind: 'request',
  id: 12,
  versions: '0-4',
  flexible: '4+',
  fields: {
    groupId: f.string('0+'),
    generationId: f.int32('0+'),
    memberId: f.string('0+'),
    groupInstanceId: f.string('3+', { nullable: '3+', default: null }),
  },
});
export type HeartbeatRequest = Infer<typeof HeartbeatRequest>;

export const HeartbeatResponse = message({
  name: 'HeartbeatResponse',
  kind: 'response',
  id: 12,
  versions: '0-4',
  flexible: '4+',
  fields: {
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    errorCode: f.int16('0+'),
  },
});
export type HeartbeatResponse = Infer<typeof HeartbeatResponse>;
