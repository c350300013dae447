/**
 * Every API that is advertised, in every version: a plain request is answered in that version's form, without an error that says the broker
 * broke. Old clients meet old versions, and no modern client of the other suites would ask for them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  AlterConfigOp,
  ApiKey,
  apis,
  ConfigResourceType,
  encodeSubscription,
  ErrorCode,
  type RequestInput,
} from '@odradek/protocol';
import { Wire } from '@odradek/testkit';
import { batchOf, createTopic } from '../support/wire.ts';
import { foreign, freshName, target, type Target } from '../support/target.ts';

let cluster: Target;
let wire: Wire;
let topic: string;
let topicId: string;

const groupId = freshName('every-version');
const UUID_ZERO = 'AAAAAAAAAAAAAAAAAAAAAA';

beforeAll(async () => {
  cluster = await target();
  wire = await Wire.open(cluster.bootstrap);
  topic = freshName('every-version');
  await createTopic(wire, topic);
  const { topics } = await wire.call(ApiKey.Metadata, { topics: [{ name: topic }] });
  topicId = topics[0]?.topicId ?? '';
  await wire.call(ApiKey.FindCoordinator, { keyType: 0, coordinatorKeys: [groupId] });
});

afterAll(async () => {
  wire?.close();
  await cluster?.[Symbol.asyncDispose]();
});

type Requests = { readonly [K in ApiKey]?: (version: number) => RequestInput<K> };

const named = (version: number, since: number) => (version >= since ? { topicId } : { name: topic });

const nobody = { voterId: 999, voterDirectoryId: 'AQEBAQEBAQEBAQEBAQEBAQ' };

/** A request that each version can carry; what it asks for need not exist. */
const requests: Requests = {
  [ApiKey.Produce]: (version) => ({
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ ...named(version, 13), partitionData: [{ index: 0, records: batchOf('a') }] }],
  }),
  [ApiKey.Fetch]: (version) => ({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 100_000,
    isolationLevel: 0,
    topics: [
      {
        ...(version >= 13 ? { topicId } : { topic }),
        partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }],
      },
    ],
  }),
  [ApiKey.ListOffsets]: () => ({
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  }),
  [ApiKey.Metadata]: (version) => ({
    topics: [{ name: topic }],
    ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
  }),
  [ApiKey.OffsetCommit]: (version) => ({
    groupId,
    memberId: '',
    topics: [
      { ...named(version, 10), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'note' }] },
    ],
  }),
  [ApiKey.OffsetFetch]: (version) =>
    version >= 8
      ? { groups: [{ groupId, topics: [{ ...named(version, 10), partitionIndexes: [0] }] }] }
      : { groupId, topics: [{ name: topic, partitionIndexes: [0] }] },
  [ApiKey.FindCoordinator]: (version) => ({
    ...(version >= 1 ? { keyType: 0 } : {}),
    ...(version >= 4 ? { coordinatorKeys: [groupId] } : { key: groupId }),
  }),
  [ApiKey.JoinGroup]: () => ({
    groupId: freshName('join'),
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription() }],
  }),
  [ApiKey.Heartbeat]: () => ({ groupId, generationId: 1, memberId: 'nobody' }),
  [ApiKey.LeaveGroup]: (version) => ({
    groupId,
    ...(version >= 3 ? { members: [{ memberId: 'nobody' }] } : { memberId: 'nobody' }),
  }),
  [ApiKey.SyncGroup]: () => ({ groupId, generationId: 1, memberId: 'nobody', assignments: [] }),
  [ApiKey.DescribeGroups]: () => ({ groups: [groupId] }),
  [ApiKey.ListGroups]: () => ({}),
  [ApiKey.ApiVersions]: (version) =>
    version >= 3 ? { clientSoftwareName: 'every-version', clientSoftwareVersion: '1' } : {},
  [ApiKey.CreateTopics]: () => ({
    topics: [{ name: freshName('created'), numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 5_000,
    validateOnly: false,
  }),
  [ApiKey.DeleteTopics]: (version) => {
    const name = freshName('absent');
    return {
      timeoutMs: 5_000,
      ...(version >= 6 ? { topics: [{ name, topicId: UUID_ZERO }] } : { topicNames: [name] }),
    };
  },
  [ApiKey.DeleteRecords]: () => ({
    timeoutMs: 5_000,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: 0 }] }],
  }),
  [ApiKey.InitProducerId]: () => ({ transactionalId: null, transactionTimeoutMs: 1_000 }),
  [ApiKey.OffsetForLeaderEpoch]: () => ({ topics: [{ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
  [ApiKey.DescribeConfigs]: () => ({
    resources: [{ resourceType: ConfigResourceType.TOPIC, resourceName: topic, configurationKeys: null }],
    includeSynonyms: true,
  }),
  [ApiKey.AlterConfigs]: () => ({
    resources: [
      {
        resourceType: ConfigResourceType.TOPIC,
        resourceName: topic,
        configs: [{ name: 'retention.ms', value: '1000000' }],
      },
    ],
    validateOnly: true,
  }),
  [ApiKey.IncrementalAlterConfigs]: () => ({
    resources: [
      {
        resourceType: ConfigResourceType.TOPIC,
        resourceName: topic,
        configs: [{ name: 'retention.ms', value: '1000000', configOperation: AlterConfigOp.SET }],
      },
    ],
    validateOnly: true,
  }),
  [ApiKey.AlterReplicaLogDirs]: () => ({
    dirs: [{ path: '/nowhere', topics: [{ name: topic, partitions: [0] }] }],
  }),
  [ApiKey.DescribeLogDirs]: () => ({ topics: [{ topic, partitions: [0] }] }),
  [ApiKey.CreatePartitions]: () => ({
    topics: [{ name: topic, count: 5, assignments: null }],
    timeoutMs: 1_000,
    validateOnly: true,
  }),
  [ApiKey.DeleteGroups]: () => ({ groupsNames: [freshName('absent')] }),
  [ApiKey.OffsetDelete]: () => ({
    groupId: freshName('absent'),
    topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
  }),
  [ApiKey.ElectLeaders]: () => ({ topicPartitions: [{ topic, partitions: [0] }], timeoutMs: 5_000 }),
  [ApiKey.AlterPartitionReassignments]: () => ({
    timeoutMs: 5_000,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, replicas: null }] }],
  }),
  [ApiKey.ListPartitionReassignments]: () => ({
    timeoutMs: 5_000,
    topics: [{ name: topic, partitionIndexes: [0] }],
  }),
  [ApiKey.DescribeQuorum]: () => ({
    topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }],
  }),
  [ApiKey.UnregisterBroker]: () => ({ brokerId: 999 }),
  [ApiKey.AddRaftVoter]: () => ({ clusterId: null, timeoutMs: 1_000, ...nobody, listeners: [] }),
  [ApiKey.RemoveRaftVoter]: () => ({ clusterId: null, ...nobody }),
  [ApiKey.UpdateFeatures]: (version) => ({
    featureUpdates: [{ feature: 'group.version', maxVersionLevel: 1 }],
    ...(version >= 1 ? { validateOnly: true } : {}),
  }),
  [ApiKey.DescribeCluster]: () => ({ includeClusterAuthorizedOperations: false }),
  [ApiKey.ConsumerGroupHeartbeat]: (version) => ({
    groupId: freshName('consumer'),
    memberId: version >= 1 ? 'every-version' : '',
    memberEpoch: 0,
    rebalanceTimeoutMs: 10_000,
    subscribedTopicNames: [topic],
    topicPartitions: [],
  }),
  [ApiKey.ConsumerGroupDescribe]: () => ({
    groupIds: [groupId, freshName('absent')],
    includeAuthorizedOperations: true,
  }),
  [ApiKey.ListConfigResources]: () => ({}),
  [ApiKey.DescribeTopicPartitions]: () => ({ topics: [{ name: topic }], responsePartitionLimit: 10, cursor: null }),
};

