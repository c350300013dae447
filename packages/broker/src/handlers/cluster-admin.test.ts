/** The admin APIs that a controller decides, in every version, before a controller whose answers are written here. */
import { ok, refuse, UUID_ZERO } from '@odradek/base';
import type { AdminKind, AdminReply, AdminRequest } from '@odradek/metadata';
import { ANONYMOUS_PRINCIPAL, type ApiKey, apiByKey, ErrorCode, type RequestInput } from '@odradek/protocol';
import { describe, expect, test } from 'vitest';
import type { Authorizer, Needs } from '../core/authorizer.ts';
import { startFront } from '../testing/front.ts';

const directory = 'AQEBAQEBAQEBAQEBAQEBAQ';
const listener = { name: 'CONTROLLER', host: 'localhost', port: 9093 };

/** One request and answer that use every field there is. */
type Case = {
  readonly key: ApiKey;
  readonly kind: AdminKind;
  readonly needs: Needs['operation'];
  /** What every version can say. */
  readonly request: object;
  /** What only the newest can. */
  readonly newest?: object;
  readonly reply: object;
  /** What the request becomes when everything in it is refused, `code` and `why` filled in; by the newest version. */
  readonly refused: object;
};

const CODE = ErrorCode.REQUEST_TIMED_OUT;
const WHY = 'nobody answered';
const result = { errorCode: CODE, errorMessage: WHY };
const whole = { throttleTimeMs: 0, ...result };

const cases: readonly Case[] = [
  {
    key: 43,
    kind: 'electLeaders',
    needs: 'alter',
    request: { topicPartitions: [{ topic: 't', partitions: [0, 3] }], timeoutMs: 4_000 },
    newest: { electionType: 1 },
    reply: {
      throttleTimeMs: 0,
      errorCode: 0,
      replicaElectionResults: [
        { topic: 't', partitionResult: [{ partitionId: 0, errorCode: 84, errorMessage: 'as it is' }] },
      ],
    },
    refused: {
      throttleTimeMs: 0,
      errorCode: CODE,
      replicaElectionResults: [
        {
          topic: 't',
          partitionResult: [
            { partitionId: 0, ...result },
            { partitionId: 3, ...result },
          ],
        },
      ],
    },
  },
  {
    key: 45,
    kind: 'alterPartitionReassignments',
    needs: 'alter',
    request: {
      timeoutMs: 4_000,
      topics: [
        {
          name: 't',
          partitions: [
            { partitionIndex: 0, replicas: [3, 1] },
            { partitionIndex: 1, replicas: null },
          ],
        },
      ],
    },
    newest: { allowReplicationFactorChange: false },
    reply: {
      throttleTimeMs: 0,
      allowReplicationFactorChange: false,
      errorCode: 0,
      errorMessage: null,
      responses: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 39, errorMessage: 'no broker 3' }] }],
    },
    refused: {
      ...whole,
      allowReplicationFactorChange: true,
      responses: [
        {
          name: 't',
          partitions: [
            { partitionIndex: 0, ...result },
            { partitionIndex: 1, ...result },
          ],
        },
      ],
    },
  },
  {
    key: 46,
    kind: 'listPartitionReassignments',
    needs: 'describe',
    request: { timeoutMs: 4_000, topics: [{ name: 't', partitionIndexes: [0, 2] }] },
    reply: {
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 2, replicas: [1, 2, 3], addingReplicas: [3], removingReplicas: [1] }],
        },
      ],
    },
    refused: {
      ...whole,
      topics: [
        {
          name: 't',
          partitions: [0, 2].map((partitionIndex) => ({
            partitionIndex,
            replicas: [],
            addingReplicas: [],
            removingReplicas: [],
          })),
        },
      ],
    },
  },
  {
    key: 55,
    kind: 'describeQuorum',
    needs: 'describe',
    request: { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] },
    reply: {
      errorCode: 0,
      errorMessage: '',
      topics: [
        {
          topicName: '__cluster_metadata',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              errorMessage: '',
              leaderId: 7,
              leaderEpoch: 3,
              highWatermark: 90,
              currentVoters: [
                {
                  replicaId: 7,
                  replicaDirectoryId: directory,
                  logEndOffset: 91,
                  lastFetchTimestamp: 1_000,
                  lastCaughtUpTimestamp: 900,
                },
              ],
              observers: [],
            },
          ],
        },
      ],
      nodes: [{ nodeId: 7, listeners: [listener] }],
    },
    refused: { ...result, topics: [], nodes: [] },
  },
  {
    key: 64,
    kind: 'unregisterBroker',
    needs: 'alter',
    request: { brokerId: 12 },
    reply: { throttleTimeMs: 0, errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED, errorMessage: 'there is no broker 12' },
    refused: whole,
  },
  {
    key: 80,
    kind: 'addRaftVoter',
    needs: 'alter',
    request: {
      clusterId: 'c',
      timeoutMs: 4_000,
      voterId: 8,
      voterDirectoryId: directory,
      listeners: [listener],
    },
    newest: { ackWhenCommitted: false },
    reply: { throttleTimeMs: 0, errorCode: ErrorCode.DUPLICATE_VOTER, errorMessage: 'it votes' },
    refused: whole,
  },
  {
    key: 81,
    kind: 'removeRaftVoter',
    needs: 'alter',
    request: { clusterId: null, voterId: 8, voterDirectoryId: directory },
    reply: { throttleTimeMs: 0, errorCode: ErrorCode.VOTER_NOT_FOUND, errorMessage: 'it does not vote' },
    refused: whole,
  },
  {
    key: 82,
    kind: 'updateRaftVoter',
    needs: 'clusterAction',
    request: {
      clusterId: null,
      currentLeaderEpoch: 3,
      voterId: 8,
      voterDirectoryId: UUID_ZERO,
      listeners: [listener],
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
    },
    reply: {
      throttleTimeMs: 0,
      errorCode: 0,
      currentLeader: { leaderId: 7, leaderEpoch: 3, host: 'localhost', port: 9093 },
    },
    refused: {
      throttleTimeMs: 0,
      errorCode: CODE,
      currentLeader: { leaderId: -1, leaderEpoch: -1, host: '', port: 0 },
    },
  },
];

