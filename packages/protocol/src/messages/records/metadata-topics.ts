/** Metadata records about topics, partitions and their configs (`__cluster_metadata`). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const TopicRecord = message({
  name: 'TopicRecord',
  kind: 'record',
  id: 2,
  versions: '0',
  flexible: '0+',
  fields: {
    name: f.string('0+'),
    topicId: f.uuid('0+'),
  },
});
export type TopicRecord = Infer<typeof TopicRecord>;

export const RemoveTopicRecord = message({
  name: 'RemoveTopicRecord',
  kind: 'record',
  id: 9,
  versions: '0',
  flexible: '0+',
  fields: {
    topicId: f.uuid('0+'),
  },
});
export type RemoveTopicRecord = Infer<typeof RemoveTopicRecord>;

export const PartitionRecord = message({
  name: 'PartitionRecord',
  kind: 'record',
  id: 3,
  versions: '0-2',
  flexible: '0+',
  fields: {
    partitionId: f.int32('0+', { default: -1 }),
    topicId: f.uuid('0+'),
    replicas: f.array('int32', '0+'),
    isr: f.array('int32', '0+'),
    removingReplicas: f.array('int32', '0+'),
    addingReplicas: f.array('int32', '0+'),
    leader: f.int32('0+', { default: -1 }),
    leaderRecoveryState: f.int8('0+', { tag: 0, tagged: '0+' }),
    leaderEpoch: f.int32('0+', { default: -1 }),
    partitionEpoch: f.int32('0+', { default: -1 }),
    directories: f.array('uuid', '1+'),
    eligibleLeaderReplicas: f.array('int32', '2+', { nullable: '2+', default: null, tag: 1, tagged: '2+' }),
    lastKnownElr: f.array('int32', '2+', { nullable: '2+', default: null, tag: 2, tagged: '2+' }),
  },
});
export type PartitionRecord = Infer<typeof PartitionRecord>;

export const PartitionChangeRecord = message({
  name: 'PartitionChangeRecord',
  kind: 'record',
  id: 5,
  versions: '0-2',
  flexible: '0+',
  fields: {
    partitionId: f.int32('0+', { default: -1 }),
    topicId: f.uuid('0+'),
    isr: f.array('int32', '0+', { nullable: '0+', default: null, tag: 0, tagged: '0+' }),
    leader: f.int32('0+', { default: -2, tag: 1, tagged: '0+' }),
    replicas: f.array('int32', '0+', { nullable: '0+', default: null, tag: 2, tagged: '0+' }),
    removingReplicas: f.array('int32', '0+', { nullable: '0+', default: null, tag: 3, tagged: '0+' }),
    addingReplicas: f.array('int32', '0+', { nullable: '0+', default: null, tag: 4, tagged: '0+' }),
    leaderRecoveryState: f.int8('0+', { default: -1, tag: 5, tagged: '0+' }),
    directories: f.array('uuid', '1+', { nullable: '1+', default: null, tag: 8, tagged: '1+' }),
    eligibleLeaderReplicas: f.array('int32', '2+', { nullable: '2+', default: null, tag: 6, tagged: '2+' }),
    lastKnownElr: f.array('int32', '2+', { nullable: '2+', default: null, tag: 7, tagged: '2+' }),
  },
});
export type PartitionChangeRecord = Infer<typeof PartitionChangeRecord>;

export const ConfigRecord = message({
  name: 'ConfigRecord',
  kind: 'record',
  id: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    resourceType: f.int8('0+'),
    resourceName: f.string('0+'),
    name: f.string('0+'),
    value: f.string('0+', { nullable: '0+' }),
  },
});
export type ConfigRecord = Infer<typeof ConfigRecord>;

export const ClearElrRecord = message({
  name: 'ClearElrRecord',
  kind: 'record',
  id: 28,
  versions: '0',
  flexible: '0+',
  fields: {
    topicName: f.string('0+'),
  },
});
export type ClearElrRecord = Infer<typeof ClearElrRecord>;
