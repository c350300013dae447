/** The requests, in the order in which they are made: later ones find what earlier ones have done. */
import { UUID_ZERO } from '@odradek/base';
import { ApiKey } from '@odradek/protocol';
import type { Chosen, Step } from './steps.ts';
import {
  BROKER,
  changed,
  created,
  described,
  each,
  elected,
  ELSEWHERE,
  gone,
  GROUP,
  grown,
  levels,
  listener,
  made,
  METADATA,
  moved,
  reassigned,
  step,
  TOPIC,
  voter,
} from './words.ts';

const cluster: Step[] = [
  ...each(ApiKey.DescribeCluster, [0], 'endpoints have no type', { includeClusterAuthorizedOperations: true }),
  ...[1, 2, 3, 0, -1].flatMap((endpointType) =>
    each(ApiKey.DescribeCluster, [1, 2], `endpoints of type ${endpointType}`, {
      endpointType,
      includeClusterAuthorizedOperations: false,
    }),
  ),
  ...each(ApiKey.DescribeCluster, [2], 'fenced ones too, and what may be done', {
    endpointType: 1,
    includeFencedBrokers: true,
    includeClusterAuthorizedOperations: true,
  }),
  ...each(ApiKey.UnregisterBroker, [0], 'no such broker', { brokerId: 77 }),
  ...each(ApiKey.UnregisterBroker, [0], 'a negative id', { brokerId: -1 }),
  step('controller', [ApiKey.Metadata, 12], 'is for brokers', { topics: null }),
  step('controller', [ApiKey.FindCoordinator, 4], 'is for brokers', { keyType: 0, coordinatorKeys: ['g'] }),
];

const quorum: Step[] = [
  ...each(ApiKey.DescribeQuorum, [0, 1, 2], 'the metadata log', {
    topics: [{ topicName: METADATA, partitions: [{ partitionIndex: 0 }] }],
  }),
  ...each(ApiKey.DescribeQuorum, [0, 2], 'nothing', { topics: [] }),
  ...each(ApiKey.DescribeQuorum, [0, 2], 'another topic', {
    topics: [{ topicName: 'x', partitions: [{ partitionIndex: 3 }] }],
  }),
  ...each(ApiKey.DescribeQuorum, [2], 'another partition', {
    topics: [{ topicName: METADATA, partitions: [{ partitionIndex: 1 }] }],
  }),
  ...each(ApiKey.DescribeQuorum, [2], 'another partition beside it', {
    topics: [{ topicName: METADATA, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }],
  }),
  ...each(ApiKey.DescribeQuorum, [2], 'another topic beside it', {
    topics: [
      { topicName: METADATA, partitions: [{ partitionIndex: 0 }] },
      { topicName: 'x', partitions: [{ partitionIndex: 0 }] },
    ],
  }),
];

/** Kafka tells no directories of voters that the properties name; ours tells those that it has seen, which `quorum describe` shows. */
const itself = { replicaId: 1, replicaDirectoryId: '<directory>', logEndOffset: '<offset>' };
const log = {
  partitionIndex: 0,
  errorCode: 'NONE',
  leaderId: '<leader>',
  leaderEpoch: '<epoch>',
  highWatermark: '<offset>',
};
const withDirectories: Chosen = {
  because: 'the directory of a voter is worth knowing whatever said that it votes',
  answer: {
    errorCode: 'NONE',
    topics: [
      {
        topicName: METADATA,
        partitions: [
          {
            ...log,
            currentVoters: [{ ...itself, lastFetchTimestamp: '<time>', lastCaughtUpTimestamp: '<time>' }],
            observers: [],
          },
        ],
      },
    ],
    nodes: [{ nodeId: 1, listeners: [{ name: 'CONTROLLER', host: '127.0.0.1', port: '<port>' }] }],
  },
};
const staticQuorum = quorum.map((each) =>
  each.what === 'the metadata log' && each.version === 2 ? { ...each, ours: withDirectories } : each,
);

