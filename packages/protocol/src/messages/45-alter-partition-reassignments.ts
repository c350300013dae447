/** AlterPartitionReassignments, key 45: begins or cancels moves of replicas (KIP-455). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterPartitionReassignmentsRequest = message({
  name: 'AlterPartitionReassignmentsRequest',
  kind: 'request',
  id: 45,
  versions: '0-1',
  flexible: '0+',
  fields: {
    timeoutMs: f.int32('0+', { default: 60000 }),
    allowReplicationFactorChange: f.bool('1+', { default: true }),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            replicas: f.array('int32', '0+', { nullable: '0+', default: null }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type AlterPartitionReassignmentsRequest = Infer<typeof AlterPartitionReassignmentsRequest>;

export const AlterPartitionReassignmentsResponse = message({
  name: 'AlterPartitionReassignmentsResponse',
  kind: 'response',
  id: 45,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    allowReplicationFactorChange: f.bool('1+', { default: true, ignorable: true }),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
    responses: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
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
export type AlterPartitionReassignmentsResponse = Infer<typeof AlterPartitionReassignmentsResponse>;
