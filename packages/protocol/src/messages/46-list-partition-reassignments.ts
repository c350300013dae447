/** ListPartitionReassignments, key 46: moves of replicas under way (KIP-455). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ListPartitionReassignmentsRequest = message({
  name: 'ListPartitionReassignmentsRequest',
  kind: 'request',
  id: 46,
  versions: '0',
  flexible: '0+',
  fields: {
    timeoutMs: f.int32('0+', { default: 60000 }),
    topics: f.array(
      {
        name: f.string('0+'),
        partitionIndexes: f.array('int32', '0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
});
export type ListPartitionReassignmentsRequest = Infer<typeof ListPartitionReassignmentsRequest>;

export const ListPartitionReassignmentsResponse = message({
  name: 'ListPartitionReassignmentsResponse',
  kind: 'response',
  id: 46,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+' }),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('0+'),
            replicas: f.array('int32', '0+'),
            addingReplicas: f.array('int32', '0+'),
            removingReplicas: f.array('int32', '0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type ListPartitionReassignmentsResponse = Infer<typeof ListPartitionReassignmentsResponse>;
