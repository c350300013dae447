/** AddRaftVoter, key 80: adds a voter to the metadata quorum (KIP-853). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AddRaftVoterRequest = message({
  name: 'AddRaftVoterRequest',
  kind: 'request',
  id: 80,
  versions: '0-1',
  flexible: '0+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+' }),
    timeoutMs: f.int32('0+'),
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
    ackWhenCommitted: f.bool('1+', { default: true }),
  },
});
export type AddRaftVoterRequest = Infer<typeof AddRaftVoterRequest>;

export const AddRaftVoterResponse = message({
  name: 'AddRaftVoterResponse',
  kind: 'response',
  id: 80,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
  },
});
export type AddRaftVoterResponse = Infer<typeof AddRaftVoterResponse>;