const denying = (operation: Needs['operation']): Authorizer => ({
  allows: (_principal, _host, needs) => needs.resource !== 'cluster' || needs.operation !== operation,
  operations: () => 0,
});

describe.each(cases)('$kind', ({ key, kind, needs, reply, refused, ...rest }) => {
  const { min, maxStable } = apiByKey(key);
  const versions = Array.from({ length: maxStable - min + 1 }, (_, at) => min + at);
  const requestOf = (version: number): RequestInput<typeof key> =>
    (version === maxStable ? { ...rest.request, ...rest.newest } : rest.request) as RequestInput<typeof key>;

  test.each(versions)('version %i: reaches the controller as it came, and its answer the client', async (version) => {
    const at = await startFront({ answer: () => ok(reply as AdminReply<AdminRequest>) });
    const answer = await at.connect().request(key, version, requestOf(version));
    expect(at.asked.map(({ request: { kind: asked }, principal }) => [asked, principal])).toEqual([
      [kind, ANONYMOUS_PRINCIPAL],
    ]);
    if (version < maxStable) return;
    expect(at.asked[0]?.request.request).toEqual(requestOf(version));
    expect(at.asked[0]?.requestId).toMatch(/^CONTROLLER-\d+-\d+$/);
    expect(answer).toEqual(reply);
  });

  test.each(versions)('version %i: a refusal of the whole is told in the form of the API', async (version) => {
    const at = await startFront({ answer: () => refuse(CODE, WHY) });
    const answer = await at.connect().request(key, version, requestOf(version));
    if (version === maxStable) expect(answer).toEqual(refused);
    expect(JSON.stringify(answer)).toContain(`"errorCode":${CODE}`);
  });

  test('who may not do it is told so, and the controller hears nothing of it', async () => {
    const at = await startFront({ answer: () => ok(reply as AdminReply<AdminRequest>), authorizer: denying(needs) });
    const answer = await at.connect().request(key, maxStable, requestOf(maxStable));
    expect(answer).toMatchObject({ errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED });
    expect(at.asked).toEqual([]);
  });
});

test('electLeaders: version 0 means preferred leaders, and null asks for all partitions', async () => {
  const at = await startFront();
  const answer = await at.connect().request(43, 0, { topicPartitions: null, timeoutMs: 1 });
  expect(answer.replicaElectionResults).toEqual([]);
  expect(at.asked[0]?.request).toMatchObject({ request: { electionType: 0, topicPartitions: null } });
});

test.each([80, 81, 82] as const)(
  'key %i: asked of a controller that does not lead the quorum, it says so as Raft does',
  async (key) => {
    const at = await startFront({ leader: { nodeId: 3, epoch: 5, endpoint: { host: 'there', port: 9 } } });
    const found = cases.find((each) => each.key === key);
    const answer = await at.connect().request(key, apiByKey(key).maxStable, (found?.request ?? {}) as RequestInput<80>);
    expect(answer).toMatchObject({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
    if (key === 82)
      expect(answer).toMatchObject({ currentLeader: { leaderId: 3, leaderEpoch: 5, host: 'there', port: 9 } });
  },
);

test('describeQuorum: asked of a controller that does not lead the quorum, each partition says so', async () => {
  const at = await startFront();
  const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
  const answer = await at.connect().request(55, 2, { topics });
  expect(answer).toMatchObject({
    errorCode: ErrorCode.NONE,
    topics: [{ partitions: [{ partitionIndex: 0, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, currentVoters: [] }] }],
  });
});

test('describeQuorum: who leads does not matter to what is not the metadata log', async () => {
  const at = await startFront();
  const codes = async (...names: string[]): Promise<number[]> => {
    const topics = names.map((topicName) => ({ topicName, partitions: [{ partitionIndex: 0 }] }));
    const answer = await at.connect().request(55, 2, { topics });
    return answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
  };
  const { UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
  expect(await codes('other')).toEqual([UNKNOWN_TOPIC_OR_PARTITION]);
  expect(await codes('__cluster_metadata', 'other')).toEqual([UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_OR_PARTITION]);
  expect(await codes()).toEqual([]);
});