/** What a quorum without kraft.version 1 refuses, and every quorum. */
const voters: Step[] = [
  ...each(ApiKey.AddRaftVoter, [0, 1], 'another cluster', voter({ clusterId: 'x' })),
  ...each(ApiKey.AddRaftVoter, [1], 'no directory', voter({ voterDirectoryId: UUID_ZERO })),
  ...each(ApiKey.AddRaftVoter, [1], 'a negative id', voter({ voterId: -1 })),
  ...each(ApiKey.AddRaftVoter, [1], 'no endpoint', voter({ listeners: [] })),
  ...each(ApiKey.AddRaftVoter, [1], 'another listener', voter({ listeners: [{ ...listener, name: 'OTHER' }] })),
  ...each(ApiKey.RemoveRaftVoter, [0], 'another cluster', gone({ clusterId: 'x' })),
  ...each(ApiKey.RemoveRaftVoter, [0], 'no directory', gone({ voterDirectoryId: UUID_ZERO })),
  ...each(ApiKey.RemoveRaftVoter, [0], 'no such voter', gone({ clusterId: null })),
];
const staticVoters: Step[] = [
  ...voters,
  ...each(ApiKey.AddRaftVoter, [0, 1], 'of a static quorum', voter()),
  ...each(ApiKey.RemoveRaftVoter, [0], 'of a static quorum', gone({ voterId: 1 })),
];
const dynamicVoters: Step[] = [
  ...quorum,
  ...voters,
  ...each(ApiKey.AddRaftVoter, [1], 'it votes already', voter({ voterId: 1, voterDirectoryId: '<directory>' })),
  ...each(ApiKey.AddRaftVoter, [1], 'it votes with another directory', voter({ voterId: 1 })),
  ...each(ApiKey.AddRaftVoter, [1], 'nobody there', voter({ listeners: [{ ...listener, port: 1 }] })),
  ...each(ApiKey.RemoveRaftVoter, [0], 'another directory of a voter', gone({ voterId: 1 })),
  ...each(ApiKey.RemoveRaftVoter, [0], 'the last voter', gone({ voterId: 1, voterDirectoryId: '<directory>' })),
];

/** Topics through the controller's own listener; through a broker they are compared elsewhere. */
const topics: Step[] = [
  step('controller', [ApiKey.CreateTopics, 7], 'a good one, and one twice', created(made('t'), made('u'), made('u'))),
  step('controller', [ApiKey.CreateTopics, 2], 'it exists', created(made('t'))),
  step('controller', [ApiKey.CreateTopics, 7], 'that of the controllers', created(made(METADATA))),
  step('controller', [ApiKey.CreateTopics, 7], 'a dot', created(made('a.b'))),
  step('controller', [ApiKey.CreateTopics, 7], 'a name that collides with one that is there', created(made('a_b'))),
  step(
    'controller',
    [ApiKey.CreateTopics, 7],
    'more replicas than brokers',
    created(made('v', { replicationFactor: 2 })),
  ),
  step('controller', [ApiKey.CreateTopics, 7], 'no partitions', created(made('v', { numPartitions: 0 }))),
  step(
    'controller',
    [ApiKey.CreatePartitions, 3],
    'more, fewer, twice and none',
    grown(
      { name: 't', count: 4, assignments: null },
      { name: 'a.b', count: 0, assignments: null },
      { name: 'nope', count: 4, assignments: null },
    ),
  ),
  step(
    'controller',
    [ApiKey.CreatePartitions, 3],
    'as many as there are',
    grown({ name: 't', count: 4, assignments: null }),
  ),
  step('controller', [ApiKey.DeleteTopics, 6], 'by name, and one that is not there', {
    topics: [
      { name: 'a.b', topicId: UUID_ZERO },
      { name: 'nope', topicId: UUID_ZERO },
    ],
    timeoutMs: 5_000,
  }),
];

const configs: Step[] = [
  step('controller', [ApiKey.DescribeConfigs, 4], 'a topic', described(TOPIC, 't')),
  step('controller', [ApiKey.DescribeConfigs, 4], 'no topic', described(TOPIC, 'nope')),
  step('controller', [ApiKey.DescribeConfigs, 4], 'itself', described(BROKER, '1')),
  step('controller', [ApiKey.DescribeConfigs, 4], 'all', described(BROKER, '')),
  step('controller', [ApiKey.DescribeConfigs, 4], 'another node', described(BROKER, '2')),
  step('controller', [ApiKey.IncrementalAlterConfigs, 1], 'a topic', changed(TOPIC, 't', 'retention.ms', '5000')),
  step('controller', [ApiKey.IncrementalAlterConfigs, 1], 'no topic', changed(TOPIC, 'nope', 'retention.ms', '5000')),
  step('controller', [ApiKey.IncrementalAlterConfigs, 1], 'a bad value', changed(TOPIC, 't', 'retention.ms', 'soon')),
  step('controller', [ApiKey.IncrementalAlterConfigs, 1], 'an unknown type', changed(77, 't', 'retention.ms', '1')),
  step('controller', [ApiKey.IncrementalAlterConfigs, 1], 'a node', changed(BROKER, '1', 'log.retention.ms', '5000')),
  step(
    'controller',
    [ApiKey.IncrementalAlterConfigs, 1],
    'another node',
    changed(BROKER, '2', 'log.retention.ms', '5000'),
  ),
  step(
    'controller',
    [ApiKey.IncrementalAlterConfigs, 1],
    'a node by no number',
    changed(BROKER, 'x', 'log.retention.ms', '5000'),
  ),
  step(
    'controller',
    [ApiKey.IncrementalAlterConfigs, 1],
    'a group',
    changed(GROUP, 'g', 'consumer.session.timeout.ms', '50000'),
  ),
];

