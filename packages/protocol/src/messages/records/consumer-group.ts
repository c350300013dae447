/** Consumer groups of the new protocol, KIP-848 (`__consumer_offsets`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const ConsumerGroupMetadataKey = message({
  name: 'ConsumerGroupMetadataKey',
  kind: 'key',
  id: 3,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type ConsumerGroupMetadataKey = Infer<typeof ConsumerGroupMetadataKey>;

export const ConsumerGroupMetadataValue = message({
  name: 'ConsumerGroupMetadataValue',
  kind: 'value',
  id: 3,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: f.int32('0+'),
    metadataHash: f.int64('0+', { tag: 0, tagged: '0+', bigint: true }),
  },
});
export type ConsumerGroupMetadataValue = Infer<typeof ConsumerGroupMetadataValue>;

export const ConsumerGroupPartitionMetadataKey = message({
  name: 'ConsumerGroupPartitionMetadataKey',
  kind: 'key',
  id: 4,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type ConsumerGroupPartitionMetadataKey = Infer<typeof ConsumerGroupPartitionMetadataKey>;

export const ConsumerGroupPartitionMetadataValue = message({
  name: 'ConsumerGroupPartitionMetadataValue',
  kind: 'value',
  id: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: f.array(
      {
        topicId: f.uuid('0+'),
        topicName: f.string('0+'),
        numPartitions: f.int32('0+'),
        partitionMetadata: f.array(
          {
            partition: f.int32('0+'),
            racks: f.array('string', '0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type ConsumerGroupPartitionMetadataValue = Infer<typeof ConsumerGroupPartitionMetadataValue>;

export const ConsumerGroupMemberMetadataKey = message({
  name: 'ConsumerGroupMemberMetadataKey',
  kind: 'key',
  id: 5,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type ConsumerGroupMemberMetadataKey = Infer<typeof ConsumerGroupMemberMetadataKey>;

export const ConsumerGroupMemberMetadataValue = message({
  name: 'ConsumerGroupMemberMetadataValue',
  kind: 'value',
  id: 5,
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: f.string('0+', { nullable: '0+' }),
    rackId: f.string('0+', { nullable: '0+' }),
    clientId: f.string('0+'),
    clientHost: f.string('0+'),
    subscribedTopicNames: f.array('string', '0+'),
    subscribedTopicRegex: f.string('0+', { nullable: '0+' }),
    rebalanceTimeoutMs: f.int32('0+', { default: -1 }),
    serverAssignor: f.string('0+', { nullable: '0+' }),
    classicMemberMetadata: f.struct(
      {
        sessionTimeoutMs: f.int32('0+'),
        supportedProtocols: f.array(
          {
            name: f.string('0+'),
            metadata: f.bytes('0+'),
          },
          '0+',
        ),
      },
      '0+',
      { nullable: '0+', tag: 0, tagged: '0+' },
    ),
  },
});
export type ConsumerGroupMemberMetadataValue = Infer<typeof ConsumerGroupMemberMetadataValue>;

export const ConsumerGroupTargetAssignmentMetadataKey = message({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  kind: 'key',
  id: 6,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type ConsumerGroupTargetAssignmentMetadataKey = Infer<typeof ConsumerGroupTargetAssignmentMetadataKey>;

export const ConsumerGroupTargetAssignmentMetadataValue = message({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  kind: 'value',
  id: 6,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: f.int32('0+'),
    assignmentTimestamp: f.int64('0+', { tag: 0, tagged: '0+' }),
  },
});
export type ConsumerGroupTargetAssignmentMetadataValue = Infer<typeof ConsumerGroupTargetAssignmentMetadataValue>;

export const ConsumerGroupTargetAssignmentMemberKey = message({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  kind: 'key',
  id: 7,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type ConsumerGroupTargetAssignmentMemberKey = Infer<typeof ConsumerGroupTargetAssignmentMemberKey>;

export const ConsumerGroupTargetAssignmentMemberValue = message({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  kind: 'value',
  id: 7,
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
export type ConsumerGroupTargetAssignmentMemberValue = Infer<typeof ConsumerGroupTargetAssignmentMemberValue>;

export const ConsumerGroupCurrentMemberAssignmentKey = message({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  kind: 'key',
  id: 8,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type ConsumerGroupCurrentMemberAssignmentKey = Infer<typeof ConsumerGroupCurrentMemberAssignmentKey>;

const topicPartitions = {
  topicId: f.uuid('0+'),
  partitions: f.array('int32', '0+'),
  assignmentEpochs: f.array('int32', '0+', { nullable: '0+', tag: 0, tagged: '0+' }),
};

export const ConsumerGroupCurrentMemberAssignmentValue = message({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  kind: 'value',
  id: 8,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: f.int32('0+'),
    previousMemberEpoch: f.int32('0+'),
    state: f.int8('0+'),
    assignedPartitions: f.array(topicPartitions, '0+'),
    partitionsPendingRevocation: f.array(topicPartitions, '0+'),
  },
});
export type ConsumerGroupCurrentMemberAssignmentValue = Infer<typeof ConsumerGroupCurrentMemberAssignmentValue>;

export const ConsumerGroupRegularExpressionKey = message({
  name: 'ConsumerGroupRegularExpressionKey',
  kind: 'key',
  id: 16,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    regularExpression: f.string('0+'),
  },
});
export type ConsumerGroupRegularExpressionKey = Infer<typeof ConsumerGroupRegularExpressionKey>;

export const ConsumerGroupRegularExpressionValue = message({
  name: 'ConsumerGroupRegularExpressionValue',
  kind: 'value',
  id: 16,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: f.array('string', '0+'),
    version: f.int64('0+'),
    timestamp: f.int64('0+'),
  },
});
export type ConsumerGroupRegularExpressionValue = Infer<typeof ConsumerGroupRegularExpressionValue>;
