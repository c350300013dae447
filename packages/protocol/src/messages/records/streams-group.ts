/** Streams groups, KIP-1071 (`__consumer_offsets`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const StreamsGroupMetadataKey = message({
  name: 'StreamsGroupMetadataKey',
  kind: 'key',
  id: 17,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type StreamsGroupMetadataKey = Infer<typeof StreamsGroupMetadataKey>;

export const StreamsGroupMetadataValue = message({
  name: 'StreamsGroupMetadataValue',
  kind: 'value',
  id: 17,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: f.int32('0+'),
    metadataHash: f.int64('0+', { bigint: true }),
    validatedTopologyEpoch: f.int32('0+', { default: -1, tag: 0, tagged: '0+' }),
    lastAssignmentConfigs: f.array(
      {
        key: f.string('0+'),
        value: f.string('0+'),
      },
      '0+',
      { nullable: '0+', tag: 1, tagged: '0+' },
    ),
  },
});
export type StreamsGroupMetadataValue = Infer<typeof StreamsGroupMetadataValue>;

export const StreamsGroupMemberMetadataKey = message({
  name: 'StreamsGroupMemberMetadataKey',
  kind: 'key',
  id: 19,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type StreamsGroupMemberMetadataKey = Infer<typeof StreamsGroupMemberMetadataKey>;

export const StreamsGroupMemberMetadataValue = message({
  name: 'StreamsGroupMemberMetadataValue',
  kind: 'value',
  id: 19,
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: f.string('0+', { nullable: '0+' }),
    rackId: f.string('0+', { nullable: '0+' }),
    clientId: f.string('0+'),
    clientHost: f.string('0+'),
    rebalanceTimeoutMs: f.int32('0+', { default: -1 }),
    topologyEpoch: f.int32('0+'),
    processId: f.string('0+'),
    userEndpoint: f.struct(
      {
        host: f.string('0+'),
        port: f.uint16('0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
    clientTags: f.array(
      {
        key: f.string('0+'),
        value: f.string('0+'),
      },
      '0+',
    ),
  },
});
export type StreamsGroupMemberMetadataValue = Infer<typeof StreamsGroupMemberMetadataValue>;

export const StreamsGroupTargetAssignmentMetadataKey = message({
  name: 'StreamsGroupTargetAssignmentMetadataKey',
  kind: 'key',
  id: 20,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type StreamsGroupTargetAssignmentMetadataKey = Infer<typeof StreamsGroupTargetAssignmentMetadataKey>;

export const StreamsGroupTargetAssignmentMetadataValue = message({
  name: 'StreamsGroupTargetAssignmentMetadataValue',
  kind: 'value',
  id: 20,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: f.int32('0+'),
    assignmentTimestamp: f.int64('0+', { tag: 0, tagged: '0+' }),
  },
});
export type StreamsGroupTargetAssignmentMetadataValue = Infer<typeof StreamsGroupTargetAssignmentMetadataValue>;

export const StreamsGroupTargetAssignmentMemberKey = message({
  name: 'StreamsGroupTargetAssignmentMemberKey',
  kind: 'key',
  id: 21,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type StreamsGroupTargetAssignmentMemberKey = Infer<typeof StreamsGroupTargetAssignmentMemberKey>;

const taskIds = {
  subtopologyId: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

export const StreamsGroupTargetAssignmentMemberValue = message({
  name: 'StreamsGroupTargetAssignmentMemberValue',
  kind: 'value',
  id: 21,
  versions: '0',
  flexible: '0+',
  fields: {
    activeTasks: f.array(taskIds, '0+'),
    standbyTasks: f.array(taskIds, '0+'),
    warmupTasks: f.array(taskIds, '0+'),
  },
});
export type StreamsGroupTargetAssignmentMemberValue = Infer<typeof StreamsGroupTargetAssignmentMemberValue>;

export const StreamsGroupCurrentMemberAssignmentKey = message({
  name: 'StreamsGroupCurrentMemberAssignmentKey',
  kind: 'key',
  id: 22,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
  },
});
export type StreamsGroupCurrentMemberAssignmentKey = Infer<typeof StreamsGroupCurrentMemberAssignmentKey>;

const streamsGroupCurrentMemberAssignmentValueTaskIds = {
  subtopologyId: f.string('0+'),
  partitions: f.array('int32', '0+'),
  assignmentEpochs: f.array('int32', '0+', { nullable: '0+', tag: 0, tagged: '0+' }),
};

export const StreamsGroupCurrentMemberAssignmentValue = message({
  name: 'StreamsGroupCurrentMemberAssignmentValue',
  kind: 'value',
  id: 22,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: f.int32('0+'),
    previousMemberEpoch: f.int32('0+'),
    state: f.int8('0+'),
    activeTasks: f.array(streamsGroupCurrentMemberAssignmentValueTaskIds, '0+'),
    standbyTasks: f.array(streamsGroupCurrentMemberAssignmentValueTaskIds, '0+'),
    warmupTasks: f.array(streamsGroupCurrentMemberAssignmentValueTaskIds, '0+'),
    activeTasksPendingRevocation: f.array(streamsGroupCurrentMemberAssignmentValueTaskIds, '0+'),
    standbyTasksPendingRevocation: f.array(streamsGroupCurrentMemberAssignmentValueTaskIds, '0+'),
    warmupTasksPendingRevocation: f.array(streamsGroupCurrentMemberAssignmentValueTaskIds, '0+'),
  },
});
export type StreamsGroupCurrentMemberAssignmentValue = Infer<typeof StreamsGroupCurrentMemberAssignmentValue>;

export const StreamsGroupTopologyKey = message({
  name: 'StreamsGroupTopologyKey',
  kind: 'key',
  id: 23,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: f.string('0+'),
  },
});
export type StreamsGroupTopologyKey = Infer<typeof StreamsGroupTopologyKey>;

const topicInfo = {
  name: f.string('0+'),
  partitions: f.int32('0+'),
  replicationFactor: f.int16('0+'),
  topicConfigs: f.array(
    {
      key: f.string('0+'),
      value: f.string('0+'),
    },
    '0+',
  ),
};

export const StreamsGroupTopologyValue = message({
  name: 'StreamsGroupTopologyValue',
  kind: 'value',
  id: 23,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: f.int32('0+'),
    subtopologies: f.array(
      {
        subtopologyId: f.string('0+'),
        sourceTopics: f.array('string', '0+'),
        sourceTopicRegex: f.array('string', '0+'),
        stateChangelogTopics: f.array(topicInfo, '0+'),
        repartitionSinkTopics: f.array('string', '0+'),
        repartitionSourceTopics: f.array(topicInfo, '0+'),
        copartitionGroups: f.array(
          {
            sourceTopics: f.array('int16', '0+'),
            sourceTopicRegex: f.array('int16', '0+'),
            repartitionSourceTopics: f.array('int16', '0+'),
          },
          '0+',
        ),
      },
      '0+',
    ),
  },
});
export type StreamsGroupTopologyValue = Infer<typeof StreamsGroupTopologyValue>;
