/** StreamsGroupHeartbeat, key 88: joins, keeps alive and leaves a streams group (KIP-1071). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

const keyValue = {
  key: f.string('0+'),
  value: f.string('0+'),
};

const topicInfo = {
  name: f.string('0+'),
  partitions: f.int32('0+'),
  replicationFactor: f.int16('0+'),
  topicConfigs: f.array(keyValue, '0+'),
};

const taskIds = {
  subtopologyId: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

const taskOffset = {
  subtopologyId: f.string('0+'),
  partition: f.int32('0+'),
  offset: f.int64('0+'),
};

export const StreamsGroupHeartbeatRequest = message({
  name: 'StreamsGroupHeartbeatRequest',
  kind: 'request',
  id: 88,
  versions: '0',
  flexible: '0+',
  fields: {
    groupId: f.string('0+'),
    memberId: f.string('0+'),
    memberEpoch: f.int32('0+'),
    endpointInformationEpoch: f.int32('0+'),
    instanceId: f.string('0+', { nullable: '0+', default: null }),
    rackId: f.string('0+', { nullable: '0+', default: null }),
    rebalanceTimeoutMs: f.int32('0+', { default: -1 }),
    topology: f.struct(
      {
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
      '0+',
      { nullable: '0+', default: null },
    ),
    activeTasks: f.array(taskIds, '0+', { nullable: '0+', default: null }),
    standbyTasks: f.array(taskIds, '0+', { nullable: '0+', default: null }),
    warmupTasks: f.array(taskIds, '0+', { nullable: '0+', default: null }),
    processId: f.string('0+', { nullable: '0+', default: null }),
    userEndpoint: f.struct(
      {
        host: f.string('0+'),
        port: f.uint16('0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
    clientTags: f.array(keyValue, '0+', { nullable: '0+', default: null }),
    taskOffsets: f.array(taskOffset, '0+', { nullable: '0+', default: null }),
    taskEndOffsets: f.array(taskOffset, '0+', { nullable: '0+', default: null }),
    shutdownApplication: f.bool('0+'),
  },
});
export type StreamsGroupHeartbeatRequest = Infer<typeof StreamsGroupHeartbeatRequest>;

const streamsGroupHeartbeatResponseTaskIds = {
  subtopologyId: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

const topicPartition = {
  topic: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

export const StreamsGroupHeartbeatResponse = message({
  name: 'StreamsGroupHeartbeatResponse',
  kind: 'response',
  id: 88,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    errorCode: f.int16('0+'),
    errorMessage: f.string('0+', { nullable: '0+', default: null }),
    memberId: f.string('0+'),
    memberEpoch: f.int32('0+'),
    heartbeatIntervalMs: f.int32('0+'),
    acceptableRecoveryLag: f.int32('0+'),
    taskOffsetIntervalMs: f.int32('0+'),
    status: f.array(
      {
        statusCode: f.int8('0+'),
        statusDetail: f.string('0+'),
      },
      '0+',
      { nullable: '0+' },
    ),
    activeTasks: f.array(streamsGroupHeartbeatResponseTaskIds, '0+', { nullable: '0+', default: null }),
    standbyTasks: f.array(streamsGroupHeartbeatResponseTaskIds, '0+', { nullable: '0+', default: null }),
    warmupTasks: f.array(streamsGroupHeartbeatResponseTaskIds, '0+', { nullable: '0+', default: null }),
    endpointInformationEpoch: f.int32('0+'),
    partitionsByUserEndpoint: f.array(
      {
        userEndpoint: f.struct(
          {
            host: f.string('0+'),
            port: f.uint16('0+'),
          },
          '0+',
        ),
        activePartitions: f.array(topicPartition, '0+'),
        standbyPartitions: f.array(topicPartition, '0+'),
      },
      '0+',
      { nullable: '0+', default: null },
    ),
  },
});
export type StreamsGroupHeartbeatResponse = Infer<typeof StreamsGroupHeartbeatResponse>;
