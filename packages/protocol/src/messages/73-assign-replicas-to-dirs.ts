/** AssignReplicasToDirs, key 73: a broker tells in which directory its replicas lie (KIP-858). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AssignReplicasToDirsRequest = message({
  name: 'AssignReplicasToDirsRequest',
  kind: 'request',
  id: 73,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: f.int32('0+'),
    brokerEpoch: f.int64('0+', { default: -1 }),
    directories: f.array(
      {
        id: f.uuid('0+'),
        topics: f.array(
          {
            topicId: f.uuid('0+'),
            partitions: f.array(
              {
                partitionIndex: f.int32('0+'),
              },
              '0+',
            ),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type AssignReplicasToDirsRequest = Infer<typeof AssignReplicasToDirsRequest>;

export const AssignReplicasToDirsResponse = message({
  name: 'AssignReplicasToDirsResponse',
  kind: 'response',
  id: 73,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    directories: f.array(
      {
        id: f.uuid('0+'),
        topics: f.array(
          {
            topicId: f.uuid('0+'),
            partitions: f.array(
              {
                partitionIndex: f.int32('0+'),
                errorCode: f.int16('0+'),
              },
              '0+',
            ),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type AssignReplicasToDirsResponse = Infer<typeof AssignReplicasToDirsResponse>;
