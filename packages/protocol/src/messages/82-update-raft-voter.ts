/** UpdateRaftVoter, key 82: a voter tells its endpoints and versions (KIP-853). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const UpdateRaftVoterRequest = message({
  name: 'UpdateRaftVoterRequest',
  kind: 'request',
  id: 82,
  versions: '0',
  flexible: '0+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+' }),
    currentLeaderEpoch: f.int32('0+'),
    voterId: f.int32('0+'),
    voterDirectoryId: f.uuid('0+'),
    listeners: f.array(
      {
        name: f.string('0+'),
        host: f.string('0+'),
        port: f.uint16('0+'),
      },
      '0+',
    ),
    kRaftVersionFeature: f.struct(
      {
        minSupportedVersion: f.int16('0+'),
        maxSupportedVersion: f.int16('0+'),
      },
      '0+',
    ),
  },
});
export type UpdateRaftVoterRequest = Infer<typeof UpdateRaftVoterRequest>;

export const UpdateRaftVoterResponse = message({
  name: 'UpdateRaftVoterResponse',
  kind: 'response',
  id: 82,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    currentLeader: f.struct(
      {
        leaderId: f.int32('0+', { default: -1 }),
        leaderEpoch: f.int32('0+', { default: -1 }),
        host: f.string('0+'),
        port: f.int32('0+'),
      },
      '0+',
      { tag: 0, tagged: '0+' },
    ),
  },
});
export type UpdateRaftVoterResponse = Infer<typeof UpdateRaftVoterResponse>;
