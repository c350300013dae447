/** FetchSnapshot, key 59: a part of a snapshot of the metadata log (KIP-630). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const FetchSnapshotRequest = message({
  name: 'FetchSnapshotRequest',
  kind: 'request',
  id: 59,
  versions: '0-1',
  flexible: '0+',
  fields: {
    clusterId: f.string('0+', { nullable: '0+', default: null, tag: 0, tagged: '0+' }),
    replicaId: f.int32('0+', { default: -1 }),
    maxBytes: f.int32('0+', { default: 2147483647 }),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            partition: f.int32('0+'),
            currentLeaderEpoch: f.int32('0+'),
            snapshotId: f.struct(
              {
                endOffset: f.int64('0+'),
                epoch: f.int32('0+'),
              },
              '0+',
            ),
            position: f.int64('0+'),
            replicaDirectoryId: f.uuid('1+', { tag: 0, tagged: '1+', ignorable: true }),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type FetchSnapshotRequest = Infer<typeof FetchSnapshotRequest>;

export const FetchSnapshotResponse = message({
  name: 'FetchSnapshotResponse',
  kind: 'response',
  id: 59,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    topics: f.array(
      {
        name: f.string('0+'),
        partitions: f.array(
          {
            index: f.int32('0+'),
            errorCode: f.int16('0+'),
            snapshotId: f.struct(
              {
                endOffset: f.int64('0+'),
                epoch: f.int32('0+'),
              },
              '0+',
            ),
            currentLeader: f.struct(
              {
                leaderId: f.int32('0+'),
                leaderEpoch: f.int32('0+'),
              },
              '0+',
              { tag: 0, tagged: '0+' },
            ),
            size: f.int64('0+'),
            position: f.int64('0+'),
            unalignedRecords: f.records('0+', { default: null }),
          },
          '0+',
        ),
      },
      '0+',
    ),
    nodeEndpoints: f.array(
      {
        nodeId: f.int32('1+'),
        host: f.string('1+'),
        port: f.uint16('1+'),
      },
      '1+',
      { tag: 0, tagged: '1+' },
    ),
  },
});
export type FetchSnapshotResponse = Infer<typeof FetchSnapshotResponse>;