const elections: Step[] = [
  ...each(
    ApiKey.ElectLeaders,
    [0],
    'they lead, and some are not there',
    elected(undefined, ['t', [0, 1, 9]], ['nope', [0]]),
  ),
  ...[0, 1].flatMap((type) =>
    each(
      ApiKey.ElectLeaders,
      [1, 2],
      `type ${type}: they lead, and some are not there`,
      elected(type, ['t', [0, 9]], ['nope', [0]]),
    ),
  ),
  ...[0, 1].flatMap((type) =>
    each(ApiKey.ElectLeaders, [2], `type ${type}: all`, {
      electionType: type,
      topicPartitions: null,
      timeoutMs: 5_000,
    }),
  ),
  ...each(ApiKey.ElectLeaders, [2], 'none', elected(0)),
  ...each(ApiKey.ElectLeaders, [2], 'no partitions of a topic', elected(0, ['t', []])),
  ...each(ApiKey.ElectLeaders, [2], 'a partition twice', elected(0, ['t', [0, 0]])),
  ...each(ApiKey.ElectLeaders, [2], 'a type that is none', elected(7, ['t', [0]])),
  ...each(ApiKey.ElectLeaders, [2], 'a type that is none, of all', {
    electionType: 7,
    topicPartitions: null,
    timeoutMs: 5_000,
  }),
];

const reassignments: Step[] = [
  ...each(ApiKey.AlterPartitionReassignments, [0, 1], 'where they are', reassigned(moved('t', [0, [1]]))),
  ...each(ApiKey.AlterPartitionReassignments, [0, 1], 'no such broker', reassigned(moved('t', [0, [2]], [1, [1]]))),
  ...each(ApiKey.AlterPartitionReassignments, [1], 'nobody', reassigned(moved('t', [0, []]))),
  ...each(ApiKey.AlterPartitionReassignments, [1], 'one twice', reassigned(moved('t', [0, [1, 1]]))),
  ...each(ApiKey.AlterPartitionReassignments, [1], 'a negative id', reassigned(moved('t', [0, [-1]]))),
  ...each(
    ApiKey.AlterPartitionReassignments,
    [1],
    'no such partition or topic',
    reassigned(moved('t', [9, [1]]), moved('nope', [0, [1]])),
  ),
  ...each(
    ApiKey.AlterPartitionReassignments,
    [1],
    'nothing to cancel',
    reassigned(moved('t', [0, null], [9, null]), moved('nope', [0, null])),
  ),
  ...each(ApiKey.AlterPartitionReassignments, [1], 'a partition twice', reassigned(moved('t', [0, [1]], [0, [1]]))),
  ...each(ApiKey.AlterPartitionReassignments, [1], 'no topics', reassigned()),
  ...each(ApiKey.AlterPartitionReassignments, [1], 'as many replicas as now', {
    ...reassigned(moved('t', [0, [1]])),
    allowReplicationFactorChange: false,
  }),
  ...each(ApiKey.ListPartitionReassignments, [0], 'all', { timeoutMs: 5_000, topics: null }),
  ...each(ApiKey.ListPartitionReassignments, [0], 'of none', { timeoutMs: 5_000, topics: [] }),
  ...each(ApiKey.ListPartitionReassignments, [0], 'of some, and some that are not there', {
    timeoutMs: 5_000,
    topics: [
      { name: 't', partitionIndexes: [0, 9] },
      { name: 'nope', partitionIndexes: [0] },
    ],
  }),
];

