/** Tiered storage (`__remote_log_metadata`, KIP-405). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const RemoteLogSegmentMetadataRecord = message({
  name: 'RemoteLogSegmentMetadataRecord',
  kind: 'record',
  id: 0,
  versions: '0',
  flexible: '0+',
  fields: {
    remoteLogSegmentId: f.struct(
      {
        topicIdPartition: f.struct(
          {
            name: f.string('0+'),
            id: f.uuid('0+'),
            partition: f.int32('0+'),
          },
          '0+',
        ),
        id: f.uuid('0+'),
      },
      '0+',
    ),
    startOffset: f.int64('0+'),
    endOffset: f.int64('0+'),
    brokerId: f.int32('0+'),
    maxTimestampMs: f.int64('0+'),
    eventTimestampMs: f.int64('0+'),
    segmentLeaderEpochs: f.array(
      {
        leaderEpoch: f.int32('0+'),
        offset: f.int64('0+'),
      },
      '0+',
    ),
    segmentSizeInBytes: f.int32('0+'),
    customMetadata: f.bytes('0+', { nullable: '0+', default: null }),
    remoteLogSegmentState: f.int8('0+'),
    txnIndexEmpty: f.bool('0+', { tag: 0, tagged: '0+' }),
  },
});
export type RemoteLogSegmentMetadataRecord = Infer<typeof RemoteLogSegmentMetadataRecord>;

export const RemoteLogSegmentMetadataUpdateRecord = message({
  name: 'RemoteLogSegmentMetadataUpdateRecord',
  kind: 'record',
  id: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    remoteLogSegmentId: f.struct(
      {
        topicIdPartition: f.struct(
          {
            name: f.string('0+'),
            id: f.uuid('0+'),
            partition: f.int32('0+'),
          },
          '0+',
        ),
        id: f.uuid('0+'),
      },
      '0+',
    ),
    brokerId: f.int32('0+'),
    eventTimestampMs: f.int64('0+'),
    customMetadata: f.bytes('0+', { nullable: '0+', default: null }),
    remoteLogSegmentState: f.int8('0+'),
  },
});
export type RemoteLogSegmentMetadataUpdateRecord = Infer<typeof RemoteLogSegmentMetadataUpdateRecord>;

export const RemoteLogSegmentMetadataSnapshotRecord = message({
  name: 'RemoteLogSegmentMetadataSnapshotRecord',
  kind: 'record',
  id: 3,
  versions: '0',
  flexible: '0+',
  fields: {
    segmentId: f.uuid('0+'),
    startOffset: f.int64('0+'),
    endOffset: f.int64('0+'),
    brokerId: f.int32('0+'),
    maxTimestampMs: f.int64('0+'),
    eventTimestampMs: f.int64('0+'),
    segmentLeaderEpochs: f.array(
      {
        leaderEpoch: f.int32('0+'),
        offset: f.int64('0+'),
      },
      '0+',
    ),
    segmentSizeInBytes: f.int32('0+'),
    customMetadata: f.bytes('0+', { nullable: '0+', default: null }),
    remoteLogSegmentState: f.int8('0+'),
    txnIndexEmpty: f.bool('0+', { tag: 0, tagged: '0+' }),
  },
});
export type RemoteLogSegmentMetadataSnapshotRecord = Infer<typeof RemoteLogSegmentMetadataSnapshotRecord>;

export const RemotePartitionDeleteMetadataRecord = message({
  name: 'RemotePartitionDeleteMetadataRecord',
  kind: 'record',
  id: 2,
  versions: '0',
  flexible: '0+',
  fields: {
    topicIdPartition: f.struct(
      {
        name: f.string('0+'),
        id: f.uuid('0+'),
        partition: f.int32('0+'),
      },
      '0+',
    ),
    brokerId: f.int32('0+'),
    eventTimestampMs: f.int64('0+'),
    remotePartitionDeleteState: f.int8('0+'),
  },
});
export type RemotePartitionDeleteMetadataRecord = Infer<typeof RemotePartitionDeleteMetadataRecord>;
