import { expect, test } from 'vitest';
import { ErrorCode } from '@odradek/protocol';
import { inSync, moving, reassign } from '../testing/asks.ts';
import { Harness, directoryOf, type HarnessOptions } from '../testing/harness.ts';

const DONE = [ErrorCode.NONE, null];

/** Five brokers; `t` has two partitions on the first three. */
function cluster(options: HarnessOptions = {}): Harness {
  const harness = new Harness({ brokers: [1, 2, 3, 4, 5], ...options });
  harness.create({
    name: 't',
    replicas: [
      [1, 2, 3],
      [2, 3, 1],
    ],
  });
  return harness;
}

test('reassign: replicas that are not in sync yet are added behind those that stay, and who goes stays until then', () => {
  const harness = cluster();
  expect(reassign(harness, 't', { 0: [4, 2, 5] })).toEqual([DONE]);
  expect(harness.partition('t')).toMatchObject({
    replicas: [4, 2, 5, 1, 3],
    directories: [4, 2, 5, 1, 3].map(directoryOf),
    isr: [1, 2, 3],
    leader: 1,
    leaderEpoch: 0,
  });
  expect(moving(harness)).toEqual(['t-0: 4,2,5,1,3 +4,5 -1,3']);
});

test('reassign: the change that brings the last new replica in sync completes it, under a leader that stays', () => {
  const harness = cluster();
  reassign(harness, 't', { 0: [4, 2, 5] });
  inSync(harness, 't', [1, 2, 3, 4]);
  expect(moving(harness)).toHaveLength(1);
  inSync(harness, 't', [1, 2, 3, 4, 5]);
  expect(harness.partition('t')).toMatchObject({
    replicas: [4, 2, 5],
    isr: [2, 4, 5],
    leader: 4,
    leaderEpoch: 1,
    addingReplicas: [],
    removingReplicas: [],
  });
  expect(moving(harness)).toEqual([]);
});

test('reassign: a replica that goes makes the leader epoch move even when the leader stays', () => {
  const harness = cluster();
  reassign(harness, 't', { 0: [1, 2] });
  expect(harness.partition('t')).toMatchObject({ replicas: [1, 2], isr: [1, 2], leader: 1, leaderEpoch: 1 });
});

test('reassign: another order, or what is there already, needs nobody', () => {
  const harness = cluster();
  expect(reassign(harness, 't', { 0: [3, 1, 2] })).toEqual([DONE]);
  expect(harness.partition('t')).toMatchObject({ replicas: [3, 1, 2], leader: 1, leaderEpoch: 0 });
  const before = harness.image.endOffset;
  expect(reassign(harness, 't', { 0: [3, 1, 2] })).toEqual([DONE]);
  expect(harness.image.endOffset).toBe(before);
});

test('reassign: when fewer come than go, all that stay have to be in sync first', () => {
  const harness = cluster();
  inSync(harness, 't', [1, 3]);
  reassign(harness, 't', { 0: [1, 2] });
  expect(moving(harness)).toEqual(['t-0: 1,2,3 + -3']);
  inSync(harness, 't', [1, 2, 3]);
  expect(harness.partition('t').replicas).toEqual([1, 2]);
});

test('reassign: turned back before it was done, what was to go stays for good, unlike with Kafka 4.3.1', () => {
  const harness = cluster();
  inSync(harness, 't', [1, 3]);
  reassign(harness, 't', { 0: [1, 2] });
  expect(reassign(harness, 't', { 0: [1, 2, 3] })).toEqual([DONE]);
  expect(moving(harness)).toEqual([]);
  inSync(harness, 't', [1, 2, 3]);
  expect(harness.partition('t').replicas).toEqual([1, 2, 3]);
});

test('reassign: back to the first replicas is done as soon as they are in sync, unlike with Kafka 4.3.1', () => {
  const harness = cluster();
  reassign(harness, 't', { 0: [1, 2, 3, 4] });
  inSync(harness, 't', [1, 2]);
  reassign(harness, 't', { 0: [1, 2, 3] });
  expect(moving(harness)).toEqual(['t-0: 1,2,3,4 + -4']);
  inSync(harness, 't', [1, 2, 3]);
  expect(harness.partition('t').replicas).toEqual([1, 2, 3]);
});

test('reassign: an election that brings the last one that is needed in sync completes it, unlike with Kafka 4.3.1', () => {
  const harness = cluster();
  harness.create({ name: 'u', replicas: [[1, 2]] });
  inSync(harness, 'u', [1]);
  harness.beat(1, { wantFence: true });
  reassign(harness, 'u', { 0: [1] });
  expect(harness.partition('u')).toMatchObject({ isr: [], elr: [1], leader: -1 });
  expect(moving(harness)).toEqual(['u-0: 1,2 + -2']);
  harness.beat(1);
  expect(harness.partition('u')).toMatchObject({ replicas: [1], isr: [1], elr: [], leader: 1 });
  expect(moving(harness)).toEqual([]);
});

test('reassign: over a reassignment, the replicas on their way stay until the newest are in sync', () => {
  const harness = cluster();
  reassign(harness, 't', { 0: [4, 2, 3] });
  reassign(harness, 't', { 0: [5, 2, 3] });
  expect(moving(harness)).toEqual(['t-0: 5,2,3,1,4 +5 -1,4']);
  inSync(harness, 't', [1, 2, 3, 5]);
  expect(harness.partition('t').replicas).toEqual([5, 2, 3]);
});

