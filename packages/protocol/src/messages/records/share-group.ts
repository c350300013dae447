/** Share groups, KIP-932 (`__consumer_offsets`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ShareGroupMemberMetadataKey = message({
  name: 'ShareGroupMemberMetadataKey',
  kind: 'key',
  id: 10,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type ShareGroupMemberMetadataKey = Infer<typeof ShareGroupMemberMetadataKey>;

export const ShareGroupMemberMetadataValue = message({
  name: 'ShareGroupMemberMetadataValue',
  kind: 'value',
  id: 10,
  versions: '0',
  flexible: '0+',
  fields: {
    rackId: f.string('0+', { nullable: '0+' }),
    clientId: f.string('0+'),
    clientHost: f.string('0+'),
    subscribedTopicNames: f.array('string', '0+'),
  },
});
export type ShareGroupMemberMetadataValue = Infer<typeof ShareGroupMemberMetadataValue>;

export const ShareGroupMetadataKey = message({
  name: 'ShareGroupMetadataKey',
  kind: 'key',
  id: 11,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type ShareGroupMetadataKey = Infer<typeof ShareGroupMetadataKey>;

export const ShareGroupMetadataValue = message({
  name: 'ShareGroupMetadataValue',
  kind: 'value',
  id: 11,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: f.int32('0+'),
    metadataHash: f.int64('0+', { bigint: true }),
  },
});
export type ShareGroupMetadataValue = Infer<typeof ShareGroupMetadataValue>;

export const ShareGroupTargetAssignmentMetadataKey = message({
  name: 'ShareGroupTargetAssignmentMetadataKey',
  kind: 'key',
  id: 12,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type ShareGroupTargetAssignmentMetadataKey = Infer<typeof ShareGroupTargetAssignmentMetadataKey>;

export const ShareGroupTargetAssignmentMetadataValue = message({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  kind: 'value',
  id: 12,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: f.int32('0+'),
    assignmentTimestamp: f.int64('0+', { tag: 0, tagged: '0+' }),
  },
});
export type ShareGroupTargetAssignmentMetadataValue = Infer<typeof ShareGroupTargetAssignmentMetadataValue>;

export const ShareGroupTargetAssignmentMemberKey = message({
  name: 'ShareGroupTargetAssignmentMemberKey',
  kind: 'key',
  id: 13,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type ShareGroupTargetAssignmentMemberKey = Infer<typeof ShareGroupTargetAssignmentMemberKey>;

export const ShareGroupTargetAssignmentMemberValue = message({
  name: 'ShareGroupTargetAssignmentMemberValue',
  kind: 'value',
  id: 13,
  versions: '0',
  flexible: '0+',
  fields: {
    topicPartitions: f.array(
      {
        topicId: f.uuid('0+'),
        partitions: f.array('int32', '0+'),
      },
      '0+',
    ),
  },
});
export type ShareGroupTargetAssignmentMemberValue = Infer<typeof ShareGroupTargetAssignmentMemberValue>;

export const ShareGroupCurrentMemberAssignmentKey = message({
  name: 'ShareGroupCurrentMemberAssignmentKey',
  kind: 'key',
  id: 14,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type ShareGroupCurrentMemberAssignmentKey = Infer<typeof ShareGroupCurrentMemberAssignmentKey>;

export const ShareGroupCurrentMemberAssignmentValue = message({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  kind: 'value',
  id: 14,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: f.int32('0+'),
    previousMemberEpoch: f.int32('0+'),
    state: f.int8('0+'),
    assignedPartitions: f.array(
      {
        topicId: f.uuid('0+'),
        partitions: f.array('int32', '0+'),
      },
      '0+',
    ),
  },
});
export type ShareGroupCurrentMemberAssignmentValue = Infer<typeof ShareGroupCurrentMemberAssignmentValue>;

export const ShareGroupStatePartitionMetadataKey = message({
  name: 'ShareGroupStatePartitionMetadataKey',
  kind: 'key',
  id: 15,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type ShareGroupStatePartitionMetadataKey = Infer<typeof ShareGroupStatePartitionMetadataKey>;

const topicPartitionsInfo = {
  topicId: f.uuid('0+'),
  topicName: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

export const ShareGroupStatePartitionMetadataValue = message({
  name: 'ShareGroupStatePartitionMetadataValue',
  kind: 'value',
  id: 15,
  versions: '0',
  flexible: '0+',
  fields: {
    initializingTopics: f.array(topicPartitionsInfo, '0+'),
    initializedTopics: f.array(topicPartitionsInfo, '0+'),
    deletingTopics: f.array(
      {
        topicId: f.uuid('0+'),
        topicName: f.string('0+'),
      },
      '0+',
    ),
  },
});
export type ShareGroupStatePartitionMetadataValue = Infer<typeof ShareGroupStatePartitionMetadataValue>;
