/** ElectLeaders, key 43: asks for preferred or unclean leader elections (KIP-460). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ElectLeadersRequest = message({
  name: 'ElectLeadersRequest',
  kind: 'request',
  id: 43,
  versions: '0-2',
  flexible: '2+',
  fields: {
    electionType: f.int8('1+'),
    topicPartitions: f.array(
      {
        topic: f.string('0+'),
        partitions: f.array('int32', '0+'),
      },
      '0+',
      { nullable: '0+' },
    ),
    timeoutMs: f.int32('0+', { default: 60000 }),
  },
});
export type ElectLeadersRequest = Infer<typeof ElectLeadersRequest>;

export const ElectLeadersResponse = message({
  name: 'ElectLeadersResponse',
  kind: 'response',
  id: 43,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('1+'),
    replicaElectionResults: f.array(
      {
        topic: f.string('0+'),
        partitionResult: f.array(
          {
            partitionId: f.int32('0+'),
            errorCode: f.int16('0+'),
            errorMessage: f.string('0+', { nullable: '0+' }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type ElectLeadersResponse = Infer<typeof ElectLeadersResponse>;
