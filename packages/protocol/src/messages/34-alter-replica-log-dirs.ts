/** AlterReplicaLogDirs, key 34: moves replicas between log directories (KIP-113). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const AlterReplicaLogDirsRequest = message({
  name: 'AlterReplicaLogDirsRequest',
  kind: 'request',
  id: 34,
  versions: '1-2',
  flexible: '2+',
  fields: {
    dirs: f.array(
      {
        path: f.string('1+'),
        topics: f.array(
          {
            name: f.string('1+'),
            partitions: f.array('int32', '1+'),
          },
          '1+',
        ),
      },
      '1+',
    ),
  },
});
export type AlterReplicaLogDirsRequest = Infer<typeof AlterReplicaLogDirsRequest>;

export const AlterReplicaLogDirsResponse = message({
  name: 'AlterReplicaLogDirsResponse',
  kind: 'response',
  id: 34,
  versions: '1-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: f.int32('1+'),
    results: f.array(
      {
        topicName: f.string('1+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1+'),
            errorCode: f.int16('1+'),
          },
          '1+',
        ),
      },
      '1+',
    ),
  },
});
export type AlterReplicaLogDirsResponse = Infer<typeof AlterReplicaLogDirsResponse>;
