/** RemoveRaftVoter, key 81: removes a voter from the metadata quorum (KIP-853). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const RemoveRaftVoterRequest = message({
  name: 'RemoveRaftVoterRequest',
  kind: 'request',
  id: 81,
  versions: '0',
  flexible: '0+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+' }),
    voterId: f.int32('0+'),
    voterDirectoryId: f.uuid('0+'),
  },
});
export type RemoveRaftVoterRequest = Infer<typeof RemoveRaftVoterRequest>;

export const RemoveRaftVoterResponse = message({
  name: 'RemoveRaftVoterResponse',
  kind: 'response',
  id: 81,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
  },
});
export type RemoveRaftVoterResponse = Infer<typeof RemoveRaftVoterResponse>;
