/** FindCoordinator, key 10: the broker that coordinates a group, a transactional id or a share partition. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const FindCoordinatorRequest = message({
  name: 'FindCoordinatorRequest',
  kind: 'request',
  id: 10,
  versions: '0-6',
  flexible: '3+',
  fields: {
    key: f.string('0-3'),
    keyType: f.int8('1+'),
    coordinatorKeys: f.array('string', '4+'),
  },
});
export type FindCoordinatorRequest = Infer<typeof FindCoordinatorRequest>;

export const FindCoordinatorResponse = message({
  name: 'FindCoordinatorResponse',
  kind: 'response',
  id: 10,
  versions: '0-6',
  flexible: '3+',
  fields: {
    throttleTimeMs: f.int32('1+', { ignorable: true }),
    errorCode: f.int16('0-3'),
    errorMessage: f.string('1-3', { nullable: '1-3', ignorable: true }),
    nodeId: f.int32('0-3'),
    host: f.string('0-3'),
    port: f.int32('0-3'),
    coordinators: f.array(
      {
        key: f.string('4+'),
        nodeId: f.int32('4+'),
        host: f.string('4+'),
        port: f.int32('4+'),
        errorCode: f.int16('4+'),
        errorMessage: f.string('4+', { nullable: '4+' }),
      },
      '4+',
    ),
  },
});
export type FindCoordinatorResponse = Infer<typeof FindCoordinatorResponse>;