const GROUPS = 'group.version';
const features: Step[] = [
  ...each(ApiKey.UpdateFeatures, [0, 1, 2], 'no such feature', levels({ feature: 'nope', maxVersionLevel: 1 })),
  ...each(ApiKey.UpdateFeatures, [0, 1, 2], 'as it is', levels({ feature: GROUPS, maxVersionLevel: 1 })),
  ...each(
    ApiKey.UpdateFeatures,
    [0, 1, 2],
    'beyond what is supported',
    levels({ feature: GROUPS, maxVersionLevel: 99 }),
  ),
  ...each(ApiKey.UpdateFeatures, [0, 1, 2], 'lower without leave', levels({ feature: GROUPS, maxVersionLevel: 0 })),
  ...each(ApiKey.UpdateFeatures, [1, 2], 'lower, unsafely, only to see', {
    ...levels({ feature: GROUPS, maxVersionLevel: 0, upgradeType: 3 }),
    validateOnly: true,
  }),
  ...each(
    ApiKey.UpdateFeatures,
    [1, 2],
    'a type that is none',
    levels({ feature: GROUPS, maxVersionLevel: 1, upgradeType: 9 }),
  ),
  ...each(ApiKey.UpdateFeatures, [1, 2], 'negative', levels({ feature: GROUPS, maxVersionLevel: -1, upgradeType: 2 })),
  ...each(ApiKey.UpdateFeatures, [1, 2], 'a good one beside a bad one', {
    ...levels({ feature: GROUPS, maxVersionLevel: 0, upgradeType: 2 }, { feature: 'nope', maxVersionLevel: 1 }),
  }),
  ...each(
    ApiKey.UpdateFeatures,
    [2],
    'metadata.version below all',
    levels({ feature: 'metadata.version', maxVersionLevel: 1, upgradeType: 2 }),
  ),
  ...each(ApiKey.UpdateFeatures, [2], 'none', levels()),
  ...each(
    ApiKey.UpdateFeatures,
    [0],
    'lower with leave',
    levels({ feature: GROUPS, maxVersionLevel: 0, allowDowngrade: true }),
  ),
  ...each(ApiKey.UpdateFeatures, [1], 'up again', levels({ feature: GROUPS, maxVersionLevel: 1, upgradeType: 1 })),
  ...each(ApiKey.UpdateFeatures, [2], 'lower, safely', levels({ feature: GROUPS, maxVersionLevel: 0, upgradeType: 2 })),
  ...each(ApiKey.UpdateFeatures, [2], 'up again', levels({ feature: GROUPS, maxVersionLevel: 1, upgradeType: 1 })),
];

const collisions: Step[] = [
  step('controller', [ApiKey.CreateTopics, 7], 'two new names that collide', created(made('c.d'), made('c_d'))),
];

const ask = (what: string, ...asked: readonly Step[]): Step[] => asked.map((each) => ({ ...each, what }));

/** All of it asked of a controller that is not the active one. */
const standby: Step[] = [
  ...[1, 2].map((version) =>
    step('controller', [ApiKey.DescribeCluster, version], 'controllers', {
      endpointType: 2,
      includeClusterAuthorizedOperations: false,
    }),
  ),
  ...quorum.filter(({ of }) => of === 'controller'),
  ...ask(
    'another controller decides',
    step('controller', [ApiKey.AddRaftVoter, 1], '', voter()),
    step('controller', [ApiKey.RemoveRaftVoter, 0], '', gone()),
    step('controller', [ApiKey.UpdateRaftVoter, 0], '', {
      clusterId: '<cluster>',
      currentLeaderEpoch: 1,
      voterId: 1,
      voterDirectoryId: ELSEWHERE,
      listeners: [listener],
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
    }),
    step('controller', [ApiKey.CreateTopics, 7], '', created(made('standby'))),
    step('controller', [ApiKey.CreatePartitions, 3], '', grown({ name: 'standby', count: 4, assignments: null })),
    step('controller', [ApiKey.IncrementalAlterConfigs, 1], '', changed(BROKER, '', 'log.retention.ms', '5000')),
    step('controller', [ApiKey.ElectLeaders, 2], '', elected(0, ['standby', [0]])),
    step('controller', [ApiKey.ElectLeaders, 0], '', elected(undefined, ['standby', [0]])),
    step('controller', [ApiKey.AlterPartitionReassignments, 1], '', reassigned(moved('standby', [0, [1]]))),
    {
      ...step('controller', [ApiKey.ListPartitionReassignments, 0], '', { timeoutMs: 5_000, topics: null }),
      ours: {
        because:
          'Kafka tells what this controller has heard of, which may be old; ours sends the client to the active one',
        answer: { errorCode: 'NOT_CONTROLLER', topics: [] },
      },
    },
    step('controller', [ApiKey.UnregisterBroker, 0], '', { brokerId: 77 }),
    step('controller', [ApiKey.UpdateFeatures, 2], '', levels({ feature: GROUPS, maxVersionLevel: 1 })),
    step('controller', [ApiKey.UpdateFeatures, 1], '', levels({ feature: GROUPS, maxVersionLevel: 1 })),
  ),
];

/** By the quorum that they need: of voters in the properties, or one that may grow. */
export const scenarios: Readonly<Record<'static' | 'dynamic' | 'standby', readonly Step[]>> = {
  static: [
    ...cluster,
    ...staticQuorum,
    ...staticVoters,
    ...topics,
    ...configs,
    ...elections,
    ...reassignments,
    ...features,
    ...collisions,
  ],
  dynamic: dynamicVoters,
  standby,
};
