/** State of share partitions (`__share_group_state`, KIP-932). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ShareSnapshotKey = message({
  name: 'ShareSnapshotKey',
  kind: 'key',
  id: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    topicId: f.uuid('0+'),
    partition: f.int32('0+'),
  },
});
export type ShareSnapshotKey = Infer<typeof ShareSnapshotKey>;

export const ShareSnapshotValue = message({
  name: 'ShareSnapshotValue',
  kind: 'value',
  id: 0,
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: f.int32('0+'),
    stateEpoch: f.int32('0+'),
    leaderEpoch: f.int32('0+'),
    startOffset: f.int64('0+'),
    deliveryCompleteCount: f.int32('0+', { default: -1, tag: 0, tagged: '0+' }),
    createTimestamp: f.int64('0+'),
    writeTimestamp: f.int64('0+'),
    stateBatches: f.array(
      {
        firstOffset: f.int64('0+'),
        lastOffset: f.int64('0+'),
        deliveryState: f.int8('0+'),
        deliveryCount: f.int16('0+'),
      },
      '0+',
    ),
  },
});
export type ShareSnapshotValue = Infer<typeof ShareSnapshotValue>;

export const ShareUpdateKey = message({
  name: 'ShareUpdateKey',
  kind: 'key',
  id: 1,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    topicId: f.uuid('0+'),
    partition: f.int32('0+'),
  },
});
export type ShareUpdateKey = Infer<typeof ShareUpdateKey>;

export const ShareUpdateValue = message({
  name: 'ShareUpdateValue',
  kind: 'value',
  id: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: f.int32('0+'),
    leaderEpoch: f.int32('0+'),
    startOffset: f.int64('0+'),
    deliveryCompleteCount: f.int32('0+', { default: -1, tag: 0, tagged: '0+' }),
    stateBatches: f.array(
      {
        firstOffset: f.int64('0+'),
        lastOffset: f.int64('0+'),
        deliveryState: f.int8('0+'),
        deliveryCount: f.int16('0+'),
      },
      '0+',
    ),
  },
});
export type ShareUpdateValue = Infer<typeof ShareUpdateValue>;
