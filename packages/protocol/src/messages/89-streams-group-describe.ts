/** StreamsGroupDescribe, key 89: topology, members and tasks of streams groups (KIP-1071). */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const StreamsGroupDescribeRequest = message({
  name: 'StreamsGroupDescribeRequest',
  kind: 'request',
  id: 89,
  versions: '0',
  flexible: '0+',
  fields: {
    groupIds: f.array('string', '0+'),
    includeAuthorizedOperations: f.bool('0+'),
  },
});
export type StreamsGroupDescribeRequest = Infer<typeof StreamsGroupDescribeRequest>;

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

const taskOffset = {
  subtopologyId: f.string('0+'),
  partition: f.int32('0+'),
  offset: f.int64('0+'),
};

const taskIds = {
  subtopologyId: f.string('0+'),
  partitions: f.array('int32', '0+'),
};

const assignment = {
  activeTasks: f.array(taskIds, '0+'),
  standbyTasks: f.array(taskIds, '0+'),
  warmupTasks: f.array(taskIds, '0+'),
};

export const StreamsGroupDescribeResponse = message({
  name: 'StreamsGroupDescribeResponse',
  kind: 'response',
  id: 89,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: f.int32('0+'),
    groups: f.array(
      {
        errorCode: f.int16('0+'),
        errorMessage: f.string('0+', { nullable: '0+', default: null }),
        groupId: f.string('0+'),
        groupState: f.string('0+'),
        groupEpoch: f.int32('0+'),
        assignmentEpoch: f.int32('0+'),
        topology: f.struct(
          {
            epoch: f.int32('0+'),
            subtopologies: f.array(
              {
                subtopologyId: f.string('0+'),
                sourceTopics: f.array('string', '0+'),
                repartitionSinkTopics: f.array('string', '0+'),
                stateChangelogTopics: f.array(topicInfo, '0+'),
                repartitionSourceTopics: f.array(topicInfo, '0+'),
              },
              '0+',
              { nullable: '0+', default: null },
            ),
          },
          '0+',
          { nullable: '0+', default: null },
        ),
        members: f.array(
          {
            memberId: f.string('0+'),
            memberEpoch: f.int32('0+'),
            instanceId: f.string('0+', { nullable: '0+', default: null }),
            rackId: f.string('0+', { nullable: '0+', default: null }),
            clientId: f.string('0+'),
            clientHost: f.string('0+'),
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
            clientTags: f.array(keyValue, '0+'),
            taskOffsets: f.array(taskOffset, '0+'),
            taskEndOffsets: f.array(taskOffset, '0+'),
            assignment: f.struct(assignment, '0+'),
            targetAssignment: f.struct(assignment, '0+'),
            isClassic: f.bool('0+'),
          },
          '0+',
        ),
        authorizedOperations: f.int32('0+', { default: -2147483648 }),
      },
      '0+',
    ),
  },
});
export type StreamsGroupDescribeResponse = Infer<typeof StreamsGroupDescribeResponse>;