function subscription(): Buffer {
  return encodeSubscription(0, { topics: [topic] });
}

test.skipIf(foreign !== undefined)('every advertised API has a request here', async () => {
  const { apiKeys } = await wire.call(ApiKey.ApiVersions, {});
  const untried = apiKeys.filter(({ apiKey }) => requests[apiKey as ApiKey] === undefined).map(({ apiKey }) => apiKey);
  expect(untried).toEqual([]);
});

const cases = apis
  .filter(({ key }) => requests[key] !== undefined)
  .flatMap((api) =>
    Array.from({ length: api.maxStable - api.min + 1 }, (_, index) => ({
      name: api.name,
      key: api.key,
      version: api.min + index,
    })),
  );

test.each(cases)('$name version $version is answered in its own form', async ({ key, version }) => {
  const build = requests[key] as (version: number) => RequestInput<ApiKey>;
  // Out of the ordinary answers close the connection: each case has its own.
  using own = await Wire.open(cluster.bootstrap);
  const answer = await own.call(key, build(version), version);
  expect(errorsOf(answer)).not.toContain(ErrorCode.UNKNOWN_SERVER_ERROR);
});

test('the broker has not logged an error over any of them', () => {
  const errors = (cluster.node?.output() ?? '').split('\n').filter((line) => line.includes('"level":"error"'));
  expect(errors).toEqual([]);
});

/** Every errorCode in an answer, however deep. */
function errorsOf(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(errorsOf);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'errorCode' && typeof inner === 'number' ? [inner] : errorsOf(inner),
  );
}
