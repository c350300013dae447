/** OffsetForLeaderEpoch, key 23: where a leader epoch ends (KIP-101, KIP-320). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const OffsetForLeaderEpochRequest = message({
  name: 'OffsetForLeaderEpochRequest',
  kind: 'request',
  id: 23,
  versions: '2-4',
  flexible: '4+',
  fields: {
    replicaId: f.int32('3+', { default: -2, ignorable: true }),
    topics: f.array(
      {
        topic: f.string('2+'),
        partitions: f.array(
          {
            partition: f.int32('2+'),
            currentLeaderEpoch: f.int32('2+', { default: -1 }),
            leaderEpoch: f.int32('2+'),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type OffsetForLeaderEpochRequest = Infer<typeof OffsetForLeaderEpochRequest>;

export const OffsetForLeaderEpochResponse = message({
  name: 'OffsetForLeaderEpochResponse',
  kind: 'response',
  id: 23,
  versions: '2-4',
  flexible: '4+',
  fields: {
    throttleTimeMs: f.int32('2+'),
    topics: f.array(
      {
        topic: f.string('2+'),
        partitions: f.array(
          {
            errorCode: f.int16('2+'),
            partition: f.int32('2+'),
            leaderEpoch: f.int32('2+', { default: -1 }),
            endOffset: f.int64('2+', { default: -1 }),
          },
          '2+',
        ),
      },
      '2+',
    ),
  },
});
export type OffsetForLeaderEpochResponse = Infer<typeof OffsetForLeaderEpochResponse>;
