/** Metadata, key 3: brokers, topics, partitions and their leaders. */
import { f, message } from '../schema.ts';
import type { Infer } from '../schema.ts';

export const MetadataRequest = message({
  name: 'MetadataRequest',
  kind: 'request',
  id: 3,
  versions: '0-13',
  flexible: '9+',
  fields: {
    topics: f.array(
      {
        topicId: f.uuid('10+', { ignorable: true }),
        name: f.string('0+', { nullable: '10+' }),
      },
      '0+',
      { nullable: '1+' },
    ),
    allowAutoTopicCreation: f.bool('4+', { default: true }),
    includeClusterAuthorizedOperations: f.bool('8-10'),
    includeTopicAuthorizedOperations: f.bool('8+'),
  },
});
export type MetadataRequest = Infer<typeof MetadataRequest>;

export const MetadataResponse = message({
  name: 'MetadataResponse',
  kind: 'response',
  id: 3,
  versions: '0-13',
  flexible: '9+',
  fields: {
    throttleTimeMs: f.int32('3+', { ignorable: true }),
    brokers: f.array(
      {
        nodeId: f.int32('0+'),
        host: f.string('0+'),
        port: f.int32('0+'),
        rack: f.string('1+', { nullable: '1+', default: null, ignorable: true }),
      },
      '0+',
    ),
    clusterId: f.string('2+', { nullable: '2+', default: null, ignorable: true }),
    controllerId: f.int32('1+', { default: -1, ignorable: true }),
    topics: f.array(
      {
        errorCode: f.int16('0+'),
        name: f.string('0+', { nullable: '12+' }),
        topicId: f.uuid('10+', { ignorable: true }),
        isInternal: f.bool('1+', { ignorable: true }),
        partitions: f.array(
          {
            errorCode: f.int16('0+'),
            partitionIndex: f.int32('0+'),
            leaderId: f.int32('0+'),
            leaderEpoch: f.int32('7+', { default: -1, ignorable: true }),
            replicaNodes: f.array('int32', '0+'),
            isrNodes: f.array('int32', '0+'),
            offlineReplicas: f.array('int32', '5+', { ignorable: true }),
          },
          '0+',
        ),
        topicAuthorizedOperations: f.int32('8+', { default: -2147483648 }),
      },
      '0+',
    ),
    clusterAuthorizedOperations: f.int32('8-10', { default: -2147483648 }),
    errorCode: f.int16('13+', { ignorable: true }),
  },
});
export type MetadataResponse = Infer<typeof MetadataResponse>;