test('reassign: a partition that one request names twice goes on from what the first made of it', () => {
  const harness = cluster();
  const partitions = [
    { partitionIndex: 0, replicas: [1, 2, 3, 4] },
    { partitionIndex: 0, replicas: [3, 2] },
    { partitionIndex: 0, replicas: null },
  ];
  const request = { timeoutMs: 1, allowReplicationFactorChange: true, topics: [{ name: 't', partitions }] };
  const { responses } = harness.admin({ kind: 'alterPartitionReassignments', request });
  expect(responses[0]?.partitions.map((each) => each.errorCode)).toEqual([0, 0, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS]);
  expect(harness.partition('t')).toMatchObject({ replicas: [3, 2], isr: [2, 3] });
});

test('reassign: cancelled, what was added goes at once and what was to go stays', () => {
  const harness = cluster();
  reassign(harness, 't', { 0: [4, 5], 1: [2, 3] });
  inSync(harness, 't', [1, 2, 3, 4]);
  const answers = reassign(harness, 't', { 0: null, 1: null });
  expect(answers.map(([code]) => code)).toEqual([0, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS]);
  expect(harness.partition('t')).toMatchObject({ replicas: [1, 2, 3], isr: [1, 2, 3], leader: 1, leaderEpoch: 1 });
  expect(moving(harness)).toEqual([]);
});

test('reassign: not cancelled when only what was added is in sync, unless unclean elections are allowed', () => {
  const harness = cluster();
  harness.create({ name: 'u', replicas: [[1]] });
  reassign(harness, 'u', { 0: [2, 3] });
  inSync(harness, 'u', [1, 2]);
  harness.beat(1, { wantFence: true });
  expect(harness.partition('u')).toMatchObject({ isr: [2], leader: 2 });
  expect(reassign(harness, 'u', { 0: null })).toEqual([
    [
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Unable to revert partition assignment for u:0 because it would require an unclean leader election.',
    ],
  ]);
  const configs = [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }];
  const resources = [{ resourceType: 2, resourceName: 'u', configs }];
  harness.admin({ kind: 'incrementalAlterConfigs', request: { resources, validateOnly: false } });
  expect(reassign(harness, 'u', { 0: null })).toEqual([DONE]);
  expect(harness.partition('u')).toMatchObject({ replicas: [1], isr: [1], leader: -1 });
});

test.for([
  [{ 0: [] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT, /empty replica list/],
  [{ 0: [1, 1] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT, /broker 1 more than once/],
  [{ 0: [1, 9] }, ErrorCode.INVALID_REPLICA_ASSIGNMENT, /broker 9, but no such broker is registered/],
  [{ 7: [1] }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, /Unable to find partition t:7/],
  [{ 0: null }, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, /No partition reassignment is in progress/],
] as const)('reassign: %j is refused, and nothing changes', ([targets, code, why]) => {
  const harness = cluster();
  const before = harness.image.endOffset;
  const [answer] = reassign(harness, 't', targets);
  expect(answer?.[0]).toBe(code);
  expect(answer?.[1]).toMatch(why);
  expect(harness.image.endOffset).toBe(before);
});

test('reassign: a topic that is not there is refused for each of its partitions, the others of the request are done', () => {
  const harness = cluster();
  const partitions = [{ partitionIndex: 0, replicas: [1] }];
  const topics = [
    { name: 'nope', partitions },
    { name: 't', partitions },
  ];
  const request = { timeoutMs: 1, allowReplicationFactorChange: true, topics };
  const { responses } = harness.admin({ kind: 'alterPartitionReassignments', request });
  expect(responses.map(({ partitions: [result] }) => [result?.errorCode, result?.errorMessage])).toEqual([
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'Unable to find a topic named nope.'],
    DONE,
  ]);
});

test('reassign: when the factor must not change, it is that of the target that is under way which counts', () => {
  const harness = cluster();
  const code = ErrorCode.INVALID_REPLICATION_FACTOR;
  expect(reassign(harness, 't', { 0: [1, 2] }, false)).toEqual([
    [code, 'The replication factor is changed from 3 to 2'],
  ]);
  expect(reassign(harness, 't', { 0: [1, 4] }, true)).toEqual([DONE]);
  expect(reassign(harness, 't', { 0: [1, 2, 3] }, false)).toEqual([
    [code, 'The replication factor is changed from 2 to 3'],
  ]);
  expect(reassign(harness, 't', { 0: [4, 5] }, false)).toEqual([DONE]);
});

test('reassign: a request for too many partitions is refused as a whole', () => {
  const harness = cluster({ recordsPerRequestMax: 1 });
  const before = harness.image.endOffset;
  const answers = reassign(harness, 't', { 0: [1], 1: [1] });
  expect(answers.map(([code]) => code)).toEqual([ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION]);
  expect(harness.image.endOffset).toBe(before);
});

test('reassign: a list names what is under way, of what was asked for', () => {
  const harness = cluster();
  harness.create({ name: 'u', replicas: [[1]] });
  reassign(harness, 't', { 0: [4], 1: [5] });
  reassign(harness, 'u', { 0: [2] });
  expect(moving(harness)).toHaveLength(3);
  expect(moving(harness, { t: [1, 2], nope: [0] })).toEqual(['t-1: 5,1,2,3 +5 -1,2,3']);
  harness.admin({ kind: 'deleteTopics', request: { topics: [], topicNames: ['t'], timeoutMs: 1 } });
  expect(moving(harness)).toEqual(['u-0: 2,1 +2 -1']);
});
