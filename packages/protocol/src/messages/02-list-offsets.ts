/** ListOffsets, key 2: offsets by timestamp, or the first and last ones. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const ListOffsetsRequest = message({
  name: 'ListOffsetsRequest',
  kind: 'request',
  id: 2,
  versions: '1-11',
  flexible: '6+',
  fields: {
    replicaId: f.int32('1+'),
    isolationLevel: f.int8('2+'),
    topics: f.array(
      {
        name: f.string('1+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1+'),
            currentLeaderEpoch: f.int32('4+', { default: -1, ignorable: true }),
            timestamp: f.int64('1+', { clamped: true }),
          },
          '1+',
        ),
      },
      '1+',
    ),
    timeoutMs: f.int32('10+', { ignorable: true }),
  },
});
export type ListOffsetsRequest = Infer<typeof ListOffsetsRequest>;

export const ListOffsetsResponse = message({
  name: 'ListOffsetsResponse',
  kind: 'response',
  id: 2,
  versions: '1-11',
  flexible: '6+',
  fields: {
    throttleTimeMs: f.int32('2+', { ignorable: true }),
    topics: f.array(
      {
        name: f.string('1+'),
        partitions: f.array(
          {
            partitionIndex: f.int32('1+'),
            errorCode: f.int16('1+'),
            timestamp: f.int64('1+', { default: -1 }),
            offset: f.int64('1+', { default: -1 }),
            leaderEpoch: f.int32('4+', { default: -1 }),
          },
          '1+',
        ),
      },
      '1+',
    ),
  },
});
export type ListOffsetsResponse = Infer<typeof ListOffsetsResponse>;
